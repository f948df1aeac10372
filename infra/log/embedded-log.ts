import { realpathSync } from "node:fs";
import type { Micros } from "../../schemas/words.js";
import { DiskWaits, ensureWritableFolder, onDisk } from "../disk.js";
import type { Logger } from "../logging.js";
import type { Metrics } from "../metrics.js";
import { AppendSignal } from "./append-signal.js";
import { DiskBudget } from "./disk-budget.js";
import { EmbeddedConsumer } from "./embedded-consumer.js";
import { EmbeddedTransactions } from "./embedded-transactions.js";
import { LogClosed, LogLocked, OffsetOutOfRange } from "./errors.js";
import { GroupOffsets, groupKey, groupValue } from "./group-offsets.js";
import type {
  Consumer,
  Log,
  LogRecord,
  PartitionHandler,
  StoredRecord,
  TopicSettings,
  TransactionalWriter,
} from "./log.js";
import { FramePool, type LogEnvironment } from "./log-environment.js";
import { PartitionReader } from "./partition-reader.js";
import type { PartitionWriter, PendingFrame } from "./partition-writer.js";
import { PartitionWriters } from "./partition-writers.js";
import { diskFiles, type SegmentFiles } from "./segment.js";
import { TopicCatalog } from "./topic-catalog.js";
import { recoverTransactions } from "./transaction-journal.js";

export interface EmbeddedLogOptions {
  /** Several threads and processes may open the same one; each partition has one writer among them. */
  readonly folder: string;
  /** A new file begins after so many; 16 MiB unless told. */
  readonly segmentBytes?: number;
  /** Bound over the whole folder; without it, the disk's. */
  readonly maxBytes?: number;
  /** Survive the loss of power too, not only of the process; slow. */
  readonly fsync?: boolean;
  /** How long a tombstone outlives its key's compaction; one hour unless told. */
  readonly tombstoneRetentionMs?: number;
  /** A compacted partition is not compacted for less new bytes; 8 MiB unless told. */
  readonly compactionBytes?: number;
  readonly files?: SegmentFiles;
  readonly logger: Logger;
  readonly metrics?: Metrics;
}

const defaultSegmentBytes = 16 * 1024 * 1024;
const defaultCompactionBytes = 8 * 1024 * 1024;
const defaultTombstoneRetentionMs = 3_600_000;
const smallestRead = 64 * 1024;
const largestRead = 4 * 1024 * 1024;

/**
 * The log in process, on disk. What is appended within one turn of the event loop goes out in one write a partition;
 * it is acknowledged once the kernel has it, so it outlives the process.
 */
export class EmbeddedLog implements Log {
  private readonly catalog: TopicCatalog;
  private readonly writers: PartitionWriters;
  private readonly groups = new Map<string, GroupOffsets>();
  private readonly readers = new Map<string, PartitionReader>();
  private readonly ends = new Map<string, PartitionReader>();
  private readonly consumers = new Map<string, EmbeddedConsumer>();
  private readonly transactional = new Set<EmbeddedTransactions>();
  /** For finding ends, where nothing that was read is kept. */
  private scratch: Buffer | undefined;
  private closed: Promise<void> | undefined;
  private shut = false;

  private constructor(private readonly environment: LogEnvironment) {
    this.catalog = new TopicCatalog(environment.folder);
    this.writers = new PartitionWriters(this.catalog, environment);
  }

  /**
   * Opens the log in a folder, which is created where missing, and completes transactions that a crash interrupted.
   *
   * @throws FolderNotWritable, DiskFull
   */
  static async open(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
    return onDisk(options.folder, () => EmbeddedLog.opened(options));
  }

