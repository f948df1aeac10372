import type { BusMessage } from "./bus.js";

/** Names of channels and keys in Redis. The braces hold the whole name of the channel, so all keys share its slot. */
export class RedisNames {
  /** What every name of a channel begins with in Redis. */
  readonly prefix: string;

  /** @param namespace letters, digits, `_` and `-`, or empty */
  constructor(namespace: string) {
    this.prefix = namespace === "" ? "" : `${namespace}.`;
  }

  channel(name: string): string {
    return this.prefix + name;
  }

  /** The channel's name in the plant. */
  plain(redisChannel: string): string {
    return redisChannel.slice(this.prefix.length);
  }

  last(name: string): string {
    return `last:{${this.prefix}${name}}`;
  }

  increments(name: string): string {
    return `increments:{${this.prefix}${name}}`;
  }

  events(name: string): string {
    return `events:{${this.prefix}${name}}`;
  }

  position(name: string): string {
    return `position:{${this.prefix}${name}}`;
  }

  /** What is written to see whether it can be. */
  get probe(): string {
    return `probe:{${this.prefix}bus}`;
  }

  /** Pattern of all channels of a kind; namespaces have no glob characters. */
  kindPattern(kind: string): string {
    return `${this.prefix}${kind.replace(/[\\*?[\]]/g, "\\$&")}:*`;
  }

  /** In a cluster: set of a kind's channels, and the channel on which new ones are announced. */
  kindChannels(kind: string): string {
    return `channels:{${this.prefix}${kind}}`;
  }

  /** Patterns of the keys of which each stands for a channel with a last value. */
  get valuePatterns(): string[] {
    return [`last:{${this.prefix}*`, `events:{${this.prefix}*`];
  }

  /** The channel of such a key; undefined for that of another namespace. */
  channelOfKey(key: string): string | undefined {
    const name = key.slice(key.indexOf("{") + 1, -1);
    if (this.prefix !== "") return name.slice(this.prefix.length);
    return otherNamespace.test(name) ? undefined : name;
  }
}

/** A dot in what stands before the first `:` ends a namespace; the kinds `price.upd` and `pool.upd` have one of their own. */
const otherNamespace = /^(?!(?:price|pool)\.upd(?::|$))[A-Za-z0-9_-]+\./;

const eventKinds = /^(?:trade|signal|price\.upd|pool\.upd)(?::|$)/;

/** Whether a channel's messages are a book with increments. */
export const isBook = (channel: string): boolean => channel.startsWith("depth:");

/** What a channel's messages are, which its name tells: its own whole values, a book with increments, or events. */
export function contentOf(channel: string): "value" | "book" | "events" {
  if (isBook(channel)) return "book";
  return eventKinds.test(channel) ? "events" : "value";
}

const snapshotField = '"is_snapshot":';

/** A message as it was published, of which only channel and payload came; undefined where that is no envelope. */
export function messageOf(channel: string, payload: string): BusMessage | undefined {
  const position = positionOf(payload);
  return position && { channel, ...position, payload, kind: kindOf(channel, payload) };
}

function kindOf(channel: string, payload: string): BusMessage["kind"] {
  const content = contentOf(channel);
  if (content === "events") return "event";
  if (content === "value") return "value";
  const at = payload.lastIndexOf(snapshotField);
  return at >= 0 && payload.startsWith("true", at + snapshotField.length) ? "value" : "increment";
}

/** Epoch and sequence of an envelope's head, `{"channel":"…","epoch":N,"sequence":N,`. */
export function positionOf(payload: string): { epoch: number; sequence: number } | undefined {
  const epochAt = payload.indexOf('"epoch":') + 8;
  const epochEnd = payload.indexOf(",", epochAt);
  const sequenceAt = epochEnd + 12; // ,"sequence":
  const sequenceEnd = payload.indexOf(",", sequenceAt);
  if (epochAt < 8 || epochEnd < 0 || sequenceEnd < 0) return undefined;
  const epoch = Number(payload.slice(epochAt, epochEnd));
  const sequence = Number(payload.slice(sequenceAt, sequenceEnd));
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(sequence) ? { epoch, sequence } : undefined;
}
