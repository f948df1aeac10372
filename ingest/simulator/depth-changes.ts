import type { Side } from "../../schemas/words.js";
import type { MatchingBook } from "./matching.js";

export type IntegerLevel = readonly [price: number, qty: number];

/** The levels that changed in one period, as they stand at its end. Prices in ticks, quantities in lots. */
export interface DepthUpdate {
  readonly firstId: number;
  readonly lastId: number;
  /** Last id of the update before this one. */
  readonly previousId: number;
  readonly bids: readonly IntegerLevel[];
  readonly asks: readonly IntegerLevel[];
  /** ms. */
  readonly time: number;
}

/** Gathers changed levels for one depth stream, and gives them out once a period. */
export class DepthChanges {
  readonly #bids = new Set<number>();
  readonly #asks = new Set<number>();
  #firstId = 0;
  #lastId: number;
  #previousId: number;
  #dueTime: number;

  constructor(
    readonly periodMs: number,
    updateId: number,
    timeMs: number,
  ) {
    this.#lastId = updateId;
    this.#previousId = updateId;
    this.#dueTime = this.#dueAfter(timeMs);
  }

  get dueTime(): number {
    return this.#dueTime;
  }

  rearm(timeMs: number): void {
    this.#dueTime = this.#dueAfter(timeMs);
  }

  add(side: Side, price: number, updateId: number): void {
    if (this.#lastId === this.#previousId) this.#firstId = updateId;
    this.#lastId = updateId;
    (side === "buy" ? this.#bids : this.#asks).add(price);
  }

  take(book: MatchingBook, time: number): DepthUpdate | undefined {
    if (this.#lastId === this.#previousId) return undefined;
    const update: DepthUpdate = {
      firstId: this.#firstId,
      lastId: this.#lastId,
      previousId: this.#previousId,
      bids: [...this.#bids].sort((one, other) => other - one).map((price) => [price, book.bids.qtyAt(price)]),
      asks: [...this.#asks].sort((one, other) => one - other).map((price) => [price, book.asks.qtyAt(price)]),
      time,
    };
    this.#previousId = this.#lastId;
    this.#bids.clear();
    this.#asks.clear();
    return update;
  }

  #dueAfter(timeMs: number): number {
    return (Math.floor(timeMs / this.periodMs) + 1) * this.periodMs;
  }
}
