import type { DepthTick, TickSink, TradeTick } from "../../../schemas/ticks.js";
import { parameterOf } from "../../rest-url.js";
import { type Frame, type FrameNote, type InstrumentLookup, UnreadableFrame } from "../../venue.js";
import { idOf, instrumentOf, levelsOf, microsOf, type Payload, timeOf } from "./payload.js";
import type { BinanceSettings } from "./settings.js";

/**
 * Partial depth streams (`@depth20`) carry a snapshot's fields but only the top of the book, and `rpiDepth` a book with
 * RPI orders in it, which the increments leave out: they are not read.
 */
export function readSnapshot(
  settings: BinanceSettings,
  stream: string | undefined,
  payload: Payload,
  frame: Frame,
  instruments: InstrumentLookup,
  out: TickSink,
): FrameNote | undefined {
  if (stream !== undefined && !stream.endsWith("@depthSnapshot")) return "ignored";
  if (stream === undefined && "url" in frame.origin && !isPath(frame.origin.url, "depth")) return "ignored";
  const nativeId = payload.symbol ?? stream?.slice(0, stream.indexOf("@")).toUpperCase() ?? symbolOfUrl(frame);
  const updateId = idOf(settings, payload.lastUpdateId);
  const tick: DepthTick = {
    kind: "depth",
    exchange: settings.id,
    symbol: instrumentOf(settings, nativeId, instruments).symbol,
    exchangeTime: timeOf(payload, frame.receiveTime),
    receiveTime: frame.receiveTime,
    action: "snapshot",
    firstUpdateId: updateId,
    updateId,
    bids: levelsOf(settings, payload.bids),
    asks: levelsOf(settings, payload.asks),
  };
  out(tick);
  return undefined;
}

interface RestTrade {
  readonly id?: unknown;
  readonly price?: unknown;
  readonly qty?: unknown;
  readonly time?: unknown;
  readonly isBuyerMaker?: unknown;
  readonly a?: unknown;
  readonly f?: unknown;
  readonly l?: unknown;
  readonly p?: unknown;
  readonly q?: unknown;
  readonly T?: unknown;
  readonly m?: unknown;
}

/** The last part of a request's path. */
function isPath(url: string, ...names: readonly string[]): boolean {
  const path = url.split(/[?#]/, 1)[0]!;
  return names.some((name) => path.endsWith(`/${name}`));
}

/**
 * `trades`, `historicalTrades` and `aggTrades`: what is fetched of them fills a hole, and is marked so. Block trades
 * (`historicalBlockTrades`, since 2026-05) are agreed beside the book, and in none of the venue's candles.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
 */
export function readTradeList(
  settings: BinanceSettings,
  list: readonly RestTrade[],
  frame: Frame,
  instruments: InstrumentLookup,
  out: TickSink,
): FrameNote | undefined {
  if (!("url" in frame.origin) || !isPath(frame.origin.url, "trades", "historicalTrades", "aggTrades")) {
    return "ignored";
  }
  const { symbol } = instrumentOf(settings, symbolOfUrl(frame), instruments);
  const ticks = list.map((trade): TradeTick => {
    const id = trade.id ?? trade.a;
    const price = trade.price ?? trade.p;
    const qty = trade.qty ?? trade.q;
    const time = trade.time ?? trade.T;
    const buyerMade = trade.isBuyerMaker ?? trade.m;
    if (
      typeof id !== "number" ||
      typeof price !== "string" ||
      typeof qty !== "string" ||
      typeof time !== "number" ||
      typeof buyerMade !== "boolean"
    ) {
      throw new UnreadableFrame(settings.id, "a list of trades with one that misses a field");
    }
    return {
      kind: "trade",
      exchange: settings.id,
      symbol,
      exchangeTime: microsOf(time),
      receiveTime: frame.receiveTime,
      tradeId: `${id}`,
      price,
      qty,
      side: buyerMade ? "sell" : "buy",
      backfilled: true,
      ...(trade.a !== undefined && fillsOf(settings, trade.f, trade.l)),
    };
  });
  for (const tick of ticks) out(tick);
  return undefined;
}

/** First and last fill of an aggregate trade. */
export function fillsOf(settings: BinanceSettings, first: unknown, last: unknown) {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || (last as number) < (first as number)) {
    throw new UnreadableFrame(settings.id, "an aggregate trade without its first and last trade id");
  }
  return { firstTradeId: first as number, lastTradeId: last as number };
}

function symbolOfUrl(frame: Frame): string | undefined {
  return "url" in frame.origin ? parameterOf(frame.origin.url, "symbol") : undefined;
}
