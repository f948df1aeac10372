import { bookStep } from "../schemas/book-order.js";
import { BookRestart, type BookRestartJson } from "../schemas/book-restart.js";
import { placeOf } from "../schemas/names.js";
import type { Micros } from "../schemas/words.js";
import { AggregateBook, type AggregateBookJson } from "./books/aggregate-book.js";
import { type BookJson, OrderBook } from "./books/order-book.js";
import type { DepthHead } from "./messages/depth-message.js";
import type { Market } from "./task/market.js";
import type { CleanDepth, Json, Operator, SaveState, TaskContext } from "./task/operator.js";
import { OutputStream } from "./task/output-stream.js";
import type { TimerSlot } from "./task/timers.js";

interface MarketBookJson {
  readonly exchange: string;
  readonly symbol: string;
  readonly book: BookJson;
  readonly stream: readonly [number, number];
  readonly live: boolean;
  readonly reason: string | null;
  readonly updateId: number;
  readonly justSnapped: boolean;
  /** Missing in states of before there was one. */
  readonly restart?: BookRestartJson;
  readonly nextPart: number;
  readonly crossed?: boolean;
  readonly timestamp: Micros;
  readonly snapshotDue: Micros | null;
}

/** One venue's book in one symbol: right, or stale with the reason why. */
export class MarketBook {
  readonly book: OrderBook;
  readonly stream: OutputStream;
  live = false;
  /** Why it is stale; null while live. */
  reason: string | null = "no_snapshot";
  /** The last id taken in, as the venue numbers them. */
  updateId = 0;
  /** The next increment may overlap the snapshot. */
  justSnapped = false;
  readonly restart = new BookRestart();
  /** The next part of a snapshot in parts; 0 while none is on its way. */
  nextPart = 0;
  /** Stale because best bid and ask have met; what follows is applied all the same. */
  crossed = false;
  timestamp: Micros = 0;

  constructor(
    readonly market: Market,
    readonly snapshotSlot: TimerSlot,
  ) {
    this.book = new OrderBook(market.priceScale, market.qtyScale);
    const { symbol, exchange } = market;
    this.stream = new OutputStream("market.depth", symbol, `depth:${placeOf(symbol, exchange)}`, symbol, exchange);
  }

  /**
   * Whether an increment follows what was taken in. Ingest has run the venue's own rule; this holds what every venue's
   * ids share, and refuses what the log itself lost.
   */
  follows(tick: CleanDepth["tick"]): "apply" | "skip" | "gap" {
    return tick.updateId === 0 ? "apply" : bookStep(tick, this.updateId, this.justSnapped);
  }

  save(): MarketBookJson {
    return {
      exchange: this.market.exchange,
      symbol: this.market.symbol,
      book: this.book.save(),
      stream: this.stream.save(),
      live: this.live,
      reason: this.reason,
      updateId: this.updateId,
      justSnapped: this.justSnapped,
      restart: this.restart.save(),
      nextPart: this.nextPart,
      crossed: this.crossed,
      timestamp: this.timestamp,
      snapshotDue: this.snapshotSlot.due === Number.POSITIVE_INFINITY ? null : this.snapshotSlot.due,
    };
  }

  load(saved: MarketBookJson): void {
    this.book.load(saved.book);
    if (saved.stream[1] > 0) this.stream.load(saved.stream);
    this.live = saved.live;
    this.reason = saved.reason;
    this.updateId = saved.updateId;
    this.justSnapped = saved.justSnapped;
    if (saved.restart !== undefined) this.restart.load(saved.restart);
    this.nextPart = saved.nextPart;
    // an earlier version kept nothing of a book that crossed
    this.crossed = saved.crossed ?? false;
    this.timestamp = saved.timestamp;
  }
}

/**
 * Books of each venue by its sequence, sent on one for one, and of all venues together. A gap, an increment that does
 * not follow makes it stale until a snapshot comes in the log. A book that crosses is stale while it does: ids that go on
 * unbroken are applied meanwhile, and it is live again, with a full book, once it is crossed no more.
 */
