import type { TICK_KINDS } from "./avro/raw-batch.js";
import type { DepthAction, FeedState, IllStream, LevelText, RawTick } from "./ticks.js";
import type { DecimalText, Micros, Side, SymbolName, VenueId } from "./words.js";

/** A raw tick as it stands on the wire: one flat record for all kinds. */
export interface RawTickRecord {
  kind: (typeof TICK_KINDS)[number];
  exchange: VenueId;
  symbol: SymbolName;
  number: number;
  exchange_time: Micros;
  receive_time: Micros;
  price: DecimalText | null;
  qty: DecimalText | null;
  trade_id: string | null;
  side: Side | null;
  backfilled: boolean | null;
  retracts: string | null;
  bid_price: DecimalText | null;
  bid_qty: DecimalText | null;
  ask_price: DecimalText | null;
  ask_qty: DecimalText | null;
  update_id: number | null;
  action: DepthAction | null;
  first_update_id: number | null;
  previous_update_id: number | null;
  bids: LevelText[] | null;
  asks: LevelText[] | null;
  part: number | null;
  parts: number | null;
  checksum: number | null;
  reason: string | null;
  last_price: DecimalText | null;
  open_24h: DecimalText | null;
  high_24h: DecimalText | null;
  low_24h: DecimalText | null;
  volume_24h: DecimalText | null;
  quote_volume_24h: DecimalText | null;
  confidence: DecimalText | null;
  round_id: string | null;
  native_id: string | null;
  status: string | null;
  contract_type: string | null;
  base: string | null;
  quote: string | null;
  tick_size: DecimalText | null;
  lot_size: DecimalText | null;
  contract_size: DecimalText | null;
  inferred: boolean | null;
  feeds: FeedState[] | null;
  end: boolean | null;
  chain: string | null;
  ill: IllStream[] | null;
  first_trade_id: number | null;
  last_trade_id: number | null;
}

/** A record of `market.raw`. */
export interface RawBatch {
  session: string;
  ticks: RawTickRecord[];
}

type Kind = RawTick["kind"];
type TickOf<K extends Kind> = Extract<RawTick, { kind: K }>;
/** Properties of a kind beside those that every tick has. */
type Own<K extends Kind> = Exclude<keyof TickOf<K>, "kind" | "exchange" | "symbol" | "exchangeTime" | "receiveTime">;
type FieldName = keyof RawTickRecord;

/** The record's field of every property, by kind. */
const FIELDS = {
  trade: {
    tradeId: "trade_id",
    price: "price",
    qty: "qty",
    side: "side",
    backfilled: "backfilled",
    retracts: "retracts",
    firstTradeId: "first_trade_id",
    lastTradeId: "last_trade_id",
  },
  quote: {
    bidPrice: "bid_price",
    bidQty: "bid_qty",
    askPrice: "ask_price",
    askQty: "ask_qty",
    updateId: "update_id",
  },
  ticker: {
    lastPrice: "last_price",
    open24h: "open_24h",
    high24h: "high_24h",
    low24h: "low_24h",
    volume24h: "volume_24h",
    quoteVolume24h: "quote_volume_24h",
  },
  depth: {
    action: "action",
    firstUpdateId: "first_update_id",
    updateId: "update_id",
    previousUpdateId: "previous_update_id",
    bids: "bids",
    asks: "asks",
    part: "part",
    parts: "parts",
    checksum: "checksum",
    reason: "reason",
  },
  oracle: { price: "price", confidence: "confidence", roundId: "round_id" },
  instrument: {
    nativeId: "native_id",
    status: "status",
    contractType: "contract_type",
    base: "base",
    quote: "quote",
    tickSize: "tick_size",
    lotSize: "lot_size",
    contractSize: "contract_size",
    inferred: "inferred",
    chain: "chain",
  },
  heartbeat: { feeds: "feeds", end: "end", ill: "ill" },
} satisfies { [K in Kind]: Record<Own<K>, FieldName> };

/** Property and field name pairs of a kind; the text form of ticks uses the field names too. */
const TICK_FIELDS = Object.fromEntries(
  Object.entries(FIELDS).map(([kind, fields]) => [kind, Object.entries(fields)]),
) as Record<Kind, [property: string, field: FieldName][]>;

const EMPTY: Omit<RawTickRecord, "kind" | "exchange" | "symbol" | "number" | "exchange_time" | "receive_time"> = {
  price: null,
  qty: null,
  trade_id: null,
  side: null,
  backfilled: null,
  retracts: null,
  bid_price: null,
  bid_qty: null,
  ask_price: null,
  ask_qty: null,
  update_id: null,
  action: null,
  first_update_id: null,
  previous_update_id: null,
  bids: null,
  asks: null,
  part: null,
  parts: null,
  checksum: null,
  reason: null,
  last_price: null,
  open_24h: null,
  high_24h: null,
  low_24h: null,
  volume_24h: null,
  quote_volume_24h: null,
  confidence: null,
  round_id: null,
  native_id: null,
  status: null,
  contract_type: null,
  base: null,
  quote: null,
  tick_size: null,
  lot_size: null,
  contract_size: null,
  inferred: null,
  feeds: null,
  end: null,
  chain: null,
  ill: null,
  first_trade_id: null,
  last_trade_id: null,
};

export function recordOfTick(tick: RawTick, number: number): RawTickRecord {
  const { kind, exchange, symbol, exchangeTime, receiveTime } = tick;
  const record = { kind, exchange, symbol, number, exchange_time: exchangeTime, receive_time: receiveTime, ...EMPTY };
  const from = tick as unknown as Record<string, unknown>;
  const to = record as unknown as Record<string, unknown>;
  for (const [property, field] of TICK_FIELDS[kind]) to[field] = from[property] ?? null;
  return record;
}

/** The tick of a record; properties whose field is null are absent. */
export function tickOfRecord(record: RawTickRecord): RawTick {
  const from = record as unknown as Record<string, unknown>;
  const tick: Record<string, unknown> = {
    kind: record.kind,
    exchange: record.exchange,
    symbol: record.symbol,
    exchangeTime: record.exchange_time,
    receiveTime: record.receive_time,
  };
  for (const [property, field] of TICK_FIELDS[record.kind]) {
    const value = from[field];
    if (value !== null) tick[property] = value;
  }
  return tick as unknown as RawTick;
}
