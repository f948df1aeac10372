import type { Micros } from "./words.js";

/** So many in a row. */
const RUN_OF = 3;
/** Right after a snapshot what is contained in it is still to come; not for so long. */
const SNAPSHOT_AHEAD: Micros = 5_000_000;

export type BookRestartJson = readonly [appliedAt: Micros, skipped: number, newest: number, since: Micros];

/**
 * Sees that a stream of book updates has begun anew without a word: its ids lie below what was taken in, so each would
 * count as contained for ever, and the book would stay as it is. Updates that are contained and rise, though they are
 * later than the last that was applied, are no repeats and no late ones.
 */
export class BookRestart {
  /** Exchange time of the last update that was applied; 0 when none was since the snapshot. */
  private appliedAt: Micros = 0;
  private count = 0;
  private newest = -1;
  /** Exchange time of the first of those that were contained in a row. */
  private since: Micros = 0;

  snapped(): void {
    this.appliedAt = 0;
    this.forget();
  }

  applied(exchangeTime: Micros): void {
    this.appliedAt = exchangeTime;
    if (this.count > 0) this.forget();
  }

  /** An update counts as contained. @returns whether the stream has begun anew */
  skipped(updateId: number, exchangeTime: Micros): boolean {
    if (this.appliedAt > 0 && exchangeTime <= this.appliedAt) return false;
    if (updateId <= this.newest || this.count === 0) {
      this.count = 0;
      this.since = exchangeTime;
    }
    this.count += 1;
    this.newest = updateId;
    if (this.count < RUN_OF || (this.appliedAt === 0 && exchangeTime - this.since < SNAPSHOT_AHEAD)) return false;
    this.snapped();
    return true;
  }

  save(): BookRestartJson {
    return [this.appliedAt, this.count, this.newest, this.since];
  }

  load(saved: BookRestartJson): void {
    [this.appliedAt, this.count, this.newest, this.since] = saved;
  }

  private forget(): void {
    this.count = 0;
    this.newest = -1;
  }
}
