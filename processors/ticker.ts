import { placeOf } from "../schemas/names.js";
import type { TickerTick } from "../schemas/ticks.js";
import {
  addUnits,
  compareUnits,
  formatUnits,
  multiplyUnits,
  parseUnits,
  type Units,
  type UnitsJson,
  unitsFromJson,
  unitsToJson,
} from "../schemas/units.js";
import { AGGREGATE, type DecimalText, type Micros, type VenueId } from "../schemas/words.js";
import type { BookOperator } from "./book.js";
import { Conflation, type ConflationJson } from "./task/conflation.js";
import type { FeedHealth, Market, SymbolGroup } from "./task/market.js";
import type { CleanDepth, CleanQuote, CleanTrade, Json, Operator, SaveState, TaskContext } from "./task/operator.js";
import { OutputStream } from "./task/output-stream.js";
import { RecentTrades, type RecentTradesJson } from "./tickers/recent-trades.js";
import { RollingVolume, type RollingVolumeJson } from "./tickers/rolling-volume.js";
import {
  atScale,
  type DayStatistics,
  medianMid,
  noStatistics,
  rescaled,
  statisticsOf,
  totalVolume,
  type VenuePrices,
  weightedPrice,
} from "./tickers/ticker-stats.js";

interface MarketTickerJson {
  readonly exchange: VenueId;
  readonly symbol: string;
  readonly stream: readonly [number, number];
  readonly emission: ConflationJson;
  readonly prices: readonly (UnitsJson | null)[];
  readonly scales: readonly [number, number];
  readonly quoted: boolean;
  readonly statistics: DayStatistics | null;
  readonly seen: Micros;
  readonly lastTime: Micros;
  readonly timestamp: Micros;
  readonly volume: RollingVolumeJson;
  readonly recent?: RecentTradesJson;
}

/** What is known of one market now. */
class MarketTicker {
  readonly stream: OutputStream;
  readonly emission: Conflation;
  readonly volume = new RollingVolume();
  /** Of a market whose trades may be taken back. */
  recent: RecentTrades | undefined;
  bidPrice: Units | undefined;
  bidQty: Units | undefined;
  askPrice: Units | undefined;
  askQty: Units | undefined;
  lastPrice: Units | undefined;
  priceScale: number;
  qtyScale: number;
  /** Whether the venue quotes; without, the book's top serves. */
  quoted = false;
  statistics: DayStatistics | undefined;
  /** Log time of the last trade, quote or depth. */
  seen: Micros = 0;
  /** Exchange time of the last trade: a late one does not change the last price. */
  lastTime: Micros = 0;
  timestamp: Micros = 0;

  constructor(
    readonly context: TaskContext,
    readonly market: Market,
  ) {
    const { symbol, exchange } = market;
    const name = placeOf(symbol, exchange);
    this.stream = new OutputStream("market.ticker", symbol, `ticker:${name}`, symbol, exchange);
    this.emission = new Conflation(context, name, () => this.#emit());
    this.priceScale = market.priceScale;
    this.qtyScale = market.qtyScale;
  }

  rescale(): void {
    const { market } = this;
    const price = market.priceScale - this.priceScale;
    const qty = market.qtyScale - this.qtyScale;
    this.priceScale = market.priceScale;
    this.qtyScale = market.qtyScale;
    this.bidPrice = rescaled(this.bidPrice, price);
    this.askPrice = rescaled(this.askPrice, price);
    this.lastPrice = rescaled(this.lastPrice, price);
    this.bidQty = rescaled(this.bidQty, qty);
    this.askQty = rescaled(this.askQty, qty);
    this.volume.rescale(qty, price + qty);
    this.recent?.rescale(price, qty);
  }

  /** The venue's own statistics, else the plant's once 24 hours are covered. */
  day(now: Micros): DayStatistics {
    if (this.statistics !== undefined) return this.statistics;
    const sums = this.volume.sums(now);
    if (sums === undefined) return noStatistics;
    return {
      ...noStatistics,
      volume_24h: formatUnits(sums.base, this.qtyScale),
      // price · quantity means nothing for inverse contracts
      quote_volume_24h: this.market.aggregates ? formatUnits(sums.quote, this.priceScale + this.qtyScale) : null,
    };
  }

  #emit(): void {
    const { clock, outbox } = this.context;
    const price = (units: Units | undefined) => (units === undefined ? null : formatUnits(units, this.priceScale));
    const qty = (units: Units | undefined) => (units === undefined ? null : formatUnits(units, this.qtyScale));
    const day = this.day(clock.now);
    outbox.ticker(this.stream, {
      bid_price: price(this.bidPrice),
      bid_qty: qty(this.bidQty),
      ask_price: price(this.askPrice),
      ask_qty: qty(this.askQty),
      last_price: price(this.lastPrice),
      volume_24h: day.volume_24h,
      quote_volume_24h: day.quote_volume_24h,
      open_24h: day.open_24h,
      high_24h: day.high_24h,
      low_24h: day.low_24h,
      weighted_price: null,
      median_price: null,
      venues: null,
      timestamp: this.timestamp,
    });
  }

