import type { OutgoingFrame } from "./faults.js";
import type { SimulatedInstrument, SymbolOptions } from "./instruments.js";
import type { Market, MarketListener } from "./market.js";
import type { RestWords } from "./rest.js";

export interface ConnectionLimits {
  /** Between the server's pings, and how long it waits for a pong; a venue that sends none has none. */
  readonly pingIntervalMs?: number;
  readonly pongTimeoutMs?: number;
  /** A connection on which neither side sends anything for so long is closed. */
  readonly idleMs?: number;
  /** 24 hours at Binance. */
  readonly lifetimeMs: number;
  readonly maxStreams: number;
  /** Pings, pongs and control frames that a client may send a second. */
  readonly maxMessagesPerSecond: number;
  /** Requests that a client may send an hour. */
  readonly maxMessagesPerHour?: number;
  /** Bytes waiting for a slow client before it is cut off. */
  readonly maxBufferedBytes: number;
}

/** How a simulated exchange speaks: all that its venue has of its own. The markets are shared. */
export interface Dialect {
  /** The path with which its streams' address ends. */
  readonly wsPath: string;
  readonly limits: ConnectionLimits;
  /** REST weight a minute. */
  readonly weightLimit: number;
  /** Ids of books have holes where they are shared by all symbols. */
  readonly updateIdHoles: boolean;
  /** The native id of a unified symbol; a native id is itself. */
  nativeId(symbol: string): string;
  /** @throws BadSimulatedSymbol */
  instrument(wanted: string | SymbolOptions): SimulatedInstrument;
  streams(exchange: Exchange): Streams;
  rest(exchange: Exchange): RestWords;
}

/** What a dialect sees of the exchange that it speaks for. */
export interface Exchange {
  readonly markets: ReadonlyMap<string, Market>;
  readonly weightLimit: number;
  /** The exchange's clock, ms since the epoch. */
  now(): number;
  /** Whether anybody reads a stream: what nobody reads is not encoded. */
  wanted(stream: string): boolean;
  /** The streams that anybody reads. */
  streams(): Iterable<string>;
  /** Sends a frame to all who read its stream, unless a fault befalls it. */
  publish(frame: OutgoingFrame): void;
  /** Sends a message to every connection. */
  broadcast(message: string): void;
}

/** A client as its dialect sees it. */
export interface Client {
  /** Where it connected. */
  readonly url: URL;
  readonly streams: ReadonlySet<string>;
  /** Binance: frames come in the envelope of combined streams. */
  combined: boolean;
  /** @param symbol native id of the market that the stream is of */
  subscribe(stream: string, symbol: string): void;
  unsubscribe(stream: string): void;
  send(message: string): void;
  /** Counts against the limit of streams. @returns false when it would be beyond */
  hasRoomFor(streams: number): boolean;
}

/** The dialect's side of the sockets. What happens on the markets comes in as to any listener. */
export interface Streams extends MarketListener {
  /** Whether a WebSocket may be opened at this path. */
  serves(url: URL): boolean;
  /** A client has connected. @returns false to refuse it */
  opened(client: Client): boolean;
  message(client: Client, text: string): void;
  everySecond(): void;
  /** Every second, also while the markets pause: what the venue sends to keep connections. */
  heartbeat?(): void;
  /** The whole message that carries a frame. */
  messageOf(frame: OutgoingFrame, combined: boolean): string;
  /** A message that looks like this frame's, but for its fields' types. */
  wrongShape(frame: OutgoingFrame): string;
  /** The same frame with a checksum that is not the book's; undefined where the venue has no checksum. */
  wrongChecksum?(frame: OutgoingFrame): OutgoingFrame | undefined;
  /** What the venue says before it closes a connection on purpose; undefined where it says nothing. */
  shutdownNotice(): string | undefined;
}
