import type { DecimalText, Micros, Side, SymbolName, VenueId } from "./words.js";

/**
 * The messages that leave the plant: Avro on the topics and JSON on the channels, field names alike.
 * Prices and quantities are canonical decimal text; every time is µs since the epoch, UTC.
 */
export interface MessageTimes {
  /** Log time at which the message was made: the highest receive time of its partition so far, or a timer's due time. */
  log_time: Micros;
  /** When the newest tick that the message stands on was received; of a refused frame the frame. 0: not known. */
  receive_time: Micros;
}

export type Level = readonly [price: DecimalText, qty: DecimalText];

export interface Trade extends MessageTimes {
  symbol: SymbolName;
  exchange: VenueId;
  trade_id: string;
  price: DecimalText;
  qty: DecimalText;
  side: Side;
  timestamp: Micros;
  epoch: number;
  sequence_num: number;
  retracts: string | null;
  /** First and last fill of a trade that sums several; in JSON only there. */
  first_trade_id?: number | null;
  last_trade_id?: number | null;
  /**
   * What is odd with it: `off_tick`, `off_lot` (no multiple of the instrument's sizes as they were known), `price_band`
   * (left out of aggregates and indices), `id_again` (the venue gave its id to another trade before).
   */
  flags: string[];
}

export interface Ticker extends MessageTimes {
  symbol: SymbolName;
  exchange: VenueId;
  bid_price: DecimalText | null;
  bid_qty: DecimalText | null;
  ask_price: DecimalText | null;
  ask_qty: DecimalText | null;
  last_price: DecimalText | null;
  /** Base currency; the venue's own, else null until 24 hours are covered. */
  volume_24h: DecimalText | null;
  quote_volume_24h: DecimalText | null;
  open_24h: DecimalText | null;
  high_24h: DecimalText | null;
  low_24h: DecimalText | null;
  /** Aggregate only: last prices weighted by 24 h base volume. */
  weighted_price: DecimalText | null;
  /** Aggregate only: median of the live venues' mids. */
  median_price: DecimalText | null;
  /** Aggregate only: the venues that count. */
  venues: VenueId[] | null;
  timestamp: Micros;
  epoch: number;
  sequence_num: number;
}

export type BookStatus = "live" | "stale";

export interface Depth extends MessageTimes {
  symbol: SymbolName;
  exchange: VenueId;
  /** [price, qty], best first in a snapshot; qty "0" removes a level. */
  bids: Level[];
  asks: Level[];
  /** The venue's ids; for the aggregate its own sequence. */
  first_update_id: number;
  update_id: number;
  is_snapshot: boolean;
  status: BookStatus;
  reason: string | null;
  timestamp: Micros;
  epoch: number;
  sequence_num: number;
  previous_sequence: number;
}

export interface Kline extends MessageTimes {
  symbol: SymbolName;
  exchange: VenueId;
  interval: string;
  open_time: Micros;
  /** The interval's last instant: the next open time less 1 µs. */
  close_time: Micros;
  open: DecimalText;
  high: DecimalText;
  low: DecimalText;
  close: DecimalText;
  volume: DecimalText;
  quote_volume: DecimalText;
  trade_count: number;
  taker_buy_volume: DecimalText;
  taker_buy_quote_volume: DecimalText;
  is_closed: boolean;
  /** Counts this K-line's emissions, from 1. */
  revision: number;
  /** `feed_down`, `amended`; in history also `backfilled`: the exchange's own, without quote volume, count and taker volumes. */
  flags: string[];
  timestamp: Micros;
  epoch: number;
  sequence_num: number;
}

export interface IndexConstituent {
  exchange: VenueId;
  symbol: SymbolName;
  price: DecimalText | null;
  /** Share of the value, 0 to 1, as decimal text. */
  weight: DecimalText;
  included: boolean;
  /** Why it counts or not: `ok`, `no_price`, `stale`, `feed_down`, `outlier`, `capped`. */
  reason: string;
}

export interface Index extends MessageTimes {
  name: string;
  value: DecimalText | null;
  /**
   * `live`, `deviates` (from a guard by more than it allows), `unguarded` (a guard has no fresh price), `degraded` (too
   * few constituents, last value held) or `unavailable`.
   */
  status: string;
  timestamp: Micros;
  epoch: number;
  sequence_num: number;
  constituents: IndexConstituent[];
}

