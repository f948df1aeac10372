import type { Side } from "../../schemas/words.js";
import { type AggregateTrade, aggregateTrades } from "./aggregate-trades.js";
import { MinuteCandles, type SimulatedTrade } from "./candles.js";
import { DepthChanges, type DepthUpdate } from "./depth-changes.js";
import type { SimulatedInstrument } from "./instruments.js";
import { MatchingBook, type Order } from "./matching.js";
import { OrderFlow, type OrderFlowOptions } from "./order-flow.js";
import { Random } from "./random.js";

export interface MarketOptions extends OrderFlowOptions {
  /** When the market opens, ms since the epoch. */
  readonly openTime: number;
  /** Trades kept for REST and inspection. */
  readonly keepTrades: number | "all";
  readonly keepMinutes: number;
  /** USD-M ids are shared by all symbols, so one symbol's have holes; spot's have none. */
  readonly updateIdHoles: boolean;
}

/** What happens on a market, in order. A quote and a depth update carry the update id that they stand for. */
export interface MarketListener {
  trade(market: Market, trade: SimulatedTrade): void;
  /** The trades of one taker order at one price, once that price is done with. */
  aggregateTrade(market: Market, trade: AggregateTrade): void;
  quote(market: Market, quote: Quote): void;
  depth(market: Market, update: DepthUpdate, periodMs: number): void;
}

export interface Quote {
  readonly updateId: number;
  readonly bid: number;
  readonly bidQty: number;
  readonly ask: number;
  readonly askQty: number;
}

/** No market is so busy that it would use up more. */
const UPDATE_IDS_A_MS = 1_000;
const TRADE_IDS_A_MS = 100;

/** One symbol's market: its orders, book, trades and candles, on a clock that its owner moves. */
export class Market {
  readonly candles: MinuteCandles;
  readonly #book: MatchingBook;
  readonly #flow: OrderFlow;
  readonly #ids: Random;
  readonly #depths = new Map<number, DepthChanges>();
  /** Of the order at hand. */
  readonly #orderTrades: SimulatedTrade[] = [];
  #trades: SimulatedTrade[] = [];
  #quote: Quote = { updateId: 0, bid: 0, bidQty: 0, ask: 0, askQty: 0 };
  #updateId: number;
  #tradeId: number;
  #aggregateId: number;
  #takerOfLast = 0;
  #priceOfLast = 0;
  #time: number;
  #nextEvent: number;
  #events = 0;