  private static opened(options: EmbeddedLogOptions): EmbeddedLog {
    ensureWritableFolder(options.folder);
    const folder = realpathSync(options.folder);
    recoverTransactions(folder, options.logger);
    return new EmbeddedLog({
      folder,
      files: options.files ?? diskFiles,
      signal: AppendSignal.open(folder),
      waits: new DiskWaits(options.metrics?.diskWaits),
      budget: new DiskBudget(folder, options.maxBytes),
      builders: new FramePool(),
      segmentBytes: options.segmentBytes ?? defaultSegmentBytes,
      fsync: options.fsync ?? false,
      tombstoneRetentionMs: options.tombstoneRetentionMs ?? defaultTombstoneRetentionMs,
      compactionBytes: options.compactionBytes ?? defaultCompactionBytes,
      logger: options.logger,
      metrics: options.metrics,
    });
  }

  async createTopics(topics: readonly TopicSettings[]): Promise<void> {
    onDisk(this.environment.folder, () => {
      for (const topic of topics) this.writers.update(this.catalog.put(topic));
    });
  }

  /** Whose writing waits for room on the disk now. */
  get waits(): DiskWaits {
    return this.environment.waits;
  }

  /** All topics, sorted by name. */
  topics(): TopicSettings[] {
    return this.catalog.list();
  }

  partitions(topic: string): number {
    return this.catalog.get(topic).partitions;
  }

