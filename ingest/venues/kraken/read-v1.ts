import type { DepthTick, InstrumentTick, RawTick, TickerTick } from "../../../schemas/ticks.js";
import type { Micros } from "../../../schemas/words.js";
import type { FrameNote, InstrumentLookup } from "../../venue.js";
import { amountOf, instrumentOf, nativeIdOf, timeOfSeconds, tripleLevels, unreadable } from "./payload.js";

/** A part of a v1 book message: a snapshot has `as` and `bs`, an update `a` or `b` and, in its last part, `c`. */
interface BookPart {
  readonly as?: unknown;
  readonly bs?: unknown;
  readonly a?: unknown;
  readonly b?: unknown;
  readonly c?: unknown;
}

/**
 * A v1 message of a channel: `[channelID, payload…, channel, pair]`. Prices and quantities are texts, times seconds.
 * The venue still serves v1; it is read for recordings.
 *
 * https://docs.kraken.com/api/docs/websocket-v1/book
 *
 * @throws UnreadableFrame
 */
export function readV1(
  message: readonly unknown[],
  receiveTime: Micros,
  instruments: InstrumentLookup,
): RawTick[] | FrameNote {
  const pair = message.at(-1);
  const channel = message.at(-2);
  if (typeof pair !== "string" || typeof channel !== "string") throw unreadable("a list that is no channel's message");
  const payloads = message.slice(1, -2).filter((part) => part !== null && part !== undefined);
  const read = readers[channel.replace(/-\d+$/, "")];
  if (read === undefined) return "ignored";
  const ticks = read(payloads, instrumentOf(nativeIdOf(pair), instruments), receiveTime);
  return ticks.length === 0 ? "ignored" : ticks;
}

type ChannelReader = (payloads: readonly unknown[], instrument: InstrumentTick, receiveTime: Micros) => RawTick[];

const readers: Readonly<Record<string, ChannelReader>> = {
  trade: readTrades,
  book: readBook,
  spread: readSpread,
  ticker: readTicker,
};

/** [price, quantity, time, side, order type, misc]; v1 has no trade ids. */
function readTrades(payloads: readonly unknown[], { symbol }: InstrumentTick, receiveTime: Micros): RawTick[] {
  const [list] = payloads;
  if (!Array.isArray(list)) throw unreadable("trades that are no list");
  return list.map((trade: readonly unknown[]) => ({
    kind: "trade",
    exchange: "kraken",
    symbol,
    exchangeTime: timeOfSeconds(trade?.[2]),
    receiveTime,
    tradeId: "",
    price: amountOf(trade[0], "a price"),
    qty: amountOf(trade[1], "a quantity"),
    side: sideOf(trade[3]),
  }));
}

export function sideOf(letter: unknown): "buy" | "sell" {
  if (letter === "b") return "buy";
  if (letter === "s") return "sell";
  throw unreadable("a trade without side");
}

function readBook(payloads: readonly unknown[], { symbol }: InstrumentTick, receiveTime: Micros): RawTick[] {
  const parts = payloads as readonly BookPart[];
  const snapshot = parts.some((part) => part.as !== undefined || part.bs !== undefined);
  const asks = parts.flatMap((part) => lists(part.as, part.a));
  const bids = parts.flatMap((part) => lists(part.bs, part.b));
  const times = [...asks, ...bids].map((level) => timeOfSeconds(level?.[2]));
  const checksum = parts.find((part) => part.c !== undefined)?.c;
  if (checksum !== undefined && !/^\d{1,10}$/.test(String(checksum))) throw unreadable("a checksum that is no number");
  const tick: DepthTick = {
    kind: "depth",
    exchange: "kraken",
    symbol,
    exchangeTime: times.length === 0 ? receiveTime : times.reduce((latest, time) => Math.max(latest, time)),
    receiveTime,
    action: snapshot ? "snapshot" : "increment",
    firstUpdateId: 0,
    updateId: 0,
    bids: tripleLevels(bids),
    asks: tripleLevels(asks),
    ...(checksum !== undefined && { checksum: Number(checksum) }),
  };
  return [tick];
}

function lists(...levels: readonly unknown[]): (readonly unknown[])[] {
  return levels.flatMap((list) => {
    if (list === undefined) return [];
    if (!Array.isArray(list)) throw unreadable("depth without levels");
    return list;
  });
}

/** [bid, ask, time, bid quantity, ask quantity]; all zero where there is no market. */
function readSpread(payloads: readonly unknown[], { symbol }: InstrumentTick, receiveTime: Micros): RawTick[] {
  const [spread] = payloads as readonly (readonly unknown[])[];
  const [bidPrice, askPrice, bidQty, askQty] = [0, 1, 3, 4].map((at) => amountOf(spread?.[at], "a best price"));
  if (Number(bidPrice) === 0 && Number(askPrice) === 0) return [];
  const head = { exchange: "kraken", symbol, exchangeTime: timeOfSeconds(spread?.[2]), receiveTime };
  return [quoteOf(head, [bidPrice!, bidQty!], [askPrice!, askQty!])];
}

type Head = Pick<RawTick, "exchange" | "symbol" | "exchangeTime" | "receiveTime">;

/** A side that is zero is empty. */
export function quoteOf(head: Head, bid: readonly [string, string], ask: readonly [string, string]): RawTick {
  const shown = ([price, qty]: readonly [string, string]) => (/[1-9]/.test(price) ? [price, qty] : ["", ""]);
  const [bidPrice = "", bidQty = ""] = shown(bid);
  const [askPrice = "", askQty = ""] = shown(ask);
  return { kind: "quote", ...head, bidPrice, bidQty, askPrice, askQty };
}

/** Statistics are [today, last 24 hours]; a and b are [price, whole lots, lots], and no time is given. */
function readTicker(payloads: readonly unknown[], { symbol }: InstrumentTick, receiveTime: Micros): RawTick[] {
  const [fields] = payloads as readonly Readonly<Record<string, readonly unknown[] | undefined>>[];
  const at = (name: string, index: number) => amountOf(fields?.[name]?.[index], `ticker's ${name}`);
  const head = { exchange: "kraken", symbol, exchangeTime: receiveTime, receiveTime };
  const ticker: TickerTick = {
    kind: "ticker",
    ...head,
    lastPrice: at("c", 0),
    open24h: at("o", 1),
    high24h: at("h", 1),
    low24h: at("l", 1),
    volume24h: at("v", 1),
  };
  return [quoteOf(head, [at("b", 0), at("b", 2)], [at("a", 0), at("a", 2)]), ticker];
}
