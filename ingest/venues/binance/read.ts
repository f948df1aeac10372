import type { DepthTick, QuoteTick, TickerTick, TickSink, TradeTick } from "../../../schemas/ticks.js";
import type { Micros } from "../../../schemas/words.js";
import { type Frame, type FrameNote, type InstrumentLookup, UnreadableFrame } from "../../venue.js";
import { readInstruments } from "./instruments.js";
import { idOf, instrumentOf, levelsOf, microsOf, type Payload, textOfId, timeOf } from "./payload.js";
import { fillsOf, readSnapshot, readTradeList } from "./read-rest.js";
import type { BinanceSettings } from "./settings.js";

/** Streams that carry one kind of event, which is read. */
const ourStream = /@(?:trade|aggTrade|bookTicker|ticker|depth(?:@\d+ms)?)$/;

/**
 * Whether a `depthUpdate` is the book's: futures give this name to `@depth20` (the top of the book) and to
 * `@rpiDepth@500ms` (with RPI orders, which the book and REST's snapshot leave out) as well.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Diff-Book-Depth-Streams-RPI
 */
function isBookOf(stream: string | undefined): boolean {
  if (stream === undefined || stream.endsWith("@depth@100ms")) return true;
  return /@depth(?:@\d+ms)?$/.test(stream);
}

/**
 * Reads one frame of Binance: a combined stream's `{"stream","data"}`, a bare payload, an answer to a request, or an
 * answer of REST (its URL tells the symbol where the body does not). JSON is parsed once and the arrays of levels are
 * passed on as parsed.
 *
 * Payloads: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams and, for futures,
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
 *
 * @throws UnreadableFrame
 */
export function readFrame(
  settings: BinanceSettings,
  frame: Frame,
  instruments: InstrumentLookup,
  out: TickSink,
): FrameNote | undefined {
  const parsed = parse(settings, frame.text);
  const payload = parsed.data ?? parsed;
  switch (payload.e) {
    case "trade":
      return readTrade(settings, payload, payload.t, frame.receiveTime, instruments, out);
    case "aggTrade":
      return readAggregate(settings, payload, frame.receiveTime, instruments, out);
    case "bookTicker":
      return readQuote(settings, payload, frame.receiveTime, instruments, out);
    case "depthUpdate":
      if (!isBookOf(parsed.stream)) return "ignored";
      return readIncrement(settings, payload, frame.receiveTime, instruments, out);
    case "24hrTicker":
      return readTicker(settings, payload, frame.receiveTime, instruments, out);
    case "serverShutdown":
      return "shutdown";
    case undefined:
      return readUnnamed(settings, parsed, payload, frame, instruments, out);
    default:
      if (typeof payload.e !== "string") throw new UnreadableFrame(settings.id, "the event's name is no text");
      if (ourStream.test(parsed.stream ?? "")) {
        throw new UnreadableFrame(settings.id, `${parsed.stream} carries an event ${payload.e}`);
      }
      return "ignored";
  }
}

function parse(settings: BinanceSettings, text: string): Payload {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new UnreadableFrame(settings.id, `not JSON (${(cause as Error).message.slice(0, 80)})`);
  }
  if (typeof parsed !== "object" || parsed === null) throw new UnreadableFrame(settings.id, "neither object nor list");
  return parsed as Payload;
}

/** Frames without an event's name: spot's bookTicker, REST answers, answers to SUBSCRIBE. */
function readUnnamed(
  settings: BinanceSettings,
  parsed: Payload,
  payload: Payload,
  frame: Frame,
  instruments: InstrumentLookup,
  out: TickSink,
): FrameNote | undefined {
  if (payload.u !== undefined && payload.A !== undefined) {
    return readQuote(settings, payload, frame.receiveTime, instruments, out);
  }
  if (payload.lastUpdateId !== undefined)
    return readSnapshot(settings, parsed.stream, payload, frame, instruments, out);
  if (Array.isArray(payload)) return readTradeList(settings, payload, frame, instruments, out);
  if (Array.isArray(payload.symbols)) {
    for (const instrument of readInstruments(settings, payload.symbols, frame.receiveTime)) out(instrument);
    return undefined;
  }
  const answer = answerOf(payload);
  if (answer !== undefined) return answer;
  if (payload.error !== undefined || payload.code !== undefined) {
    throw new UnreadableFrame(settings.id, `the venue refused a request: ${frame.text.slice(0, 200)}`);
  }
  if (payload.result !== undefined || payload !== parsed || "url" in frame.origin) return "ignored";
  throw new UnreadableFrame(settings.id, "no known payload");
}

/**
 * The answer to a request of SUBSCRIBE: `{"result":null,"id":1}`, or `{"error":{"code":2,"msg":"…"},"id":1}`; futures
 * write code and msg beside the id. https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 */
function answerOf(payload: Payload): FrameNote | undefined {
  const { id, result, error, code, msg } = payload;
  if (typeof id !== "number") return undefined;
  // of leaving a stream
  if (id === 0) return "ignored";
  const subscription = String(id);
  if (result === null) return { subscription };
  if (error === undefined && code === undefined) return undefined;
  const said = (error ?? { code, msg }) as { code?: unknown; msg?: unknown };
  return { subscription, refusal: `${said.msg ?? "no reason given"} (code ${said.code})`.slice(0, 200) };
}

