import type { DepthTick, RawTick, TickerTick, TickSink, TradeTick } from "../../../schemas/ticks.js";
import type { Micros } from "../../../schemas/words.js";
import { parseWithNumberTexts } from "../../exact-json.js";
import { partOfUrl } from "../../rest-url.js";
import type { Frame, FrameNote, InstrumentLookup } from "../../venue.js";
import { readAssetPairs } from "./instruments.js";
import { amountOf, instrumentOf, namedLevels, timeOf, timeOfSeconds, unreadable } from "./payload.js";
import { quoteOf, readV1, sideOf } from "./read-v1.js";

/** Channels that are subscribed to, by the `req_id` of the request: a refusal does not name its channel. */
export const channelIds = { trade: 1, ticker: 2, book: 3 } as const;

/** A message of v2, all its numbers as texts. */
interface Message {
  readonly channel?: unknown;
  readonly type?: unknown;
  readonly data?: unknown;
  readonly method?: unknown;
  readonly result?: { readonly channel?: unknown; readonly symbol?: unknown };
  readonly success?: unknown;
  readonly error?: unknown;
  readonly symbol?: unknown;
  readonly req_id?: unknown;
  readonly event?: unknown;
}

/** An entry of a channel's `data`. */
interface Entry {
  readonly symbol?: unknown;
  readonly side?: unknown;
  readonly price?: unknown;
  readonly qty?: unknown;
  readonly trade_id?: unknown;
  readonly timestamp?: unknown;
  readonly bids?: unknown;
  readonly asks?: unknown;
  readonly checksum?: unknown;
  readonly bid?: unknown;
  readonly bid_qty?: unknown;
  readonly ask?: unknown;
  readonly ask_qty?: unknown;
  readonly last?: unknown;
  readonly volume?: unknown;
  readonly high?: unknown;
  readonly low?: unknown;
}

/**
 * Reads one frame of Kraken: a message of WebSocket v2 (prices and quantities are JSON numbers, and kept as their
 * texts), one of v1 (a list), an answer to a request, or an answer of REST.
 *
 * https://docs.kraken.com/api/docs/websocket-v2/book and its neighbours
 *
 * @throws UnreadableFrame
 */
export function readFrame(frame: Frame, instruments: InstrumentLookup, out: TickSink): FrameNote | undefined {
  const { text, receiveTime, origin } = frame;
  if ("url" in origin) return readAnswer(text, origin.url, receiveTime, instruments, out);
  // v1's lists have texts for numbers already.
  const message = parse(text, text.startsWith("[") ? JSON.parse : parseWithNumberTexts);
  const found = Array.isArray(message)
    ? readV1(message, receiveTime, instruments)
    : readMessage(message as Message, receiveTime, instruments);
  if (!Array.isArray(found)) return found;
  for (const tick of found) out(tick);
  return undefined;
}

function parse(text: string, how: (text: string) => unknown): object {
  let parsed: unknown;
  try {
    parsed = how(text);
  } catch (cause) {
    throw unreadable(`not JSON (${(cause as Error).message.slice(0, 80)})`);
  }
  if (typeof parsed !== "object" || parsed === null) throw unreadable("neither object nor list");
  return parsed;
}

function readMessage(message: Message, receiveTime: Micros, instruments: InstrumentLookup): RawTick[] | FrameNote {
  if (message.method !== undefined) return readResponse(message);
  // v1's events: heartbeat, systemStatus, subscriptionStatus, pong
  if (typeof message.event === "string") return "ignored";
  if (typeof message.channel !== "string") throw unreadable("neither a channel nor an answer");
  const read = readers[message.channel];
  if (read === undefined) return "ignored";
  if (!Array.isArray(message.data)) throw unreadable(`${message.channel} without data`);
  const snapshot = message.type === "snapshot";
  // The last trades before the subscription are asked of REST where they are missing.
  if (snapshot && message.channel === "trade") return "ignored";
  const ticks: RawTick[] = [];
  for (const entry of message.data as Entry[]) {
    read(entry ?? {}, snapshot, receiveTime, instrumentOf(entry?.symbol, instruments).symbol, ticks);
  }
  return ticks.length === 0 ? "ignored" : ticks;
}

type EntryReader = (entry: Entry, snapshot: boolean, receiveTime: Micros, symbol: string, ticks: RawTick[]) => void;

const readers: Readonly<Record<string, EntryReader>> = { trade: readTrade, book: readBook, ticker: readTicker };

function readResponse({ method, success, result, error, symbol, req_id }: Message): FrameNote {
  if (method !== "subscribe") return "ignored";
  const byId = Object.entries(channelIds).find(([, id]) => String(id) === req_id)?.[0];
  const subscription = `${result?.channel ?? byId} ${result?.symbol ?? symbol}`;
  return success === true ? { subscription } : { subscription, refusal: String(error).slice(0, 200) };
}

