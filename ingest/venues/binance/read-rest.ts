import type { DepthTick, TickSink, TradeTick } from "../../../schemas/ticks.js";
import { microsOfMillis } from "../../../schemas/words.js";
import { parameterOf } from "../../rest-url.js";
import { type Frame, type FrameNote, type InstrumentLookup, UnreadableFrame } from "../../venue.js";
import { idOf, instrumentOf, levelsOf, type Payload, timeOf } from "./payload.js";
import type { BinanceSettings } from "./settings.js";

/** Partial depth streams (`@depth20`) carry a snapshot's fields but only the top of the book: they are not read. */
export function readSnapshot(
  settings: BinanceSettings,
  stream: string | undefined,
  payload: Payload,
  frame: Frame,
  instruments: InstrumentLookup,
  out: TickSink,
): FrameNote | undefined {
  if (stream !== undefined && !stream.endsWith("@depthSnapshot")) return "ignored";
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
  readonly p?: unknown;
  readonly q?: unknown;
  readonly T?: unknown;
  readonly m?: unknown;
}

/** `trades`, `historicalTrades` and `aggTrades`: what is fetched of them fills a hole, and is marked so. */
export function readTradeList(
  settings: BinanceSettings,
  list: readonly RestTrade[],
  frame: Frame,
  instruments: InstrumentLookup,
  out: TickSink,
): FrameNote | undefined {
  if (!("url" in frame.origin) || !/rades\b/.test(frame.origin.url)) return "ignored";
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
      exchangeTime: microsOfMillis(time),
      receiveTime: frame.receiveTime,
      tradeId: `${id}`,
      price,
      qty,
      side: buyerMade ? "sell" : "buy",
      backfilled: true,
    };
  });
  for (const tick of ticks) out(tick);
  return undefined;
}

function symbolOfUrl(frame: Frame): string | undefined {
  return "url" in frame.origin ? parameterOf(frame.origin.url, "symbol") : undefined;
}
