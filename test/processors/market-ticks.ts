import type {
  DepthTick,
  FeedState,
  HeartbeatTick,
  InstrumentTick,
  LevelText,
  QuoteTick,
  TickerTick,
  TradeTick,
} from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";

/** 2025-11-10 00:00 UTC, a Monday: opens every interval up to a week. */
export const START: Micros = Date.UTC(2025, 10, 10) * 1000;
export const SECOND: Micros = 1_000_000;
export const MINUTE: Micros = 60 * SECOND;
export const HOUR: Micros = 60 * MINUTE;

const base = { exchange: "binance", symbol: "BTC/USDT" };
const at = (time: Micros) => ({ exchangeTime: time, receiveTime: time });

export function instrument(time: Micros = START, more: Partial<InstrumentTick> = {}): InstrumentTick {
  return {
    kind: "instrument",
    ...base,
    ...at(time),
    nativeId: "BTCUSDT",
    status: "trading",
    contractType: "spot",
    base: "BTC",
    quote: "USDT",
    tickSize: "0.01",
    lotSize: "0.001",
    contractSize: "1",
    ...more,
  };
}

export function trade(id: number | string, time: Micros, more: Partial<TradeTick> = {}): TradeTick {
  return { kind: "trade", ...base, ...at(time), tradeId: String(id), price: "100", qty: "1", side: "buy", ...more };
}

export function quote(time: Micros, more: Partial<QuoteTick> = {}): QuoteTick {
  return {
    kind: "quote",
    ...base,
    ...at(time),
    bidPrice: "99.99",
    bidQty: "1",
    askPrice: "100.01",
    askQty: "2",
    ...more,
  };
}

export function ticker(time: Micros, more: Partial<TickerTick> = {}): TickerTick {
  return { kind: "ticker", ...base, ...at(time), lastPrice: "100", ...more };
}

export function snapshot(
  time: Micros,
  updateId: number,
  bids: readonly LevelText[],
  asks: readonly LevelText[],
  more: Partial<DepthTick> = {},
): DepthTick {
  return {
    kind: "depth",
    ...base,
    ...at(time),
    action: "snapshot",
    firstUpdateId: updateId,
    updateId,
    bids,
    asks,
    part: 0,
    parts: 1,
    ...more,
  };
}

export function increment(
  time: Micros,
  updateId: number,
  bids: readonly LevelText[],
  asks: readonly LevelText[],
  more: Partial<DepthTick> = {},
): DepthTick {
  return {
    kind: "depth",
    ...base,
    ...at(time),
    action: "increment",
    firstUpdateId: updateId,
    updateId,
    bids,
    asks,
    ...more,
  };
}

export function heartbeat(time: Micros, feeds: readonly FeedState[] = []): HeartbeatTick {
  return { kind: "heartbeat", exchange: "", symbol: "", ...at(time), feeds };
}

export function feed(connected: boolean, since: Micros, exchange = "binance"): FeedState {
  return { exchange, feed: "market-1", connected, since };
}
