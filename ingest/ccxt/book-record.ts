import type { LevelText } from "../../schemas/ticks.js";
import type { CcxtBook, CcxtSide, CcxtSnapshot } from "./library.js";
import { decimalText } from "./number-texts.js";

/** What one side of a book has become since it was last looked at. */
class SideRecord {
  /** By ccxt's own key, the double. */
  levels = new Map<number, LevelText>();
  changes: LevelText[] = [];
  /** The levels as they stood when the side was emptied; what came since is the difference to it. */
  private base: Map<number, LevelText> | undefined;

  set(key: number, level: LevelText, isRemoved: boolean): void {
    if (isRemoved) this.levels.delete(key);
    else this.levels.set(key, level);
    if (this.base === undefined) this.changes.push(level);
  }

  empty(): void {
    this.base ??= this.levels;
    this.levels = new Map();
  }

  take(): LevelText[] {
    const changes = this.changes;
    this.changes = [];
    const base = this.base;
    this.base = undefined;
    return base === undefined ? changes : changes.concat(difference(base, this.levels));
  }
}

/** The changes that make one set of levels another. */
export function difference(
  from: ReadonlyMap<number, LevelText>,
  to: ReadonlyMap<number, LevelText>,
): readonly LevelText[] {
  const changes: LevelText[] = [];
  for (const [key, [price]] of from) if (!to.has(key)) changes.push([price, "0"]);
  for (const [key, level] of to) {
    const before = from.get(key);
    if (before === undefined || before[0] !== level[0] || before[1] !== level[1]) changes.push(level);
  }
  return changes;
}

/**
 * Listens to a book of ccxt: keeps the exchange's own texts beside ccxt's doubles, and what has changed. ccxt's book
 * itself works as ever.
 */
export class BookRecord {
  readonly bids = new SideRecord();
  readonly asks = new SideRecord();
  /** The book was begun anew since it was last asked: ccxt shows it only once it has its snapshot. */
  private begun = true;

  constructor(private readonly book: CcxtBook) {}

  /** Changes that nobody has taken. */
  get pending(): number {
    return this.bids.changes.length + this.asks.changes.length;
  }

  get size(): number {
    return this.bids.levels.size + this.asks.levels.size;
  }

  /** Whether it still stands for ccxt's book. */
  get isTrue(): boolean {
    return this.bids.levels.size === this.book.bids.length && this.asks.levels.size === this.book.asks.length;
  }

  begin(): void {
    this.begun = true;
  }

  /** Takes ccxt's own levels over, in ccxt's numbers. */
  adopt(): void {
    for (const side of ["bids", "asks"] as const) {
      this[side].empty();
      for (const [price, qty] of this.book[side]) {
        const texts = [decimalText(price), decimalText(qty)] as const;
        if (texts[0] !== undefined && texts[1] !== undefined)
          this[side].set(price as number, [texts[0], texts[1]], false);
      }
    }
    this.begun = true;
  }

  /** What has changed since it was last asked, in the order it came. */
  take(): { readonly bids: readonly LevelText[]; readonly asks: readonly LevelText[]; readonly begun: boolean } {
    const { begun } = this;
    this.begun = false;
    return { bids: this.bids.take(), asks: this.asks.take(), begun };
  }

  /** The whole book, best prices first. */
  levels(): { readonly bids: LevelText[]; readonly asks: LevelText[] } {
    return { bids: sorted(this.bids.levels, -1), asks: sorted(this.asks.levels, 1) };
  }
}

function sorted(levels: ReadonlyMap<number, LevelText>, direction: 1 | -1): LevelText[] {
  return [...levels].sort(([a], [b]) => (a - b) * direction).map(([, level]) => level);
}

const records = new WeakMap<object, BookRecord>();

/** The record of a book that was made by `recordedBook`. */
export function recordOf(book: CcxtBook): BookRecord | undefined {
  return records.get(book);
}

/**
 * Makes a book of ccxt that is listened to.
 *
 * @param make ccxt's own maker of this kind of book
 */
export function recordedBook(make: (snapshot: CcxtSnapshot) => CcxtBook, snapshot: CcxtSnapshot = {}): CcxtBook {
  const { bids = [], asks = [], ...rest } = snapshot;
  const book = make(rest);
  const record = new BookRecord(book);
  records.set(book, record);
  listen(book.bids, record.bids);
  listen(book.asks, record.asks);
  const reset = book.reset;
  hidden(book, "reset", (next?: CcxtSnapshot) => {
    record.bids.empty();
    record.asks.empty();
    record.begin();
    return reset.call(book, next);
  });
  for (const level of asks) book.asks.storeArray(level);
  for (const level of bids) book.bids.storeArray(level);
  return book;
}

function listen(side: CcxtSide, record: SideRecord): void {
  const { storeArray, limit } = side;
  hidden(side, "storeArray", (level: readonly unknown[]) => {
    const numbers = level.map((value, at) => (at < 3 && value !== undefined ? Number(value) : value));
    const [price, qty, count] = numbers as [number, number, number | undefined];
    storeArray.call(side, numbers);
    // a counted book removes by the count of orders too
    const isRemoved = !qty || (isCounted(side) && !count);
    const [priceText, qtyText] = [decimalText(level[0]), isRemoved ? "0" : decimalText(level[1])];
    if (priceText !== undefined && qtyText !== undefined) record.set(price, [priceText, qtyText], isRemoved);
  });
  hidden(side, "limit", () => {
    for (let at = side.depth; at < side.length; at++) {
      const price = side[at]![0] as number;
      const known = record.levels.get(price);
      if (known !== undefined) record.set(price, [known[0], "0"], true);
    }
    limit.call(side);
  });
}

function isCounted(side: CcxtSide): boolean {
  return /^Counted/.test(side.constructor.name);
}

/** A member that ccxt's copying and printing do not see. */
function hidden(of: object, name: string, value: unknown): void {
  Object.defineProperty(of, name, { value, enumerable: false, configurable: true, writable: true });
}