  save(): MarketTickerJson {
    const prices = [this.bidPrice, this.bidQty, this.askPrice, this.askQty, this.lastPrice];
    return {
      exchange: this.market.exchange,
      symbol: this.market.symbol,
      stream: this.stream.save(),
      emission: this.emission.save(),
      prices: prices.map((units) => (units === undefined ? null : unitsToJson(units))),
      scales: [this.priceScale, this.qtyScale],
      quoted: this.quoted,
      statistics: this.statistics ?? null,
      seen: this.seen,
      lastTime: this.lastTime,
      timestamp: this.timestamp,
      volume: this.volume.save(),
      ...(this.recent && { recent: this.recent.save(this.context.clock.now) }),
    };
  }

  load(saved: MarketTickerJson): void {
    if (saved.stream[1] > 0) this.stream.load(saved.stream);
    this.emission.load(saved.emission);
    const prices = saved.prices.map((json) => (json === null ? undefined : unitsFromJson(json)));
    [this.bidPrice, this.bidQty, this.askPrice, this.askQty, this.lastPrice] = prices;
    [this.priceScale, this.qtyScale] = saved.scales;
    this.quoted = saved.quoted;
    this.statistics = saved.statistics ?? undefined;
    this.seen = saved.seen;
    this.lastTime = saved.lastTime;
    this.timestamp = saved.timestamp;
    this.volume.load(saved.volume);
    if (saved.recent === undefined) return;
    this.recent = new RecentTrades();
    this.recent.load(saved.recent);
  }
}

interface GroupTickerJson {
  readonly symbol: string;
  readonly stream: readonly [number, number];
  readonly emission: ConflationJson;
}

/** Tickers of each venue, and of all live venues together with their weighted and median price. */
export class TickerOperator implements Operator {
  readonly name = "ticker";
  readonly #markets: (MarketTicker | undefined)[] = [];
  readonly #groups: ({ stream: OutputStream; emission: Conflation; group: SymbolGroup } | undefined)[] = [];

  constructor(
    readonly context: TaskContext,
    readonly books: BookOperator,
  ) {}

  /** The market's price for an index: the mid where there are both sides, else the last trade's. Canonical text. */
  priceOf(market: Market): { price: DecimalText; volume24h: DecimalText | null; seen: Micros } | undefined {
    const held = this.#markets[market.id];
    if (held === undefined) return undefined;
    const volume24h = held.day(this.context.clock.now).volume_24h;
    if (held.bidPrice !== undefined && held.askPrice !== undefined) {
      const doubled = multiplyUnits(addUnits(held.bidPrice, held.askPrice), 5);
      return { price: formatUnits(doubled, held.priceScale + 1), volume24h, seen: held.seen };
    }
    if (held.lastPrice === undefined) return undefined;
    return { price: formatUnits(held.lastPrice, held.priceScale), volume24h, seen: held.seen };
  }

