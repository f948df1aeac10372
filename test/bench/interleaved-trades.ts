import { multiplyUnits } from "../../schemas/units.js";
import type { Micros } from "../../schemas/words.js";
import { type RecordedTrades, recordedTrades } from "./recorded-trades.js";

/** One market of the synthetic plant: recorded trades under another name. */
export interface BenchMarket {
  readonly exchange: string;
  readonly symbol: string;
  /** Index of the symbol. */
  readonly group: number;
  readonly priceScale: number;
  readonly qtyScale: number;
  readonly source: RecordedTrades;
}

/** Recorded trades dealt out to many markets, one after the other, in columns. */
export interface InterleavedTrades {
  readonly markets: readonly BenchMarket[];
  readonly symbols: number;
  readonly count: number;
  readonly market: Uint16Array;
  /** In units at the market's scales. */
  readonly price: Float64Array;
  readonly qty: Float64Array;
  readonly buy: Uint8Array;
  /** Which trade of its market it is: the venue's id, and the place in the recording. */
  readonly id: Uint32Array;
  readonly time: Float64Array;
}

export const SYMBOLS = 100;
const VENUES = ["binanceusdm", "binance", "okx"];
/** Every K-line interval of the defaults turns at midnight, a moment after the first trade. */
export const MIDNIGHT: Micros = 1_723_161_600_000_000;

/**
 * 100 symbols of three venues: even symbols trade as recorded BTC of USD-M, spot and USD-M (so scales differ within a
 * symbol), odd ones as ETH of USD-M.
 *
 * @param perSecond trades a second of log time
 */
export function interleavedTrades(count: number, perSecond: number): InterleavedTrades {
  const futures = recordedTrades("usdm/btcusdt_20240808");
  const spot = recordedTrades("spot/btcusdt_20240808", "binance");
  const ether = recordedTrades("usdm/ethusdt_20240808");
  const markets: BenchMarket[] = [];
  for (let group = 0; group < SYMBOLS; group++) {
    for (const exchange of VENUES) {
      const source = group % 2 === 1 ? ether : exchange === "binance" ? spot : futures;
      const { priceScale, qtyScale } = source;
      const symbol = `S${String(group).padStart(2, "0")}/USDT`;
      markets.push({ exchange, symbol, group, priceScale, qtyScale, source });
    }
  }
  const trades: InterleavedTrades = {
    markets,
    symbols: SYMBOLS,
    count,
    market: new Uint16Array(count),
    price: new Float64Array(count),
    qty: new Float64Array(count),
    buy: new Uint8Array(count),
    id: new Uint32Array(count),
    time: new Float64Array(count),
  };
  const start = MIDNIGHT - Math.floor((count / perSecond) * 500_000);
  const taken = new Uint32Array(markets.length);
  for (let at = 0; at < count; at++) {
    // neighbours are of other symbols and venues, as they come from many sockets
    const which = (at * 131) % markets.length;
    const { source } = markets[which]!;
    const id = taken[which]!++;
    // each market begins elsewhere in its recording
    const place = (id + which * 37) % source.prices.length;
    trades.market[at] = which;
    trades.price[at] = source.prices[place]!;
    trades.qty[at] = source.qtys[place]!;
    trades.buy[at] = source.buys[place] ? 1 : 0;
    trades.id[at] = id;
    trades.time[at] = start + Math.floor((at * 1_000_000) / perSecond);
  }
  return trades;
}

/** Where in its recording a market's trade stands. */
export function placeOf(trades: InterleavedTrades, at: number): number {
  const which = trades.market[at]!;
  return (trades.id[at]! + which * 37) % trades.markets[which]!.source.prices.length;
}

/** One candle as exact numbers: sums of safe integers at the series' scales. */
export interface ExactCandle {
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  quoteVolume: number;
  buyVolume: number;
  buyQuoteVolume: number;
  count: number;
}

/**
 * The brute force: the candles of every market, then of every symbol over its venues at the largest scales, before
 * and after midnight. All six intervals turn there and nowhere else, so these are the candles of each of them.
 */
export function exactCandles(trades: InterleavedTrades): { before: ExactCandle[]; after: ExactCandle[] } {
  const { markets, symbols } = trades;
  const scales = Array.from({ length: symbols }, (_, group) => {
    const own = markets.filter((market) => market.group === group);
    return [Math.max(...own.map((m) => m.priceScale)), Math.max(...own.map((m) => m.qtyScale))] as const;
  });
  const before: ExactCandle[] = [];
  const after: ExactCandle[] = [];
  for (let at = 0; at < trades.count; at++) {
    const which = trades.market[at]!;
    const { group, priceScale, qtyScale } = markets[which]!;
    const [groupPrice, groupQty] = scales[group]!;
    const candles = trades.time[at]! < MIDNIGHT ? before : after;
    const price = trades.price[at]!;
    const qty = trades.qty[at]!;
    const buy = trades.buy[at] === 1;
    addTo(candles, which, price, qty, buy);
    const up = 10 ** (groupPrice - priceScale);
    addTo(candles, markets.length + group, price * up, qty * 10 ** (groupQty - qtyScale), buy);
  }
  return { before, after };
}

function addTo(candles: ExactCandle[], series: number, price: number, qty: number, buy: boolean): void {
  let candle = candles[series];
  if (candle === undefined) {
    candle = { open: price, high: price, low: price, close: price, ...nothing };
    candles[series] = candle;
  }
  const amount = safe(multiplyUnits(price, qty));
  candle.high = Math.max(candle.high, price);
  candle.low = Math.min(candle.low, price);
  candle.close = price;
  candle.volume = safe(candle.volume + qty);
  candle.quoteVolume = safe(candle.quoteVolume + amount);
  if (buy) {
    candle.buyVolume += qty;
    candle.buyQuoteVolume += amount;
  }
  candle.count++;
}

const nothing = { volume: 0, quoteVolume: 0, buyVolume: 0, buyQuoteVolume: 0, count: 0 };

function safe(value: number | bigint): number {
  if (!Number.isSafeInteger(value)) throw new Error(`the brute force is not exact at ${value}`);
  return value as number;
}
