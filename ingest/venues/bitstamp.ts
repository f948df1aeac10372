import { z } from "zod";
import { codeOf, marketSymbol } from "../../schemas/names.js";
import type { DepthTick, InstrumentTick, LevelText, RawTick, TickSink, TradeTick } from "../../schemas/ticks.js";
import type { DecimalText, Micros } from "../../schemas/words.js";
import { readEach } from "../instrument-list.js";
import { partOfUrl } from "../rest-url.js";
import {
  type BookSequence,
  type ConnectionPlan,
  type FeedKind,
  type Frame,
  type FrameNote,
  type InstrumentLookup,
  type PlannedStream,
  type Rest,
  type RestAnswer,
  type Subscription,
  type TradePoint,
  UnreadableFrame,
  type Venue,
  VenueSettingsInvalid,
} from "../venue.js";

/** Where Bitstamp is found, and its REST requests a minute: 10,000 in 10 minutes. https://www.bitstamp.net/api/ */
const defaults = { wsUrl: "wss://ws.bitstamp.net", restUrl: "https://www.bitstamp.net", weightLimit: 1_000 };

const settingsSchema = z.strictObject({
  wsUrl: z.url({ protocol: /^wss?$/ }).default(defaults.wsUrl),
  restUrl: z.url({ protocol: /^https?$/ }).default(defaults.restUrl),
  weightLimit: z.int().min(10).default(defaults.weightLimit),
});

/** The socket has no statistics of the day. Best prices are the first of `order_book`, the best 100 a side each time. */
const channelOf: Readonly<Partial<Record<FeedKind, string>>> = {
  trade: "live_trades",
  quote: "order_book",
  depth: "diff_order_book",
};
const channelName = /^(live_trades|diff_order_book|order_book)_(.+)$/;
/** Of three channels each: the venue closes a connection at its 1,025th. */
const marketsPerConnection = 300;

/** Currencies that ccxt names otherwise. */
const unifiedNames: Readonly<Record<string, string>> = { UST: "USTC" };

/**
 * Bitstamp spot, WebSocket v2 (https://www.bitstamp.net/websocket/v2/). Nothing numbers its messages and no snapshot comes
 * with a subscription: a book is REST's, and the changes whose `microtimestamp` is later.
 */
export function bitstamp(given: Readonly<Record<string, unknown>> = {}): Venue {
  const checked = settingsSchema.safeParse(given);
  if (!checked.success) throw new VenueSettingsInvalid("bitstamp", z.prettifyError(checked.error));
  const { wsUrl, restUrl, weightLimit } = checked.data;

  return {
    id: "bitstamp",
    restUrl,
    weightLimit,
    contiguousTradeIds: false,
    risingTradeIds: true,
    isRateLimit: (text: string) => text.length < 1_000 && text.includes('"400.002"'),

    async instruments(rest: Rest, now: Micros): Promise<InstrumentTick[]> {
      return readMarkets(listOf(parsed((await rest.get("/api/v2/markets/", {}, 1)).text)), now);
    },

    connections(want: readonly Subscription[]): ConnectionPlan[] {
      const plans: ConnectionPlan[] = [];
      const subscribed = want.filter((subscription) => channelsOf(subscription).length > 0);
      for (let at = 0; at < subscribed.length; at += marketsPerConnection) {
        const subscriptions = subscribed.slice(at, at + marketsPerConnection);
        const channels = subscriptions.flatMap(channelsOf);
        plans.push({
          name: `market-${plans.length + 1}`,
          url: wsUrl,
          hello: channels.map((channel) => JSON.stringify({ event: "bts:subscribe", data: { channel } })),
          // the venue names no limit of either: cautious choices
          sendIntervalMs: 20,
          maxAgeMs: 23 * 3_600_000,
          silenceMs: 40_000,
          ping: { frame: '{"event":"bts:heartbeat"}', everyMs: 15_000 },
          answers: channels,
          streams: subscriptions.flatMap(plannedStreams),
          subscriptions,
        });
      }
      return plans;
    },

    read(frame: Frame, instruments: InstrumentLookup, out: TickSink): FrameNote | undefined {
      const reader = new Reader(frame.receiveTime, instruments);
      const note = "url" in frame.origin ? reader.rest(frame.origin.url, frame.text) : reader.message(frame.text);
      for (const tick of reader.ticks) out(tick);
      return note;
    },

    sequence: () => new BitstampBookSequence(),

    snapshot: (rest: Rest, { nativeId }: InstrumentTick) =>
      rest.get(`/api/v2/order_book/${encodeURIComponent(nativeId)}/`, {}, 1),

    tradesSince: tradesAfter,
  };
}

function channelsOf({ instrument, kinds }: Subscription): string[] {
  return kinds.flatMap((kind) => (channelOf[kind] === undefined ? [] : [`${channelOf[kind]}_${instrument.nativeId}`]));
}

