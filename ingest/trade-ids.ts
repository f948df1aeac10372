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
 * The trade ids of one symbol: knows which are missing, so that just those are back-filled. Where the venue numbers a
 * symbol's trades without holes, every missing one shows. Where ids only rise, a hole is what a lost connection may have
 * missed, and it is closed once an answer of the venue reaches beyond it. Ids that are no safe integers are left alone.
 */
export class TradeIds {
  private last = -1;
  private lastTime: Micros = 0;
  private holes: MissingIds[] = [];
  /** Ids that were given up, for the metrics. */
  givenUp = 0;

  /** @param contiguous the venue leaves no id of a symbol out; else they only rise */
  constructor(private readonly contiguous = true) {}

  get missing(): readonly MissingIds[] {
    return this.holes;
  }

  /** Ids only rise, and what is missing ends with the next live trade: till then nothing tells whether all was fetched. */
  get isOpenEnded(): boolean {
    return !this.contiguous && this.holes.every(({ last }) => last === Number.POSITIVE_INFINITY);
  }

  /** A trade was published. */
  seen(tradeId: string, exchangeTime: Micros = 0): void {
    const id = numberOf(tradeId);
    if (id === undefined) return;
    if (id > this.last) {
      this.closeOpenHole(id);
      if (this.contiguous && this.last >= 0 && id > this.last + 1) this.add(this.last + 1, id - 1, this.lastTime);
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

  /** A trade of a hole was fetched and published; they come oldest first. */
  filled(tradeId: string): void {
    const id = Number(tradeId);
    if (this.contiguous) this.fill(id);
    else this.holes = this.holes.map((hole) => (isIn(hole, id) ? { ...hole, first: id + 1 } : hole)).filter(isHole);
  }

  /** The venue's answer held all trades up to this id: where ids only rise, nothing below it is missing any more. */
  answeredUpTo(id: number): void {
    if (!this.contiguous) this.holes = this.holes.filter(({ last }) => last > id);
  }

  isMissing(tradeId: string): boolean {
    const id = Number(tradeId);
    return this.holes.some((hole) => isIn(hole, id));
  }

  /** Whether one of these holes, which were asked for, is not filled yet; open ones aside. */
  lacks(asked: readonly MissingIds[]): boolean {
    const finite = asked.filter(({ last }) => last !== Number.POSITIVE_INFINITY);
    return finite.some(({ first, last }) => this.isMissing(String(this.contiguous ? first : last)));
  }

  /**
   * The venue was asked for these holes and gave what it has; holes that opened meanwhile stay.
   *
   * @returns how many of the ids the venue did not give; 1 a hole where ids only rise
   */
  settled(asked: readonly MissingIds[]): number {
    let absent = 0;
    this.holes = this.holes.filter((hole) => {
      const wasAsked = asked.some((range) => hole.first >= range.first && hole.last <= range.last);
      if (!wasAsked || (!this.contiguous && hole.last === Number.POSITIVE_INFINITY)) return true;
      if (hole.last === Number.POSITIVE_INFINITY) this.last = Math.max(this.last, hole.first - 1);
      else absent += this.contiguous ? hole.last - hole.first + 1 : 1;
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
      if (!isIn(hole, id)) return [hole];
      const left = { ...hole, last: id - 1 };
      const right = { ...hole, first: id + 1 };
      return [left, right].filter(isHole);
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

function isIn({ first, last }: MissingIds, id: number): boolean {
  return id >= first && id <= last;
}

function isHole({ first, last }: MissingIds): boolean {
  return first <= last;
}

function numberOf(tradeId: string): number | undefined {
  const id = Number(tradeId);
  return tradeId !== "" && Number.isSafeInteger(id) ? id : undefined;
}
