import type { DepthTick, QuoteTick, RawTick, TickerTick, TickSink, TradeTick } from "../../../schemas/ticks.js";
import type { Micros } from "../../../schemas/words.js";
import type { Frame, FrameNote, InstrumentLookup } from "../../venue.js";
import { readInstruments } from "./instruments.js";
import { instrumentOf, levelsOf, type OkxEntry, type OkxMessage, textOf, timeOf, unreadable } from "./payload.js";
import { readV3 } from "./read-v3.js";
import type { OkxSettings } from "./settings.js";

/** An error about one stream names it in its text; no field does. */
const refusedStream = /channel:([\w-]+)[^,]*,\s*instId:([\w-]+)/;

/**
 * Reads one frame of OKX v5: a channel's `{"arg","action","data"}`, an answer `{"event"}`, `pong`, or an answer of REST.
 * Prices and quantities are texts there and stay the venue's own. Messages of the API before v5 name a table.
 *
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
 *
 * @throws UnreadableFrame
 */
export function readFrame(
  settings: OkxSettings,
  frame: Frame,
  instruments: InstrumentLookup,
  out: TickSink,
): FrameNote | undefined {
  if (frame.text === "pong") return "ignored";
  const message = parse(frame.text);
  if ("url" in frame.origin) return readAnswer(message, frame.origin.url, frame.receiveTime, instruments, out);
  if (message.event !== undefined) return readEvent(message);
  if (message.table !== undefined) return put(readV3(message, frame.receiveTime, instruments), out);
  if (message.arg === undefined || !Array.isArray(message.data)) throw unreadable("neither a channel nor an event");
  const read = readers[String(message.arg.channel)];
  if (read === undefined) return "ignored";
  const ticks: RawTick[] = [];
  const context = { settings, receiveTime: frame.receiveTime, instruments, backfilled: false };
  for (const entry of message.data as OkxEntry[]) read(message, entry ?? {}, context, ticks);
  return put(ticks, out);
}

function put(ticks: readonly RawTick[] | undefined, out: TickSink): FrameNote | undefined {
  if (ticks === undefined || ticks.length === 0) return "ignored";
  for (const tick of ticks) out(tick);
  return undefined;
}

interface ReadContext {
  readonly settings: OkxSettings;
  readonly receiveTime: Micros;
  readonly instruments: InstrumentLookup;
  readonly backfilled: boolean;
}

type EntryReader = (message: OkxMessage, entry: OkxEntry, context: ReadContext, ticks: RawTick[]) => void;

const RPI = "books-rpi";

const readers: Readonly<Record<string, EntryReader>> = {
  trades: readTrade,
  "trades-all": readTrade,
  books: readBook,
  [RPI]: readBook,
  "books-l2-tbt": readBook,
  "books50-l2-tbt": readBook,
  "bbo-tbt": readBestPrices,
  tickers: readTicker,
};