function plannedStreams({ instrument, kinds }: Subscription): PlannedStream[] {
  return kinds.flatMap((kind) => {
    if (channelOf[kind] === undefined) return [];
    const channel = `${channelOf[kind]}_${instrument.nativeId}`;
    const again = ["unsubscribe", "subscribe"].map((op) => JSON.stringify({ event: `bts:${op}`, data: { channel } }));
    return [{ name: channel, key: channel, instrument, kinds: [kind], again }];
  });
}

/** Ids of updates that are remembered, so that one that comes again is told from one that comes too late. */
const remembered = 1_000;

/**
 * Bitstamp's rule for keeping a book: of the updates those count whose `microtimestamp` is later than the snapshot's. It
 * shows that a snapshot is older than what is known of the stream, and that updates changed places. It can not show that
 * one was lost: such a book is wrong until the next snapshot.
 */
export class BitstampBookSequence implements BookSequence {
  readonly hidesLoss = true;
  private base = -1;
  private last = -1;
  private takenAt: Micros = 0;
  /** The stream is known to reach back to the snapshot. */
  private joined = false;
  private readonly applied = new Set<number>();

  snapshot({ updateId, receiveTime }: DepthTick): "apply" {
    this.base = updateId;
    this.last = updateId;
    this.takenAt = receiveTime;
    this.joined = false;
    this.applied.clear();
    return "apply";
  }

  /** Updates are completed with the id of the one before, so that readers of the log see where one of theirs is missing. */
  next(tick: DepthTick): DepthTick | "skip" | "gap" {
    const { updateId, receiveTime } = tick;
    if (this.base < 0) return "gap";
    if (updateId <= this.base) {
      this.joined = true;
      return "skip";
    }
    if (this.applied.has(updateId)) return "skip";
    // The first that was received at all came before the snapshot and is later than it: what lies between is unknown.
    if (!this.joined && receiveTime < this.takenAt) return "gap";
    if (updateId < this.last) return "gap";
    const completed = { ...tick, previousUpdateId: this.last };
    this.joined = true;
    this.last = updateId;
    this.applied.add(updateId);
    if (this.applied.size > remembered) this.applied.delete(this.applied.values().next().value as number);
    return completed;
  }
}

/**
 * Trades after one: REST has those of the last minute, hour or day, and is asked for the shortest that reaches back to the
 * id. What is older than a day is left to whoever imports it from elsewhere.
 */
