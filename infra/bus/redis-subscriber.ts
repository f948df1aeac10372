import { setTimeout as wait } from "node:timers/promises";
import type { Logger } from "../logging.js";
import type { RedisClient } from "../redis/connection.js";
import type { BusHandler, BusMessage, BusSubscription } from "./bus.js";
import { BusClosed } from "./errors.js";
import { messageOf, type RedisNames } from "./redis-names.js";
import { type Wire, wireOf } from "./redis-wire.js";
import { Subscriber } from "./subscriber.js";

/** A subscriber and what came for it in this turn of the loop. */
class Reader extends Subscriber {
  readonly gathered: BusMessage[] = [];
}

const channelsAtOnce = 500;
const answerMs = 5000;

/** The readers of this process on one connection: each channel is subscribed once, and again after an outage. */
export class RedisSubscriber {
  private readonly readers = new Set<Reader>();
  private readonly wire: Wire;
  /** In a cluster: channels of followed kinds, and whether something has been heard on them. */
  private readonly found = new Map<string, boolean>();
  private flushing = false;
  private restoring = 0;
  private closed = false;

  /** @param newest the newest value of a channel, for those of a kind that are found after their first message */
  constructor(
    client: RedisClient,
    names: RedisNames,
    private readonly newest: (channel: string) => Promise<string | undefined>,
    private readonly logger: Logger,
  ) {
    this.wire = wireOf(client, names, {
      heard: (channel, payload, kind) => this.hear(channel, payload, kind),
      found: (channel) => void this.follow(channel),
      restored: () => void this.restore(),
    });
  }

  subscribe(handler: BusHandler): BusSubscription {
    const reader = new Reader(handler);
    this.readers.add(reader);
    return {
      add: async (channel) => {
        reader.channels.add(channel);
        await this.until(
          () => this.wire.add([channel]),
          () => reader.channels.has(channel) && this.readers.has(reader),
        );
      },
      remove: (channel) => {
        if (reader.channels.delete(channel)) this.forget([channel]);
      },
      addKind: async (kind) => {
        reader.kinds.add(kind);
        await this.until(
          () => this.wire.addKind(kind),
          () => this.readers.has(reader),
        );
      },
      close: async () => {
        this.readers.delete(reader);
        this.forget([...reader.channels]);
      },
    };
  }

  close(): void {
    this.closed = true;
    this.readers.clear();
  }

  /** Tries again while Redis is away. @throws BusClosed */
  private async until(ask: () => Promise<void>, wanted: () => boolean): Promise<void> {
    while (!this.closed) {
      try {
        await withinTime(ask());
        return;
      } catch {
        if (!wanted()) return;
        await wait(50);
      }
    }
    throw new BusClosed();
  }

  private forget(channels: readonly string[]): void {
    const unwanted = channels.filter((channel) => {
      if (this.found.has(channel)) return false;
      for (const { channels } of this.readers) if (channels.has(channel)) return false;
      return true;
    });
    // while Redis is away nothing is subscribed anyway
    if (unwanted.length > 0) this.wire.remove(unwanted).catch(() => {});
  }

  private hear(channel: string, payload: string, kind?: string): void {
    const message = messageOf(channel, payload);
    if (message === undefined) return;
    if (this.found.get(channel) === false) this.found.set(channel, true);
    const everyWay = this.found.has(channel);
    for (const reader of this.readers) {
      const named = reader.channels.has(channel);
      if (kind === undefined ? named || (everyWay && reader.follows(channel)) : !named && reader.kinds.has(kind)) {
        reader.gathered.push(message);
      }
    }
    if (this.flushing) return;
    this.flushing = true;
    // what one packet brought goes to a handler in one go
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.flushing = false;
    for (const reader of this.readers) {
      const messages = reader.gathered.splice(0);
      if (messages.length === 0) continue;
      try {
        reader.handler.messages(messages);
      } catch (error) {
        this.logger.error(
          { err: error },
          "a subscriber of the bus failed on messages: it may have missed some of them",
        );
      }
    }
  }

  /** A channel of a kind that somebody follows, in a cluster. Its first messages may be gone: the newest is fetched. */
  private async follow(channel: string): Promise<void> {
    if (this.found.has(channel)) return;
    this.found.set(channel, false);
    try {
      await this.until(
        () => this.wire.add([channel]),
        () => true,
      );
      const payload = await this.newest(channel);
      if (payload !== undefined && this.found.get(channel) === false) this.hear(channel, payload);
    } catch (error) {
      if (!this.closed) this.logger.warn({ channel, err: error }, "a new channel's first value could not be read");
    }
  }

  private async restore(): Promise<void> {
    const turn = ++this.restoring;
    const current = () => !this.closed && this.restoring === turn;
    await this.until(async () => {
      if (!current()) return;
      const channels = new Set(this.found.keys());
      const kinds = new Set<string>();
      for (const reader of this.readers) {
        for (const channel of reader.channels) channels.add(channel);
        for (const kind of reader.kinds) kinds.add(kind);
      }
      const names = [...channels];
      const asked: Promise<void>[] = [];
      for (let at = 0; at < names.length; at += channelsAtOnce) {
        asked.push(this.wire.add(names.slice(at, at + channelsAtOnce)));
      }
      for (const kind of kinds) asked.push(this.wire.addKind(kind));
      await Promise.all(asked);
    }, current).catch(() => {});
    if (!current()) return;
    this.flush();
    for (const { handler } of this.readers) handler.reconnected?.();
  }
}

function withinTime(asked: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("no answer")), answerMs);
  });
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}
