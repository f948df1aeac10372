import type { TradeTick } from "../schemas/ticks.js";
import type { Micros } from "../schemas/words.js";

/** Ids from `first` to `last`, both missing; `last` is infinite while nothing later was seen. */
export interface MissingIds {
  readonly first: number;
  readonly last: number;
  /** Exchange time of the last trade seen before the hole; 0 where unknown. */
  readonly since: Micros;
  /** That trade's own number where it is a sum of fills; left out where it is not, or not known. */
  readonly aggregate?: number | undefined;
}

/** The trade after which a session goes on. */
export interface KnownTrade {
  /** The last fill. */
  readonly id: number;
  readonly exchangeTime: Micros;
  /** Of a sum of fills its own number. */
  readonly aggregate?: number | undefined;
}

/** The holes that the venue is asked for, and how often the connection had been lost by then. */
export interface AskedHoles {
  readonly holes: readonly MissingIds[];
  readonly losses: number;
}

/** So many in a row below the last id are a new run. */
const runOf = 3;
/** More holes than this in one symbol: the two oldest are asked for as one. What lies between them comes twice, which cleaning sees. */
const maxHoles = 64;

/**
 * The trade ids of one symbol: knows which are missing, so that just those are back-filled. Where the venue numbers a
 * symbol's trades without holes, every missing one shows. Where ids only rise, a hole is what a lost connection may have
 * missed, and it is closed once an answer of the venue reaches beyond it. Ids that are no safe integers are left alone.
 *
 * Ids are those of fills, also where a venue sums them: a sum stands for all from its first to its last. Sums have numbers
 * of their own without holes, too, so of two with neighbouring numbers nothing is missing between, whatever their fills'
 * ids (Binance's futures leave out those of liquidations and the insurance fund).
 */
export class TradeIds {
  private last = -1;
  private lastTime: Micros = 0;
  /** The own number of the last trade where it is a sum; else -1. */
  private lastAggregate = -1;
  private holes: MissingIds[] = [];
  private losses = 0;
  private isLost = false;
  /** Trades in a row that are later than the last one, by rising ids below it. */
  private below = 0;
  private lastBelow = -1;

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

  /** A live trade, or a sum of several, was published, or had to be dropped. */
  came(trade: TradeTick, isPublished: boolean): void {
    if (trade.lastTradeId === undefined) {
      if (isPublished) this.seen(trade.tradeId, trade.exchangeTime);
      else this.dropped(trade.tradeId, trade.exchangeTime);
    } else if (isPublished) this.seenSum(trade);
    else this.droppedSum(trade);
  }

  /** A trade was published. */
  seen(tradeId: string, exchangeTime: Micros = 0): void {
    const id = numberOf(tradeId);
    if (id === undefined) return;
    if (id > this.last) {
      this.closeOpenHole(id);
      if (this.contiguous && this.last >= 0 && id > this.last + 1) this.add(this.last + 1, id - 1);
      this.below = 0;
      this.last = id;
      this.lastTime = exchangeTime;
      this.lastAggregate = -1;
    } else if (!this.beginsAgain(id, id, exchangeTime) && this.holes.length > 0) {
      this.fill(id, id);
    }
  }

  /** A sum of fills was published. */
  seenSum({ tradeId, exchangeTime, firstTradeId, lastTradeId }: TradeTick): void {
    const own = numberOf(tradeId) ?? -1;
    const first = firstTradeId ?? -1;
    const last = lastTradeId ?? -1;
    if (first < 0 || last < first) return;
    if (last <= this.last) {
      if (this.beginsAgain(first, last, exchangeTime)) this.lastAggregate = own;
      else if (this.holes.length > 0) this.fill(first, last);
      return;
    }
    if (own > 0 && own === this.lastAggregate + 1) this.follow(first);
    else this.closeOpenHole(first);
    if (this.contiguous && this.last >= 0 && first > this.last + 1) this.add(this.last + 1, first - 1);
    if (first <= this.last && this.holes.length > 0) this.fill(first, last);
    this.last = last;
    this.lastTime = exchangeTime;
    this.lastAggregate = own;
  }

  /** Goes on after a trade of an earlier session: what came since is missing. */
  goOnAfter({ id, exchangeTime, aggregate = -1 }: KnownTrade): void {
    this.last = id;
    this.lastTime = exchangeTime;
    this.lastAggregate = aggregate;
    this.lost();
  }

