import type { AggregateTrade } from "../aggregate-trades.js";
import { type Candle, intervalMs, type SimulatedTrade } from "../candles.js";
import type { DayStatistics } from "../day-statistics.js";
import type { DepthUpdate, IntegerLevel } from "../depth-changes.js";
import type { StreamKind } from "../faults.js";
import { amountText, decimalText, priceText, qtyText, type SimulatedInstrument } from "../instruments.js";
import type { Quote } from "../market.js";
import type { BinanceApi } from "./instruments.js";

/** Payloads as Binance's market streams send them (web-socket-streams.md; USD-M "Websocket Market Streams"). */

export interface StreamName {
  readonly symbol: string;
  readonly kind: StreamKind;
  /** Of a depth stream, ms. */
  readonly periodMs?: number;
  /** Of a K-line stream. */
  readonly interval?: string;
}

/** Reads `btcusdt@depth@100ms` and its like; undefined where the venue has no such stream. */
export function parseStreamName(name: string, api: BinanceApi): StreamName | undefined {
  const [symbol = "", kind = "", speed] = name.split("@");
  if (symbol === "" || symbol !== symbol.toLowerCase()) return undefined;
  const id = symbol.toUpperCase();
  if (kind === "depth") {
    const periodMs = depthPeriod(speed, api);
    return periodMs === undefined ? undefined : { symbol: id, kind, periodMs };
  }
  if (speed !== undefined) return undefined;
  if (kind === "trade" || kind === "aggTrade" || kind === "bookTicker" || kind === "ticker")
    return { symbol: id, kind };
  const interval = kind.startsWith("kline_") ? kind.slice("kline_".length) : "";
  return intervalMs(interval) === undefined ? undefined : { symbol: id, kind: "kline", interval };
}

function depthPeriod(speed: string | undefined, api: BinanceApi): number | undefined {
  if (speed === undefined) return api === "spot" ? 1000 : 250;
  if (speed === "100ms") return 100;
  if (speed === "500ms" && api === "usdm") return 500;
  if (speed === "1000ms" && api === "spot") return 1000;
  return undefined;
}

export function tradePayload(of: SimulatedInstrument, api: BinanceApi, trade: SimulatedTrade): string {
  const price = priceText(of, trade.price);
  const qty = qtyText(of, trade.qty);
  if (api === "usdm") {
    return `{"e":"trade","E":${trade.time},"T":${trade.time},"s":"${of.id}","t":${trade.id},"p":"${price}","q":"${qty}","X":"MARKET","m":${trade.buyerIsMaker}}`;
  }
  return `{"e":"trade","E":${trade.time},"s":"${of.id}","t":${trade.id},"p":"${price}","q":"${qty}","T":${trade.time},"m":${trade.buyerIsMaker},"M":true}`;
}

export function aggregateTradePayload(of: SimulatedInstrument, api: BinanceApi, trade: AggregateTrade): string {
  const best = api === "spot" ? `,"M":true` : "";
  return `{"e":"aggTrade","E":${trade.time},"s":"${of.id}","a":${trade.id},"p":"${priceText(of, trade.price)}","q":"${qtyText(of, trade.qty)}","f":${trade.firstId},"l":${trade.lastId},"T":${trade.time},"m":${trade.buyerIsMaker}${best}}`;
}

export function quotePayload(of: SimulatedInstrument, api: BinanceApi, quote: Quote, time: number): string {
  const sides = `"u":${quote.updateId},"s":"${of.id}","b":"${priceText(of, quote.bid)}","B":"${qtyText(of, quote.bidQty)}","a":"${priceText(of, quote.ask)}","A":"${qtyText(of, quote.askQty)}"`;
  return api === "spot" ? `{${sides}}` : `{"e":"bookTicker",${sides},"T":${time},"E":${time}}`;
}

