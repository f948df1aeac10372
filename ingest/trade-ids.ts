import type { Micros } from "../schemas/words.js";

/** Ids from `first` to `last`, both missing; `last` is infinite while nothing later was seen. */
export interface MissingIds {
  readonly first: number;
  readonly last: number;
  /** Exchange time of the last trade seen before the hole; 0 where unknown. */
  readonly since: Micros;
}

/** The holes that the venue is asked for, and how often the connection had been lost by then. */
export interface AskedHoles {
  readonly holes: readonly MissingIds[];
  readonly losses: number;
}

/** More holes than this in one symbol: the two oldest are asked for as one. What lies between them comes twice, which cleaning sees. */
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
  private losses = 0;
  private isLost = false;

  /** @param contiguous the venue leaves no id of a symbol out; else they only rise */
  constructor(private readonly contiguous = true) {}

  get missing(): readonly MissingIds[] {
    return this.holes;
  }

  /** Ids only rise, and what is missing ends with the next live trade: till then nothing tells whether all was fetched. */
  get isOpenEnded(): boolean {
    return !this.contiguous && this.holes.every(({ last }) => last === Number.POSITIVE_INFINITY);
  }

  /** All that is missing is what a connection that is still down may miss: the venue can not be asked for all of it yet. */
  get waitsForConnection(): boolean {
    return this.isLost && this.holes.every(({ last }) => last === Number.POSITIVE_INFINITY);
  }

  /** What is missing now, for `lacks` and `settled`. */
  ask(): AskedHoles {
    return { holes: [...this.holes], losses: this.losses };
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
    this.losses += 1;
    this.isLost = true;
    if (this.last >= 0 && this.holes.at(-1)?.last !== Number.POSITIVE_INFINITY) {
      this.add(this.last + 1, Number.POSITIVE_INFINITY, this.lastTime);
    }
  }

  /** The connection is up again: what it missed ends here. */
  resumed(): void {
    this.isLost = false;
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
  lacks({ holes }: AskedHoles): boolean {
    return this.holes.some((hole) => isAsked(hole, holes));
  }

  /**
   * The venue was asked for these holes and gave what it has. What opened meanwhile stays, also within what was asked for
   * without an end: nobody had seen then that there is something.
   *
   * @returns how many of the ids the venue did not give; 1 a hole where ids only rise
   */
  settled({ holes, losses }: AskedHoles): number {
    let absent = 0;
    this.holes = this.holes.filter((hole) => {
      if (hole.last === Number.POSITIVE_INFINITY) {
        const wasAsked = holes.at(-1)?.last === Number.POSITIVE_INFINITY && this.losses === losses;
        if (!this.contiguous || this.isLost || !wasAsked) return true;
        this.last = Math.max(this.last, hole.first - 1);
        return false;
      }
      const wasAsked = isAsked(hole, holes);
      if (wasAsked) absent += this.contiguous ? hole.last - hole.first + 1 : 1;
      return !wasAsked;
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
    const [oldest, next] = this.holes.splice(0, 2) as [MissingIds, MissingIds];
    this.holes.unshift({ ...oldest, last: next.last });
  }
}

function isIn({ first, last }: MissingIds, id: number): boolean {
  return id >= first && id <= last;
}

/** Whether it is what is left of one of these that have an end. */
function isAsked(hole: MissingIds, holes: readonly MissingIds[]): boolean {
  return holes.some(({ first, last }) => last !== Number.POSITIVE_INFINITY && hole.first >= first && hole.last <= last);
}

function isHole({ first, last }: MissingIds): boolean {
  return first <= last;
}

function numberOf(tradeId: string): number | undefined {
  const id = Number(tradeId);
  return tradeId !== "" && Number.isSafeInteger(id) ? id : undefined;
}
