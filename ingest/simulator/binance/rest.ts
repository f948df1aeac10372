import { aggregateTrades } from "../aggregate-trades.js";
import { intervalMs } from "../candles.js";
import { dayStatistics } from "../day-statistics.js";
import type { Exchange } from "../dialect.js";
import { amountText, priceText, qtyText } from "../instruments.js";
import type { Market } from "../market.js";
import { firstWhere, type Query, RestError, type RestWords, type Route, whole as wholeOf } from "../rest.js";
import { exchangeInfo } from "./exchange-info.js";
import type { BinanceApi } from "./instruments.js";
import { dayTexts, klineRow, levelsText } from "./protocol.js";

/** Binance's public REST API (rest-api.md; USD-M "Market Data Endpoints") over the simulated markets. */
export function binanceRest(api: BinanceApi, exchange: Exchange): RestWords {
  const prefix = api === "spot" ? "/api/v3" : "/fapi/v1";
  const table = new BinanceRest({ dialect: api, ...exchangeOf(exchange) }).table();
  const refusal = (status: number, code: number | string, msg: string) => ({
    status,
    body: JSON.stringify({ code, msg }),
  });
  return {
    routes: new Map(Object.entries(table).map(([name, route]) => [`${prefix}/${name}`, route])),
    headers: (used) => ({ "X-MBX-USED-WEIGHT": String(used), "X-MBX-USED-WEIGHT-1M": String(used) }),
    noSuchPath: (path) => refusal(404, -1000, `no such path ${path}`),
    error: ({ code, message }) => refusal(400, code, message),
    failure: (status) => refusal(status, -1000, "An unknown error occurred while processing the request."),
    tooManyRequests: (seconds) => ({
      ...refusal(
        429,
        -1003,
        `Too much request weight used; current limit is ${exchange.weightLimit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.`,
      ),
      headers: { "Retry-After": String(seconds) },
    }),
  };
}

function exchangeOf({ markets, weightLimit, now }: Exchange) {
  return { markets, weightLimit, now };
}

interface BinanceRestOptions {
  readonly dialect: BinanceApi;
  readonly weightLimit: number;
  readonly markets: ReadonlyMap<string, Market>;
  readonly now: () => number;
}

class BinanceRest {
  constructor(private readonly options: BinanceRestOptions) {}

