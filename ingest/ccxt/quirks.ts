import type { VenueId } from "../../schemas/words.js";
import type { CcxtMarket } from "./library.js";

/** What the plant asks of one exchange in another way than ccxt does by itself. */
export interface Quirks {
  /** Into ccxt's `options`. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** ccxt passes the maker's side on: the taker's is the other. */
  readonly makerSide?: true;
  /** Its books have no checksum: what ccxt names a checksum error is one of the sequence. */
  readonly noChecksum?: true;
  /** ccxt streams sums of trades, while REST answers each: nothing can be fetched without coming twice. */
  readonly sums?: true;
  /** Best prices come with the ticker, asked for with these parameters: ccxt mixes up the two streams. */
  readonly tickerWithQuotes?: Readonly<Record<string, unknown>>;
  /**
   * Levels a side that the exchange sends where none are asked for: ccxt would keep as many as its snapshot has asks, and
   * lose what comes later.
   */
  readonly bookLevels?: number;
  /** Into ccxt's request of a book. */
  readonly bookParams?: (market: CcxtMarket, levels: number | undefined) => Readonly<Record<string, unknown>>;
  /** Topics that bring the best level alone begin so, and ccxt lays what they bring over the deeper book: they are kept apart. */
  readonly bestTopic?: string;
  /** Member of the exchange's own text that has the trade's id, where ccxt shows another. */
  readonly tradeId?: string;
}

/**
 * Binance's aggregated trades have ids of their own: those that are fetched must be those that are streamed. Its small
 * ticker, which ccxt asks for by itself, leaves out what the whole one has.
 */
const binance = (fetchTradesMethod: string): Quirks => ({
  noChecksum: true,
  options: { fetchTradesMethod, watchTicker: { name: "ticker" }, watchTickers: { name: "ticker" } },
});

/** Levels a side of Hyperliquid's fast books. */
const fastLevels = 5;

/**
 * Hyperliquid's `l2Book` comes with 20 levels a side each 5 s since 2026-07-25, and with 5 each 0.5 s where `fast` is asked
 * for, which ccxt (4.5.84) never does. It merges parameters at the top alone, so the whole subscription is given.
 */
function hyperliquidBook({ id, swap, baseName }: CcxtMarket, levels: number | undefined): Record<string, unknown> {
  if (levels !== undefined && levels > fastLevels) return {};
  return { subscription: { type: "l2Book", coin: swap === true ? baseName : id, fast: true } };
}

const quirks: Readonly<Record<VenueId, Quirks>> = {
  // seen in the recording: "SELL" stands at trades at the best ask, "BUY" at the best bid
  coinbase: { makerSide: true },
  // a snapshot of one level each 10 ms, laid over the book of 50 by `handleOrderBook` (4.5.84)
  bybit: { bestTopic: "orderbook.1." },
  kraken: { tickerWithQuotes: { event_trigger: "bbo" }, bookLevels: 10 },
  // each trade by itself is streamed to those with a key alone
  okx: { sums: true },
  hyperliquid: { bookParams: hyperliquidBook },
  // REST's ids are these, those of ccxt's stream are others
  htx: { tradeId: "tradeId" },
  binance: binance("publicGetTrades"),
  binanceus: binance("publicGetTrades"),
  binanceusdm: binance("fapiPublicGetTrades"),
  binancecoinm: binance("dapiPublicGetTrades"),
};

export function quirksOf(id: VenueId): Quirks {
  return Object.hasOwn(quirks, id) ? quirks[id]! : {};
}
