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
import { executionVenue } from "./kraken/instruments.js";
import { channelIds, readFrame } from "./kraken/read.js";
import { KrakenBookSequence } from "./kraken/sequence.js";
import { krakenSettings } from "./kraken/settings.js";
import { tradesAfter } from "./kraken/trades-since.js";

const symbolsPerConnection = 100;
const symbolsPerFrame = 50;
const hourMs = 3_600_000;
const noInstruments: InstrumentLookup = { byNativeId: () => undefined };

type Channel = keyof typeof channelIds;

/** `ticker` brings best prices and statistics together. */
const channelOf: Readonly<Record<FeedKind, Channel>> = {
  trade: "trade",
  quote: "ticker",
  ticker: "ticker",
  depth: "book",
};

/**
 * Kraken spot over WebSocket v2. Books come with their snapshot on each subscription and a checksum with each update; a
 * book that went wrong is subscribed anew. The venue sends a heartbeat every second.
 */
export function kraken(given: Readonly<Record<string, unknown>> = {}): Venue {
  const settings = krakenSettings(given);

  function request(method: "subscribe" | "unsubscribe", channel: Channel, symbol: readonly string[]): string {
    const params = {
      channel,
      symbol,
      ...(channel === "book" && { depth: settings.bookDepth }),
      ...(channel === "book" && method === "subscribe" && { snapshot: true }),
      ...(channel === "ticker" && { event_trigger: "bbo" }),
      ...(channel === "trade" && method === "subscribe" && { snapshot: false }),
    };
    return JSON.stringify({ method, params, req_id: channelIds[channel] });
  }

  function planOf(number: number, subscriptions: readonly Subscription[]): ConnectionPlan {
    const symbolsOf = new Map<Channel, string[]>();
    for (const { instrument, kinds } of subscriptions) {
      for (const channel of new Set(kinds.map((kind) => channelOf[kind]))) {
        symbolsOf.set(channel, [...(symbolsOf.get(channel) ?? []), instrument.nativeId]);
      }
    }
    const hello = [...symbolsOf].flatMap(([channel, symbols]) =>
      slices(symbols, symbolsPerFrame).map((slice) => request("subscribe", channel, slice)),
    );
    return {
      name: `market-${number}`,
      url: settings.wsUrl,
      hello,
      sendIntervalMs: 200,
      maxAgeMs: 23 * hourMs,
      silenceMs: 15_000,
      answers: [...symbolsOf].flatMap(([channel, symbols]) => symbols.map((symbol) => `${channel} ${symbol}`)),
      streams: subscriptions.flatMap(plannedStreams),
      subscriptions,
    };
  }

  /** Kinds that one channel brings are one stream. */
  function plannedStreams({ instrument, kinds }: Subscription): PlannedStream[] {
    return [...new Set(kinds.map((kind) => channelOf[kind]))].map((channel) => {
      const name = `${channel} ${instrument.nativeId}`;
      const brings = kinds.filter((kind) => channelOf[kind] === channel);
      return { name, key: name, instrument, kinds: brings, again: anew(channel, instrument) };
    });
  }

  function anew(channel: Channel, { nativeId }: InstrumentTick): string[] {
    return [request("unsubscribe", channel, [nativeId]), request("subscribe", channel, [nativeId])];
  }

  return {
    id: "kraken",
    restUrl: settings.restUrl,
    weightLimit: settings.weightLimit,
    contiguousTradeIds: true,
    requestIntervalMs: 1_000,
    isRateLimit: (text: string) => /^\{"error":\["E(API:Rate limit|General:Too many)/.test(text),

    async instruments(rest: Rest, now: Micros): Promise<InstrumentTick[]> {
      const answer = await rest.get("/0/public/AssetPairs", { execution_venue: executionVenue }, 1);
      const instruments: InstrumentTick[] = [];
      readFrame({ text: answer.text, receiveTime: now, origin: { url: answer.url } }, noInstruments, (tick) => {
        if (tick.kind === "instrument") instruments.push(tick);
      });
      return instruments;
    },

    connections(want: readonly Subscription[]): ConnectionPlan[] {
      return slices(want, symbolsPerConnection).map((slice, i) => planOf(i + 1, slice));
    },

    read(frame: Frame, instruments: InstrumentLookup, out: TickSink): FrameNote | undefined {
      return readFrame(frame, instruments, out);
    },

    sequence(instrument?: InstrumentTick): BookSequence {
      return new KrakenBookSequence(settings.bookDepth, instrument);
    },

    resubscribe(instrument: InstrumentTick): readonly string[] {
      return anew("book", instrument);
    },

    async tradesSince(rest: Rest, instrument: InstrumentTick, from: TradePoint) {
      return tradesAfter(rest, instrument, from);
    },
  };
}

function slices<Item>(items: readonly Item[], size: number): Item[][] {
  const found: Item[][] = [];
  for (let at = 0; at < items.length; at += size) found.push(items.slice(at, at + size));
  return found;
}
