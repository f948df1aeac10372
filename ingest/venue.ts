import { PlantError } from "../infra/errors.js";
import type { DepthTick, InstrumentTick, TickSink } from "../schemas/ticks.js";
import type { Micros, VenueId } from "../schemas/words.js";

/** One thing received from a venue: a WebSocket message or a REST answer, with the time it arrived. */
export interface Frame {
  readonly text: string;
  readonly receiveTime: Micros;
  /** Where it came from: a socket's name in the connection plan, or the URL that was asked. */
  readonly origin: { readonly socket: string } | { readonly url: string };
}

export type FeedKind = "trade" | "quote" | "ticker" | "depth";

export interface Subscription {
  readonly instrument: InstrumentTick;
  readonly kinds: readonly FeedKind[];
}

export interface ConnectionPlan {
  /** Unique within the venue, e.g. `market-1`: the feed's name in heartbeats and metrics. */
  readonly name: string;
  readonly url: string;
  /** Frames to send once open, in order, paced by `sendIntervalMs`. */
  readonly hello: readonly string[];
  readonly sendIntervalMs: number;
  /** Reconnect on purpose before the venue's own limit on a connection's life. */
  readonly maxAgeMs: number;
  /** No frame for so long means the socket is dead. */
  readonly silenceMs: number;
  readonly subscriptions: readonly Subscription[];
}

/** GET a path of the venue's REST API, within its weight limits. Resolves with the answer's text and its URL. */
export interface Rest {
  get(path: string, query: Readonly<Record<string, string>>, weight: number): Promise<{ text: string; url: string }>;
}

/**
 * One venue: what to ask it and how to read it. Holds no socket and no clock, so recordings and live sockets
 * go through the very same code.
 */
export interface Venue {
  readonly id: VenueId;
  /** Base address of its REST API, and the weight a minute that it allows. */
  readonly restUrl: string;
  readonly weightLimit: number;
  /** The venue's instruments, as ticks with receiveTime `now`. */
  instruments(rest: Rest, now: Micros): Promise<InstrumentTick[]>;
  connections(want: readonly Subscription[]): ConnectionPlan[];
  /**
   * Frame to ticks. Depth ticks come out raw, not yet sequenced; a recorded answer about instruments gives instrument
   * ticks. Nothing is put out before the whole frame was understood.
   *
   * @throws UnreadableFrame
   */
  read(frame: Frame, instruments: InstrumentLookup, out: TickSink): FrameNote | undefined;
  /** The rule by which this venue's depth updates follow each other. */
  sequence(): BookSequence;
  /** Asks for a book snapshot; its frame goes through `read` like any other. */
  snapshot(rest: Rest, instrument: InstrumentTick): Promise<{ text: string; url: string }>;
  /** The venue numbers the trades of an instrument without holes, so that a missing one shows. */
  readonly contiguousTradeIds: boolean;
  /** Trades after `fromId` (exclusive), oldest first, as frames for `read`; undefined where the venue cannot. */
  tradesSince?(rest: Rest, instrument: InstrumentTick, fromId: string): Promise<{ text: string; url: string }[]>;
}

/**
 * What a frame was that gave no ticks: `ignored` (an answer, or a stream nobody asked for), `refused` (the venue
 * says that it is no market trade), `shutdown` (the server is about to close: open a new connection now).
 */
export type FrameNote = "ignored" | "refused" | "shutdown";

/** The frame makes no sense; its bytes go to the dead letters. */
export class UnreadableFrame extends PlantError {
  constructor(venue: VenueId, why: string) {
    super(
      "TP_FRAME_UNREADABLE",
      `${venue}: ${why}. The frame is kept in market.dlq; if these go on, the venue's format has changed.`,
    );
  }
}

/** A venue's own settings (`ingest.venues[].settings`) are wrong: the message names the key and what it takes. */
export class VenueSettingsInvalid extends PlantError {
  constructor(venue: VenueId, why: string) {
    super("TP_VENUE_SETTINGS", `Settings of venue ${venue}: ${why}`);
  }
}

export interface InstrumentLookup {
  byNativeId(nativeId: string): InstrumentTick | undefined;
}

/** The venue's synchronisation rule as a pure state machine over one book. */
export interface BookSequence {
  /** A snapshot was taken in: increments must connect to it. */
  snapshot(tick: DepthTick): void;
  /** What to do with this increment: apply it, skip it (already contained), or resynchronise. */
  next(tick: DepthTick): "apply" | "skip" | "gap";
}