async function tradesAfter(rest: Rest, { nativeId }: InstrumentTick, { tradeId }: TradePoint): Promise<RestAnswer[]> {
  const last = async (time: string) => rest.get(`/api/v2/transactions/${encodeURIComponent(nativeId)}/`, { time }, 1);
  for (const time of ["minute", "hour"]) {
    const answer = await last(time);
    if (Number(listOf(parsed(answer.text)).at(-1)?.tid) <= Number(tradeId)) return [answer];
  }
  return [await last("day")];
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads one frame; `ticks` is complete once nothing was thrown. */
class Reader {
  readonly ticks: RawTick[] = [];

  constructor(
    private readonly receiveTime: Micros,
    private readonly instruments: InstrumentLookup,
  ) {}

  message(text: string): FrameNote | undefined {
    const { event, channel, data } = fieldsOf(parsed(text));
    const name = typeof channel === "string" ? channel : "";
    switch (event) {
      case "bts:subscription_succeeded":
        return { subscription: name };
      case "bts:error":
        return { subscription: name, refusal: String(fieldsOf(data).message) };
      case "bts:request_reconnect":
        return "shutdown";
      case "bts:heartbeat":
      case "bts:unsubscription_succeeded":
        return "ignored";
    }
    if (typeof event !== "string" || name === "") throw unreadable("a message without event or channel");
    const [, stream, nativeId = ""] = channelName.exec(name) ?? [];
    if (stream === undefined) return "ignored";
    const symbol = this.symbolOf(nativeId);
    if (stream === "live_trades") this.trade(symbol, fieldsOf(data));
    else if (stream === "order_book") this.quote(symbol, fieldsOf(data));
    // tardis-node's recordings hold REST's snapshots as such messages.
    else this.depth(symbol, fieldsOf(data), event === "snapshot" ? "snapshot" : "increment");
    return undefined;
  }

  rest(url: string, text: string): FrameNote | undefined {
    const [, route, nativeId = ""] = /\/api\/v2\/([a-z_-]+)(?:\/([^/?]+))?/.exec(url) ?? [];
    switch (route) {
      case "markets":
      case "trading-pairs-info":
        this.ticks.push(...readMarkets(listOf(parsed(text)), this.receiveTime));
        return undefined;
      case "order_book":
        this.depth(this.symbolOf(partOfUrl(nativeId)), fieldsOf(parsed(text)), "snapshot");
        return undefined;
      case "transactions":
        this.transactions(this.symbolOf(partOfUrl(nativeId)), listOf(parsed(text)));
        return undefined;
      default:
        return "ignored";
    }
  }

  private trade(symbol: string, { id, price_str, amount_str, type, microtimestamp }: Fields): void {
    this.ticks.push(this.tradeOf(symbol, timeOf(microtimestamp, 1), id, price_str, amount_str, type));
  }

  /** Newest first, and with whole seconds only. */
  private transactions(symbol: string, list: readonly Fields[]): void {
    for (const { tid, date, price, amount, type } of [...list].reverse()) {
      const time = timeOf(date, 1_000_000);
      this.ticks.push({ ...this.tradeOf(symbol, time, tid, price, amount, type), backfilled: true });
    }
  }

  private tradeOf(symbol: string, time: Micros, id: unknown, price: unknown, qty: unknown, type: unknown): TradeTick {
    if (!Number.isSafeInteger(Number(id)) || Number(id) <= 0) throw unreadable("a trade without its id");
    if (type !== 0 && type !== 1 && type !== "0" && type !== "1") throw unreadable("a trade that is on no side");
    return {
      kind: "trade",
      ...this.tickOf(symbol, time),
      tradeId: `${id}`,
      price: amountOf(price),
      qty: amountOf(qty),
      side: Number(type) === 0 ? "buy" : "sell",
    };
  }

  private quote(symbol: string, data: Fields): void {
    const [[bidPrice, bidQty] = ["", ""]] = levelsOf(data.bids, 1);
    const [[askPrice, askQty] = ["", ""]] = levelsOf(data.asks, 1);
    const sides = { bidPrice, bidQty, askPrice, askQty };
    this.ticks.push({ kind: "quote", ...this.tickOf(symbol, bookTimeOf(data)), ...sides });
  }

  private depth(symbol: string, data: Fields, action: "snapshot" | "increment"): void {
    const updateId = bookTimeOf(data);
    const [bids, asks] = [levelsOf(data.bids), levelsOf(data.asks)];
    const ids = { firstUpdateId: updateId, updateId };
    this.ticks.push({ kind: "depth", ...this.tickOf(symbol, updateId), action, ...ids, bids, asks });
  }

  private tickOf(symbol: string, exchangeTime: Micros) {
    return { exchange: "bitstamp", symbol, exchangeTime, receiveTime: this.receiveTime };
  }

  private symbolOf(nativeId: string): string {
    const symbol = this.instruments.byNativeId(nativeId)?.symbol;
    if (symbol === undefined) throw unreadable(`no instrument ${nativeId}`);
    return symbol;
  }
}

/** `markets`, and `trading-pairs-info` as it was before; perpetuals are left out. */
function readMarkets(list: readonly Fields[], now: Micros): InstrumentTick[] {
  return readEach(list, (market): InstrumentTick | undefined => {
    const { name, market_type = "SPOT", market_symbol: nativeId = market.url_symbol, trading } = market;
    if (typeof name !== "string" || !name.includes("/") || typeof nativeId !== "string")
      throw unreadable("a market without its name");
    if (market_type !== "SPOT") return undefined;
    const [base = "", quote = ""] = name.split("/").map((currency) => unifiedNames[currency] ?? currency);
    return {
      kind: "instrument",
      exchange: "bitstamp",
      symbol: marketSymbol(base, quote),
      exchangeTime: now,
      receiveTime: now,
      nativeId,
      status: trading === "Enabled" ? "trading" : "halted",
      contractType: "spot",
      base: codeOf(base),
      quote: codeOf(quote),
      tickSize: stepOf(market.counter_decimals),
      lotSize: stepOf(market.base_decimals),
      contractSize: "1",
    };
  });
}

/** "1", "0.1", "0.01", … */
function stepOf(decimals: unknown): DecimalText {
  if (!Number.isInteger(decimals) || Number(decimals) < 0 || Number(decimals) > 30) {
    throw unreadable("a market without its decimals");
  }
  return decimals === 0 ? "1" : `0.${"0".repeat(Number(decimals) - 1)}1`;
}

/** Which is also the id of a state of a book. Older recordings have seconds only. */
function bookTimeOf({ microtimestamp, timestamp }: Fields): Micros {
  return microtimestamp === undefined ? timeOf(timestamp, 1_000_000) : timeOf(microtimestamp, 1);
}

function timeOf(value: unknown, micros: number): Micros {
  const time = typeof value === "string" && /^\d+$/.test(value) ? Number(value) * micros : Number.NaN;
  if (!Number.isSafeInteger(time)) throw unreadable("a time that is none");
  return time;
}

function levelsOf(levels: unknown, limit?: number): LevelText[] {
  if (!Array.isArray(levels)) throw unreadable("a book without levels");
  return levels.slice(0, limit).map((level) => [amountOf(level?.[0]), amountOf(level?.[1])] as const);
}

function amountOf(value: unknown): DecimalText {
  if (typeof value !== "string" || !/^\d+(\.\d+)?$/.test(value)) throw unreadable("a price or amount that is none");
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable("not JSON");
  }
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw unreadable("no object where one belongs");
  return value as Fields;
}

function listOf(value: unknown): Fields[] {
  if (!Array.isArray(value)) throw unreadable("no list where one belongs");
  return value.map(fieldsOf);
}

function unreadable(why: string): UnreadableFrame {
  return new UnreadableFrame("bitstamp", why);
}
