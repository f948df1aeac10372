import {
  rescaleUnits,
  subtractUnits,
  type Units,
  type UnitsJson,
  unitsFromJson,
  unitsToJson,
} from "../../schemas/units.js";
import { AGGREGATE, type Micros, type SymbolName } from "../../schemas/words.js";
import type { MarketBook } from "../book.js";
import type { DepthHead, LevelsOut } from "../messages/depth-message.js";
import { Conflation, type ConflationJson } from "../task/conflation.js";
import type { SymbolGroup } from "../task/market.js";
import type { TaskContext } from "../task/operator.js";
import { OutputStream } from "../task/output-stream.js";
import type { TimerSlot } from "../task/timers.js";
import { addAt } from "./book-side.js";
import { OrderBook } from "./order-book.js";

export interface AggregateBookJson {
  readonly symbol: SymbolName;
  readonly stream: readonly [number, number];
  readonly shown: boolean;
  readonly touchedBids: readonly UnitsJson[];
  readonly touchedAsks: readonly UnitsJson[];
  readonly emission: ConflationJson;
  readonly snapshotDue: Micros | null;
}

/**
 * The live books of one symbol summed by price. It may be crossed, since venues differ, and then says so. What changed
 * leaves conflated: at the first change at once, then at most once in the emission time.
 */
export class AggregateBook {
  readonly stream: OutputStream;
  readonly #live = new Set<MarketBook>();
  /** Kept while several books are live; the sum of one is that book itself. */
  readonly #sum: OrderBook;
  #alone: MarketBook | undefined;
  readonly #touchedBids = new Set<Units>();
  readonly #touchedAsks = new Set<Units>();
  readonly #emission: Conflation;
  readonly #snapshotSlot: TimerSlot;
  /** Whether readers have its levels, so that increments make sense. */
  #shown = false;

  constructor(
    readonly context: TaskContext,
    readonly group: SymbolGroup,
  ) {
    const { symbol } = group;
    this.#sum = new OrderBook(group.priceScale, group.qtyScale);
    this.stream = new OutputStream("market.depth", symbol, `depth:${symbol}`, symbol, AGGREGATE);
    const { timers, order } = context;
    this.#emission = new Conflation(context, `${symbol}:emit`, () => this.#emit());
    this.#snapshotSlot = timers.slot(order, `${symbol}:snapshot`, () => this.#fullBook());
  }

  get total(): OrderBook {
    return this.#alone?.book ?? this.#sum;
  }

  /** A venue's book became live: its levels count from here on. The caller then schedules. */
  add(held: MarketBook): void {
    if (!held.market.aggregates) return;
    this.#live.add(held);
    this.#touchLevels(held);
    this.#take(held);
  }

