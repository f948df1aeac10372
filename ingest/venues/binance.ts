import type { InstrumentTick, TickSink } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import type {
  BookSequence,
  ConnectionPlan,
  FeedKind,
  Frame,
  FrameNote,
  InstrumentLookup,
  PlannedStream,
  Rest,
  Subscription,
  TradePoint,
  Venue,
} from "../venue.js";
import { readFrame } from "./binance/read.js";
import { BinanceBookSequence } from "./binance/sequence.js";
import { type BinanceId, binanceSettings, snapshotWeight } from "./binance/settings.js";
import { tradesAfter } from "./binance/trades-since.js";

/**
 * A connection to spot takes 1,024 streams; fewer a socket spread the load and the harm of a disconnect. Futures name 200 in
 * one copy of their page and 1,024 in another (quoted 2025-02 and 2025-07): what both take. Beyond, they close the connection.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
 */
const streamsPerConnection = { spot: 800, futures: 200 } as const;
const streamsPerFrame = 200;
const hourMs = 3_600_000;
const noInstruments: InstrumentLookup = { byNativeId: () => undefined };

/** Binance spot (`binance`, `binanceus`), USD-M (`binanceusdm`) or COIN-M (`binancecoinm`): one protocol. */
export function binance(id: BinanceId, given: Readonly<Record<string, unknown>> = {}): Venue {
  const settings = binanceSettings(id, given);
  const { market, api } = settings;
  const most = streamsPerConnection[market === "spot" ? "spot" : "futures"];

  const suffix = { trade: settings.tradeStream, quote: "bookTicker", depth: "depth@100ms", ticker: "ticker" };

  function streamsOf({ instrument, kinds: wanted }: Subscription, kinds: ReadonlySet<FeedKind>): Stream[] {
    const native = instrument.nativeId.toLowerCase();
    const ours = wanted.filter((kind) => kinds.has(kind));
    return ours.map((kind) => ({ name: `${native}@${suffix[kind]}`, instrument, kind }));
  }

  function plans(group: string, base: string, kinds: ReadonlySet<FeedKind>, want: readonly Subscription[]) {
    const found: ConnectionPlan[] = [];
    let streams: Stream[] = [];
    let subscriptions: Subscription[] = [];
    const close = () => {
      if (streams.length === 0) return;
      found.push({
        name: `${group}-${found.length + 1}`,
        url: streamUrl(base),
        hello: subscribeFrames(streams),
        answers: groupsOf(streams),
        streams: streams.map(plannedStream),
        sendIntervalMs: settings.sendIntervalMs,
        maxAgeMs: 23 * hourMs,
        silenceMs: 60_000,
        subscriptions,
      });
      streams = [];
      subscriptions = [];
    };
    for (const subscription of want) {
      const own = streamsOf(subscription, kinds);
      if (own.length === 0) continue;
      if (streams.length + own.length > most) close();
      streams.push(...own);
      subscriptions.push({ ...subscription, kinds: subscription.kinds.filter((kind) => kinds.has(kind)) });
    }
    close();
    return found;
  }

  return {
    id,
    restUrl: settings.restUrl,
    weightLimit: settings.weightLimit,
    contiguousTradeIds: true,
    sumsTrades: settings.tradeStream === "aggTrade",
    ...(settings.weightPool !== undefined && { weightPool: settings.weightPool }),

    async instruments(rest: Rest, now: Micros): Promise<InstrumentTick[]> {
      const answer = await rest.get(`${api}/exchangeInfo`, {}, market === "spot" ? 20 : 1);
      const instruments: InstrumentTick[] = [];
      readFrame(
        settings,
        { text: answer.text, receiveTime: now, origin: { url: answer.url } },
        noInstruments,
        (tick) => {
          if (tick.kind === "instrument") instruments.push(tick);
        },
      );
      return instruments;
    },

    connections(want: readonly Subscription[]): ConnectionPlan[] {
      const { wsUrl, wsBookUrl } = settings;
      if (wsBookUrl === undefined) return plans("market", wsUrl, new Set(["trade", "quote", "depth", "ticker"]), want);
      const sums = settings.tradeStream === "aggTrade";
      return [
        ...plans("market", wsUrl, new Set<FeedKind>(sums ? ["trade", "ticker"] : ["ticker"]), want),
        ...plans("book", wsBookUrl, new Set<FeedKind>(sums ? ["quote", "depth"] : ["trade", "quote", "depth"]), want),
      ];
    },

    read(frame: Frame, instruments: InstrumentLookup, out: TickSink): FrameNote | undefined {
      return readFrame(settings, frame, instruments, out);
    },

    sequence(): BookSequence {
      return new BinanceBookSequence();
    },

    snapshot(rest: Rest, instrument: InstrumentTick) {
      const limit = settings.snapshotLevels;
      const query = { symbol: instrument.nativeId, limit: String(limit) };
      return rest.get(`${api}/depth`, query, snapshotWeight(market, limit));
    },

    async tradesSince(rest: Rest, instrument: InstrumentTick, from: TradePoint) {
      return tradesAfter(rest, settings, instrument, from);
    },
  };
}

/** Where several streams come over one socket; a base may have a query (`?timeUnit=MICROSECOND`). */
function streamUrl(base: string): string {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/stream`;
  return url.href;
}

interface Stream {
  readonly name: string;
  readonly instrument: InstrumentTick;
  readonly kind: FeedKind;
}

/** Requests that name one stream are numbered from here on, those of `hello` from 1. */
const firstOfOne = 1_001;
const groupOf = (at: number) => Math.floor(at / streamsPerFrame) + 1;

function subscribeFrames(streams: readonly Stream[]): string[] {
  return groupsOf(streams).map((group, at) => {
    const params = streams.slice(at * streamsPerFrame, (at + 1) * streamsPerFrame).map(({ name }) => name);
    return JSON.stringify({ method: "SUBSCRIBE", params, id: Number(group) });
  });
}

/** A frame's number comes back with its answer, as `id`. */
function groupsOf(streams: readonly Stream[]): string[] {
  return Array.from({ length: Math.ceil(streams.length / streamsPerFrame) }, (_, group) => String(group + 1));
}

function plannedStream({ name, instrument, kind }: Stream, at: number): PlannedStream {
  const id = firstOfOne + at;
  // the answer to leaving it has no number that anybody waits for
  const again = [
    JSON.stringify({ method: "UNSUBSCRIBE", params: [name], id: 0 }),
    JSON.stringify({ method: "SUBSCRIBE", params: [name], id }),
  ];
  return { name, instrument, kinds: [kind], key: String(id), group: String(groupOf(at)), again };
}
