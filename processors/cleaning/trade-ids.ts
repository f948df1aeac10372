const MOST_RANGES = 1000;
const MOST_TEXTS = 20_000;

export interface TradeIdsJson {
  readonly highest: number;
  readonly missing: readonly number[];
  readonly texts: readonly string[];
}

/**
 * Which trades of a market have been seen. Numeric ids are held as the highest one and the ranges below it that are
 * still missing, so a trade that comes late or is back-filled is taken once, whatever the order. Ids that are no
 * numbers are remembered as the newest 20,000.
 */
export class TradeIds {
  #highest = -1;
  /** [first, last] of missing ids laid flat, ascending. */
  #missing: number[] = [];
  readonly #texts = new Set<string>();

  get highest(): number {
    return this.#highest;
  }

  /** Ids begin again. @returns the numbers that were held until then */
  begin(): TradeIds {
    const former = new TradeIds();
    former.#highest = this.#highest;
    former.#missing = this.#missing;
    this.#highest = -1;
    this.#missing = [];
    return former;
  }

  /** Whether so many ranges are missing that some may be forgotten soon. */
  get isFull(): boolean {
    return this.#missing.length > MOST_RANGES;
  }

  hasNumber(id: number): boolean {
    if (id > this.#highest) return false;
    const ranges = this.#missing;
    for (let at = ranges.length - 2; at >= 0 && id <= ranges[at + 1]!; at -= 2) {
      if (id >= ranges[at]!) return false;
    }
    return true;
  }

  hasText(id: string): boolean {
    return this.#texts.has(id);
  }

  /** Takes in a numeric id. @returns false when it was seen before */
  takeNumber(id: number): boolean {
    if (id === this.#highest + 1) {
      this.#highest = id;
      return true;
    }
    if (id > this.#highest) {
      this.#missing.push(this.#highest + 1, id - 1);
      // the oldest range is forgotten: what still comes of it counts as seen
      if (this.#missing.length > 2 * MOST_RANGES) this.#missing.splice(0, 2);
      this.#highest = id;
      return true;
    }
    return this.#takeMissing(id);
  }

  /** How many of the ids from `first` to `last` have not been seen: a sum of trades stands for all of them. */
  unseen(first: number, last: number): number {
    let count = last > this.#highest ? last - Math.max(first, this.#highest + 1) + 1 : 0;
    const ranges = this.#missing;
    for (let at = ranges.length - 2; at >= 0 && first <= ranges[at + 1]!; at -= 2) {
      count += Math.max(0, Math.min(last, ranges[at + 1]!) - Math.max(first, ranges[at]!) + 1);
    }
    return count;
  }

  /** Takes in the ids from `first` to `last`, none of which was seen. */
  takeRange(first: number, last: number): void {
    if (first > this.#highest) {
      this.takeNumber(first);
      this.#highest = last;
      return;
    }
    const ranges = this.#missing;
    for (let at = ranges.length - 2; at >= 0 && first <= ranges[at + 1]!; at -= 2) {
      const from = ranges[at]!;
      const to = ranges[at + 1]!;
      if (last < from) continue;
      const left = from < first ? [from, first - 1] : [];
      const right = last < to ? [last + 1, to] : [];
      ranges.splice(at, 2, ...left, ...right);
    }
    if (last > this.#highest) this.#highest = last;
  }

  /** Takes in any other id. @returns false when it was seen before */
  takeText(id: string): boolean {
    if (this.#texts.has(id)) return false;
    this.#texts.add(id);
    if (this.#texts.size > MOST_TEXTS) {
      for (const oldest of this.#texts) {
        this.#texts.delete(oldest);
        break;
      }
    }
    return true;
  }

  /** The trade was taken back: it may come again. @returns false when it is not known */
  forgetText(id: string): boolean {
    return this.#texts.delete(id);
  }

  #takeMissing(id: number): boolean {
    const ranges = this.#missing;
    for (let at = ranges.length - 2; at >= 0 && id <= ranges[at + 1]!; at -= 2) {
      const first = ranges[at]!;
      const last = ranges[at + 1]!;
      if (id < first) continue;
      if (first === last) ranges.splice(at, 2);
      else if (id === first) ranges[at] = id + 1;
      else if (id === last) ranges[at + 1] = id - 1;
      else ranges.splice(at, 2, first, id - 1, id + 1, last);
      return true;
    }
    return false;
  }

  save(): TradeIdsJson {
    return { highest: this.#highest, missing: this.#missing, texts: [...this.#texts] };
  }

  load(saved: TradeIdsJson): void {
    this.#highest = saved.highest;
    this.#missing = [...saved.missing];
    for (const id of saved.texts) this.#texts.add(id);
  }
}

/** The id as a number where it is one that numbers hold exactly and canonically; else -1. */
export function numericId(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 0 || length > 15 || (length > 1 && bytes[start] === 48)) return -1;
  let id = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit >>> 0 > 9) return -1;
    id = id * 10 + digit;
  }
  return id;
}
