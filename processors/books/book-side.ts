import { addUnits, multiplyUnits, type Units } from "../../schemas/units.js";

/**
 * One side of a book: prices ascending by rank, the best last, so that the busy end is the cheap one to change.
 * Bids rank by price, asks by the negated price.
 */
export interface BookSide {
  readonly size: number;
  /** Sets the total quantity at a price, 0 removes it; answers what stood there before. */
  set(price: Units, qty: Units): Units;
  /** The quantity at a price, 0 where there is none. */
  at(price: Units): Units;
  /** Price and quantity, 0 being the best. */
  price(depth: number): Units;
  qty(depth: number): Units;
  clear(): void;
}

const FIRST = 64;

/** The fast one: sorted typed arrays of safe integers. */
export class SafeBookSide implements BookSide {
  /** 1 for bids, -1 for asks: price times it is the rank. */
  readonly #sign: 1 | -1;
  #ranks = new Float64Array(FIRST);
  #quantities = new Float64Array(FIRST);
  #size = 0;

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  get size(): number {
    return this.#size;
  }

  set(price: number, qty: number): number {
    const rank = price * this.#sign;
    const ranks = this.#ranks;
    const at = this.#find(rank);
    if (at < this.#size && ranks[at] === rank) {
      const before = this.#quantities[at]!;
      if (qty === 0) this.#remove(at);
      else this.#quantities[at] = qty;
      return before;
    }
    if (qty !== 0) this.#insert(at, rank, qty);
    return 0;
  }

  /** Adds to the quantity at a price. @returns the new total, or NaN when it is no safe integer and nothing was done */
  add(price: number, change: number): number {
    const rank = price * this.#sign;
    const at = this.#find(rank);
    const found = at < this.#size && this.#ranks[at] === rank;
    const total = found ? this.#quantities[at]! + change : change;
    if (!Number.isSafeInteger(total)) return Number.NaN;
    if (found) {
      if (total === 0) this.#remove(at);
      else this.#quantities[at] = total;
    } else if (total !== 0) this.#insert(at, rank, total);
    return total;
  }

  at(price: Units): Units {
    if (typeof price !== "number") return 0;
    const rank = price * this.#sign;
    const at = this.#find(rank);
    return at < this.#size && this.#ranks[at] === rank ? this.#quantities[at]! : 0;
  }

  price(depth: number): number {
    return this.#ranks[this.#size - 1 - depth]! * this.#sign;
  }

  qty(depth: number): number {
    return this.#quantities[this.#size - 1 - depth]!;
  }

  clear(): void {
    this.#size = 0;
  }

  /** Where the rank is or belongs: gallops from the best, where nearly all changes are, then halves. */
  #find(rank: number): number {
    const ranks = this.#ranks;
    let high = this.#size;
    let low = high - 1;
    let step = 1;
    while (low >= 0 && ranks[low]! >= rank) {
      high = low;
      low -= step;
      step <<= 1;
    }
    low = low < 0 ? 0 : low + 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranks[middle]! < rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(at: number, rank: number, qty: number): void {
    const size = this.#size;
    if (size === this.#ranks.length) this.#grow();
    const ranks = this.#ranks;
    const quantities = this.#quantities;
    if (size - at < 32) {
      for (let to = size; to > at; to--) {
        ranks[to] = ranks[to - 1]!;
        quantities[to] = quantities[to - 1]!;
      }
    } else {
      ranks.copyWithin(at + 1, at, size);
      quantities.copyWithin(at + 1, at, size);
    }
    ranks[at] = rank;
    quantities[at] = qty;
    this.#size = size + 1;
  }

  #remove(at: number): void {
    const size = this.#size - 1;
    const ranks = this.#ranks;
    const quantities = this.#quantities;
    if (size - at < 32) {
      for (let to = at; to < size; to++) {
        ranks[to] = ranks[to + 1]!;
        quantities[to] = quantities[to + 1]!;
      }
    } else {
      ranks.copyWithin(at, at + 1, size + 1);
      quantities.copyWithin(at, at + 1, size + 1);
    }
    this.#size = size;
  }

