import { PlantError } from "../../infra/errors.js";
import { aggregateTrades } from "./aggregate-trades.js";
import { klineRow } from "./binance/protocol.js";
import { intervalMs } from "./candles.js";
import { priceText, qtyText } from "./instruments.js";
import type { Market } from "./market.js";

export interface TradeText {
  readonly id: number;
  readonly price: string;
  readonly qty: string;
  /** ms. */
  readonly time: number;
  readonly side: "buy" | "sell";
}

export interface BookText {
  readonly lastUpdateId: number;
  /** [price, qty], best first, written as the venue writes them. */
  readonly bids: [price: string, qty: string][];
  readonly asks: [price: string, qty: string][];
}

export function bookText(market: Market): BookText {
  const of = market.instrument;
  const text = ([price, qty]: [number, number]): [string, string] => [priceText(of, price), qtyText(of, qty)];
  return {
    lastUpdateId: market.updateId,
    bids: market.levels("buy").map(text),
    asks: market.levels("sell").map(text),
  };
}

export function tradeTexts({ instrument, trades }: Market): TradeText[] {
  return trades.map(({ id, price, qty, time, buyerIsMaker }) => ({
    id,
    price: priceText(instrument, price),
    qty: qtyText(instrument, qty),
    time,
    side: buyerIsMaker ? "sell" : "buy",
  }));
}

export interface AggregateText extends TradeText {
  /** The fills that it sums. */
  readonly firstId: number;
  readonly lastId: number;
}

export function aggregateTexts({ instrument, trades }: Market): AggregateText[] {
  return aggregateTrades(trades).map(({ id, firstId, lastId, price, qty, time, buyerIsMaker }) => ({
    ...{ id, firstId, lastId, time },
    price: priceText(instrument, price),
    qty: qtyText(instrument, qty),
    side: buyerIsMaker ? "sell" : "buy",
  }));
}

/** Rows of /klines from the market's first trade on. @throws BadInterval */
export function klineRows(market: Market, interval: string, untilMs = market.time): (string | number)[][] {
  const lengthMs = intervalMs(interval);
  if (lengthMs === undefined) throw new BadInterval(interval);
  return market.candles.of(lengthMs, untilMs).map((candle) => klineRow(market.instrument, lengthMs, candle));
}

/** The simulator was asked for candles of an interval that it does not make. */
export class BadInterval extends PlantError {
  constructor(interval: string) {
    super("TP_SIMULATOR_INTERVAL", `the simulator has no interval "${interval}": use Binance's from 1m to 1w`);
  }
}
