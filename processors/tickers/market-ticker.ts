import { placeOf } from "../../schemas/names.js";
import { formatUnits, type Units, type UnitsJson, unitsFromJson, unitsToJson } from "../../schemas/units.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import { Conflation, type ConflationJson } from "../task/conflation.js";
import type { Market } from "../task/market.js";
import type { TaskContext } from "../task/operator.js";
import { OutputStream } from "../task/output-stream.js";
import { RecentTrades, type RecentTradesJson } from "./recent-trades.js";
import { RollingVolume, type RollingVolumeJson } from "./rolling-volume.js";
import { type DayStatistics, noStatistics, rescaled } from "./ticker-stats.js";

export interface MarketTickerJson {
  readonly exchange: VenueId;
  readonly symbol: string;
  readonly stream: readonly [number, number];
  readonly emission: ConflationJson;
  readonly prices: readonly (UnitsJson | null)[];
  /** Missing in states of before there were any. */
  readonly trusted?: { readonly prices: readonly (UnitsJson | null)[]; readonly lastTime: Micros };
  readonly scales: readonly [number, number];
  readonly quoted: boolean;
  readonly statistics: DayStatistics | null;
  readonly seen: Micros;
  readonly lastTime: Micros;
  readonly timestamp: Micros;
  readonly volume: RollingVolumeJson;
  readonly recent?: RecentTradesJson;
}

/** Best prices and the last one of a market. */
export class Prices {
  bidPrice: Units | undefined;
  bidQty: Units | undefined;
  askPrice: Units | undefined;
  askQty: Units | undefined;
  lastPrice: Units | undefined;
  /** Exchange time of the last trade: a late one does not change the last price. */
  lastTime: Micros = 0;

  /** A side that is not there has price 0. */
  best(bidPrice: Units, bidQty: Units, askPrice: Units, askQty: Units): void {
    this.bidPrice = bidPrice === 0 ? undefined : bidPrice;
    this.bidQty = bidPrice === 0 ? undefined : bidQty;
    this.askPrice = askPrice === 0 ? undefined : askPrice;
    this.askQty = askPrice === 0 ? undefined : askQty;
  }

  bestOf({ bidPrice, bidQty, askPrice, askQty }: Prices): void {
    this.bidPrice = bidPrice;
    this.bidQty = bidQty;
    this.askPrice = askPrice;
    this.askQty = askQty;
  }

  last(price: Units | undefined, time: Micros): void {
    this.lastPrice = price;
    this.lastTime = time;
  }

  rescale(price: number, qty: number): void {
    this.bidPrice = rescaled(this.bidPrice, price);
    this.askPrice = rescaled(this.askPrice, price);
    this.lastPrice = rescaled(this.lastPrice, price);
    this.bidQty = rescaled(this.bidQty, qty);
    this.askQty = rescaled(this.askQty, qty);
  }

  save(): (UnitsJson | null)[] {
    const prices = [this.bidPrice, this.bidQty, this.askPrice, this.askQty, this.lastPrice];
    return prices.map((units) => (units === undefined ? null : unitsToJson(units)));
  }

  load(saved: readonly (UnitsJson | null)[], lastTime: Micros): void {
    const prices = saved.map((json) => (json === null ? undefined : unitsFromJson(json)));
    [this.bidPrice, this.bidQty, this.askPrice, this.askQty, this.lastPrice] = prices;
    this.lastTime = lastTime;
  }
}

/** What is known of one market now. */
export class MarketTicker {
  readonly stream: OutputStream;
  readonly emission: Conflation;
  readonly volume = new RollingVolume();
  /** Of a market whose trades may be taken back. */
  recent: RecentTrades | undefined;
  /** All that the venue says: its own ticker. */
  readonly own = new Prices();
  /** What aggregates and indices are taken over: without prices beyond the band. */
  readonly trusted = new Prices();
  priceScale: number;
  qtyScale: number;
  /** Whether the venue quotes; without, the book's top serves. */
  quoted = false;
  statistics: DayStatistics | undefined;
  /** Log time of the last trade, quote or depth that is trusted. */
  seen: Micros = 0;
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
    this.own.rescale(price, qty);
    this.trusted.rescale(price, qty);
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
    const { own } = this;
    const price = (units: Units | undefined) => (units === undefined ? null : formatUnits(units, this.priceScale));
    const qty = (units: Units | undefined) => (units === undefined ? null : formatUnits(units, this.qtyScale));
    const day = this.day(clock.now);
    outbox.ticker(this.stream, {
      bid_price: price(own.bidPrice),
      bid_qty: qty(own.bidQty),
      ask_price: price(own.askPrice),
      ask_qty: qty(own.askQty),
      last_price: price(own.lastPrice),
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
    return {
      exchange: this.market.exchange,
      symbol: this.market.symbol,
      stream: this.stream.save(),
      emission: this.emission.save(),
      prices: this.own.save(),
      trusted: { prices: this.trusted.save(), lastTime: this.trusted.lastTime },
      scales: [this.priceScale, this.qtyScale],
      quoted: this.quoted,
      statistics: this.statistics ?? null,
      seen: this.seen,
      lastTime: this.own.lastTime,
      timestamp: this.timestamp,
      volume: this.volume.save(),
      ...(this.recent && { recent: this.recent.save(this.context.clock.now) }),
    };
  }

  load(saved: MarketTickerJson): void {
    if (saved.stream[1] > 0) this.stream.load(saved.stream);
    this.emission.load(saved.emission);
    this.own.load(saved.prices, saved.lastTime);
    const { prices, lastTime } = saved.trusted ?? saved;
    this.trusted.load(prices, lastTime);
    [this.priceScale, this.qtyScale] = saved.scales;
    this.quoted = saved.quoted;
    this.statistics = saved.statistics ?? undefined;
    this.seen = saved.seen;
    this.timestamp = saved.timestamp;
    this.volume.load(saved.volume);
    if (saved.recent === undefined) return;
    this.recent = new RecentTrades();
    this.recent.load(saved.recent);
  }
}
