import type { Side } from "../../schemas/words.js";
import type { SimulatedInstrument } from "./instruments.js";
import type { BookSide, MatchingBook, Order } from "./matching.js";
import { Random } from "./random.js";
import { driftSeed, referenceDrift, venueDrift } from "./reference-price.js";

export interface OrderFlowOptions {
  /** This venue's own orders. */
  readonly seed: string;
  /** Shared with the venues that shall quote nearly the same price. */
  readonly commonSeed: string;
  /** Order events per second. */
  readonly rate: number;
  /** Share of the events that are market orders. */
  readonly marketShare: number;
  /** This venue's price over the reference, in basis points (a perpetual's basis). */
  readonly basis: number;
  /** Resting orders that each side tends to. */
  readonly ordersPerSide: number;
}

const basisPoint = 0.0001;
const fewOrders = 20;

/**
 * The crowd: seeded limit orders, cancels and market orders around a fair price that drifts. A resting order
 * that the fair price has run over is taken by an arbitrageur, so that the book follows.
 */
export class OrderFlow {
  readonly #random: Random;
  readonly #referenceSeed: number;
  readonly #venueSeed: number;

  constructor(
    private readonly instrument: SimulatedInstrument,
    private readonly book: MatchingBook,
    private readonly options: OrderFlowOptions,
  ) {
    this.#random = new Random(`${options.seed}/${instrument.id}/orders`);
    this.#referenceSeed = driftSeed(options.commonSeed, `${instrument.base}/${instrument.quote}`);
    this.#venueSeed = driftSeed(options.seed, instrument.id);
  }

  /** Fair price at a time, in ticks, not rounded. */
  fairTicks(timeMs: number): number {
    const drift =
      referenceDrift(this.#referenceSeed, timeMs) +
      venueDrift(this.#venueSeed, timeMs) +
      this.options.basis * basisPoint;
    return this.instrument.referenceTicks * Math.exp(drift);
  }

  /** Fills both sides before the market opens. */
  open(timeMs: number): void {
    const fair = this.fairTicks(timeMs);
    for (let count = 0; count < this.options.ordersPerSide; count++) {
      this.#limit("buy", fair);
      this.#limit("sell", fair);
    }
  }

  /** ms until the next event: arrivals are a Poisson process. */
  pause(): number {
    return (this.#random.exponential() * 1000) / this.options.rate;
  }

  /** One order or one cancel at this time. */
  step(timeMs: number): void {
    const fair = this.fairTicks(timeMs);
    if (this.#arbitrage(fair)) return;
    const draw = this.#random.next();
    const side: Side = this.#random.next() < 0.5 ? "buy" : "sell";
    if (draw < this.options.marketShare) {
      this.#market(side);
      return;
    }
    const resting = this.book.sideOf(side);
    const cancelShare = Math.min(0.95, (0.5 * resting.orders.length) / this.options.ordersPerSide);
    if (this.#random.next() < cancelShare) this.book.cancel(this.#farther(resting, fair));
    else this.#limit(side, fair);
  }

  /** Orders on the wrong side of the fair price are withdrawn by their makers, or taken. */
  #arbitrage(fair: number): boolean {
    const { bids, asks } = this.book;
    const stale = asks.best !== undefined && asks.best < fair ? asks : bids;
    if (stale.best === undefined || (stale === bids && stale.best <= fair)) return false;
    // A market that slept long may be stale as a whole; somebody quotes before the last order is gone.
    if (stale.orders.length < fewOrders) {
      this.#limit(stale.side, fair);
      return true;
    }
    const draw = this.#random.next();
    if (draw < 0.6) this.book.cancel(stale.oldestAtBest()!);
    else if (draw < 0.8) {
      const buys = stale === asks;
      this.book.submit(buys ? "buy" : "sell", buys ? Math.floor(fair) : Math.ceil(fair), this.#qty(2), true);
    }
    return draw < 0.8;
  }

  /** Takes at most 15 levels, and never a side's last one: a venue without a price helps nobody. */
  #market(side: Side): void {
    const within = (side === "buy" ? this.book.asks : this.book.bids).top(16);
    const worst = within[within.length - 2];
    if (worst !== undefined) this.book.submit(side, worst[0], this.#qty(1), true);
  }

  #limit(side: Side, fair: number): void {
    const spread =
      this.#random.next() < 0.75 ? 0.7 * this.#random.exponential() ** 1.7 : 15 * this.#random.exponential();
    const distance = fair * basisPoint * (0.02 + spread);
    const price = side === "buy" ? Math.floor(fair - distance) : Math.ceil(fair + distance);
    this.book.submit(side, Math.max(1, price), this.#qty(2), false);
  }

  #qty(times: number): number {
    return Math.max(1, Math.round(this.instrument.meanLots * times * this.#random.exponential()));
  }

  /** Of two random orders the one farther from the fair price, so that nothing is forgotten out there. */
  #farther(resting: BookSide, fair: number): Order {
    const one = resting.orders[this.#random.below(resting.orders.length)]!;
    const other = resting.orders[this.#random.below(resting.orders.length)]!;
    return Math.abs(one.price - fair) > Math.abs(other.price - fair) ? one : other;
  }
}
