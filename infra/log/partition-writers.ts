import type { Micros } from "../../schemas/words.js";
import { compact, outrunsCompaction, worthCompacting } from "./compaction.js";
import { groupPlace } from "./group-offsets.js";
import type { LogRecord, TopicSettings } from "./log.js";
import type { LogEnvironment } from "./log-environment.js";
import { PartitionWriter } from "./partition-writer.js";
import { partitionOf } from "./partitioner.js";
import { retain } from "./retention.js";
import type { TopicCatalog } from "./topic-catalog.js";

/** A frame of this size is written at once instead of at the turn's end. */
const gatheredBytes = 1024 * 1024;

/** The partitions that one opened log writes: opens them as needed, writes them turn by turn, keeps them in bounds. */
export class PartitionWriters {
  private readonly byTopic = new Map<string, (PartitionWriter | undefined)[]>();
  private readonly byGroup = new Map<string, PartitionWriter>();
  private readonly compacting = new Map<PartitionWriter, Promise<void>>();
  private readonly dirty = new Set<PartitionWriter>();
  private turn: Promise<void> | undefined;

  constructor(
    private readonly catalog: TopicCatalog,
    private readonly environment: LogEnvironment,
  ) {}

  /** The writer of a partition if it is open here. */
  opened(topic: string, partition: number): PartitionWriter | undefined {
    return this.byTopic.get(topic)?.[partition];
  }

  /** Where the record goes. Without key and partition it goes to partition 0. @throws UnknownTopic, LogLocked */
  forRecord({ topic, key, partition }: LogRecord): PartitionWriter {
    const writers = this.byTopic.get(topic);
    if (partition !== undefined) return writers?.[partition] ?? this.open(topic, partition);
    const count = this.catalog.get(topic).partitions;
    const chosen = key === null || count === 1 ? 0 : partitionOf(key, count);
    return writers?.[chosen] ?? this.open(topic, chosen);
  }

  /** Where a group's offsets go. @throws LogLocked */
  forGroup(group: string): PartitionWriter {
    let writer = this.byGroup.get(group);
    if (!writer) {
      writer = PartitionWriter.open(groupPlace(this.environment.folder, group), this.environment);
      writer.compacted = true;
      this.byGroup.set(group, writer);
    }
    return writer;
  }

  releaseGroup(group: string): void {
    const writer = this.byGroup.get(group);
    if (!writer) return;
    this.byGroup.delete(group);
    this.dirty.delete(writer);
    writer.close();
  }

  /** Settings of a topic have changed. */
  update(settings: TopicSettings): void {
    for (const writer of this.byTopic.get(settings.name) ?? []) if (writer) apply(settings, writer);
  }

  /** Has what was gathered written: all that comes within this turn of the event loop in one go. */
  schedule(writer: PartitionWriter): void {
    if (writer.pending!.builder.size >= gatheredBytes) this.flush(writer);
    this.dirty.add(writer);
    this.turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.turn = undefined;
        for (const dirty of this.dirty) this.flush(dirty);
        this.dirty.clear();
        resolve();
      });
    });
  }

  /** Until everything scheduled so far has been tried. */
  written(): Promise<void> | undefined {
    return this.turn;
  }

  /** Until a compaction that writing has left far behind has caught up. */
  async compactionInReach(writer: PartitionWriter): Promise<void> {
    this.compactIfWorth(writer);
    if (outrunsCompaction(writer)) await this.compacting.get(writer);
  }

  /** Retention and compaction; see `retain` for what age is measured from. */
  async maintain(now: Micros): Promise<void> {
    for (const [topic, writers] of this.byTopic) {
      const settings = this.catalog.get(topic);
      for (const writer of writers) if (writer) this.maintainOne(writer, settings, now);
    }
    await Promise.all(this.compacting.values());
  }

  async close(): Promise<void> {
    await this.turn;
    for (const writers of this.byTopic.values()) for (const writer of writers) writer?.close();
    for (const writer of this.byGroup.values()) writer.close();
    await Promise.all(this.compacting.values());
  }

  private open(topic: string, partition: number): PartitionWriter {
    const settings = this.catalog.withPartition(topic, partition);
    const place = { name: `${topic}/${partition}`, folder: this.catalog.partitionFolder(topic, partition) };
    const writer = PartitionWriter.open(place, this.environment);
    apply(settings, writer);
    const writers = this.byTopic.get(topic) ?? [];
    writers[partition] = writer;
    this.byTopic.set(topic, writers);
    return writer;
  }

  private flush(writer: PartitionWriter): void {
    writer.flush();
    this.compactIfWorth(writer);
  }

  private maintainOne(writer: PartitionWriter, settings: TopicSettings, now: Micros): void {
    try {
      this.flush(writer);
      if (settings.cleanup === "delete") retain(writer, settings, now);
    } catch (error) {
      const partition = writer.place.name;
      this.environment.logger.error({ err: error, partition }, "retention failed, it is tried again next time");
    }
  }

  private compactIfWorth(writer: PartitionWriter): void {
    if (!writer.compacted || writer.closed || this.compacting.has(writer) || !worthCompacting(writer)) return;
    const work = compact(writer)
      .then(() => {
        writer.compactionPostponedTo = 0;
      })
      .catch((error: unknown) => {
        writer.compactionPostponedTo = writer.dirtyBytes + this.environment.compactionBytes;
        this.environment.logger.error({ err: error, partition: writer.place.name }, "compaction failed: later again");
      })
      .finally(() => {
        this.compacting.delete(writer);
        this.compactIfWorth(writer);
      });
    this.compacting.set(writer, work);
  }
}

function apply(settings: TopicSettings, writer: PartitionWriter): void {
  writer.retentionBytes = settings.retentionBytes;
  writer.compacted = settings.cleanup === "compact";
}
