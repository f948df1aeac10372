import { AvroCursor } from "./avro-cursor.js";

export const KIND_TRADE = 0;
export const KIND_QUOTE = 1;
export const KIND_TICKER = 2;
export const KIND_DEPTH = 3;
export const KIND_ORACLE = 4;
export const KIND_INSTRUMENT = 5;
export const KIND_HEARTBEAT = 6;

const ACTION_SNAPSHOT = 0;
export const ACTION_INCREMENT = 1;
export const ACTION_GAP = 2;

/**
 * The current tick of a batch being read, without an object: texts are positions in `bytes`, names are interned. The
 * fields of a kind hold for ticks of that kind only, and until the next tick.
 */
export class RawTickView extends AvroCursor {
  session = "";
  /** Index of the current tick in its batch. */
  index = -1;

  kind = KIND_TRADE;
  exchange = "";
  symbol = "";
  number = 0;
  exchangeTime = 0;
  receiveTime = 0;

  /** Trade and oracle. */
  priceStart = 0;
  priceEnd = 0;
  /** Trade. */
  qtyStart = 0;
  qtyEnd = 0;
  tradeIdStart = 0;
  tradeIdEnd = 0;
  /** 0 buy, 1 sell. */
  side = 0;
  backfilled = false;
  /** Both -1 where the trade takes nothing back. */
  retractsStart = -1;
  retractsEnd = -1;
  /** First and last fill of a trade that sums several; both -1 where it is one. */
  firstTradeId = -1;
  lastTradeId = -1;

  /** Quote. */
  bidPriceStart = 0;
  bidPriceEnd = 0;
  bidQtyStart = 0;
  bidQtyEnd = 0;
  askPriceStart = 0;
  askPriceEnd = 0;
  askQtyStart = 0;
  askQtyEnd = 0;
  /** Quote (-1 where the venue gives none) and depth. */
  updateId = -1;

  /** Depth: an ACTION_ constant. */
  action = ACTION_SNAPSHOT;
  firstUpdateId = 0;
  /** -1 where the venue gives none. */
  previousUpdateId = -1;
  part = 0;
  parts = 1;
  bidCount = 0;
  askCount = 0;
  /** [priceStart, priceEnd, qtyStart, qtyEnd] a level, the bids first. */
  levels = new Int32Array(4 * 64);
  /** Why, with a gap; else "". */
  reason = "";
}
