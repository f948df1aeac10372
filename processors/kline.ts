import { baseOf, type Interval, interval } from "../schemas/kline-intervals.js";
import { placeOf } from "../schemas/names.js";
import { multiplyUnits, rescaleUnits, type Units } from "../schemas/units.js";
import type { CandleJson } from "./candles/candle.js";
import { KlineSeries, type SeriesJson } from "./candles/kline-series.js";
import { PRICE_BAND } from "./cleaning/trade-flags.js";
import type { Scales } from "./messages/kline-message.js";
import { orderedIntervals } from "./settings.js";
import type { Market, SymbolGroup } from "./task/market.js";
import type { CleanTrade, Json, Operator, SaveState, TaskContext } from "./task/operator.js";

interface ClosedJson {
  readonly series: string;
  readonly interval: string;
  readonly candles: readonly CandleJson[];
}

/** K-lines of each venue and of all venues together, in every configured interval. */
export class KlineOperator implements Operator {
  readonly name = "kline";
  /** What candles are kept for, shortest first; the first may be kept only to roll the others up from. */
  readonly #intervals: readonly Interval[];
  readonly #firstShown: 0 | 1;
  readonly #ofMarket: (KlineSeries | undefined)[] = [];
  readonly #ofGroup: (KlineSeries | undefined)[] = [];
  readonly #byName = new Map<string, KlineSeries>();

  constructor(readonly context: TaskContext) {
    const shown = orderedIntervals(context.settings.klineIntervals).map(interval);
    const base = baseOf(shown);
    const hidden = base.name !== shown[0]!.name;
    this.#intervals = hidden ? [base, ...shown] : shown;
    this.#firstShown = hidden ? 1 : 0;
  }

  onTrade(trade: CleanTrade): void {
    const { market } = trade;
    const series = this.#ofMarket[market.id] ?? this.#marketSeries(market);
    const amount = multiplyUnits(trade.price, market.aggregates ? trade.qty : 1);
    const { price, qty, buy, exchangeTime, firstId, lastId } = trade;
    // a sum's own number is no fill's
    const id = firstId < 0 ? trade.idNumber : lastId;
    const fills = firstId < 0 ? 1 : lastId - firstId + 1;
    const quote = market.aggregates ? amount : multiplyUnits(qty, market.inverseUnits);
    if (market.retractable) {
      this.#onTentative(series, trade, amount, quote);
      return;
    }
    if (!series.add(price, qty, quote, buy, exchangeTime, id, fills)) {
      this.context.refuse(market.exchange, market.symbol, "too_late", "older than K-lines may be amended");
      return;
    }
    if (!market.aggregates || (trade.flags & PRICE_BAND) !== 0) return;
    const { group } = market;
    const aggregate = this.#ofGroup[group.id] ?? this.#groupSeries(group);
    const morePrice = group.priceScale - market.priceScale;
    const moreQty = group.qtyScale - market.qtyScale;
    aggregate.add(
      rescaleUnits(price, 0, morePrice),
      rescaleUnits(qty, 0, moreQty),
      rescaleUnits(amount, 0, morePrice + moreQty),
      buy,
      exchangeTime,
      id,
      fills,
    );
  }

  #onTentative(series: KlineSeries, trade: CleanTrade, amount: Units, quote: Units): void {
    const { market, price, qty, buy, exchangeTime: time, idText: id } = trade;
    const seen = this.context.clock.now;
    if (!series.addTentative({ id, price, qty, amount: quote, buy, time, seen })) {
      this.context.refuse(market.exchange, market.symbol, "too_late", "older than K-lines may be amended");
      return;
    }
    if (!market.aggregates) return;
    const { group } = market;
    const morePrice = group.priceScale - market.priceScale;
    const moreQty = group.qtyScale - market.qtyScale;
    (this.#ofGroup[group.id] ?? this.#groupSeries(group)).addTentative({
      id: `${market.exchange} ${id}`,
      price: rescaleUnits(price, 0, morePrice),
      qty: rescaleUnits(qty, 0, moreQty),
      amount: rescaleUnits(amount, 0, morePrice + moreQty),
      ...{ buy, time, seen },
    });
  }

  onRetraction({ market, idText: id, exchangeTime }: CleanTrade): void {
    if (this.#ofMarket[market.id]?.retract(id, exchangeTime) !== true) {
      this.context.refuse(
        market.exchange,
        market.symbol,
        "too_late",
        "the trade can not be taken out of K-lines any more",
      );
      return;
    }
    this.#ofGroup[market.group.id]?.retract(`${market.exchange} ${id}`, exchangeTime);
  }

  onScale(market: Market): void {
    const series = this.#ofMarket[market.id];
    if (series !== undefined) {
      series.rescale(marketScales(market));
    }
    const aggregate = this.#ofGroup[market.group.id];
    if (aggregate !== undefined) {
      aggregate.rescale(groupScales(market.group));
    }
  }

  /** Heads sort before what is past, so that a series stands when its closed candles come. */
  save(write: SaveState): void {
    for (const series of this.#byName.values()) {
      const name = placeOf(series.symbol, series.exchange);
      series.saveClosed((i, chunk, candles) => {
        const length = this.#intervals[i]!.name;
        write(
          `past/${name}/${length}/${chunk}`,
          candles && ({ series: name, interval: length, candles } as unknown as Json),
        );
      });
      write(`head/${name}`, series.save() as unknown as Json);
    }
  }

  load(key: string, value: Json): void {
    if (key.startsWith("head/")) {
      const saved = value as unknown as SeriesJson;
      const group = this.context.markets.groupOf(saved.symbol);
      const market = saved.exchange === null ? undefined : this.context.markets.findOrAdd(saved.exchange, saved.symbol);
      const series = market === undefined ? this.#groupSeries(group) : this.#marketSeries(market);
      series.load(saved);
      return;
    }
    const saved = value as unknown as ClosedJson;
    const at = this.#intervals.findIndex(({ name }) => name === saved.interval);
    if (at >= 0) this.#byName.get(saved.series)?.loadClosed(at, saved.candles);
  }

  #marketSeries(market: Market): KlineSeries {
    const venues = [market.exchange];
    const series = this.#create(market.symbol, market.exchange, marketScales(market), () => venues);
    this.#ofMarket[market.id] = series;
    return series;
  }

  #groupSeries(group: SymbolGroup): KlineSeries {
    const venues = () => group.markets.map(({ exchange }) => exchange);
    const series = this.#create(group.symbol, undefined, groupScales(group), venues);
    this.#ofGroup[group.id] = series;
    return series;
  }

  #create(symbol: string, exchange: string | undefined, scales: Scales, venues: () => string[]): KlineSeries {
    const series = new KlineSeries(this.context, this.#intervals, this.#firstShown, symbol, exchange, scales, venues);
    this.#byName.set(placeOf(symbol, exchange), series);
    return series;
  }
}

function marketScales(market: Market): Scales {
  const { priceScale: price, qtyScale: qty } = market;
  const quote = market.aggregates ? price + qty : qty + market.inverseScale;
  return { price, qty, quote };
}

function groupScales({ priceScale: price, qtyScale: qty }: SymbolGroup): Scales {
  return { price, qty, quote: price + qty };
}
