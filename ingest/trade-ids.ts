import type { Micros } from "../schemas/words.js";

/** Ids from `first` to `last`, both missing; `last` is infinite while nothing later was seen. */
export interface MissingIds {
  readonly first: number;
  readonly last: number;
  /** Exchange time of the last trade seen before the hole; 0 where unknown. */
  readonly since: Micros;
}

/** More holes than this in one symbol: the oldest are given up, and counted. */
const maxHoles = 64;

/**
 * The trade ids of one symbol at a venue that numbers its trades without holes: knows which are missing, so that just
 * those are back-filled. Ids that are no safe integers are left alone.
 */
export class TradeIds {
  private last = -1;
  private lastTime: Micros = 0;
  private holes: MissingIds[] = [];
  /** Ids that were given up, for the metrics. */
  givenUp = 0;

  get missing(): readonly MissingIds[] {
    return this.holes;
  }

  /** A trade was published. */
  seen(tradeId: string, exchangeTime: Micros = 0): void {
    const id = numberOf(tradeId);
    if (id === undefined) return;
    if (id > this.last) {
      this.closeOpenHole(id);
      if (this.last >= 0 && id > this.last + 1) this.add(this.last + 1, id - 1, this.lastTime);
      this.last = id;
      this.lastTime = exchangeTime;
    } else if (this.holes.length > 0) {
      this.fill(id);
    }
  }

  /** A trade came, but was dropped. */
  dropped(tradeId: string, exchangeTime: Micros = 0): void {
    const id = numberOf(tradeId);
    if (id === undefined) return;
    const before = this.lastTime;
    this.seen(tradeId, exchangeTime);
    this.add(id, id, before);
  }

  /** The connection was lost: trades after the last one may be missing. */
  lost(): void {
    if (this.last >= 0 && this.holes.at(-1)?.last !== Number.POSITIVE_INFINITY) {
      this.add(this.last + 1, Number.POSITIVE_INFINITY, this.lastTime);
    }
  }

  /** A trade of a hole was fetched and published. */
  filled(tradeId: string): void {
    this.fill(Number(tradeId));
  }

  isMissing(tradeId: string): boolean {
    const id = Number(tradeId);
    return this.holes.some((hole) => id >= hole.first && id <= hole.last);
  }

  /**
   * The venue was asked for these holes and gave what it has; holes that opened meanwhile stay.
   *
   * @returns how many of the ids the venue did not give
   */
  settled(asked: readonly MissingIds[]): number {
    let absent = 0;
    this.holes = this.holes.filter((hole) => {
      const wasAsked = asked.some((range) => hole.first >= range.first && hole.last <= range.last);
      if (!wasAsked) return true;
      if (hole.last === Number.POSITIVE_INFINITY) this.last = Math.max(this.last, hole.first - 1);
      else absent += hole.last - hole.first + 1;
      return false;
    });
    return absent;
  }

  private closeOpenHole(id: number): void {
    const open = this.holes.at(-1);
    if (open?.last !== Number.POSITIVE_INFINITY) return;
    this.holes.pop();
    if (id > open.first) this.holes.push({ ...open, last: id - 1 });
    this.last = id - 1;
  }

  private fill(id: number): void {
    this.holes = this.holes.flatMap((hole) => {
      if (id < hole.first || id > hole.last) return [hole];
      const left = { ...hole, last: id - 1 };
      const right = { ...hole, first: id + 1 };
      return [left, right].filter((part) => part.first <= part.last);
    });
  }

  private add(first: number, last: number, since: Micros): void {
    const before = this.holes.at(-1);
    if (before !== undefined && before.last + 1 === first) {
      this.holes[this.holes.length - 1] = { ...before, last };
      return;
    }
    this.holes.push({ first, last, since });
    if (this.holes.length <= maxHoles) return;
    const oldest = this.holes.shift();
    if (oldest !== undefined) this.givenUp += oldest.last - oldest.first + 1;
  }
}

function numberOf(tradeId: string): number | undefined {
  const id = Number(tradeId);
  return tradeId !== "" && Number.isSafeInteger(id) ? id : undefined;
}
