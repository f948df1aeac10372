import type { DepthTick, LevelText } from "../schemas/ticks.js";
import { comparePrices, isZeroText, priceKey } from "./decimal-order.js";
import type { BookLevels } from "./venue.js";

/** One side of a book in the venue's own texts, best price first. */
export class TextSide {
  readonly levels: LevelText[] = [];
  private readonly keys: string[] = [];

  /** @param direction -1 for bids, whose best price is the highest; 1 for asks */
  constructor(private readonly direction: 1 | -1) {}

  clear(): void {
    this.levels.length = 0;
    this.keys.length = 0;
  }

  /** Sets or, with a quantity of zero, removes a level. */
  set(level: LevelText): void {
    const key = priceKey(level[0]);
    const at = this.placeOf(key);
    const there = this.keys[at] === key;
    if (isZeroText(level[1])) {
      if (!there) return;
      this.levels.splice(at, 1);
      this.keys.splice(at, 1);
    } else if (there) {
      this.levels[at] = level;
    } else {
      this.levels.splice(at, 0, level);
      this.keys.splice(at, 0, key);
    }
  }

  /** Keeps the best levels. @returns those that are beyond */
  trim(depth: number): readonly LevelText[] {
    if (this.levels.length <= depth) return [];
    this.keys.length = depth;
    return this.levels.splice(depth);
  }

  private placeOf(key: string): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePrices(this.keys[middle]!, key) * this.direction < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A book in the venue's own texts, for checksums that are taken over them. */
export class TextBook {
  readonly bids = new TextSide(-1);
  readonly asks = new TextSide(1);

  /** A snapshot replaces the book, an increment changes it, level by level in the order given. */
  take(tick: DepthTick): void {
    if (tick.action === "snapshot") {
      this.bids.clear();
      this.asks.clear();
    }
    for (const level of tick.bids) this.bids.set(level);
    for (const level of tick.asks) this.asks.set(level);
  }

  get levels(): BookLevels {
    return { bids: [...this.bids.levels], asks: [...this.asks.levels] };
  }
}
