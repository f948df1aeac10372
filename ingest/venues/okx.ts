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
import { readFrame } from "./okx/read.js";
import { OkxBookSequence } from "./okx/sequence.js";
import { okxSettings } from "./okx/settings.js";
import { tradesAfter } from "./okx/trades-since.js";

/** The venue takes more; fewer a socket spread the load and the harm of a disconnect. */
const streamsPerConnection = 240;
/** A request may hold 64 KB, some 900 streams. */
const streamsPerFrame = 80;
const hourMs = 3_600_000;
const noInstruments: InstrumentLookup = { byNativeId: () => undefined };

interface Stream {
  readonly channel: string;
  readonly instId: string;
}

/**
 * OKX, API v5: spot pairs, swaps and futures under one id, as ccxt has them. Books come with their snapshot on each
 * subscription; a book that went wrong is subscribed anew.
 *
 * A socket takes 480 requests an hour and is closed after 30 s without a message: `ping` is answered by `pong`.
 * https://www.okx.com/docs-v5/en/#overview-websocket
 */
export function okx(given: Readonly<Record<string, unknown>> = {}): Venue {
  const settings = okxSettings(given);
  const channelOf: Readonly<Record<FeedKind, string>> = {
    trade: settings.tradeChannel,
    quote: settings.quoteChannel,
    ticker: "tickers",
    depth: settings.bookChannel,
  };

  function plans(group: string, path: string, kinds: ReadonlySet<FeedKind>, want: readonly Subscription[]) {
    const found: ConnectionPlan[] = [];
    let streams: Stream[] = [];
    let subscriptions: Subscription[] = [];
    const close = () => {
      if (streams.length === 0) return;
      found.push({
        name: `${group}-${found.length + 1}`,
        url: `${settings.wsUrl}${path}`,
        hello: requests("subscribe", streams),
        sendIntervalMs: 350,
        maxAgeMs: 23 * hourMs,
        silenceMs: 40_000,
        ping: { frame: "ping", everyMs: 15_000 },
        answers: streams.map(({ channel, instId }) => `${channel}:${instId}`),
        streams: subscriptions.flatMap(plannedStreams),
        sendsPerHour: 470,
        subscriptions,
      });
      streams = [];
      subscriptions = [];
    };
    for (const { instrument, kinds: all } of want) {
      const own = all.filter((kind) => kinds.has(kind));
      const channels = new Set(own.map((kind) => channelOf[kind]));
      if (channels.size === 0) continue;
      if (streams.length + channels.size > streamsPerConnection) close();
      for (const channel of channels) streams.push({ channel, instId: instrument.nativeId });
      subscriptions.push({ instrument, kinds: own });
    }
    close();
    return found;
  }

  /** Kinds that one channel brings are one stream. */
  function plannedStreams({ instrument, kinds }: Subscription): PlannedStream[] {
    return [...new Set(kinds.map((kind) => channelOf[kind]))].map((channel) => {
      const name = `${channel}:${instrument.nativeId}`;
      const brings = kinds.filter((kind) => channelOf[kind] === channel);
      return { name, key: name, instrument, kinds: brings, again: anew({ channel, instId: instrument.nativeId }) };
    });
  }

  return {
    id: "okx",
    restUrl: settings.restUrl,
    weightLimit: settings.weightLimit,
    requestIntervalMs: 110,
    connectIntervalMs: 350,
    contiguousTradeIds: settings.tradeChannel === "trades-all",

    async instruments(rest: Rest, now: Micros): Promise<InstrumentTick[]> {
      const instruments: InstrumentTick[] = [];
      for (const instType of ["SPOT", "SWAP", "FUTURES"]) {
        const answer = await rest.get("/api/v5/public/instruments", { instType }, 1);
        const frame = { text: answer.text, receiveTime: now, origin: { url: answer.url } };
        readFrame(settings, frame, noInstruments, (tick) => {
          if (tick.kind === "instrument") instruments.push(tick);
        });
      }
      return instruments;
    },

    connections(want: readonly Subscription[]): ConnectionPlan[] {
      if (settings.tradeChannel === "trades") {
        return plans("market", "/public", new Set(["trade", "quote", "depth", "ticker"]), want);
      }
      return [
        ...plans("market", "/public", new Set(["quote", "depth", "ticker"]), want),
        ...plans("trades", "/business", new Set(["trade"]), want),
      ];
    },

    read(frame: Frame, instruments: InstrumentLookup, out: TickSink): FrameNote | undefined {
      return readFrame(settings, frame, instruments, out);
    },

    sequence(): BookSequence {
      return new OkxBookSequence();
    },

    resubscribe({ nativeId }: InstrumentTick): readonly string[] {
      return anew({ channel: channelOf.depth, instId: nativeId });
    },

    async tradesSince(rest: Rest, instrument: InstrumentTick, from: TradePoint) {
      return tradesAfter(rest, instrument, Number(from.tradeId));
    },
  };
}

const anew = (stream: Stream): string[] => [...requests("unsubscribe", [stream]), ...requests("subscribe", [stream])];

function requests(op: "subscribe" | "unsubscribe", streams: readonly Stream[]): string[] {
  const frames: string[] = [];
  for (let at = 0; at < streams.length; at += streamsPerFrame) {
    frames.push(JSON.stringify({ op, args: streams.slice(at, at + streamsPerFrame) }));
  }
  return frames;
}