export function depthPayload(of: SimulatedInstrument, api: BinanceApi, update: DepthUpdate): string {
  const transaction = api === "usdm" ? `"T":${update.time},` : "";
  const previous = api === "usdm" ? `"pu":${update.previousId},` : "";
  return `{"e":"depthUpdate","E":${update.time},${transaction}"s":"${of.id}","U":${update.firstId},"u":${update.lastId},${previous}"b":${levelsText(of, update.bids)},"a":${levelsText(of, update.asks)}}`;
}

export function levelsText(of: SimulatedInstrument, levels: readonly IntegerLevel[]): string {
  let text = "[";
  for (const [price, qty] of levels) {
    text += `${text.length > 1 ? "," : ""}["${priceText(of, price)}","${qtyText(of, qty)}"]`;
  }
  return `${text}]`;
}

/** 24 h statistics, the numbers that both the stream and REST give. */
export function dayTexts(of: SimulatedInstrument, day: DayStatistics) {
  const change = day.last - day.open;
  const sign = change < 0 ? "-" : "";
  const average = day.volume === 0n ? 0n : day.amount / day.volume;
  const perMille = Math.round((Math.abs(change) / day.open) * 100_000);
  return {
    change: sign + priceText(of, Math.abs(change)),
    percent: sign + decimalText(perMille, 3, 3),
    average: decimalText(average, of.priceScale, of.priceDecimals),
    last: priceText(of, day.last),
    lastQty: qtyText(of, day.lastQty),
    open: priceText(of, day.open),
    high: priceText(of, day.high),
    low: priceText(of, day.low),
    volume: qtyText(of, day.volume),
    amount: amountText(of, day.amount),
  };
}

export function tickerPayload(of: SimulatedInstrument, api: BinanceApi, day: DayStatistics, quote: Quote): string {
  const texts = dayTexts(of, day);
  const frame = {
    e: "24hrTicker",
    E: day.closeTime,
    s: of.id,
    p: texts.change,
    P: texts.percent,
    w: texts.average,
    ...(api === "spot" ? { x: texts.open } : {}),
    c: texts.last,
    Q: texts.lastQty,
    ...(api === "spot" ? bestTexts(of, quote) : {}),
    o: texts.open,
    h: texts.high,
    l: texts.low,
    v: texts.volume,
    q: texts.amount,
    O: day.openTime,
    C: day.closeTime,
    F: day.firstId,
    L: day.lastId,
    n: day.count,
  };
  return JSON.stringify(frame);
}

function bestTexts(of: SimulatedInstrument, quote: Quote) {
  return {
    b: priceText(of, quote.bid),
    B: qtyText(of, quote.bidQty),
    a: priceText(of, quote.ask),
    A: qtyText(of, quote.askQty),
  };
}

export function klinePayload(of: SimulatedInstrument, interval: string, candle: Candle, time: number): string {
  const closeTime = candle.openTime + intervalMs(interval)! - 1;
  const k = {
    t: candle.openTime,
    T: closeTime,
    s: of.id,
    i: interval,
    f: candle.firstId,
    L: candle.lastId,
    o: priceText(of, candle.open),
    c: priceText(of, candle.close),
    h: priceText(of, candle.high),
    l: priceText(of, candle.low),
    v: qtyText(of, candle.volume),
    n: candle.count,
    x: time > closeTime,
    q: amountText(of, candle.amount),
    V: qtyText(of, candle.takerBuyVolume),
    Q: amountText(of, candle.takerBuyAmount),
    B: "0",
  };
  return JSON.stringify({ e: "kline", E: time, s: of.id, k });
}

/** A row of /klines. */
export function klineRow(of: SimulatedInstrument, lengthMs: number, candle: Candle): (string | number)[] {
  return [
    candle.openTime,
    priceText(of, candle.open),
    priceText(of, candle.high),
    priceText(of, candle.low),
    priceText(of, candle.close),
    qtyText(of, candle.volume),
    candle.openTime + lengthMs - 1,
    amountText(of, candle.amount),
    candle.count,
    qtyText(of, candle.takerBuyVolume),
    amountText(of, candle.takerBuyAmount),
    "0",
  ];
}