/** What one source partition knows of an index's constituents at one instant of the grid, on its way to the index. */
export interface IndexInput {
  name: string;
  /** The task that sent it, e.g. `market.raw/3`. */
  source: string;
  /** The instant of the grid: everything before it has been seen by this source. */
  log_time: Micros;
  epoch: number;
  sequence_num: number;
  prices: IndexInputPrice[];
  /** When the newest tick that the source had taken was received. 0: not known. */
  receive_time: Micros;
}

export interface IndexInputPrice {
  exchange: VenueId;
  symbol: SymbolName;
  /** null until there is one. */
  price: DecimalText | null;
  volume_24h: DecimalText | null;
  /** Log time at which the price was last seen. */
  price_time: Micros;
  feed_down: boolean;
  /** The price's smallest step, of a market; null where none is known, missing in inputs of before there was one. */
  tick?: DecimalText | null;
}

export interface SignalLeg {
  exchange: VenueId;
  side: Side;
  price: DecimalText;
  qty: DecimalText;
}

export interface Signal extends MessageTimes {
  signal_id: string;
  strategy: string;
  symbol: SymbolName;
  legs: SignalLeg[];
  expected_profit: DecimalText;
  timestamp: Micros;
  epoch: number;
  sequence_num: number;
}

export interface DeadLetter extends MessageTimes {
  /** Where the refused record lay; partition and offset are -1 for a frame refused at ingest. */
  topic: string;
  partition: number;
  offset: number;
  /** Index in the batch. */
  index: number;
  exchange: VenueId;
  symbol: SymbolName;
  /** A stable word: `duplicate`, `not_positive`, `out_of_range`, `from_the_future`, `too_old`, … */
  reason: string;
  detail: string;
  /** The original bytes: the tick's Avro body, or the venue's frame. */
  original: Uint8Array;
  timestamp: Micros;
  epoch: number;
  sequence_num: number;
}

/** Channel `instrument:{symbol}@{venue}`: what governs a venue's values now. Channel only, no topic. */
export interface Instrument extends MessageTimes {
  symbol: SymbolName;
  exchange: VenueId;
  native_id: string;
  status: string;
  contract_type: string;
  base: string;
  quote: string;
  tick_size: DecimalText;
  lot_size: DecimalText;
  contract_size: DecimalText;
  timestamp: Micros;
}

/** Channel `feed:{venue}`: the state of a venue's connections, from the heartbeats. Channel only, no topic. */
export interface Feed extends MessageTimes {
  exchange: VenueId;
  feeds: { feed: string; connected: boolean; since: Micros }[];
  /** Streams that do not bring what they should, and feeds as a whole (symbol and kind ""). */
  ill: { feed: string; symbol: SymbolName; kind: string; how: string; since: Micros }[];
  timestamp: Micros;
}

/** Channel `pulse:{partition}`: a task's sign of life, each second of log time. Channel only, no topic. */
export interface PulseMessage {
  partition: number;
  /** How many there are. */
  partitions: number;
  /** A replay's timeline ends here: no more follow. */
  ended: boolean;
  feeds: { exchange: VenueId; feed: string; connected: boolean; since: Micros }[];
  ill: { exchange: VenueId; feed: string; symbol: SymbolName; kind: string; how: string; since: Micros }[];
  /** Log time. */
  timestamp: Micros;
}

/** What is written with the state of a task; `value` is JSON text. */
export interface StateRecord {
  value: string;
}

/** Every message goes out on its channel in this envelope, encoded once. */
export interface Envelope<Data> {
  channel: string;
  epoch: number;
  sequence: number;
  data: Data;
}

export interface MessageOfTopic {
  "market.trade": Trade;
  "market.ticker": Ticker;
  "market.depth": Depth;
  "market.kline": Kline;
  "market.index": Index;
  "index.input": IndexInput;
  "signal.alpha": Signal;
  "market.dlq": DeadLetter;
}
export type OutputTopic = keyof MessageOfTopic;
