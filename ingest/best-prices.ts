import type { DepthTick, LevelText } from "../schemas/ticks.js";
import type { DecimalText } from "../schemas/words.js";
import { isZeroText } from "./decimal-order.js";

/** Prices that a side has room for, and how many of the best it keeps when it is full. */
const ROOM = 128;
const KEPT = 64;
/** 10^0 to 10^15, the powers that are safe integers. */
const POWERS = Array.from({ length: 16 }, (_, power) => 10 ** power);

const digitZero = 48;
const point = 46;

/** The best prices of a side, the best one last: units of the book's scale, negative for asks. */
class BestSide {
  readonly #prices = new Float64Array(ROOM);
  #count = 0;

  clear(): void {
    this.#count = 0;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** -Infinity where none is known. */
  get best(): number {
    return this.#count === 0 ? Number.NEGATIVE_INFINITY : this.#prices[this.#count - 1]!;
  }

  set(price: number, isGone: boolean): void {
    const prices = this.#prices;
    const count = this.#count;
    if (!isGone && count >= KEPT && price < prices[0]!) return;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (prices[middle]! < price) low = middle + 1;
      else high = middle;
    }
    const isThere = low < count && prices[low] === price;
    if (isThere !== isGone) return;
    if (isGone) {
      prices.copyWithin(low, low + 1, count);
      this.#count = count - 1;
      return;
    }
    prices.copyWithin(low + 1, low, count);
    prices[low] = price;
    this.#count = count + 1;
    if (this.#count < ROOM) return;
    prices.copyWithin(0, ROOM - KEPT, ROOM);
    this.#count = KEPT;
  }

  /** The scale has grown. @returns whether all are safe integers still */
  multiply(factor: number): boolean {
    const prices = this.#prices;
    for (let at = 0; at < this.#count; at++) prices[at]! *= factor;
    return this.#count === 0 || Math.abs(prices[0]!) <= Number.MAX_SAFE_INTEGER;
  }
}

/**
 * The best prices of one book, so far as it takes to see that bid and ask have met. Each price that is known stands in
 * the book; of those far from the best some are not known. So a book that is said to be crossed is, and of one whose
 * known levels are all gone nothing is said until others come. Prices beyond safe integers are not followed before the
 * next snapshot.
 */
export class BestPrices {
  readonly #bids = new BestSide();
  readonly #asks = new BestSide();
  #scale = 0;
  #isFollowed = true;

  /** A snapshot replaces all that is known, an increment changes it. */
  take({ action, bids, asks }: DepthTick): void {
    if (action === "snapshot") {
      this.#bids.clear();
      this.#asks.clear();
      this.#isFollowed = true;
      this.#scale = 0;
    }
    this.#change(this.#bids, bids, 1);
    this.#change(this.#asks, asks, -1);
  }

  /** Whether the best bid is at the best ask or above it. */
  get isCrossed(): boolean {
    return this.#isFollowed && this.#bids.best >= -this.#asks.best;
  }

  #change(side: BestSide, levels: readonly LevelText[], sign: 1 | -1): void {
    for (let at = 0; at < levels.length && this.#isFollowed; at++) {
      const level = levels[at]!;
      const units = this.#unitsOf(level[0]);
      if (units >= 0) side.set(sign * units, isZeroText(level[1]));
      else this.#isFollowed = false;
    }
  }

  /** -1 for what is no safe integer of the scale. */
  #unitsOf(text: DecimalText): number {
    let digits = 0;
    let decimals = -1;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === point) decimals = 0;
      else if (code < digitZero || code > digitZero + 9) return -1;
      else {
        digits = digits * 10 + (code - digitZero);
        if (decimals >= 0) decimals++;
      }
    }
    if (decimals < 0) decimals = 0;
    if (decimals !== this.#scale) {
      if (decimals > this.#scale && !this.#grow(decimals)) return -1;
      const power = POWERS[this.#scale - decimals];
      if (power === undefined) return -1;
      digits *= power;
    }
    return digits <= Number.MAX_SAFE_INTEGER ? digits : -1;
  }

  #grow(scale: number): boolean {
    const isEmpty = this.#bids.isEmpty && this.#asks.isEmpty;
    const factor = isEmpty ? 1 : POWERS[scale - this.#scale];
    if (factor === undefined) return false;
    this.#scale = scale;
    return this.#bids.multiply(factor) && this.#asks.multiply(factor);
  }
}
