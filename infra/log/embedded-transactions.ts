import { LogClosed } from "./errors.js";
import type { FrameBuilder } from "./frame.js";
import { groupKey, groupValue } from "./group-offsets.js";
import type { GroupOffset, LogRecord, TransactionalWriter } from "./log.js";
import type { LogEnvironment } from "./log-environment.js";
import type { HiddenFrame, PartitionWriter } from "./partition-writer.js";
import type { PartitionWriters } from "./partition-writers.js";
import { TransactionJournal } from "./transaction-journal.js";

/** Writes of one task that appear whole: one frame where they fall in one partition, else through the journal. */
export class EmbeddedTransactions implements TransactionalWriter {
  private closed = false;

  private constructor(
    private readonly environment: LogEnvironment,
    private readonly writers: PartitionWriters,
    private readonly journal: TransactionJournal,
  ) {}

  static open(id: string, environment: LogEnvironment, writers: PartitionWriters): EmbeddedTransactions {
    return new EmbeddedTransactions(environment, writers, TransactionJournal.open(id, environment));
  }

  async write(records: readonly LogRecord[], offsets: readonly GroupOffset[] = []): Promise<void> {
    if (this.closed) throw new LogClosed(this.environment.folder);
    this.journal.checkNotFenced();
    this.journal.complete();
    const parts = this.gather(records, offsets);
    try {
      if (parts.size === 1) for (const [writer, builder] of parts) writer.write(writer.seal(builder));
      else this.writeTogether(parts);
    } finally {
      for (const builder of parts.values()) this.environment.builders.give(builder);
    }
    for (const writer of parts.keys()) await this.writers.compactionInReach(writer);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.journal.close();
  }

  /** One frame a partition; what was appended before goes out first, so that the order stays. */
  private gather(records: readonly LogRecord[], offsets: readonly GroupOffset[]) {
    const targets = records.map((record) => this.writers.forRecord(record));
    const groups = offsets.map(({ group }) => this.writers.forGroup(group));
    const frames = new Map<PartitionWriter, FrameBuilder>();
    for (const writer of new Set([...targets, ...groups])) frames.set(writer, this.environment.builders.take());
    for (const writer of frames.keys()) writer.flush();
    records.forEach((record, i) => {
      const builder = frames.get(targets[i]!)!;
      builder.add(builder.count, record.key, record.value, record.timestamp);
    });
    offsets.forEach(({ topic, partition, offset }, i) => {
      const builder = frames.get(groups[i]!)!;
      builder.add(builder.count, groupKey(topic, partition), groupValue(offset), 0);
    });
    return frames;
  }

  private writeTogether(parts: ReadonlyMap<PartitionWriter, FrameBuilder>): void {
    const hidden: HiddenFrame[] = [];
    try {
      for (const [writer, builder] of parts) hidden.push(writer.writeHidden(writer.seal(builder)));
      this.journal.prepare(hidden);
    } catch (error) {
      for (const { writer } of hidden) writer.cutBack();
      throw error;
    }
    this.journal.finish(hidden);
  }
}