  /** A venue's book went stale: its levels count no more. Call before the book is cleared, then schedule. */
  withdraw(held: MarketBook): void {
    if (!this.#live.delete(held)) return;
    this.#touchLevels(held);
    if (this.#alone === held) this.#alone = undefined;
    else this.#moveLevels(held, -1);
  }

  /** One level of a live book changed. */
  change(held: MarketBook, bid: boolean, price: Units, before: Units, after: Units): void {
    if (before === after || !this.#live.has(held)) return;
    if (this.#alone === undefined) this.#move(held, bid, price, before, after);
    this.#touch(held, bid, price);
  }

  /** The first live book stands for the sum by itself, given that it has the sum's scales; a second one ends that. */
  #take(held: MarketBook): void {
    if (this.#live.size === 1 && this.#hasScales(held)) {
      this.#alone = held;
      this.#sum.clear();
      return;
    }
    this.#endAlone();
    this.#moveLevels(held, 1);
  }

  #endAlone(): void {
    const alone = this.#alone;
    if (alone === undefined) return;
    this.#alone = undefined;
    this.#moveLevels(alone, 1);
  }

  #hasScales({ book }: MarketBook): boolean {
    return book.priceScale === this.#sum.priceScale && book.qtyScale === this.#sum.qtyScale;
  }

  schedule(): void {
    if (this.#touchedBids.size > 0 || this.#touchedAsks.size > 0) this.#emission.changed();
  }

  rescale(): void {
    const { priceScale, qtyScale } = this.group;
    const more = priceScale - this.#sum.priceScale;
    for (const touched of [this.#touchedBids, this.#touchedAsks]) {
      const prices = [...touched];
      touched.clear();
      for (const price of prices) touched.add(rescaleUnits(price, 0, more));
    }
    this.#sum.rescale(priceScale, qtyScale);
    if (this.#alone !== undefined && !this.#hasScales(this.#alone)) this.#endAlone();
  }

  #touchLevels(held: MarketBook): void {
    const { prices, bidCount, count } = held.book.levels();
    for (let at = count - 1; at >= 0; at--) this.#touch(held, at < bidCount, prices[at]!);
  }

  #touch({ book }: MarketBook, bid: boolean, price: Units): void {
    (bid ? this.#touchedBids : this.#touchedAsks).add(rescaleUnits(price, book.priceScale, this.#sum.priceScale));
  }

  /** Adds all levels of a book to the sum, or takes them away. */
  #moveLevels(held: MarketBook, sign: 1 | -1): void {
    const { prices, quantities, bidCount, count } = held.book.levels();
    for (let at = count - 1; at >= 0; at--) {
      const qty = quantities[at]!;
      this.#move(held, at < bidCount, prices[at]!, sign > 0 ? 0 : qty, sign > 0 ? qty : 0);
    }
  }

  #move({ book }: MarketBook, bid: boolean, price: Units, before: Units, after: Units): void {
    const sum = this.#sum;
    const at = rescaleUnits(price, book.priceScale, sum.priceScale);
    const change = rescaleUnits(subtractUnits(after, before), book.qtyScale, sum.qtyScale);
    addAt(bid ? sum.bids : sum.asks, at, change);
  }

  #emit(): void {
    const { clock, timers, outbox, settings } = this.context;
    const levels = this.#shown ? this.#touchedLevels() : this.total.levels();
    outbox.depth(this.stream, this.#head(this.stream.sequence + 1, !this.#shown), levels);
    this.#shown = true;
    this.#touchedBids.clear();
    this.#touchedAsks.clear();
    if (this.#snapshotSlot.due === Number.POSITIVE_INFINITY) {
      timers.set(this.#snapshotSlot, clock.now + settings.bookSnapshotMs * 1000);
    }
  }

  #fullBook(): void {
    // a last value repeats what the stream has shown: what is still waiting goes first, in its own time
    if (this.#emission.due !== Number.POSITIVE_INFINITY) {
      this.context.timers.set(this.#snapshotSlot, this.#emission.due);
      return;
    }
    this.context.outbox.bookSnapshot(this.stream, this.#head(this.stream.sequence, true), this.total.levels());
  }

  #touchedLevels(): LevelsOut {
    const bids = [...this.#touchedBids].sort((a, b) => (a > b ? -1 : 1));
    const asks = [...this.#touchedAsks].sort((a, b) => (a < b ? -1 : 1));
    const prices = [...bids, ...asks];
    const quantities = prices.map((price, at) => (at < bids.length ? this.total.bids : this.total.asks).at(price));
    const { priceScale, qtyScale } = this.total;
    return { prices, quantities, bidCount: bids.length, count: prices.length, priceScale, qtyScale };
  }

  #head(id: number, snapshot: boolean): DepthHead {
    return {
      first_update_id: id,
      update_id: id,
      is_snapshot: snapshot,
      status: this.#live.size > 0 ? "live" : "stale",
      reason: this.#live.size === 0 ? "no_live_book" : this.total.crossed ? "crossed" : null,
      timestamp: this.context.clock.now,
    };
  }

  save(): AggregateBookJson {
    const snapshotDue = this.#snapshotSlot.due;
    return {
      symbol: this.group.symbol,
      stream: this.stream.save(),
      shown: this.#shown,
      touchedBids: [...this.#touchedBids].map(unitsToJson),
      touchedAsks: [...this.#touchedAsks].map(unitsToJson),
      emission: this.#emission.save(),
      snapshotDue: snapshotDue === Number.POSITIVE_INFINITY ? null : snapshotDue,
    };
  }

  load(saved: AggregateBookJson, live: readonly MarketBook[]): void {
    if (saved.stream[1] > 0) this.stream.load(saved.stream);
    this.#shown = saved.shown;
    this.#emission.load(saved.emission);
    for (const held of live) {
      if (!held.market.aggregates) continue;
      this.#live.add(held);
      this.#take(held);
    }
    for (const price of saved.touchedBids) this.#touchedBids.add(unitsFromJson(price));
    for (const price of saved.touchedAsks) this.#touchedAsks.add(unitsFromJson(price));
    if (saved.snapshotDue !== null) this.context.timers.set(this.#snapshotSlot, saved.snapshotDue);
  }
}