  onTrade(trade: CleanTrade): void {
    const { market } = trade;
    const held = this.#markets[market.id] ?? this.#create(market);
    if (held.statistics === undefined) {
      held.volume.add(this.context.clock.now, trade.qty, multiplyUnits(trade.price, trade.qty));
    }
    held.seen = this.context.clock.now;
    if (market.retractable) this.#remember(held, trade);
    if (trade.exchangeTime < held.lastTime) return;
    held.lastTime = trade.exchangeTime;
    held.lastPrice = trade.price;
    this.#changed(held, trade.exchangeTime);
  }

  #remember(held: MarketTicker, { idText: id, price, qty, buy, exchangeTime: time }: CleanTrade): void {
    held.recent ??= new RecentTrades();
    held.recent.add({ id, price, qty, amount: multiplyUnits(price, qty), buy, time, seen: held.seen });
  }

  /** The volume goes, and the last price is that of the last trade that is left. */
  onRetraction(trade: CleanTrade): void {
    const held = this.#markets[trade.market.id];
    const taken = held?.recent?.retract(trade.idText, this.context.clock.now);
    if (held === undefined || taken === undefined) return;
    if (held.statistics === undefined) held.volume.subtract(taken.seen, taken.qty, taken.amount);
    held.seen = this.context.clock.now;
    const last = held.recent!.last();
    held.lastPrice = last?.price;
    held.lastTime = last?.time ?? 0;
    this.#changed(held, trade.exchangeTime);
  }

  onQuote(quote: CleanQuote): void {
    const held = this.#markets[quote.market.id] ?? this.#create(quote.market);
    held.quoted = true;
    held.seen = this.context.clock.now;
    held.bidPrice = quote.bidPrice === 0 ? undefined : quote.bidPrice;
    held.bidQty = quote.bidPrice === 0 ? undefined : quote.bidQty;
    held.askPrice = quote.askPrice === 0 ? undefined : quote.askPrice;
    held.askQty = quote.askPrice === 0 ? undefined : quote.askQty;
    this.#changed(held, quote.exchangeTime);
  }

  onTicker(market: Market, tick: TickerTick): void {
    const held = this.#markets[market.id] ?? this.#create(market);
    held.statistics = statisticsOf(market, tick);
    // until trades say it themselves
    if (held.lastTime === 0) held.lastPrice = parseUnits(tick.lastPrice, held.priceScale);
    held.seen = this.context.clock.now;
    this.#changed(held, tick.exchangeTime);
  }

  /** Where the venue does not quote, the top of its book does. */
  onDepth(market: Market, depth: CleanDepth): void {
    const held = this.#markets[market.id] ?? this.#create(market);
    if (depth.tick.action !== "gap") held.seen = this.context.clock.now;
    if (held.quoted) return;
    const book = this.books.liveBook(market);
    held.bidPrice = book && book.bids.size > 0 ? book.bids.price(0) : undefined;
    held.bidQty = book && book.bids.size > 0 ? book.bids.qty(0) : undefined;
    held.askPrice = book && book.asks.size > 0 ? book.asks.price(0) : undefined;
    held.askQty = book && book.asks.size > 0 ? book.asks.qty(0) : undefined;
    this.#changed(held, depth.tick.exchangeTime);
  }

  onScale(market: Market): void {
    this.#markets[market.id]?.rescale();
  }

  onFeed(exchange: VenueId, _feed: FeedHealth): void {
    for (const held of this.#markets) {
      if (held?.market.exchange === exchange) this.#groups[held.market.group.id]?.emission.changed();
    }
  }

  #changed(held: MarketTicker, timestamp: Micros): void {
    if (timestamp > held.timestamp) held.timestamp = timestamp;
    held.emission.changed();
    const { group } = held.market;
    (this.#groups[group.id] ?? this.#createGroup(group)).emission.changed();
  }

  #emitGroup(group: SymbolGroup, stream: OutputStream): void {
    const { clock, outbox } = this.context;
    const live = group.markets.flatMap((market) => {
      const held = this.#markets[market.id];
      return held !== undefined && this.#isLive(held) ? [held] : [];
    });
    if (live.length === 0 && stream.sequence === 0) return;
    const scale = group.priceScale;
    const venues = live.map((held): VenuePrices => {
      const from = held.priceScale;
      return {
        bid: atScale(held.bidPrice, from, scale),
        ask: atScale(held.askPrice, from, scale),
        last: atScale(held.lastPrice, from, scale),
        volume24h: held.market.aggregates ? held.day(clock.now).volume_24h : null,
      };
    });
    const price = (units: Units | undefined) => (units === undefined ? null : formatUnits(units, scale));
    const bid = best(live, venues, "bid");
    const ask = best(live, venues, "ask");
    outbox.ticker(stream, {
      bid_price: price(bid?.price),
      bid_qty: bid === undefined ? null : formatUnits(bid.held.bidQty!, bid.held.qtyScale),
      ask_price: price(ask?.price),
      ask_qty: ask === undefined ? null : formatUnits(ask.held.askQty!, ask.held.qtyScale),
      last_price: price(latest(live, venues)),
      ...noStatistics,
      volume_24h: totalVolume(venues),
      weighted_price: weightedPrice(venues, scale),
      median_price: medianMid(venues, scale),
      venues: live.map(({ market }) => market.exchange),
      timestamp: live.reduce((newest, { timestamp }) => Math.max(newest, timestamp), 0) || clock.now,
    });
  }

  #isLive(held: MarketTicker): boolean {
    const feed = this.context.feed(held.market.exchange);
    if (feed !== undefined && !feed.connected) return false;
    return this.context.clock.now - held.seen <= this.context.settings.staleAfterMs * 1000;
  }

  #create(market: Market): MarketTicker {
    const held = new MarketTicker(this.context, market);
    this.#markets[market.id] = held;
    return held;
  }

  #createGroup(group: SymbolGroup) {
    const { symbol } = group;
    const stream = new OutputStream("market.ticker", symbol, `ticker:${symbol}`, symbol, AGGREGATE);
    const emission = new Conflation(this.context, symbol, () => this.#emitGroup(group, stream));
    const created = { stream, emission, group };
    this.#groups[group.id] = created;
    return created;
  }

  save(write: SaveState): void {
    for (const held of this.#markets) {
      if (held !== undefined) write(`market/${held.market.key}`, held.save() as unknown as Json);
    }
    for (const held of this.#groups) {
      if (held === undefined) continue;
      const { symbol } = held.group;
      const saved: GroupTickerJson = { symbol, stream: held.stream.save(), emission: held.emission.save() };
      write(`group/${symbol}`, saved as unknown as Json);
    }
  }

  load(key: string, value: Json): void {
    if (key.startsWith("market/")) {
      const saved = value as unknown as MarketTickerJson;
      this.#create(this.context.markets.findOrAdd(saved.exchange, saved.symbol)).load(saved);
      return;
    }
    const saved = value as unknown as GroupTickerJson;
    const held = this.#createGroup(this.context.markets.groupOf(saved.symbol));
    if (saved.stream[1] > 0) held.stream.load(saved.stream);
    held.emission.load(saved.emission);
  }
}

/** The highest bid or the lowest ask; of equal ones the first venue's by name. */
function best(live: readonly MarketTicker[], venues: readonly VenuePrices[], side: "bid" | "ask") {
  let found: { price: Units; held: MarketTicker } | undefined;
  for (const [at, held] of live.entries()) {
    const price = venues[at]![side];
    if (price === undefined) continue;
    const order = found === undefined ? 0 : compareUnits(price, found.price);
    if (found === undefined || (side === "bid" ? order > 0 : order < 0)) found = { price, held };
  }
  return found;
}

/** The last price with the newest exchange time. */
function latest(live: readonly MarketTicker[], venues: readonly VenuePrices[]): Units | undefined {
  let newest = -1;
  for (const [at, held] of live.entries()) {
    if (held.lastPrice !== undefined && (newest < 0 || held.lastTime > live[newest]!.lastTime)) newest = at;
  }
  return newest < 0 ? undefined : venues[newest]!.last;
}