function readTrade(entry: Entry, _snapshot: boolean, receiveTime: Micros, symbol: string, ticks: RawTick[]): void {
  const { trade_id: tradeId, side } = entry;
  if (typeof tradeId !== "string" || !/^\d+$/.test(tradeId)) throw unreadable("a trade without id");
  if (side !== "buy" && side !== "sell") throw unreadable("a trade without side");
  const tick: TradeTick = {
    kind: "trade",
    exchange: "kraken",
    symbol,
    exchangeTime: timeOf(entry.timestamp),
    receiveTime,
    tradeId,
    price: amountOf(entry.price, "a price"),
    qty: amountOf(entry.qty, "a quantity"),
    side,
  };
  ticks.push(tick);
}

function readBook(entry: Entry, snapshot: boolean, receiveTime: Micros, symbol: string, ticks: RawTick[]): void {
  const { checksum, timestamp } = entry;
  if (checksum !== undefined && !/^\d{1,10}$/.test(String(checksum))) throw unreadable("a checksum that is no number");
  const tick: DepthTick = {
    kind: "depth",
    exchange: "kraken",
    symbol,
    // Snapshots carry a time since 2025.
    exchangeTime: timestamp === undefined ? receiveTime : timeOf(timestamp),
    receiveTime,
    action: snapshot ? "snapshot" : "increment",
    firstUpdateId: 0,
    updateId: 0,
    bids: namedLevels(entry.bids),
    asks: namedLevels(entry.asks),
    ...(checksum !== undefined && { checksum: Number(checksum) }),
  };
  ticks.push(tick);
}

/** Best prices and statistics of 24 hours. A pair without a market has zeros everywhere: nothing to tell. */
function readTicker(entry: Entry, _snapshot: boolean, receiveTime: Micros, symbol: string, ticks: RawTick[]): void {
  const text = (value: unknown, what: string) => amountOf(value, `ticker's ${what}`);
  const bid = [text(entry.bid, "bid"), text(entry.bid_qty, "bid_qty")] as const;
  const ask = [text(entry.ask, "ask"), text(entry.ask_qty, "ask_qty")] as const;
  if (!/[1-9]/.test(bid[0] + ask[0])) return;
  const exchangeTime = entry.timestamp === undefined ? receiveTime : timeOf(entry.timestamp);
  const head = { exchange: "kraken", symbol, exchangeTime, receiveTime };
  ticks.push(quoteOf(head, bid, ask));
  if (entry.last === undefined) return;
  const ticker: TickerTick = {
    kind: "ticker",
    ...head,
    lastPrice: text(entry.last, "last"),
    ...(entry.high !== undefined && { high24h: text(entry.high, "high") }),
    ...(entry.low !== undefined && { low24h: text(entry.low, "low") }),
    ...(entry.volume !== undefined && { volume24h: text(entry.volume, "volume") }),
  };
  ticks.push(ticker);
}

/**
 * REST: `AssetPairs`, or `Trades`, which fill a hole; the pair of these stands behind `#` in the URL, where `tradesSince`
 * puts it.
 */
function readAnswer(
  text: string,
  url: string,
  receiveTime: Micros,
  instruments: InstrumentLookup,
  out: TickSink,
): FrameNote | undefined {
  const answer = parse(text, JSON.parse) as { error?: unknown; result?: Readonly<Record<string, unknown>> };
  if (!Array.isArray(answer.error) || answer.error.length > 0 || typeof answer.result !== "object") {
    throw unreadable(`the venue refused a request: ${text.slice(0, 200)}`);
  }
  if (url.includes("/public/AssetPairs")) {
    for (const instrument of readAssetPairs(answer.result, receiveTime)) out(instrument);
    return undefined;
  }
  const market = /#(.+)$/.exec(url)?.[1];
  if (!url.includes("/public/Trades") || market === undefined) return "ignored";
  const nativeId = partOfUrl(market);
  const { symbol } = instrumentOf(nativeId, instruments);
  const list = Object.entries(answer.result).find(([name]) => name !== "last")?.[1];
  if (!Array.isArray(list)) throw unreadable("trades that are no list");
  const ticks = list.map((trade: readonly unknown[]): TradeTick => {
    if (!Number.isSafeInteger(trade?.[6])) throw unreadable("a trade without id");
    return {
      kind: "trade",
      exchange: "kraken",
      symbol,
      exchangeTime: timeOfSeconds(trade[2]),
      receiveTime,
      tradeId: String(trade[6]),
      price: amountOf(trade[0], "a price"),
      qty: amountOf(trade[1], "a quantity"),
      side: sideOf(trade[3]),
      backfilled: true,
    };
  });
  for (const tick of ticks) out(tick);
  return undefined;
}
