import type { Logger } from "../logging.js";
import type { AppendSignal } from "./append-signal.js";
import type { Consumer, PartitionHandler, StoredRecord } from "./log.js";
import type { PartitionReader } from "./partition-reader.js";

/** What a consumer needs of the log. */
export interface ConsumerSource {
  readonly signal: AppendSignal;
  readonly logger: Logger;
  reader(topic: string, partition: number, lost: (records: number) => void): PartitionReader;
  offsets(topic: string, partition: number): Promise<{ start: number; end: number }>;
  committed(group: string, topic: string, partition: number): Promise<number | undefined>;
  release(group: string): void;
}

interface AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly reader: PartitionReader;
  assigned: boolean;
  /** Queued or being served; otherwise it waits for an append. */
  busy: boolean;
  /** Something was appended while it was busy. */
  woken: boolean;
  failed: boolean;
  /** The next offset after what the handler has done with. */
  handled: number;
  unlisten: () => void;
}

/** So many partitions are read and handled at a time, each with a buffer of its own. */
const partitionsInFlight = 4;
const bufferBytes = 1024 * 1024;

/** Hands every partition's records to the handler, partitions in turn, a chunk of up to 1 MiB a call. */
export class EmbeddedConsumer implements Consumer {
  readonly failed: Promise<never>;
  private readonly all: AssignedPartition[] = [];
  private readonly queue: AssignedPartition[] = [];
  private readonly buffers: Buffer[] = [];
  private running = 0;
  private pumping = false;
  private stopped = false;
  private closed: Promise<void> | undefined;
  private idle: (() => void) | undefined;
  private fail!: (error: unknown) => void;

  constructor(
    private readonly source: ConsumerSource,
    private readonly group: string,
    partitions: readonly { topic: string; partition: number }[],
    private readonly handler: PartitionHandler,
  ) {
    this.failed = new Promise((_, reject) => {
      this.fail = reject;
    });
    this.failed.catch(() => {});
    for (const { topic, partition } of partitions) this.all.push(this.gain(topic, partition));
    for (const partition of this.all) this.enqueue(partition);
  }

  async lag(): Promise<{ topic: string; partition: number; lag: number }[]> {
    const lags = [];
    for (const { topic, partition, assigned, handled } of this.all) {
      const { start, end } = await this.source.offsets(topic, partition);
      lags.push({ topic, partition, lag: Math.max(0, end - (assigned ? Math.max(handled, start) : start)) });
    }
    return lags;
  }

  partitionFailed(topic: string, number: number, error: unknown): void {
    const partition = this.all.find((one) => one.topic === topic && one.partition === number);
    if (partition !== undefined && !this.stopped) this.failedBy(partition, error);
  }

  close(): Promise<void> {
    this.closed ??= this.finish();
    return this.closed;
  }

  private async finish(): Promise<void> {
    this.stopped = true;
    for (const partition of this.all) partition.unlisten();
    if (this.running > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
      });
    }
    try {
      for (const { topic, partition, assigned, failed } of this.all) {
        if (assigned && !failed) await this.handler.revoked?.(topic, partition);
      }
    } finally {
      for (const partition of this.all) partition.reader.close();
      this.source.release(this.group);
    }
  }

  private failedBy(partition: AssignedPartition, error: unknown): void {
    partition.failed = true;
    this.stopped = true;
    this.fail(error);
  }

  private gain(topic: string, partition: number): AssignedPartition {
    const reader = this.source.reader(topic, partition, (records) => {
      this.source.logger.warn(
        { group: this.group, topic, partition, records },
        "records are gone before they were read",
      );
      this.handler.lost?.(topic, partition, records);
    });
    const gained: AssignedPartition = {
      topic,
      partition,
      reader,
      assigned: false,
      busy: false,
      woken: false,
      failed: false,
      handled: 0,
      unlisten: this.source.signal.listen(`${topic}/${partition}`, () => {
        if (gained.busy) gained.woken = true;
        else this.enqueue(gained);
      }),
    };
    return gained;
  }

  private enqueue(partition: AssignedPartition): void {
    partition.busy = true;
    this.queue.push(partition);
    this.pump();
  }

  /** Each round is a turn of the event loop of its own, so that a long backlog starves nobody. */
  private pump(): void {
    if (this.pumping || this.stopped) return;
    this.pumping = true;
    setImmediate(() => {
      this.pumping = false;
      const free = partitionsInFlight - this.running;
      for (const partition of this.queue.splice(0, free)) {
        this.running++;
        void this.serve(partition);
      }
    });
  }

  private async serve(partition: AssignedPartition): Promise<void> {
    let more = false;
    try {
      if (!this.stopped) {
        if (!partition.assigned) await this.assign(partition);
        more = await this.handleNext(partition);
      }
    } catch (error) {
      this.failedBy(partition, error);
    }
    this.running--;
    partition.busy = false;
    if (this.stopped) {
      if (this.running === 0) this.idle?.();
      return;
    }
    if (more || partition.woken) this.enqueue(partition);
    else if (this.queue.length > 0) this.pump();
  }

  private async assign(partition: AssignedPartition): Promise<void> {
    const { topic, partition: number } = partition;
    const wanted =
      (await this.handler.assigned?.(topic, number)) ?? (await this.source.committed(this.group, topic, number));
    const { start, end } = await this.source.offsets(topic, number);
    let position = wanted ?? start;
    if (position > end) {
      this.source.logger.warn(
        { group: this.group, topic, partition: number, position, end },
        "the position lies behind the log's end, whose tail must have been cut off: going on at the end",
      );
      position = end;
    }
    partition.reader.seek(position);
    partition.handled = position;
    partition.assigned = true;
  }

  /** @returns false when nothing is there */
  private async handleNext(partition: AssignedPartition): Promise<boolean> {
    partition.woken = false;
    const records: StoredRecord[] = [];
    const buffer = this.buffers.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
    const needed = partition.reader.fetch(buffer, records);
    if (needed > 0) partition.reader.fetch(Buffer.allocUnsafeSlow(needed), records);
    if (records.length > 0) await this.handler.records(partition.topic, partition.partition, records);
    this.buffers.push(buffer);
    partition.handled = partition.reader.position;
    return records.length > 0;
  }
}