  constructor(
    readonly instrument: SimulatedInstrument,
    private readonly options: MarketOptions,
    private readonly listener: MarketListener,
  ) {
    this.candles = new MinuteCandles(options.keepMinutes);
    this.#ids = new Random(`${options.seed}/${instrument.id}/ids`);
    // a venue's ids never begin again: a market that opens later goes on above all that it has given before
    const opening = Math.floor(options.openTime);
    this.#updateId = opening * UPDATE_IDS_A_MS + this.#ids.below(1_000_000);
    this.#tradeId = opening * TRADE_IDS_A_MS + this.#ids.below(100_000);
    this.#aggregateId = opening * TRADE_IDS_A_MS + this.#ids.below(50_000);
    this.#book = new MatchingBook({
      fill: (maker, qty, takerId) => this.#fill(maker, qty, takerId),
      level: (side, price) => this.#level(side, price),
    });
    this.#flow = new OrderFlow(instrument, this.#book, options);
    this.#time = options.openTime;
    this.#flow.open(options.openTime);
    this.#quoteIfMoved();
    this.#nextEvent = options.openTime + this.#flow.pause();
    this.depthEvery(100);
  }

  /** ms since the epoch, whole. */
  get time(): number {
    return Math.floor(this.#time);
  }

  get updateId(): number {
    return this.#updateId;
  }

  get quote(): Quote {
    return this.#quote;
  }

  /** Orders and cancels so far. */
  get events(): number {
    return this.#events;
  }

  /** The kept trades, oldest first, ids without holes. */
  get trades(): readonly SimulatedTrade[] {
    return this.#trades;
  }

  /** [price in ticks, quantity in lots], best first. */
  levels(side: Side, limit = Number.POSITIVE_INFINITY): [price: number, qty: number][] {
    return this.#book.sideOf(side).top(limit);
  }

  /** Starts a stream of depth updates of this period, if there is none. */
  depthEvery(periodMs: number): void {
    if (!this.#depths.has(periodMs)) this.#depths.set(periodMs, new DepthChanges(periodMs, this.#updateId, this.#time));
  }

  /**
   * Lets the market trade up to a time.
   *
   * @param untilMs   ms since the epoch
   * @param mayGoOn   asked every 64 events; false stops before the time is reached
   */
  runUntil(untilMs: number, mayGoOn: () => boolean = () => true): void {
    while (this.#nextEvent <= untilMs) {
      this.#flushUntil(this.#nextEvent);
      this.#time = Math.max(this.#time, this.#nextEvent);
      this.#flow.step(this.#time);
      this.#endOfOrder();
      this.#nextEvent += this.#flow.pause();
      if ((++this.#events & 63) === 0 && !mayGoOn()) return;
    }
    this.#flushUntil(untilMs);
    this.#time = Math.max(this.#time, untilMs);
  }

  /** Moves the clock on without orders: after a pause, or where the machine could not keep up. */
  skipTo(timeMs: number): void {
    if (timeMs <= this.#time) return;
    this.#flushUntil(timeMs);
    this.#time = timeMs;
    this.#nextEvent = Math.max(this.#nextEvent, timeMs);
  }

  /** Sends every pending depth change now. */
  flush(): void {
    for (const changes of this.#depths.values()) this.#send(changes);
  }

  #flushUntil(timeMs: number): void {
    for (const changes of this.#depths.values()) {
      if (changes.dueTime > timeMs) continue;
      this.#time = Math.max(this.#time, changes.dueTime);
      this.#send(changes);
      changes.rearm(timeMs);
    }
  }

  #send(changes: DepthChanges): void {
    const update = changes.take(this.#book, this.time);
    if (update !== undefined) this.listener.depth(this, update, changes.periodMs);
  }

  #level(side: Side, price: number): void {
    this.#updateId += this.options.updateIdHoles ? 1 + this.#ids.below(40) : 1;
    for (const changes of this.#depths.values()) changes.add(side, price, this.#updateId);
  }

  #fill(maker: Order, qty: number, takerId: number): void {
    const buyerIsMaker = maker.side === "buy";
    if (takerId !== this.#takerOfLast || maker.price !== this.#priceOfLast) this.#aggregateId++;
    this.#takerOfLast = takerId;
    this.#priceOfLast = maker.price;
    const trade: SimulatedTrade = {
      id: ++this.#tradeId,
      price: maker.price,
      qty,
      time: this.time,
      buyerIsMaker,
      buyOrderId: buyerIsMaker ? maker.id : takerId,
      sellOrderId: buyerIsMaker ? takerId : maker.id,
      aggregateId: this.#aggregateId,
    };
    this.#keep(trade);
    this.#orderTrades.push(trade);
    this.candles.add(trade);
    this.listener.trade(this, trade);
  }

  #endOfOrder(): void {
    if (this.#orderTrades.length > 0) {
      for (const trade of aggregateTrades(this.#orderTrades)) this.listener.aggregateTrade(this, trade);
      this.#orderTrades.length = 0;
    }
    this.#quoteIfMoved();
  }

  #keep(trade: SimulatedTrade): void {
    this.#trades.push(trade);
    const keep = this.options.keepTrades;
    if (keep !== "all" && this.#trades.length >= 2 * keep) this.#trades = this.#trades.slice(-keep);
  }

  #quoteIfMoved(): void {
    const bid = this.#book.bids.best ?? 0;
    const ask = this.#book.asks.best ?? 0;
    const bidQty = this.#book.bids.qtyAt(bid);
    const askQty = this.#book.asks.qtyAt(ask);
    const last = this.#quote;
    if (bid === last.bid && bidQty === last.bidQty && ask === last.ask && askQty === last.askQty) return;
    this.#quote = { updateId: this.#updateId, bid, bidQty, ask, askQty };
    this.listener.quote(this, this.#quote);
  }
}