function parse(text: string): OkxMessage {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw unreadable(`not JSON (${(cause as Error).message.slice(0, 80)})`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw unreadable("no object");
  return parsed;
}

function readEvent({ event, arg, code, msg }: OkxMessage): FrameNote {
  switch (event) {
    case "subscribe":
      return { subscription: `${arg?.channel}:${arg?.instId}` };
    case "notice":
      // The service is about to be upgraded; it closes within 30 s.
      return code === "64008" ? "shutdown" : "ignored";
    case "error": {
      const refusal = `${code} ${msg}`.slice(0, 200);
      const [, channel, instId] = refusedStream.exec(String(msg)) ?? [];
      return { subscription: `${arg?.channel ?? channel}:${arg?.instId ?? instId}`, refusal };
    }
    default:
      return "ignored";
  }
}

/** `side` is the taker's. */
function readTrade(_message: OkxMessage, entry: OkxEntry, context: ReadContext, ticks: RawTick[]): void {
  const { tradeId, px, sz, side } = entry;
  if (typeof tradeId !== "string" || typeof px !== "string" || typeof sz !== "string") {
    throw unreadable("a trade without id, price or quantity");
  }
  if (side !== "buy" && side !== "sell") throw unreadable("a trade without side");
  const tick: TradeTick = {
    kind: "trade",
    exchange: "okx",
    symbol: instrumentOf(entry.instId, context.instruments).symbol,
    exchangeTime: timeOf(entry),
    receiveTime: context.receiveTime,
    tradeId,
    price: px,
    qty: sz,
    side,
  };
  ticks.push(context.backfilled ? { ...tick, backfilled: true } : tick);
}

/**
 * Ids stand since 2022; a checksum of 0 (all that the venue sends since 2026) is none. `books-rpi` counts RPI orders in its
 * quantities, the others do not: what was not asked for of the two is another book. Its levels are
 * `[price, all, without RPI, orders]`.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel (2026-07-28)
 */
function readBook({ arg, action }: OkxMessage, entry: OkxEntry, context: ReadContext, ticks: RawTick[]): void {
  if ((arg?.channel === RPI) !== (context.settings.bookChannel === RPI)) return;
  if (action !== "snapshot" && action !== "update") throw unreadable("depth that is neither snapshot nor update");
  const { checksum } = entry;
  const updateId = idOf(entry.seqId);
  const previous = idOf(entry.prevSeqId);
  const snapshot = action === "snapshot";
  const tick: DepthTick = {
    kind: "depth",
    exchange: "okx",
    symbol: instrumentOf(arg?.instId, context.instruments).symbol,
    exchangeTime: timeOf(entry),
    receiveTime: context.receiveTime,
    action: snapshot ? "snapshot" : "increment",
    firstUpdateId: snapshot || updateId === 0 ? updateId : previous + 1,
    updateId,
    ...(!snapshot && updateId !== 0 && { previousUpdateId: previous }),
    bids: levelsOf(entry.bids),
    asks: levelsOf(entry.asks),
    ...(typeof checksum === "number" && checksum !== 0 && { checksum }),
  };
  ticks.push(tick);
}

/**
 * The best level of each side; an empty side is no level. The sequence id is left out: it may begin lower after a
 * maintenance, and whoever reads quotes alone would take all later ones for old.
 */
function readBestPrices({ arg }: OkxMessage, entry: OkxEntry, context: ReadContext, ticks: RawTick[]): void {
  const [bid] = levelsOf(entry.bids);
  const [ask] = levelsOf(entry.asks);
  const tick: QuoteTick = {
    kind: "quote",
    exchange: "okx",
    symbol: instrumentOf(arg?.instId, context.instruments).symbol,
    exchangeTime: timeOf(entry),
    receiveTime: context.receiveTime,
    bidPrice: bid?.[0] ?? "",
    bidQty: bid?.[1] ?? "",
    askPrice: ask?.[0] ?? "",
    askQty: ask?.[1] ?? "",
  };
  ticks.push(tick);
}

/** `vol24h` is in base currency on spot and in contracts else; `volCcy24h` is quote currency on spot alone. */
function readTicker(_message: OkxMessage, entry: OkxEntry, context: ReadContext, ticks: RawTick[]): void {
  const lastPrice = textOf(entry.last);
  const { symbol, contractType } = instrumentOf(entry.instId, context.instruments);
  const head = { exchange: "okx", symbol, exchangeTime: timeOf(entry), receiveTime: context.receiveTime };
  const [open24h, high24h, low24h] = [textOf(entry.open24h), textOf(entry.high24h), textOf(entry.low24h)];
  const volume24h = textOf(entry.vol24h);
  const quoteVolume24h = contractType === "spot" ? textOf(entry.volCcy24h) : undefined;
  if (lastPrice !== undefined) {
    const tick: TickerTick = {
      kind: "ticker",
      ...head,
      lastPrice,
      ...(open24h !== undefined && { open24h }),
      ...(high24h !== undefined && { high24h }),
      ...(low24h !== undefined && { low24h }),
      ...(volume24h !== undefined && { volume24h }),
      ...(quoteVolume24h !== undefined && { quoteVolume24h }),
    };
    ticks.push(tick);
  }
  if (context.settings.quoteChannel !== "tickers") return;
  const [bidPrice, bidQty] = [textOf(entry.bidPx) ?? "", textOf(entry.bidSz) ?? ""];
  const [askPrice, askQty] = [textOf(entry.askPx) ?? "", textOf(entry.askSz) ?? ""];
  if (bidPrice === "" && askPrice === "") return;
  ticks.push({ kind: "quote", ...head, bidPrice, bidQty, askPrice, askQty });
}

/** An answer of REST: instruments, or trades, newest first, which fill a hole. */
function readAnswer(
  { code, msg, data }: OkxMessage,
  url: string,
  receiveTime: Micros,
  instruments: InstrumentLookup,
  out: TickSink,
): FrameNote | undefined {
  if (code !== "0" || !Array.isArray(data)) throw unreadable(`the venue refused a request: ${code} ${msg}`);
  if (url.includes("/public/instruments")) {
    for (const instrument of readInstruments(data, receiveTime)) out(instrument);
    return undefined;
  }
  if (!url.includes("/market/trades") && !url.includes("/market/history-trades")) return "ignored";
  const ticks: RawTick[] = [];
  const context = { settings: quiet, receiveTime, instruments, backfilled: true };
  for (const entry of data.reverse() as OkxEntry[]) readTrade({}, entry ?? {}, context, ticks);
  for (const tick of ticks) out(tick);
  return undefined;
}

const quiet = {} as OkxSettings;

/** Ids of books are integers; a snapshot follows -1. 0 where the venue gives none. */
function idOf(id: unknown): number {
  if (id === undefined) return 0;
  if (!Number.isSafeInteger(id)) throw unreadable("an update id that is no integer");
  return id as number;
}
