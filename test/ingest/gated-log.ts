import type { Log, LogRecord } from "../../infra/log/log.js";
import { rawBatchType } from "../../schemas/raw-batch-type.js";
import { type RawBatch, tickOfRecord } from "../../schemas/raw-tick-record.js";
import type { RawTick } from "../../schemas/ticks.js";

/**
 * The appending side of a log, kept in memory, that can be made to hang or to refuse: what a full or slow disk does.
 * Everything else of the port is absent, since ingest only appends.
 */
export class GatedLog {
  readonly records: LogRecord[] = [];
  /** Appends at once on their way, by partition, at most. */
  mostInFlight = 0;
  refuse: Error | undefined;
  private readonly inFlight = new Map<number, number>();
  private gate: Promise<void> = Promise.resolve();
  private open: () => void = () => {};

  constructor(private readonly count: number) {}

  get port(): Log {
    return this as unknown as Log;
  }

  partitions(): number {
    return this.count;
  }

  hang(): void {
    this.gate = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  goOn(): void {
    this.open();
  }

  async append(records: readonly LogRecord[]): Promise<void> {
    const partition = records[0]?.partition ?? -1;
    const inFlight = (this.inFlight.get(partition) ?? 0) + 1;
    this.inFlight.set(partition, inFlight);
    this.mostInFlight = Math.max(this.mostInFlight, inFlight);
    await this.gate;
    this.inFlight.set(partition, inFlight - 1);
    if (this.refuse !== undefined) throw this.refuse;
    this.records.push(...records);
  }

  /** Ticks of `market.raw` in the order of one partition, or of all appends. */
  ticks(partition?: number): (RawTick & { number: number })[] {
    return this.batches(partition).flatMap((batch) =>
      batch.ticks.map((record) => ({ ...tickOfRecord(record), number: record.number })),
    );
  }

  batches(partition?: number): RawBatch[] {
    return this.records
      .filter((record) => record.topic === "market.raw" && (partition ?? record.partition) === record.partition)
      .map((record) => rawBatchType.fromBuffer(Buffer.from(record.value!.subarray(5))) as RawBatch);
  }
}
