import type { DecimalText, Micros, Side, SymbolName, VenueId } from "./words.js";

/**
 * Raw ticks as connectors make them, before the publisher stamps session and number and encodes them.
 * Prices and quantities are the venue's own text. Every kind maps onto the one flat Avro record of `market.raw`.
 */
export type RawTick = TradeTick | QuoteTick | TickerTick | DepthTick | OracleTick | InstrumentTick | HeartbeatTick;

export type TickKind = RawTick["kind"];

interface TickBase {
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  /** The venue's time of the event; where the venue gives none, the receive time. */
  readonly exchangeTime: Micros;
  /** When the frame arrived at ingest. */
  readonly receiveTime: Micros;
}

export interface TradeTick extends TickBase {
  readonly kind: "trade";
  /** The venue's id; "" where it has none. */
  readonly tradeId: string;
  readonly price: DecimalText;
  readonly qty: DecimalText;
  readonly side: Side;
  /** Fetched over REST after a reconnect, hence never "too old". */
  readonly backfilled?: boolean;
  /** The id of the trade that this one takes back (a chain's reorganisation). */
  readonly retracts?: string;
  /**
   * Of a trade that sums the fills of one taker at one price: the ids of the first and the last, both or none. `tradeId`
   * is then the sum's own number; a fill is the same under either kind.
   */
  readonly firstTradeId?: number;
  readonly lastTradeId?: number;
}

/** Best bid and ask. An empty side has the texts "". */
export interface QuoteTick extends TickBase {
  readonly kind: "quote";
  readonly bidPrice: DecimalText;
  readonly bidQty: DecimalText;
  readonly askPrice: DecimalText;
  readonly askQty: DecimalText;
  /** The venue's book update id, where it has one. */
  readonly updateId?: number;
}

/** The venue's own 24 h statistics. */
export interface TickerTick extends TickBase {
  readonly kind: "ticker";
  readonly lastPrice: DecimalText;
  readonly open24h?: DecimalText;
  readonly high24h?: DecimalText;
  readonly low24h?: DecimalText;
  /** Base currency. */
  readonly volume24h?: DecimalText;
  /** Quote currency. */
  readonly quoteVolume24h?: DecimalText;
}

export type LevelText = readonly [price: DecimalText, qty: DecimalText];

export type DepthAction = "snapshot" | "increment" | "gap";

/** A depth event. `snapshot` parts replace the book (part 0 clears it); `gap` marks it stale until a snapshot. */
export interface DepthTick extends TickBase {
  readonly kind: "depth";
  readonly action: DepthAction;
  /** First and last update id that this event covers, as the venue numbers them; 0 where it does not. */
  readonly firstUpdateId: number;
  readonly updateId: number;
  /** The update id this one follows, where the venue says it (USD-M `pu`). */
  readonly previousUpdateId?: number;
  /** [price, qty]; qty of zero removes the level. */
  readonly bids: readonly LevelText[];
  readonly asks: readonly LevelText[];
  /** Which part of how many, from 0; a snapshot in one piece is part 0 of 1. */
  readonly part?: number;
  readonly parts?: number;
  readonly checksum?: number;
  /** Why, with a gap: `sequence_gap`, `checksum_mismatch`, `reconnect`, `dropped`, `session_start`, `ids_begin_again`. */
  readonly reason?: string;
}

export interface OracleTick extends TickBase {
  readonly kind: "oracle";
  readonly price: DecimalText;
  readonly confidence?: DecimalText;
  readonly roundId?: string;
}

export type ContractType = "spot" | "linear" | "inverse";

/** What governs the ticks that follow it: identity, tick and lot size. */
export interface InstrumentTick extends TickBase {
  readonly kind: "instrument";
  readonly nativeId: string;
  readonly status: "trading" | "halted" | "delisted";
  readonly contractType: ContractType;
  readonly base: string;
  readonly quote: string;
  /** Prices are multiples of it. Its decimals are the price scale. */
  readonly tickSize: DecimalText;
  /** Quantities are multiples of it. Its decimals are the quantity scale. */
  readonly lotSize: DecimalText;
  /** Base currency per contract (linear), quote per contract (inverse); "1" for spot. */
  readonly contractSize: DecimalText;
  /** True where tick and lot were inferred from the values' own decimals (recordings without instruments). */
  readonly inferred?: boolean;
  /** The chain that its trades lie on, where they do: such trades may be taken back. */
  readonly chain?: string;
}

export interface FeedState {
  readonly exchange: VenueId;
  /** The connection's name within the venue, e.g. `market-1`. */
  readonly feed: string;
  readonly connected: boolean;
  readonly since: Micros;
}

/** A stream, or a whole feed (symbol and kind ""), that does not bring what it should though its venue may be connected. */
export interface IllStream {
  readonly exchange: VenueId;
  /** The connection's name. */
  readonly feed: string;
  readonly symbol: SymbolName;
  readonly kind: string;
  /** `silent`, `stalled`, `slow`, `refused`, `down`; of a feed what is wrong, in words. */
  readonly how: string;
  readonly since: Micros;
}

/** One into every partition each 250 ms. `exchange` and `symbol` are "". */
export interface HeartbeatTick extends TickBase {
  readonly kind: "heartbeat";
  readonly feeds: readonly FeedState[];
  /** Left out where all is well. Partition 0 has all of them, another its own symbols' and feeds as a whole. */
  readonly ill?: readonly IllStream[];
  /** The end record of a replay: time has run to receiveTime and the timeline ends here. */
  readonly end?: boolean;
}

/** Where connectors put what they read. */
export type TickSink = (tick: RawTick) => void;