export class BookOperator implements Operator {
  readonly name = "book";
  readonly #books: (MarketBook | undefined)[] = [];
  readonly #aggregates: (AggregateBook | undefined)[] = [];
  readonly #snapshotGap: Micros;

  constructor(
    readonly context: TaskContext,
    /** Told when a book becomes live or stale. */
    readonly onStatus: (market: Market, live: boolean, reason: string | null) => void = () => {},
  ) {
    this.#snapshotGap = context.settings.bookSnapshotMs * 1000;
  }

  /** The market's book while it is right. */
  liveBook(market: Market): OrderBook | undefined {
    const held = this.#books[market.id];
    return held?.live ? held.book : undefined;
  }

  onDepth(market: Market, depth: CleanDepth): void {
    const held = this.#books[market.id] ?? this.#create(market);
    held.timestamp = depth.tick.exchangeTime;
    if (depth.tick.action === "gap") this.#stale(held, depth.tick.reason ?? "gap", depth.tick.updateId);
    else if (depth.tick.action === "snapshot") this.#snapshot(held, depth);
    else this.#increment(held, depth);
  }

  #snapshot(held: MarketBook, depth: CleanDepth): void {
    const part = depth.tick.part ?? 0;
    const parts = depth.tick.parts ?? 1;
    if (part === 0) {
      this.#aggregate(held.market).withdraw(held);
      held.book.clear();
    } else if (part !== held.nextPart) {
      this.#stale(held, "snapshot_incomplete", held.updateId);
      return;
    }
    for (let at = depth.count - 1; at >= 0; at--) this.#set(held, depth, at);
    held.live = false;
    held.crossed = false;
    held.nextPart = part + 1 < parts ? part + 1 : 0;
    if (held.nextPart > 0) return;
    held.updateId = depth.tick.updateId;
    held.justSnapped = true;
    held.restart.snapped();
    if (held.book.crossed) this.#cross(held);
    else this.#live(held, depth.tick.firstUpdateId);
  }

  /** The whole book is right from here on. */
  #live(held: MarketBook, firstUpdateId: number): void {
    held.live = true;
    held.crossed = false;
    held.reason = null;
    this.onStatus(held.market, true, null);
    this.context.outbox.depth(held.stream, this.#head(held, firstUpdateId, true), held.book.levels());
    const aggregate = this.#aggregate(held.market);
    aggregate.add(held);
    aggregate.schedule();
  }

  #increment(held: MarketBook, depth: CleanDepth): void {
    if (!held.live && !held.crossed) return;
    const step = held.follows(depth.tick);
    if (step === "skip") {
      const isAnew = held.restart.skipped(depth.tick.updateId, depth.tick.exchangeTime);
      if (isAnew) this.#stale(held, "ids_begin_again", depth.tick.updateId);
      return;
    }
    if (step === "gap") {
      this.#stale(held, "sequence_gap", depth.tick.updateId);
      return;
    }
    held.justSnapped = false;
    held.restart.applied(depth.tick.exchangeTime);
    if (depth.tick.updateId > 0) held.updateId = depth.tick.updateId;
    const aggregate = this.#aggregate(held.market);
    for (let at = 0; at < depth.count; at++) {
      const before = this.#set(held, depth, at);
      if (!held.crossed) aggregate.change(held, at < depth.bidCount, depth.prices[at]!, before, depth.quantities[at]!);
    }
    if (held.book.crossed) {
      this.#cross(held);
      return;
    }
    if (held.crossed) {
      this.#live(held, depth.tick.firstUpdateId);
      return;
    }
    const { market } = held;
    this.context.outbox.depth(held.stream, this.#head(held, depth.tick.firstUpdateId, false), {
      prices: depth.prices,
      quantities: depth.quantities,
      bidCount: depth.bidCount,
      count: depth.count,
      priceScale: market.priceScale,
      qtyScale: market.qtyScale,
    });
    if (held.snapshotSlot.due === Number.POSITIVE_INFINITY) {
      this.context.timers.set(held.snapshotSlot, this.context.clock.now + this.#snapshotGap);
    }
    aggregate.schedule();
  }

  #set(held: MarketBook, depth: CleanDepth, at: number) {
    const side = at < depth.bidCount ? held.book.bids : held.book.asks;
    return side.set(depth.prices[at]!, depth.quantities[at]!);
  }

  /** Stale, but kept: what crosses it may be taken back by the next update. */
  #cross(held: MarketBook): void {
    if (held.crossed) return;
    if (held.live) this.#aggregate(held.market).withdraw(held);
    held.live = false;
    held.crossed = true;
    this.context.timers.clear(held.snapshotSlot);
    const told = held.reason === "crossed";
    held.reason = "crossed";
    if (!told) {
      this.onStatus(held.market, false, "crossed");
      this.context.outbox.depth(held.stream, this.#head(held, held.updateId, false), noLevels);
    }
    this.#aggregate(held.market).schedule();
  }

  #stale(held: MarketBook, reason: string, updateId: number): void {
    const told = !held.live && held.reason === reason;
    if (held.live) this.#aggregate(held.market).withdraw(held);
    held.live = false;
    held.crossed = false;
    held.reason = reason;
    held.nextPart = 0;
    held.updateId = Math.max(held.updateId, updateId);
    held.book.clear();
    this.context.timers.clear(held.snapshotSlot);
    if (!told) {
      this.onStatus(held.market, false, reason);
      this.context.outbox.depth(held.stream, this.#head(held, held.updateId, false), noLevels);
    }
    this.#aggregate(held.market).schedule();
  }

  #head(held: MarketBook, firstUpdateId: number, snapshot: boolean): DepthHead {
    return {
      first_update_id: firstUpdateId,
      update_id: held.updateId,
      is_snapshot: snapshot,
      status: held.live ? "live" : "stale",
      reason: held.reason,
      timestamp: held.timestamp,
    };
  }

  #fullBook(held: MarketBook): void {
    if (!held.live) return;
    this.context.outbox.bookSnapshot(held.stream, this.#head(held, held.updateId, true), held.book.levels());
  }

  onScale(market: Market): void {
    this.#books[market.id]?.book.rescale(market.priceScale, market.qtyScale);
    this.#aggregates[market.group.id]?.rescale();
  }

  #create(market: Market): MarketBook {
    const slot = this.context.timers.slot(this.context.order, market.key, () => this.#fullBook(held));
    const held: MarketBook = new MarketBook(market, slot);
    this.#books[market.id] = held;
    return held;
  }

  #aggregate(market: Market): AggregateBook {
    const { group } = market;
    let aggregate = this.#aggregates[group.id];
    if (aggregate === undefined) {
      aggregate = new AggregateBook(this.context, group);
      this.#aggregates[group.id] = aggregate;
    }
    return aggregate;
  }

  save(write: SaveState): void {
    for (const held of this.#books) {
      if (held !== undefined) write(`book/${held.market.key}`, held.save() as unknown as Json);
    }
    for (const aggregate of this.#aggregates) {
      if (aggregate !== undefined) write(`total/${aggregate.group.symbol}`, aggregate.save() as unknown as Json);
    }
  }

  /** Books come before totals: a total is made of its venues' live books and its own place in its stream. */
  load(key: string, value: Json): void {
    if (key.startsWith("book/")) {
      const saved = value as unknown as MarketBookJson;
      const held = this.#create(this.context.markets.findOrAdd(saved.exchange, saved.symbol));
      held.load(saved);
      if (saved.snapshotDue !== null) this.context.timers.set(held.snapshotSlot, saved.snapshotDue);
      return;
    }
    const saved = value as unknown as AggregateBookJson;
    const group = this.context.markets.groupOf(saved.symbol);
    const aggregate = new AggregateBook(this.context, group);
    this.#aggregates[group.id] = aggregate;
    aggregate.load(
      saved,
      group.markets.map(({ id }) => this.#books[id]).filter((held) => held?.live === true) as MarketBook[],
    );
  }
}

const noLevels = { prices: [], quantities: [], bidCount: 0, count: 0, priceScale: 0, qtyScale: 0 };