  table(): Record<string, Route> {
    const spot = this.options.dialect === "spot";
    const fixed = (spotWeight: number, usdmWeight: number) => () => (spot ? spotWeight : usdmWeight);
    return {
      ping: { weight: fixed(1, 1), answer: () => "{}" },
      time: { weight: fixed(1, 1), answer: () => `{"serverTime":${this.options.now()}}` },
      exchangeInfo: { weight: fixed(20, 1), answer: (query) => this.#exchangeInfo(query) },
      depth: { weight: (query) => depthWeight(query, spot), answer: (query) => this.#depth(query) },
      trades: { weight: fixed(25, 5), answer: (query) => this.#trades(query, false) },
      historicalTrades: { weight: fixed(25, 20), answer: (query) => this.#trades(query, true) },
      aggTrades: { weight: fixed(4, 20), answer: (query) => this.#aggregateTrades(query) },
      klines: { weight: fixed(2, 5), answer: (query) => this.#klines(query) },
      "ticker/24hr": { weight: fixed(2, 1), answer: (query) => this.#dayTicker(query) },
      "ticker/bookTicker": { weight: fixed(2, 2), answer: (query) => this.#bookTicker(query) },
      "ticker/price": { weight: fixed(2, 1), answer: (query) => this.#priceTicker(query) },
    };
  }

  #market(query: Query): Market {
    const symbol = query.get("symbol");
    if (!symbol) {
      throw new RestError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.");
    }
    const market = this.options.markets.get(symbol);
    if (market === undefined) throw new RestError(-1121, "Invalid symbol.");
    return market;
  }

  #exchangeInfo(query: Query): string {
    const one = query.get("symbol");
    const several = query.get("symbols");
    const wanted = one ? [one] : several ? symbolList(several) : [...this.options.markets.keys()];
    const instruments = wanted.map((symbol) => this.#market(new URLSearchParams({ symbol })).instrument);
    return JSON.stringify(
      exchangeInfo(this.options.dialect, instruments, this.options.weightLimit, this.options.now()),
    );
  }

  #depth(query: Query): string {
    const market = this.#market(query);
    const limit = whole(query, "limit", this.options.dialect === "spot" ? 100 : 500, 5000);
    const of = market.instrument;
    const times = this.options.dialect === "usdm" ? `"E":${this.options.now()},"T":${market.time},` : "";
    const bids = levelsText(of, market.levels("buy", limit));
    return `{"lastUpdateId":${market.updateId},${times}"bids":${bids},"asks":${levelsText(of, market.levels("sell", limit))}}`;
  }

  #trades(query: Query, mayGoBack: boolean): string {
    const { instrument, trades } = this.#market(query);
    const limit = whole(query, "limit", 500, 1000);
    const fromId = mayGoBack && query.has("fromId") ? whole(query, "fromId", 0) : undefined;
    const first = fromId === undefined ? trades.length - limit : fromId - (trades[0]?.id ?? 0);
    const start = Math.max(0, first);
    const rows = trades.slice(start, start + limit).map((trade) => ({
      id: trade.id,
      price: priceText(instrument, trade.price),
      qty: qtyText(instrument, trade.qty),
      quoteQty: amountText(instrument, BigInt(trade.price) * BigInt(trade.qty)),
      time: trade.time,
      isBuyerMaker: trade.buyerIsMaker,
      ...(this.options.dialect === "spot" ? { isBestMatch: true } : {}),
    }));
    return JSON.stringify(rows);
  }

  #aggregateTrades(query: Query): string {
    const { instrument, trades } = this.#market(query);
    const limit = whole(query, "limit", 500, 1000);
    const bounded = query.has("fromId") || query.has("startTime");
    const fromId = whole(query, "fromId", 0);
    const startTime = whole(query, "startTime", 0);
    const endTime = whole(query, "endTime", Number.MAX_SAFE_INTEGER);
    const chosen = aggregateTrades(trades.slice(firstWhere(trades, (trade) => trade.aggregateId >= fromId))).filter(
      (trade) => trade.time >= startTime && trade.time <= endTime,
    );
    const rows = (bounded ? chosen.slice(0, limit) : chosen.slice(-limit)).map((trade) => ({
      a: trade.id,
      p: priceText(instrument, trade.price),
      q: qtyText(instrument, trade.qty),
      f: trade.firstId,
      l: trade.lastId,
      T: trade.time,
      m: trade.buyerIsMaker,
      ...(this.options.dialect === "spot" ? { M: true } : {}),
    }));
    return JSON.stringify(rows);
  }

  #klines(query: Query): string {
    const market = this.#market(query);
    const lengthMs = intervalMs(query.get("interval") ?? "");
    if (lengthMs === undefined) throw new RestError(-1120, "Invalid interval.");
    const limit = whole(query, "limit", 500, this.options.dialect === "spot" ? 1000 : 1500);
    const startTime = whole(query, "startTime", 0);
    const endTime = whole(query, "endTime", Number.MAX_SAFE_INTEGER);
    const candles = market.candles
      .of(lengthMs, market.time)
      .filter(({ openTime }) => openTime >= startTime && openTime <= endTime);
    const chosen = query.has("startTime") ? candles.slice(0, limit) : candles.slice(-limit);
    return JSON.stringify(chosen.map((candle) => klineRow(market.instrument, lengthMs, candle)));
  }

  #dayTicker(query: Query): string {
    return this.#oneOrAll(query, (market) => {
      const of = market.instrument;
      const day = dayStatistics(market);
      if (day === undefined) return { symbol: of.id };
      const texts = dayTexts(of, day);
      const spotOnly = this.options.dialect === "spot" ? { prevClosePrice: texts.open, ...this.#best(market) } : {};
      return {
        symbol: of.id,
        priceChange: texts.change,
        priceChangePercent: texts.percent,
        weightedAvgPrice: texts.average,
        lastPrice: texts.last,
        lastQty: texts.lastQty,
        ...spotOnly,
        openPrice: texts.open,
        highPrice: texts.high,
        lowPrice: texts.low,
        volume: texts.volume,
        quoteVolume: texts.amount,
        openTime: day.openTime,
        closeTime: day.closeTime,
        firstId: day.firstId,
        lastId: day.lastId,
        count: day.count,
      };
    });
  }

  #bookTicker(query: Query): string {
    const time = (market: Market) => (this.options.dialect === "usdm" ? { time: market.time } : {});
    return this.#oneOrAll(query, (market) => ({
      symbol: market.instrument.id,
      ...this.#best(market),
      ...time(market),
    }));
  }

  #priceTicker(query: Query): string {
    const time = (market: Market) => (this.options.dialect === "usdm" ? { time: market.time } : {});
    return this.#oneOrAll(query, (market) => ({
      symbol: market.instrument.id,
      price: priceText(market.instrument, market.trades[market.trades.length - 1]?.price ?? market.quote.bid),
      ...time(market),
    }));
  }

  #best(market: Market) {
    const of = market.instrument;
    const { bid, bidQty, ask, askQty } = market.quote;
    return {
      bidPrice: priceText(of, bid),
      bidQty: qtyText(of, bidQty),
      askPrice: priceText(of, ask),
      askQty: qtyText(of, askQty),
    };
  }

  #oneOrAll(query: Query, row: (market: Market) => object): string {
    if (query.has("symbol")) return JSON.stringify(row(this.#market(query)));
    return JSON.stringify([...this.options.markets.values()].map(row));
  }
}

function whole(query: Query, name: string, otherwise: number, most = Number.MAX_SAFE_INTEGER): number {
  const illegal = `Illegal characters found in parameter '${name}'; legal range is '^[0-9]{1,20}$'.`;
  return wholeOf(query, name, otherwise, most, new RestError(-1100, illegal));
}

function symbolList(text: string): string[] {
  if (/^\["\w+"(,"\w+")*\]$/.test(text)) return JSON.parse(text) as string[];
  throw new RestError(-1100, "Illegal characters found in parameter 'symbols'.");
}

function depthWeight(query: Query, spot: boolean): number {
  const limit = whole(query, "limit", spot ? 100 : 500, 5000);
  if (spot) return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1000 ? 50 : 250;
  return limit <= 50 ? 2 : limit <= 100 ? 5 : limit <= 500 ? 10 : 20;
}
