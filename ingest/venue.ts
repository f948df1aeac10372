import { PlantError } from "../infra/errors.js";
import type { DepthTick, InstrumentTick, LevelText, TickSink } from "../schemas/ticks.js";
import type { Micros, VenueId } from "../schemas/words.js";

/** One thing received from a venue: a WebSocket message or a REST answer, with the time it arrived. */
export interface Frame {
  readonly text: string;
  readonly receiveTime: Micros;
  /** Where it came from. */
  readonly origin: SocketOrigin | { readonly url: string };
}

export interface SocketOrigin {
  /** The connection's name in its plan. */
  readonly socket: string;
  /** Counts the sockets that were opened for it; in a planned reconnect two deliver at once. */
  readonly line?: number;
}

/** What REST answered, and the URL that was asked: together a frame for `Venue.read`. */
export interface RestAnswer {
  readonly text: string;
  readonly url: string;
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
  /** A message that the venue wants now and then to keep the connection (beside WebSocket's own pings). */
  readonly ping?: { readonly frame: string; readonly everyMs: number };
  /**
   * Subscriptions that the venue answers, by the keys of `read`'s notes: the connection is up once all are answered, and
   * given up when one is not. A venue that answers nothing is up when `hello` was sent.
   */
  readonly answers?: readonly string[];
  /** The plan's streams one by one, where the venue answers subscriptions. */
  readonly streams?: readonly PlannedStream[];
  /** Messages that one socket may send in an hour, where the venue limits them. */
  readonly sendsPerHour?: number;
  readonly subscriptions: readonly Subscription[];
}

/** One stream of a socket. */
export interface PlannedStream {
  /** The venue's own name of it, for people. */
  readonly name: string;
  readonly instrument: InstrumentTick;
  /** What it brings of the instrument. */
  readonly kinds: readonly FeedKind[];
  /** By which the answer to `again` is told, unique within the plan. */
  readonly key: string;
  /** By which the answer to the frame of `hello` is told that names the stream among others. */
  readonly group?: string;
  /** Frames that subscribe it anew, and nothing else. */
  readonly again: readonly string[];
}

/** GET a path of the venue's REST API, within its weight limits. Resolves with the answer's text and its URL. */
export interface Rest {
  /** @param retries after failures that may pass; the client's own number where it is left out */
  get(path: string, query: Readonly<Record<string, string>>, weight: number, retries?: number): Promise<RestAnswer>;
}

/** The last trade that is known before some that are missing. */
export interface TradePoint {
  readonly tradeId: string;
  /** 0 where only the id is known. */
  readonly exchangeTime: Micros;
  /** Its own number, where it was a sum of fills; `tradeId` is its last fill's then. */
  readonly aggregate?: number;
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
  /** Venues with one name here spend one weight a minute, by address. */
  readonly weightPool?: string;
  /** Between two requests of REST, where the venue limits them by the second. */
  readonly requestIntervalMs?: number;
  /** Between two connections that are opened at the start, where the venue limits them. */
  readonly connectIntervalMs?: number;
  /** Whether an answer with another status than 429 says that requests are too many: they wait then as after one. */
  isRateLimit?(text: string): boolean;
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
  /**
   * The rule by which this venue's depth updates follow each other.
   *
   * @param instrument for venues whose checksum goes by its decimals; unknown in recordings without instruments
   */
  sequence(instrument?: InstrumentTick): BookSequence;
  /**
   * Asks for a book snapshot over REST; its frame goes through `read` like any other. A venue has either this or
   * `resubscribe`.
   */
  snapshot?(rest: Rest, instrument: InstrumentTick): Promise<RestAnswer>;
  /**
   * Frames that begin a book anew on the socket that carries it. The venue sends a snapshot with each subscription, in
   * its place among the increments: the book is what it says from there on.
   */
  resubscribe?(instrument: InstrumentTick): readonly string[];
  /** The venue numbers the trades of an instrument without holes, so that a missing one shows. */
  readonly contiguousTradeIds: boolean;
  /**
   * Its trade ids only rise, e.g. where all instruments share them: a single trade that is missing shows nowhere, but
   * what was missed while a connection was away is asked of `tradesSince`.
   */
  readonly risingTradeIds?: boolean;
  /** Its trades are sums of fills (`firstTradeId`, `lastTradeId`), with numbers of their own. */
  readonly sumsTrades?: boolean;
  /** Trades after one (exclusive), oldest first, as frames for `read`; undefined where the venue cannot. */
  tradesSince?(rest: Rest, instrument: InstrumentTick, from: TradePoint): Promise<readonly RestAnswer[]>;
}

/**
 * What a frame was that gave no ticks: `ignored` (a stream nobody asked for, a heartbeat), `refused` (the venue says
 * that it is no market trade), `shutdown` (the server is about to close: open a new connection now), or the answer to
 * a subscription.
 */
export type FrameNote = "ignored" | "refused" | "shutdown" | SubscriptionAnswer;

export interface SubscriptionAnswer {
  /** As in the plan's `answers`, or a stream's `key`. */
  readonly subscription: string;
  /** The venue's words, when it refuses. */
  readonly refusal?: string;
}

/** A note in a word, for counting. */
export function nameOfNote(note: FrameNote): string {
  if (typeof note === "string") return note;
  return note.refusal === undefined ? "subscribed" : "subscription_refused";
}

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

/**
 * What to do with an increment: apply it as it is or as completed (a tick), skip it (already contained), or
 * resynchronise, since something is missing (`gap`) or the venue's checksum is another (`mismatch`).
 */
export type BookStep = "apply" | DepthTick | "skip" | "gap" | "mismatch";

/** The venue's synchronisation rule as a pure state machine over one book. */
export interface BookSequence {
  /** A lost update is not noticed at the next one: where one may be lost a snapshot has to be asked for. */
  readonly hidesLoss?: boolean;
  /** A snapshot was taken in: increments must connect to it. */
  snapshot(tick: DepthTick): "apply" | "mismatch";
  next(tick: DepthTick): BookStep;
  /** What governs the book's values has changed: a checksum may go by its decimals. */
  governed?(instrument: InstrumentTick): void;
  /** The book that it keeps for its checksum, best prices first: must be there where snapshots come by resubscribing. */
  book?(): BookLevels;
}

export interface BookLevels {
  readonly bids: readonly LevelText[];
  readonly asks: readonly LevelText[];
}
