import type { DiskWaits } from "../disk.js";
import type { Logger } from "../logging.js";
import type { Metrics } from "../metrics.js";
import type { AppendSignal } from "./append-signal.js";
import type { DiskBudget } from "./disk-budget.js";
import { FrameBuilder } from "./frame.js";
import type { SegmentFiles } from "./segment.js";

/** What the parts of one opened log share. */
export interface LogEnvironment {
  readonly folder: string;
  readonly files: SegmentFiles;
  readonly signal: AppendSignal;
  readonly budget: DiskBudget;
  readonly builders: FramePool;
  readonly segmentBytes: number;
  readonly fsync: boolean;
  readonly tombstoneRetentionMs: number;
  readonly compactionBytes: number;
  readonly waits: DiskWaits;
  readonly logger: Logger;
  readonly metrics: Metrics | undefined;
}

/** Where a partition lies and what it is called in messages. */
export interface PartitionPlace {
  /** `market.raw/3`, or `group NAME`. */
  readonly name: string;
  readonly folder: string;
}

/** Frame buffers, shared by the partitions: one is out for each partition that is written within a turn. */
export class FramePool {
  private readonly free: FrameBuilder[] = [];

  take(): FrameBuilder {
    return this.free.pop() ?? new FrameBuilder();
  }

  give(builder: FrameBuilder): void {
    builder.clear();
    if (this.free.length < 64) this.free.push(builder);
  }
}
