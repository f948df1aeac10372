import type { MessageOfTopic, OutputTopic } from "../../schemas/messages.js";
import type { Micros } from "../../schemas/words.js";

/** Topics that go into history. */
export type StoredTopic = Exclude<OutputTopic, "index.input">;
export type StoredMessage<Topic extends StoredTopic = StoredTopic> = MessageOfTopic[Topic];

/** History: ClickHouse over HTTP, embedded (chDB) or a server. The same code for both; only the address differs. */
export interface Store {
  /** Applies numbered migrations that are not yet in the checksum table. @throws MigrationChanged */
  migrate(): Promise<void>;
  /**
   * Inserts a batch of one topic's messages. Repeatable: rows are identified by stream (exchange, symbol, epoch,
   * sequence; K-lines by open time, versioned by revision) and read through views with FINAL.
   *
   * @throws StoreUnavailable when it should be tried again later
   */
  insert<Topic extends StoredTopic>(topic: Topic, messages: readonly StoredMessage<Topic>[]): Promise<void>;
  /** Rows of a query with bound parameters, JSONEachRow. */
  query<Row>(sql: string, parameters?: Record<string, unknown>): Promise<Row[]>;
  klines(range: HistoryRange & { interval: string }): Promise<MessageOfTopic["market.kline"][]>;
  trades(range: HistoryRange): Promise<MessageOfTopic["market.trade"][]>;
  ping(): Promise<boolean>;
  close(): Promise<void>;
}

/** Half-open [from, to) in µs; newest `limit` rows of it, answered oldest first. */
export interface HistoryRange {
  readonly exchange: string;
  readonly symbol: string;
  readonly from?: Micros;
  readonly to?: Micros;
  readonly limit: number;
}
