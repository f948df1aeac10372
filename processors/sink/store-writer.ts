import type { DiskWaits } from "../../infra/disk.js";
import type { Condition } from "../../infra/health.js";
import type { Logger } from "../../infra/logging.js";
import { StoreRefused, StoreUnavailable } from "../../infra/store/store-errors.js";
import { isPassing } from "../task/passing.js";

const firstBackoffMs = 100;
const lastBackoffMs = 5_000;
/** Rows that wait longer say that the store does not take them; a large insert takes seconds. */
const patienceMs = 8_000;
/** What the store is called where waits for room are counted. */
const PLACE = "store";

/** The sink stops before the store took the rows: they were not committed and come again. */
export class SinkStopped extends Error {}

/** Writes batches as often as it takes: waits while the store is away, and finds the rows that it refuses. */
export class StoreWriter {
  private stopped = false;
  private readonly waiting = new Set<() => void>();
  private readonly underWay = new Set<BatchUnderWay>();

  constructor(
    private readonly logger: Logger,
    /** Why the store's disk has no room; what was inserted while it had none is not believed, and inserted again. */
    private readonly wantOfRoom: () => string | undefined = () => undefined,
    /** Is told of each wait for room. */
    private readonly waits?: DiskWaits,
  ) {}

  /** Gives up waiting for a store that is away. */
  stop(): void {
    this.stopped = true;
    for (const giveUp of this.waiting) giveUp();
  }

  /** Whether the store takes rows. */
  conditions(): Condition[] {
    for (const { since, why } of this.underWay) {
      const ms = performance.now() - since;
      if (ms < patienceMs && why === undefined) continue;
      const reason = `the store has taken no rows for ${Math.round(ms / 1000)} s: ${why ?? "no answer"}`;
      return [{ name: "store_not_writable", reason, severity: "not_ready" }];
    }
    return [];
  }

  /**
   * Inserts all rows but those that the store refuses.
   *
   * @param insert inserts the rows [from, to)
   * @returns indices of the refused rows, ascending, each with the reason
   * @throws SinkStopped
   */
  async write(count: number, insert: InsertRange): Promise<RefusedRow[]> {
    const refused: RefusedRow[] = [];
    if (count > 0) await this.range(insert, 0, count, refused);
    return refused;
  }

  /** Repeats what the log refuses for now. @throws SinkStopped */
  async persist(what: string, write: () => Promise<void>): Promise<void> {
    for (let backoffMs = firstBackoffMs; ; backoffMs = Math.min(backoffMs * 2, lastBackoffMs)) {
      try {
        await this.unlessStopped(write());
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.logger.warn({ code: error.code, retryMs: backoffMs, why: error.message }, `${what} waits for the log`);
      }
      await this.unlessStopped(new Promise((resolve) => setTimeout(resolve, backoffMs)));
    }
  }

  private async range(insert: InsertRange, from: number, to: number, refused: RefusedRow[]): Promise<void> {
    const refusal = await this.patiently(insert, from, to);
    if (refusal === undefined) return;
    if (to - from === 1) {
      refused.push({ row: from, reason: refusal.message });
      return;
    }
    const middle = from + ((to - from) >> 1);
    await this.range(insert, from, middle, refused);
    await this.range(insert, middle, to, refused);
  }

  private async patiently(insert: InsertRange, from: number, to: number): Promise<StoreRefused | undefined> {
    const batch: BatchUnderWay = { since: performance.now(), why: undefined };
    this.underWay.add(batch);
    try {
      return await this.attempts(insert, from, to, batch);
    } finally {
      this.underWay.delete(batch);
    }
  }

  private async attempts(
    insert: InsertRange,
    from: number,
    to: number,
    batch: BatchUnderWay,
  ): Promise<StoreRefused | undefined> {
    let backoffMs = firstBackoffMs;
    for (;;) {
      try {
        this.checkRoom();
        await this.unlessStopped(insert(from, to));
        this.checkRoom();
        this.waits?.written(PLACE);
        return undefined;
      } catch (error) {
        if (error instanceof StoreRefused) return error;
        if (!(error instanceof StoreUnavailable)) throw error;
        batch.why = error.message;
        this.logger.warn({ rows: to - from, retryMs: backoffMs, why: error.message }, "the store is away");
      }
      await this.unlessStopped(new Promise((resolve) => setTimeout(resolve, backoffMs)));
      backoffMs = Math.min(backoffMs * 2, lastBackoffMs);
    }
  }

  /** @throws StoreUnavailable */
  private checkRoom(): void {
    const why = this.wantOfRoom();
    if (why === undefined) return;
    this.waits?.refused(PLACE, why, PLACE);
    throw new StoreUnavailable(`the disk is full: history waits for room (${why})`);
  }

  /** The work's result, or a rejection at once when the sink stops. */
  private unlessStopped<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(new SinkStopped("the sink was stopped while the store was away"));
      if (this.stopped) giveUp();
      this.waiting.add(giveUp);
      void work.then(resolve, reject).finally(() => this.waiting.delete(giveUp));
    });
  }
}

interface BatchUnderWay {
  /** By performance.now(). */
  readonly since: number;
  /** Why the last attempt failed. */
  why: string | undefined;
}

export type InsertRange = (from: number, to: number) => Promise<void>;

export interface RefusedRow {
  readonly row: number;
  readonly reason: string;
}
