import type { Micros } from "../../schemas/words.js";

/**
 * An ordered, partitioned, durable log: Kafka's model. Two adapters (embedded, Kafka), one contract suite.
 * Many processes or threads may read a topic; appends to one partition come from one writer at a time.
 */
export interface Log {
  /** Creates what is missing; settings of existing topics are updated, except a smaller partition count. */
  createTopics(topics: readonly TopicSettings[]): Promise<void>;
  /** Partitions of a topic. @throws UnknownTopic */
  partitions(topic: string): number;
  /**
   * Appends in order per partition. Resolves when all of it would survive a crash of the process (kill -9).
   * A record without a partition goes by murmur2 of its key, as Kafka's default partitioner.
   *
   * @throws LogFull when the disk is full or a bound is reached; nothing of that partition's part was appended
   */
  append(records: readonly LogRecord[]): Promise<void>;
  /**
   * Appends all records or none, whatever the crash; readers see all or none. With Kafka a transaction whose id is
   * `writer`; opening it again fences the older one out.
   */
  transactions(writer: string): Promise<TransactionalWriter>;
  /** Reads from an offset, at most about maxBytes, at least one record if there is any. @throws OffsetOutOfRange */
  read(topic: string, partition: number, offset: number, maxBytes: number): Promise<StoredRecord[]>;
  /**
   * All records from an offset, or from the first that is retained, to the end as it stands now, in reads of about
   * maxBytes. Waits for transactions under way before that end, since what follows them counts once they are decided.
   */
  readToEnd(topic: string, partition: number, from: number, maxBytes: number): AsyncIterable<StoredRecord[]>;
  /** First retained offset, and the offset the next record will get. */
  offsets(topic: string, partition: number): Promise<{ start: number; end: number }>;
  /**
   * Joins a group and handles records partition by partition, in order, one call at a time per partition.
   * A partition starts at `handler.position`, where given, else at the group's committed offset, else at the start.
   */
  consume(group: string, topics: readonly string[], handler: PartitionHandler): Promise<Consumer>;
  committed(group: string, topic: string, partition: number): Promise<number | undefined>;
  commit(group: string, topic: string, partition: number, offset: number): Promise<void>;
  close(): Promise<void>;
}

export interface TopicSettings {
  readonly name: string;
  readonly partitions: number;
  /** Records older than this may go; by the record's timestamp. */
  readonly retentionMs?: number;
  /** Bound in bytes for each partition; the oldest segments go first. */
  readonly retentionBytes?: number;
  readonly cleanup: "delete" | "compact";
}

export interface LogRecord {
  readonly topic: string;
  readonly partition?: number;
  readonly key: string | null;
  /** null is a tombstone in a compacted topic. Its bytes are not read any more once the append has resolved. */
  readonly value: Uint8Array | null;
  readonly timestamp: Micros;
}

export interface StoredRecord {
  readonly offset: number;
  readonly key: string | null;
  /** May be a view into a shared read buffer: valid until the handler's promise settles. */
  readonly value: Uint8Array | null;
  readonly timestamp: Micros;
}

export interface TransactionalWriter {
  /** All records and group offsets, or none. @throws Fenced when a newer writer of the same id was opened */
  write(records: readonly LogRecord[], offsets?: readonly GroupOffset[]): Promise<void>;
  close(): Promise<void>;
}

export interface GroupOffset {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** The next offset to read. */
  readonly offset: number;
  /** The partition is given back with this: until then its next owner may wait, within bounds, for what is to come. */
  readonly released?: boolean;
}

export interface PartitionHandler {
  /** Called before the first records of a gained partition; the returned offset is where to start. */
  assigned?(topic: string, partition: number): Promise<number | undefined>;
  /**
   * A rejection stops the consumer and is reported by its `failed` promise; one by `Fenced`, `WriterLost` or
   * `LogUnavailable` makes it give everything back and join the group again.
   */
  records(topic: string, partition: number, records: readonly StoredRecord[]): Promise<void>;
  /**
   * The partition is somebody else's, who waits: a call of `records` that is at work may leave the rest to them. `revoked`
   * follows when it has returned, and gives the partition back with an offset that says `released`.
   */
  ending?(topic: string, partition: number): void;
  /** The partition is somebody else's, or the consumer closes: write what must be kept. */
  revoked?(topic: string, partition: number): Promise<void>;
  /** The position had left the log's retention: how many records are gone. */
  lost?(topic: string, partition: number, records: number): void;
}

export interface Consumer {
  /** Rejects when a handler failed; never resolves before close. */
  readonly failed: Promise<never>;
  /** Records between the handled position and the end, for each partition. */
  lag(): Promise<{ topic: string; partition: number; lag: number }[]>;
  /** What the handler of a held partition goes on with behind its back has failed: as though `records` were rejected. */
  partitionFailed(topic: string, partition: number, error: unknown): void;
  close(): Promise<void>;
}
