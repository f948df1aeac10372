import type { Side } from "../../schemas/words.js";

/** A resting order. Price in ticks, quantity in lots. */
export interface Order {
  readonly id: number;
  readonly side: Side;
  readonly price: number;
  qty: number;
  /** Neighbours in time at the same price. */
  older: Order | undefined;
  younger: Order | undefined;
  /** Place in its side's list of live orders. */
  place: number;
}

interface PriceLevel {
  readonly price: number;
  qty: number;
  oldest: Order | undefined;
  youngest: Order | undefined;
}

export interface MatchingListener {
  /** The taker took `qty` lots of a resting order at its price. */
  fill(maker: Order, qty: number, takerId: number): void;
  /** A price level now holds `qty` lots; 0 removes it. Called once a level and order, after the level's fills. */
  level(side: Side, price: number, qty: number): void;
}

/** One side's levels, best price last, so that what changes most is moved least. */
export class BookSide {
  readonly orders: Order[] = [];
  readonly #levels = new Map<number, PriceLevel>();
  readonly #prices: number[] = [];
  readonly #sign: number;

  constructor(readonly side: Side) {
    this.#sign = side === "buy" ? 1 : -1;
  }

  get best(): number | undefined {
    return this.#prices[this.#prices.length - 1];
  }

  get depth(): number {
    return this.#prices.length;
  }

  qtyAt(price: number): number {
    return this.#levels.get(price)?.qty ?? 0;
  }

  /** [price, qty], best first. */
  top(limit: number): [price: number, qty: number][] {
    const levels: [number, number][] = [];
    for (let at = this.#prices.length - 1; at >= 0 && levels.length < limit; at--) {
      const price = this.#prices[at]!;
      levels.push([price, this.#levels.get(price)!.qty]);
    }
    return levels;
  }

  oldestAtBest(): Order | undefined {
    const best = this.best;
    return best === undefined ? undefined : this.#levels.get(best)!.oldest;
  }

  rest(order: Order): number {
    let level = this.#levels.get(order.price);
    if (level === undefined) {
      level = { price: order.price, qty: 0, oldest: undefined, youngest: undefined };
      this.#levels.set(order.price, level);
      this.#prices.splice(this.#insertionPoint(order.price), 0, order.price);
    }
    order.older = level.youngest;
    if (level.youngest === undefined) level.oldest = order;
    else level.youngest.younger = order;
    level.youngest = order;
    level.qty += order.qty;
    order.place = this.orders.push(order) - 1;
    return level.qty;
  }

  /** Takes `qty` lots off an order, and the order off the book when nothing is left. Returns the level's quantity. */
  reduce(order: Order, qty: number): number {
    const level = this.#levels.get(order.price)!;
    level.qty -= qty;
    order.qty -= qty;
    if (order.qty === 0) this.#remove(order, level);
    return level.qty;
  }

  #remove(order: Order, level: PriceLevel): void {
    if (order.older === undefined) level.oldest = order.younger;
    else order.older.younger = order.younger;
    if (order.younger === undefined) level.youngest = order.older;
    else order.younger.older = order.older;
    const last = this.orders.pop()!;
    if (last !== order) {
      this.orders[order.place] = last;
      last.place = order.place;
    }
    if (level.oldest === undefined) {
      this.#levels.delete(level.price);
      this.#prices.splice(this.#insertionPoint(level.price), 1);
    }
  }

  #insertionPoint(price: number): number {
    let low = 0;
    let high = this.#prices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#prices[middle]! - price) * this.#sign < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A book that matches by price, then time. Everything in whole ticks and lots. */
export class MatchingBook {
  readonly bids = new BookSide("buy");
  readonly asks = new BookSide("sell");
  #lastOrderId = 0;

  constructor(private readonly listener: MatchingListener) {}

  sideOf(side: Side): BookSide {
    return side === "buy" ? this.bids : this.asks;
  }

  /**
   * Takes what crosses, then rests what is left unless the order is immediate-or-cancel.
   *
   * @param limit worst price, in ticks; Infinity buys and 0 sells at any price
   * @param qty   lots, positive
   * @returns the resting order, if any
   */
  submit(side: Side, limit: number, qty: number, immediateOrCancel: boolean): Order | undefined {
    const id = ++this.#lastOrderId;
    const left = this.#take(side, limit, qty, id);
    if (left === 0 || immediateOrCancel) return undefined;
    const order: Order = { id, side, price: limit, qty: left, older: undefined, younger: undefined, place: -1 };
    this.listener.level(side, limit, this.sideOf(side).rest(order));
    return order;
  }

  cancel(order: Order): void {
    const left = this.sideOf(order.side).reduce(order, order.qty);
    this.listener.level(order.side, order.price, left);
  }

  #take(side: Side, limit: number, qty: number, takerId: number): number {
    const makers = side === "buy" ? this.asks : this.bids;
    let left = qty;
    while (left > 0) {
      const price = makers.best;
      if (price === undefined || (side === "buy" ? price > limit : price < limit)) break;
      let levelQty = makers.qtyAt(price);
      while (left > 0 && levelQty > 0) {
        const maker = makers.oldestAtBest()!;
        const filled = Math.min(left, maker.qty);
        left -= filled;
        levelQty = makers.reduce(maker, filled);
        this.listener.fill(maker, filled, takerId);
      }
      this.listener.level(makers.side, price, levelQty);
    }
    return left;
  }
}
