import type { MessageOfTopic, OutputTopic, Trade } from "../../schemas/messages.js";
import type { Micros } from "../../schemas/words.js";

/** Topics that go into history. */
export type StoredTopic = Exclude<OutputTopic, "index.input">;
export const storedTopics: readonly StoredTopic[] = [
  "market.trade",
  "market.ticker",
  "market.depth",
  "market.kline",
  "market.index",
  "signal.alpha",
  "market.dlq",
];
export type StoredMessage<Topic extends StoredTopic = StoredTopic> = MessageOfTopic[Topic];

/** What a migration has done; empty lists for nothing. */
export interface Migrated {
  /** Numbers of the migrations that were applied now. */
  readonly applied: readonly number[];
  /** Tables whose rows live for another time now. */
  readonly retention: readonly string[];
}

/** History: ClickHouse over HTTP, embedded (chDB) or a server. The same code for both; only the address differs. */
export interface Store {
  /** Applies numbered migrations that are not yet in the checksum table. @throws MigrationChanged */
  migrate(): Promise<Migrated>;
  /**
   * Inserts a batch of one topic's messages. Repeatable: rows are identified by stream (exchange, symbol, epoch,
   * sequence; K-lines by open time, versioned by revision) and read through views with FINAL.
   *
   * @throws StoreUnavailable when it should be tried again later
   * @throws StoreRefused when a value does not fit and never will; other rows of the batch may have been stored
   */
  insert<Topic extends StoredTopic>(topic: Topic, messages: readonly StoredMessage<Topic>[]): Promise<void>;
  /** Rows of a query with bound parameters, JSONEachRow. */
  query<Row>(sql: string, parameters?: Record<string, unknown>): Promise<Row[]>;
  klines(range: HistoryRange & { interval: string }): Promise<MessageOfTopic["market.kline"][]>;
  /** Trades of a venue; of `aggregate` those of all venues. */
  trades(range: HistoryRange): Promise<MessageOfTopic["market.trade"][]>;
  ping(): Promise<boolean>;
  close(): Promise<void>;
}

/** A store that also takes rows in its own text, as `RowTranscoder` makes them straight from the log's records. */
export interface RowStore extends Store {
  /** @throws as `insert` */
  insertRows(topic: StoredTopic, rows: Buffer): Promise<void>;
}

/** Half-open [from, to) in µs; newest `limit` rows of it, answered oldest first. */
export interface HistoryRange {
  readonly exchange: string;
  readonly symbol: string;
  readonly from?: Micros;
  readonly to?: Micros;
  /** Of trades: only what comes before that one. */
  readonly before?: TradePosition;
  readonly limit: number;
}

/** Where a trade stands in history, which is ordered by these four. */
export type TradePosition = Pick<Trade, "timestamp" | "epoch" | "sequence_num" | "exchange">;