  #grow(): void {
    const ranks = new Float64Array(this.#size * 2);
    const quantities = new Float64Array(this.#size * 2);
    ranks.set(this.#ranks);
    quantities.set(this.#quantities);
    this.#ranks = ranks;
    this.#quantities = quantities;
  }
}

/** The one for values beyond safe integers: exact whatever the size. */
export class WideBookSide implements BookSide {
  readonly #sign: 1 | -1;
  #prices: Units[] = [];
  #quantities: Units[] = [];

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  static of(side: BookSide, sign: 1 | -1): WideBookSide {
    const wide = new WideBookSide(sign);
    for (let depth = side.size - 1; depth >= 0; depth--) {
      wide.#prices.push(side.price(depth));
      wide.#quantities.push(side.qty(depth));
    }
    return wide;
  }

  get size(): number {
    return this.#prices.length;
  }

  #find(price: Units): number {
    let low = 0;
    let high = this.#prices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const ranked = this.#prices[middle]!;
      if (this.#sign > 0 ? ranked < price : ranked > price) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  at(price: Units): Units {
    const at = this.#find(price);
    return this.#prices[at] === price ? this.#quantities[at]! : 0;
  }

  set(price: Units, qty: Units): Units {
    const low = this.#find(price);
    if (low < this.#prices.length && this.#prices[low] === price) {
      const before = this.#quantities[low]!;
      if (qty === 0) {
        this.#prices.splice(low, 1);
        this.#quantities.splice(low, 1);
      } else this.#quantities[low] = qty;
      return before;
    }
    if (qty !== 0) {
      this.#prices.splice(low, 0, price);
      this.#quantities.splice(low, 0, qty);
    }
    return 0;
  }

  price(depth: number): Units {
    return this.#prices[this.#prices.length - 1 - depth]!;
  }

  qty(depth: number): Units {
    return this.#quantities[this.#quantities.length - 1 - depth]!;
  }

  clear(): void {
    this.#prices = [];
    this.#quantities = [];
  }

  rescale(priceFactor: Units, qtyFactor: Units): void {
    this.#prices = this.#prices.map((price) => multiplyUnits(price, priceFactor));
    this.#quantities = this.#quantities.map((qty) => multiplyUnits(qty, qtyFactor));
  }
}

/** Adds to the quantity at a price, as sums over venues do; answers the new total. */
export function addAt(side: OrderBookSide, price: Units, change: Units): Units {
  return side.add(price, change);
}

/** A side that is fast while values are safe integers and goes over to the exact one when a value is not. */
export class OrderBookSide implements BookSide {
  #side: BookSide;
  #wide = false;

  constructor(readonly sign: 1 | -1) {
    this.#side = new SafeBookSide(sign);
  }

  get size(): number {
    return this.#side.size;
  }

  set(price: Units, qty: Units): Units {
    if (!this.#wide && (typeof price !== "number" || typeof qty !== "number")) this.#widen();
    return this.#side.set(price, qty);
  }

  add(price: Units, change: Units): Units {
    const side = this.#side;
    if (side instanceof SafeBookSide && typeof price === "number" && typeof change === "number") {
      const total = side.add(price, change);
      if (!Number.isNaN(total)) return total;
    }
    const total = addUnits(this.at(price), change);
    this.set(price, total);
    return total;
  }

  at(price: Units): Units {
    return this.#side.at(price);
  }

  price(depth: number): Units {
    return this.#side.price(depth);
  }

  qty(depth: number): Units {
    return this.#side.qty(depth);
  }

  clear(): void {
    this.#side.clear();
  }

  rescale(priceFactor: Units, qtyFactor: Units): void {
    const scaled = WideBookSide.of(this.#side, this.sign);
    scaled.rescale(priceFactor, qtyFactor);
    this.#side = scaled;
    this.#wide = true;
    // back to the fast one where everything fits
    let safe = true;
    for (let depth = 0; depth < scaled.size && safe; depth++) {
      safe = typeof scaled.price(depth) === "number" && typeof scaled.qty(depth) === "number";
    }
    if (!safe) return;
    const fast = new SafeBookSide(this.sign);
    for (let depth = scaled.size - 1; depth >= 0; depth--) {
      fast.set(scaled.price(depth) as number, scaled.qty(depth) as number);
    }
    this.#side = fast;
    this.#wide = false;
  }

  #widen(): void {
    this.#side = WideBookSide.of(this.#side, this.sign);
    this.#wide = true;
  }
}
