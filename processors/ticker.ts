import type { TickerTick } from "../schemas/ticks.js";
import { addUnits, compareUnits, formatUnits, multiplyUnits, parseUnits, type Units } from "../schemas/units.js";
import { AGGREGATE, type DecimalText, type Micros, type VenueId } from "../schemas/words.js";
import type { BookOperator } from "./book.js";
import { PRICE_BAND } from "./cleaning/trade-flags.js";
import { Conflation, type ConflationJson } from "./task/conflation.js";
import type { FeedHealth, Market, SymbolGroup } from "./task/market.js";
import type { CleanDepth, CleanQuote, CleanTrade, Json, Operator, SaveState, TaskContext } from "./task/operator.js";
import { OutputStream } from "./task/output-stream.js";
import { MarketTicker, type MarketTickerJson } from "./tickers/market-ticker.js";
import { RecentTrades } from "./tickers/recent-trades.js";
import {
  atScale,
  medianMid,
  noStatistics,
  statisticsOf,
  totalVolume,
  type VenuePrices,
  weightedPrice,
} from "./tickers/ticker-stats.js";

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
    const { bidPrice, askPrice, lastPrice } = held.trusted;
    if (bidPrice !== undefined && askPrice !== undefined) {
      const doubled = multiplyUnits(addUnits(bidPrice, askPrice), 5);
      return { price: formatUnits(doubled, held.priceScale + 1), volume24h, seen: held.seen };
    }
    if (lastPrice === undefined) return undefined;
    return { price: formatUnits(lastPrice, held.priceScale), volume24h, seen: held.seen };
  }

  onTrade(trade: CleanTrade): void {
    const { market } = trade;
    const held = this.#markets[market.id] ?? this.#create(market);
    if (held.statistics === undefined) {
      held.volume.add(this.context.clock.now, trade.qty, multiplyUnits(trade.price, trade.qty));
    }
    const trusted = (trade.flags & PRICE_BAND) === 0;
    if (trusted) held.seen = this.context.clock.now;
    if (market.retractable) this.#remember(held, trade);
    const { price, exchangeTime } = trade;
    if (trusted && exchangeTime >= held.trusted.lastTime) held.trusted.last(price, exchangeTime);
    if (exchangeTime < held.own.lastTime) return;
    held.own.last(price, exchangeTime);
    this.#changed(held, exchangeTime);
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
    held.own.last(last?.price, last?.time ?? 0);
    held.trusted.last(last?.price, last?.time ?? 0);
    this.#changed(held, trade.exchangeTime);
  }

  onQuote(quote: CleanQuote): void {
    const held = this.#markets[quote.market.id] ?? this.#create(quote.market);
    held.quoted = true;
    const { bidPrice, bidQty, askPrice, askQty } = quote;
    held.own.best(bidPrice, bidQty, askPrice, askQty);
    if ((quote.marks & PRICE_BAND) === 0) {
      held.seen = this.context.clock.now;
      held.trusted.best(bidPrice, bidQty, askPrice, askQty);
    }
    this.#changed(held, quote.exchangeTime);
  }

  onTicker(market: Market, tick: TickerTick): void {
    const held = this.#markets[market.id] ?? this.#create(market);
    held.statistics = statisticsOf(market, tick);
    // until trades say it themselves
    if (held.own.lastTime === 0) held.own.lastPrice = parseUnits(tick.lastPrice, held.priceScale);
    if (held.trusted.lastTime === 0) held.trusted.lastPrice = held.own.lastPrice;
    held.seen = this.context.clock.now;
    this.#changed(held, tick.exchangeTime);
  }

  /** Where the venue does not quote, the top of its book does. */
  onDepth(market: Market, depth: CleanDepth): void {
    const held = this.#markets[market.id] ?? this.#create(market);
    if (depth.tick.action !== "gap") held.seen = this.context.clock.now;
    if (held.quoted) return;
    const book = this.books.liveBook(market);
    const bids = book !== undefined && book.bids.size > 0 ? book.bids : undefined;
    const asks = book !== undefined && book.asks.size > 0 ? book.asks : undefined;
    const { own } = held;
    own.bidPrice = bids?.price(0);
    own.bidQty = bids?.qty(0);
    own.askPrice = asks?.price(0);
    own.askQty = asks?.qty(0);
    held.trusted.bestOf(own);
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
        bid: atScale(held.trusted.bidPrice, from, scale),
        ask: atScale(held.trusted.askPrice, from, scale),
        last: atScale(held.trusted.lastPrice, from, scale),
        volume24h: held.market.aggregates ? held.day(clock.now).volume_24h : null,
      };
    });
    const price = (units: Units | undefined) => (units === undefined ? null : formatUnits(units, scale));
    const bid = best(live, venues, "bid");
    const ask = best(live, venues, "ask");
    outbox.ticker(stream, {
      bid_price: price(bid?.price),
      bid_qty: bid === undefined ? null : formatUnits(bid.held.trusted.bidQty!, bid.held.qtyScale),
      ask_price: price(ask?.price),
      ask_qty: ask === undefined ? null : formatUnits(ask.held.trusted.askQty!, ask.held.qtyScale),
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
  for (const [at, { trusted }] of live.entries()) {
    if (trusted.lastPrice !== undefined && (newest < 0 || trusted.lastTime > live[newest]!.trusted.lastTime))
      newest = at;
  }
  return newest < 0 ? undefined : venues[newest]!.last;
}