/**
 * `m` says that the buyer was the maker, so the taker sold. On futures, `X` other than MARKET is no trade of the
 * market: INSURANCE_FUND, ADL, and NA with a price of 0; they are missing from the venue's candles, too.
 * https://dev.binance.vision/t/binance-futures-there-are-some-strange-trades-from-trade-stream/963
 */
function readTrade(
  settings: BinanceSettings,
  payload: Payload,
  id: unknown,
  receiveTime: Micros,
  instruments: InstrumentLookup,
  out: TickSink,
): FrameNote | undefined {
  const { p, q, m } = payload;
  if (typeof id !== "number" || typeof p !== "string" || typeof q !== "string" || typeof m !== "boolean") {
    throw new UnreadableFrame(settings.id, `${payload.e} without id, price, quantity or side`);
  }
  if (payload.X !== undefined && payload.X !== "MARKET") return "refused";
  const tick: TradeTick = {
    kind: "trade",
    exchange: settings.id,
    symbol: instrumentOf(settings, payload.s, instruments).symbol,
    exchangeTime: timeOf(payload, receiveTime),
    receiveTime,
    tradeId: textOfId(id),
    price: p,
    qty: q,
    side: m ? "sell" : "buy",
  };
  out(tick);
  return undefined;
}

/**
 * Fills of one taker at one price as one (futures: within 100 ms), with the ids of the first and the last. `q` is all of
 * it, as in the venue's candles; `nq` of USD-M leaves out what RPI orders gave, and is not taken.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Aggregate-Trade-Streams
 */
function readAggregate(
  settings: BinanceSettings,
  payload: Payload,
  receiveTime: Micros,
  instruments: InstrumentLookup,
  out: TickSink,
): undefined {
  const { a, p, q, m } = payload;
  if (typeof a !== "number" || typeof p !== "string" || typeof q !== "string" || typeof m !== "boolean") {
    throw new UnreadableFrame(settings.id, "aggTrade without id, price, quantity or side");
  }
  const { firstTradeId, lastTradeId } = fillsOf(settings, payload.f, payload.l);
  const tick: TradeTick = {
    kind: "trade",
    exchange: settings.id,
    symbol: instrumentOf(settings, payload.s, instruments).symbol,
    exchangeTime: timeOf(payload, receiveTime),
    receiveTime,
    tradeId: textOfId(a),
    price: p,
    qty: q,
    side: m ? "sell" : "buy",
    firstTradeId,
    lastTradeId,
  };
  out(tick);
}

function readQuote(
  settings: BinanceSettings,
  payload: Payload,
  receiveTime: Micros,
  instruments: InstrumentLookup,
  out: TickSink,
): undefined {
  const { b, B, a, A, u } = payload;
  if (typeof b !== "string" || typeof B !== "string" || typeof a !== "string" || typeof A !== "string") {
    throw new UnreadableFrame(settings.id, "bookTicker without prices or quantities");
  }
  const tick: QuoteTick = {
    kind: "quote",
    exchange: settings.id,
    symbol: instrumentOf(settings, payload.s, instruments).symbol,
    exchangeTime: timeOf(payload, receiveTime),
    receiveTime,
    bidPrice: b,
    bidQty: B,
    askPrice: a,
    askQty: A,
    updateId: idOf(settings, u),
  };
  out(tick);
}

function readIncrement(
  settings: BinanceSettings,
  payload: Payload,
  receiveTime: Micros,
  instruments: InstrumentLookup,
  out: TickSink,
): undefined {
  const { symbol } = instrumentOf(settings, payload.s, instruments);
  const exchangeTime = timeOf(payload, receiveTime);
  const firstUpdateId = idOf(settings, payload.U);
  const updateId = idOf(settings, payload.u);
  const bids = levelsOf(settings, payload.b);
  const asks = levelsOf(settings, payload.a);
  const { id: exchange } = settings;
  // Two literals, since a spread costs more than all the rest of this function.
  const tick: DepthTick =
    payload.pu === undefined
      ? {
          kind: "depth",
          exchange,
          symbol,
          exchangeTime,
          receiveTime,
          action: "increment",
          firstUpdateId,
          updateId,
          bids,
          asks,
        }
      : {
          kind: "depth",
          exchange,
          symbol,
          exchangeTime,
          receiveTime,
          action: "increment",
          firstUpdateId,
          updateId,
          previousUpdateId: idOf(settings, payload.pu),
          bids,
          asks,
        };
  out(tick);
}

/** 24 h statistics. COIN-M counts volume in contracts, and they stay contracts; its `q` is base currency, not quote. */
function readTicker(
  settings: BinanceSettings,
  payload: Payload,
  receiveTime: Micros,
  instruments: InstrumentLookup,
  out: TickSink,
): undefined {
  const { c, o, h, l, v, q } = payload;
  if (typeof c !== "string") throw new UnreadableFrame(settings.id, "24hrTicker without last price");
  const tick: TickerTick = {
    kind: "ticker",
    exchange: settings.id,
    symbol: instrumentOf(settings, payload.s, instruments).symbol,
    exchangeTime: payload.E === undefined ? receiveTime : microsOf(payload.E),
    receiveTime,
    lastPrice: c,
    ...(typeof o === "string" && { open24h: o }),
    ...(typeof h === "string" && { high24h: h }),
    ...(typeof l === "string" && { low24h: l }),
    ...(typeof v === "string" && { volume24h: v }),
    ...(typeof q === "string" && settings.market !== "coinm" && { quoteVolume24h: q }),
  };
  out(tick);
}
