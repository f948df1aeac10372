import type { DepthTick, LevelText } from "../schemas/ticks.js";
import type { DecimalText } from "../schemas/words.js";
import { isZeroText } from "./decimal-order.js";

/** Prices that a side has room for, and how many of the best it keeps when it is full. */
const ROOM = 24;
const KEPT = 8;
/** Updates in a row that were in one order before it is relied on, and how often it is looked at from then on. */
const TRUSTED_AFTER = 32;
const LOOK_EVERY = 64;
/** 10^0 to 10^15, the powers that are safe integers. */
const POWERS = Array.from({ length: 16 }, (_, power) => 10 ** power);

const digitZero = 48;
const point = 46;

/**
 * In which order a side's levels come in updates. Venues keep to one, by price, without promising it: once it is known,
 * an update is read from its best price to the first that is too far away. It is looked at again now and then; one update
 * in another order ends that for good, and what may have been passed over meanwhile is set right by the next snapshot.
 */
class LevelOrder {
  bestFirst = false;
  private agreed = 0;
  private uses = 0;

  isTrusted(): boolean {
    if (this.agreed < TRUSTED_AFTER) return false;
    this.uses++;
    return this.uses % LOOK_EVERY !== 0;
  }

  /** @param rises neighbours of which the second is better @param falls of which it is not */
  seen(rises: number, falls: number): void {
    if (rises === 0 && falls === 0) return;
    if (rises > 0 && falls > 0) {
      this.agreed = Number.NEGATIVE_INFINITY;
      return;
    }
    const bestFirst = falls > 0;
    if (this.agreed > 0 && bestFirst !== this.bestFirst) this.agreed = Number.NEGATIVE_INFINITY;
    this.bestFirst = bestFirst;
    this.agreed++;
  }
}

/** The best prices of a side, the best one last: units of the book's scale, negative for asks. */
class BestSide {
  readonly order = new LevelOrder();
  private readonly prices = new Float64Array(ROOM);
  private count = 0;
  /** Beyond it nothing is kept: what lies there is far from the best. */
  floor = Number.NEGATIVE_INFINITY;
  /** -Infinity where none is known. */
  best = Number.NEGATIVE_INFINITY;

  clear(): void {
    this.count = 0;
    this.note();
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** @param price at the floor or above it */
  set(price: number, isGone: boolean): void {
    const { prices, count } = this;
    // most are near the best, and few places are better
    let at = count;
    while (at > 0 && prices[at - 1]! > price) at--;
    const isThere = at > 0 && prices[at - 1] === price;
    if (isThere !== isGone) return;
    if (isGone) {
      for (let after = at; after < count; after++) prices[after - 1] = prices[after]!;
      this.count = count - 1;
    } else {
      for (let after = count; after > at; after--) prices[after] = prices[after - 1]!;
      prices[at] = price;
      this.count = count + 1;
      if (this.count === ROOM) {
        prices.copyWithin(0, ROOM - KEPT, ROOM);
        this.count = KEPT;
      }
    }
    this.note();
  }

  /** The scale has grown. @returns whether all are safe integers still */
  multiply(factor: number): boolean {
    for (let at = 0; at < this.count; at++) this.prices[at]! *= factor;
    this.note();
    return this.count === 0 || Math.abs(this.prices[0]!) <= Number.MAX_SAFE_INTEGER;
  }

  private note(): void {
    this.best = this.count === 0 ? Number.NEGATIVE_INFINITY : this.prices[this.count - 1]!;
    this.floor = this.count < KEPT ? Number.NEGATIVE_INFINITY : this.prices[0]!;
  }
}

/**
 * The best prices of one book, so far as it takes to see that bid and ask have met. Each price that is known stands in
 * the book; of those far from the best some are not known. So a book that is said to be crossed is, and of one whose
 * known levels are all gone nothing is said until others come. Prices beyond safe integers are not followed before the
 * next snapshot.
 */
export class BestPrices {
  private readonly bids = new BestSide();
  private readonly asks = new BestSide();
  private scale = 0;
  private isFollowed = true;
  /** The price that was read last, as its side has it. */
  private newest = 0;

  /** A snapshot replaces all that is known, an increment changes it. */
  take({ action, bids, asks }: DepthTick): void {
    if (action === "snapshot") {
      this.bids.clear();
      this.asks.clear();
      this.isFollowed = true;
      this.scale = 0;
    }
    const isUpdate = action !== "snapshot";
    this.change(this.bids, bids, 1, isUpdate);
    this.change(this.asks, asks, -1, isUpdate);
  }

  /** Whether the best bid is at the best ask or above it. */
  get isCrossed(): boolean {
    return this.isFollowed && this.bids.best >= -this.asks.best;
  }

  private change(side: BestSide, levels: readonly LevelText[], sign: 1 | -1, isUpdate: boolean): void {
    if (!this.isFollowed) return;
    const { order } = side;
    if (isUpdate && order.isTrusted()) {
      const step = order.bestFirst ? 1 : -1;
      const end = order.bestFirst ? levels.length : -1;
      for (let at = order.bestFirst ? 0 : levels.length - 1; at !== end; at += step)
        if (!this.level(side, levels[at]!, sign)) return;
      return;
    }
    let before = Number.NaN;
    let rises = 0;
    let falls = 0;
    for (let at = 0; at < levels.length && this.isFollowed; at++) {
      this.level(side, levels[at]!, sign);
      const { newest } = this;
      if (newest > before) rises++;
      else if (newest <= before) falls++;
      before = newest;
    }
    if (isUpdate) order.seen(rises, falls);
  }

  /** @returns whether it is among the prices that are followed */
  private level(side: BestSide, level: LevelText, sign: 1 | -1): boolean {
    const units = this.unitsOf(level[0]);
    if (units < 0) {
      this.isFollowed = false;
      return false;
    }
    const price = sign * units;
    this.newest = price;
    if (price < side.floor) return false;
    side.set(price, isZeroText(level[1]));
    return true;
  }

  /** -1 for what is no safe integer of the scale. */
  private unitsOf(text: DecimalText): number {
    const { length } = text;
    const dot = length - 1 - this.scale;
    if (this.scale === 0 || dot < 1 || text.charCodeAt(dot) !== point) return this.unitsOfOther(text);
    let digits = 0;
    let strange = 0;
    for (let at = 0; at < dot; at++) {
      const digit = text.charCodeAt(at) - digitZero;
      strange |= digit | (9 - digit);
      digits = digits * 10 + digit;
    }
    for (let at = dot + 1; at < length; at++) {
      const digit = text.charCodeAt(at) - digitZero;
      strange |= digit | (9 - digit);
      digits = digits * 10 + digit;
    }
    return strange >= 0 && digits <= Number.MAX_SAFE_INTEGER ? digits : -1;
  }

  /** Of a text with more or fewer decimals than the scale, or none. */
  private unitsOfOther(text: DecimalText): number {
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
    if (decimals > this.scale && !this.grow(decimals)) return -1;
    const power = POWERS[this.scale - decimals];
    if (power === undefined) return -1;
    digits *= power;
    return digits <= Number.MAX_SAFE_INTEGER ? digits : -1;
  }

  private grow(scale: number): boolean {
    const isEmpty = this.bids.isEmpty && this.asks.isEmpty;
    const factor = isEmpty ? 1 : POWERS[scale - this.scale];
    if (factor === undefined) return false;
    this.scale = scale;
    return this.bids.multiply(factor) && this.asks.multiply(factor);
  }
}