  /** A trade came, but was dropped. */
  dropped(tradeId: string, exchangeTime: Micros = 0): void {
    const id = numberOf(tradeId);
    if (id === undefined) return;
    const before = { since: this.lastTime, aggregate: this.lastAggregate };
    this.seen(tradeId, exchangeTime);
    this.add(id, id, before);
  }

  /** A sum of fills came, but was dropped. */
  droppedSum(trade: TradeTick): void {
    const { firstTradeId: first = -1, lastTradeId: last = -1 } = trade;
    if (first < 0 || last < first) return;
    const before = { since: this.lastTime, aggregate: this.lastAggregate };
    const known = this.last;
    this.seenSum(trade);
    this.add(last <= known ? first : Math.max(first, known + 1), last, before);
  }

  /** The connection was lost: trades after the last one may be missing. */
  lost(): void {
    this.losses += 1;
    this.isLost = true;
    if (this.last >= 0 && this.holes.at(-1)?.last !== Number.POSITIVE_INFINITY) {
      this.add(this.last + 1, Number.POSITIVE_INFINITY);
    }
  }

  /** The connection is up again: what it missed ends here. */
  resumed(): void {
    this.isLost = false;
  }

  /** A trade of a hole was fetched and published; they come oldest first. */
  filled(tradeId: string): void {
    const id = Number(tradeId);
    if (this.contiguous) this.fill(id, id);
    else this.holes = this.holes.map((hole) => (isIn(hole, id) ? { ...hole, first: id + 1 } : hole)).filter(isHole);
  }

  /** These fills were fetched and published, or are known not to be there. */
  filledRange(first: number, last: number): void {
    if (last >= first) this.fill(first, last);
  }

  /** The venue's answer held all trades up to this id: where ids only rise, nothing below it is missing any more. */
  answeredUpTo(id: number): void {
    if (!this.contiguous) this.holes = this.holes.filter(({ last }) => last > id);
  }

  isMissing(tradeId: string): boolean {
    const id = Number(tradeId);
    return this.holes.some((hole) => isIn(hole, id));
  }

  /** Whether one of the fills of a sum is missing. */
  isAnyMissing(first: number, last: number): boolean {
    return this.holes.some((hole) => hole.first <= last && hole.last >= first);
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

  /**
   * The venue's ids have begun again: several in a row rise below the last and are later than it. What was missing of the
   * former run can not be asked for by its ids any more.
   */
  private beginsAgain(first: number, last: number, exchangeTime: Micros): boolean {
    if (exchangeTime <= this.lastTime) return false;
    this.below = first > this.lastBelow ? this.below + 1 : 1;
    this.lastBelow = last;
    if (this.below < runOf) return false;
    this.below = 0;
    this.lastBelow = -1;
    this.holes = [];
    this.last = last;
    this.lastTime = exchangeTime;
    return true;
  }

  private closeOpenHole(id: number): void {
    const open = this.holes.at(-1);
    if (open?.last !== Number.POSITIVE_INFINITY) return;
    this.holes.pop();
    if (id > open.first) this.holes.push({ ...open, last: id - 1 });
    this.last = id - 1;
  }

  /** The next sum is the last one's neighbour: nothing lies between them. */
  private follow(first: number): void {
    const open = this.holes.at(-1);
    if (open?.last === Number.POSITIVE_INFINITY) {
      this.holes.pop();
      // what was dropped before the connection was lost is missing still
      if (open.first <= this.last) this.holes.push({ ...open, last: this.last });
    }
    this.last = Math.max(this.last, first - 1);
  }

  private fill(from: number, to: number): void {
    this.holes = this.holes.flatMap((hole) => {
      if (hole.first > to || hole.last < from) return [hole];
      const left = { ...hole, last: from - 1 };
      const right = { ...hole, first: to + 1 };
      return [left, right].filter(isHole);
    });
  }

  private add(first: number, last: number, after = { since: this.lastTime, aggregate: this.lastAggregate }): void {
    const before = this.holes.at(-1);
    if (before !== undefined && before.last + 1 === first) {
      this.holes[this.holes.length - 1] = { ...before, last };
      return;
    }
    const { since, aggregate } = after;
    this.holes.push(aggregate < 0 ? { first, last, since } : { first, last, since, aggregate });
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