  async append(records: readonly LogRecord[]): Promise<void> {
    if (this.shut) throw new LogClosed(this.environment.folder);
    const writers = records.map((record) => this.writers.forRecord(record));
    const frames: PendingFrame[] = [];
    const touched: PartitionWriter[] = [];
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      const writer = writers[i]!;
      if (writer !== touched.at(-1) && !touched.includes(writer)) {
        touched.push(writer);
        frames.push(writer.gather());
      }
      const { builder } = writer.pending!;
      builder.add(builder.count, record.key, record.value, record.timestamp);
    }
    for (const writer of touched) this.writers.schedule(writer);
    await this.writers.written();
    for (const frame of frames) if (frame.failure) throw frame.failure;
    for (const writer of touched) if (writer.compacted) await this.writers.compactionInReach(writer);
  }

  async transactions(writer: string): Promise<TransactionalWriter> {
    if (this.shut) throw new LogClosed(this.environment.folder);
    const transactions = EmbeddedTransactions.open(writer, this.environment, this.writers);
    this.transactional.add(transactions);
    return transactions;
  }

  async read(topic: string, partition: number, offset: number, maxBytes: number): Promise<StoredRecord[]> {
    this.catalog.withPartition(topic, partition);
    const reader = this.kept(this.readers, topic, partition);
    if (offset < reader.start()) await this.refuse(topic, partition, offset);
    reader.seek(offset);
    const records: StoredRecord[] = [];
    const size = Math.min(largestRead, Math.max(smallestRead, maxBytes + (maxBytes >> 2)));
    const needed = reader.fetch(Buffer.allocUnsafeSlow(size), records, maxBytes);
    if (needed > 0) reader.fetch(Buffer.allocUnsafeSlow(needed), records, maxBytes);
    if (records.length === 0 && offset > (await this.offsets(topic, partition)).end) {
      await this.refuse(topic, partition, offset);
    }
    return records;
  }

  async *readToEnd(topic: string, partition: number, from: number, maxBytes: number): AsyncGenerator<StoredRecord[]> {
    const { start, end } = await this.offsets(topic, partition);
    for (let offset = Math.max(from, start); offset < end; ) {
      const records = await this.read(topic, partition, offset, maxBytes);
      if (records.length === 0) return;
      yield records;
      offset = records.at(-1)!.offset + 1;
    }
  }

  async offsets(topic: string, partition: number): Promise<{ start: number; end: number }> {
    this.catalog.withPartition(topic, partition);
    const writer = this.writers.opened(topic, partition);
    if (writer) return { start: writer.segments[0]!.base, end: writer.end };
    const reader = this.kept(this.ends, topic, partition);
    reader.seekNearEnd();
    this.scratch ??= Buffer.allocUnsafeSlow(largestRead / 4);
    for (let needed = reader.fetch(this.scratch, undefined); needed > 0; ) {
      needed = reader.fetch(Buffer.allocUnsafeSlow(needed), undefined);
    }
    return { start: reader.start(), end: reader.position };
  }

  /** @throws LogLocked when the group has a consumer: one at a time, whatever thread or process it is in */
  async consume(group: string, topics: readonly string[], handler: PartitionHandler): Promise<Consumer> {
    if (this.shut) throw new LogClosed(this.environment.folder);
    const partitions = topics.flatMap((topic) =>
      Array.from({ length: this.partitions(topic) }, (_, partition) => ({ topic, partition })),
    );
    if (this.consumers.has(group)) throw new LogLocked(`group ${group}`, "another consumer of this log");
    this.writers.forGroup(group);
    const source = {
      signal: this.environment.signal,
      logger: this.environment.logger,
      reader: (topic: string, partition: number, lost: (records: number) => void) =>
        this.newReader(topic, partition, lost),
      offsets: (topic: string, partition: number) => this.offsets(topic, partition),
      committed: (name: string, topic: string, partition: number) => this.committed(name, topic, partition),
      release: (name: string) => {
        this.consumers.delete(name);
        this.writers.releaseGroup(name);
      },
    };
    const consumer = new EmbeddedConsumer(source, group, partitions, handler);
    this.consumers.set(group, consumer);
    return consumer;
  }

  async committed(group: string, topic: string, partition: number): Promise<number | undefined> {
    let offsets = this.groups.get(group);
    if (!offsets) {
      offsets = new GroupOffsets(group, this.environment);
      this.groups.set(group, offsets);
    }
    return offsets.committed(topic, partition);
  }

  async commit(group: string, topic: string, partition: number, offset: number): Promise<void> {
    if (this.shut) throw new LogClosed(this.environment.folder);
    const writer = this.writers.forGroup(group);
    const frame = writer.gather();
    frame.builder.add(frame.builder.count, groupKey(topic, partition), groupValue(offset), 0);
    this.writers.schedule(writer);
    await this.writers.written();
    if (frame.failure) throw frame.failure;
  }

  /**
   * Retention and compaction of the partitions that this instance writes; call it every few seconds or minutes.
   *
   * @param now what age is measured from, unless a partition's newest record is earlier
   */
  async maintain(now: Micros): Promise<void> {
    await this.writers.maintain(now);
  }

  close(): Promise<void> {
    this.closed ??= this.finish();
    return this.closed;
  }

  private async finish(): Promise<void> {
    // What the handlers must keep is still written: the log shuts after them.
    await Promise.all([...this.consumers.values()].map((consumer) => consumer.close()));
    this.shut = true;
    for (const transactions of this.transactional) await transactions.close();
    await this.writers.close();
    for (const reader of [...this.readers.values(), ...this.ends.values()]) reader.close();
    for (const group of this.groups.values()) group.close();
    this.environment.signal.close();
  }

  private kept(readers: Map<string, PartitionReader>, topic: string, partition: number): PartitionReader {
    const name = `${topic}/${partition}`;
    let reader = readers.get(name);
    if (!reader) {
      reader = this.newReader(topic, partition, () => {});
      readers.set(name, reader);
    }
    return reader;
  }

  private newReader(topic: string, partition: number, lost: (records: number) => void): PartitionReader {
    const { logger, metrics } = this.environment;
    return new PartitionReader(this.catalog.partitionFolder(topic, partition), {
      lost,
      damaged: (file, position, bytes) => {
        logger.error(
          { topic, partition, file, position, bytes },
          "damaged frames in the log are passed over: check the disk",
        );
        metrics?.dropped.inc({ place: "log_read", reason: "damaged_frame" });
      },
    });
  }

  private async refuse(topic: string, partition: number, offset: number): Promise<never> {
    const { start, end } = await this.offsets(topic, partition);
    throw new OffsetOutOfRange(topic, partition, offset, start, end);
  }
}
