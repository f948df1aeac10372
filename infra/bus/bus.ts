import type { WriteState } from "../redis/write-state.js";

/**
 * Fan-out and last values: Redis pub/sub and keys in a cluster, in process when embedded.
 * What is published is the final JSON text that clients get.
 */
export interface Bus {
  /**
   * Publishes in order and writes last values; a last value is written only if newer by (epoch, sequence). Bytes that
   * messages were given in (`EncodedMessage`) are not read any more once it has resolved.
   */
  publish(messages: readonly BusMessage[]): Promise<void>;
  /** A reader that follows nothing yet: what it adds comes to the handler, in order per channel. */
  subscribe(handler: BusHandler): Promise<BusSubscription>;
  /** The last value of a channel; for depth the full book and the increments since. */
  last(channel: string): Promise<LastValue | undefined>;
  /** Channels that have a last value, sorted. */
  channels(): Promise<string[]>;
  close(): Promise<void>;
  /** Whether what is published gets through now; undefined for a bus in the process, where it always does. */
  readonly state?: WriteState;
}

export interface BusMessage {
  readonly channel: string;
  readonly epoch: number;
  readonly sequence: number;
  /** The envelope as JSON text. */
  readonly payload: string;
  /**
   * `value`: published and the new last value. `increment`: published and kept behind the last snapshot (bounded).
   * `snapshot`: not published, becomes the last value and ends the increments up to its sequence.
   * `event`: published; the last 100 are kept, oldest first, as increments without a value (trades).
   */
  readonly kind: "value" | "increment" | "snapshot" | "event";
}

export interface BusHandler {
  messages(messages: readonly BusMessage[]): void;
  /** The connection was lost and is back: readers find their gaps by sequence and reload from last values. */
  reconnected?(): void;
}

/** What one reader follows. A message comes once, however often its channel was added. */
export interface BusSubscription {
  /** Resolves when every message published on the channel from now on will come. */
  add(channel: string): Promise<void>;
  /** Some messages that are under way may still come. */
  remove(channel: string): void;
  /**
   * Follows every channel `{kind}:…`, those that come into being later too. Where the bus is a Redis Cluster, a
   * channel's very first messages may be left out; then its newest value comes instead.
   */
  addKind(kind: string): Promise<void>;
  close(): Promise<void>;
}

export interface LastValue {
  readonly epoch: number;
  readonly sequence: number;
  /** "" for an event channel, which has only increments. */
  readonly payload: string;
  readonly increments: readonly { readonly epoch: number; readonly sequence: number; readonly payload: string }[];
}
