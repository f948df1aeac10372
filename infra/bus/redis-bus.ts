import { setTimeout as pause } from "node:timers/promises";
import { Cluster } from "ioredis";
import type { RedisConfig } from "../config/services-config.js";
import type { Logger } from "../logging.js";
import type { Bus, BusHandler, BusMessage, BusSubscription, LastValue } from "./bus.js";
import { BusClosed } from "./errors.js";
import { openRedis, type RedisClient } from "./redis-client.js";
import { messageOf, positionOf } from "./redis-envelope.js";
import { publishScript } from "./redis-script.js";
import { Subscriber } from "./subscriber.js";

export interface RedisBusOptions {
  readonly redis: RedisConfig;
  /** Begins the names of channels and keys; empty for none. */
  readonly namespace: string;
  /** Hours that the last value of a channel that has fallen silent lives. */
  readonly lastValueHours: number;
  readonly logger: Logger;
}

const MESSAGES_PER_CALL = 200;
const CHARACTERS_PER_CALL = 512 * 1024;
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 1_000;
const SCAN_COUNT = 1_000;
const kinds = { value: "v", increment: "i", snapshot: "s", event: "e" } as const;

/**
 * The bus in Redis. Messages are published, and last values written, by a script that takes many at once. While Redis
 * is away `publish` waits; subscribers are told when they are back. In a cluster channels are sharded.
 */
export class RedisBus implements Bus {
  readonly #prefix: string;
  readonly #subscriptions = new Set<RedisSubscription>();
  #publishing: Promise<void> = Promise.resolve();
  #waiting: Call[] = [];
  #sending = false;
  #closed = false;
  #away = false;

  private constructor(
    private readonly options: RedisBusOptions,
    private readonly client: RedisClient,
  ) {
    this.#prefix = options.namespace === "" ? "" : `${options.namespace}.`;
  }

  /** @throws RedisUnavailable when nobody answers within 10 s */
  static async connect(options: RedisBusOptions): Promise<RedisBus> {
    const client = await openRedis(options.redis, options.logger);
    client.defineCommand("tickplantPublish", { lua: publishScript });
    return new RedisBus(options, client);
  }

  /**
   * Messages of one call follow those of the calls before. What is published while others are on their way to Redis
   * goes together, as soon as they have arrived. @throws BusClosed
   */
  publish(messages: readonly BusMessage[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ messages, resolve, reject }) > 1 || this.#sending) return;
      this.#sending = true;
      this.#publishing = this.#publishWaiting();
    });
  }

  async #publishWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const calls = this.#waiting;
      this.#waiting = [];
      try {
        await this.#publishAll(calls.length === 1 ? calls[0]!.messages : calls.flatMap(({ messages }) => messages));
        for (const { resolve } of calls) resolve();
      } catch (error) {
        for (const { reject } of calls) reject(error as Error);
      }
    }
    this.#sending = false;
  }

  async subscribe(accepts: (channel: string) => boolean, handler: BusHandler): Promise<BusSubscription> {
    if (this.#closed) throw new BusClosed();
    const subscription = new RedisSubscription(this.#prefix, new Subscriber(accepts, handler), () =>
      this.#subscriptions.delete(subscription),
    );
    const client = await openRedis(this.options.redis, this.options.logger);
    if (client instanceof Cluster) await subscription.openSharded(client, this.client as Cluster, accepts);
    else await subscription.open(client);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async last(channel: string): Promise<LastValue | undefined> {
    const { last, increments, events, position } = this.#keys(channel);
    const answers = await this.client
      .multi()
      .get(last)
      .lrange(increments, 0, -1)
      .lrange(events, 0, -1)
      .get(position)
      .exec();
    const [payload, following, kept] = (answers ?? []).map(([error, answer]) => {
      if (error) throw error;
      return answer;
    }) as [string | null, string[], string[], string | null];
    const placed = (payload: string) => ({ ...positionOf(payload, channel.length)!, payload });
    if (kept !== undefined && kept.length > 0) {
      const all = kept.map(placed);
      const { epoch, sequence } = all.at(-1)!;
      return { epoch, sequence, payload: "", increments: all };
    }
    if (payload === null || payload === undefined) return undefined;
    return { ...placed(payload), increments: following.map(placed) };
  }

  async channels(): Promise<string[]> {
    const names = new Set<string>();
    const nodes = this.client instanceof Cluster ? this.client.nodes("master") : [this.client];
    for (const node of nodes) {
      for (const kind of ["last", "events"]) {
        const begin = `${kind}:{${this.#prefix}`;
        for (let cursor = "0"; ; ) {
          const [next, keys] = await node.scan(cursor, "MATCH", `${begin}*`, "COUNT", SCAN_COUNT);
          for (const key of keys) names.add(key.slice(begin.length, -1));
          cursor = next;
          if (cursor === "0") break;
        }
      }
    }
    return [...names].sort();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    for (const subscription of this.#subscriptions) await subscription.close();
    await Promise.race([this.#publishing, pause(2_000, undefined, { ref: false })]);
    this.#closed = true;
    this.client.disconnect();
  }

  async #publishAll(messages: readonly BusMessage[]): Promise<void> {
    const calls: Promise<void>[] = [];
    if (this.client instanceof Cluster) await this.#announce(this.client, messages);
    for (const lot of this.#lots(messages)) calls.push(this.#call(lot));
    await Promise.all(calls);
  }

  /** Sharded pub/sub knows no patterns: whoever follows channels he does not know yet is told of new ones. */
  async #announce(cluster: Cluster, messages: readonly BusMessage[]): Promise<void> {
    const fresh = new Set<string>();
    for (const { channel } of messages) if (!this.#announced.has(channel)) fresh.add(channel);
    if (fresh.size === 0) return;
    const { set, control } = rollOf(this.#prefix);
    await this.#untilDone(async () => {
      await cluster.sadd(set, ...fresh);
      await cluster.spublish(control, JSON.stringify([...fresh]));
    });
    for (const channel of fresh) this.#announced.add(channel);
  }

  /** What goes in one call: of a cluster the channels of one slot only. */
  *#lots(messages: readonly BusMessage[]): Generator<readonly BusMessage[]> {
    const sharded = this.client instanceof Cluster;
    if (sharded) {
      const byChannel = new Map<string, BusMessage[]>();
      for (const message of messages) {
        const same = byChannel.get(message.channel);
        if (same === undefined) byChannel.set(message.channel, [message]);
        else same.push(message);
      }
      for (const same of byChannel.values()) yield* bounded(same);
    } else yield* bounded(messages);
  }

  /** Tries until Redis has done it: what it had done already, positions and readers' sequences make harmless. */
  async #call(lot: readonly BusMessage[]): Promise<void> {
    const keys: string[] = [];
    const command = this.client instanceof Cluster ? "SPUBLISH" : "PUBLISH";
    const values: (string | number)[] = [command, this.options.lastValueHours * 3_600];
    for (const { channel, kind, epoch, sequence, payload } of lot) {
      const { last, increments, events, position, name } = this.#keys(channel);
      keys.push(last, increments, events, position);
      values.push(kinds[kind], epoch, sequence, name, payload);
    }
    await this.#untilDone(() => (this.client as unknown as Scripted).tickplantPublish(keys.length, ...keys, ...values));
  }

  async #untilDone(work: () => Promise<unknown>): Promise<void> {
    const { logger } = this.options;
    for (let backoff = FIRST_BACKOFF_MS; ; backoff = Math.min(LAST_BACKOFF_MS, 2 * backoff)) {
      if (this.#closed) throw new BusClosed();
      try {
        await work();
        if (this.#away) {
          this.#away = false;
          logger.info("Redis is back: channels go on");
        }
        return;
      } catch (error) {
        if (!this.#away) logger.warn({ why: (error as Error).message }, "Redis is away: channels wait for it");
        this.#away = true;
        await pause(backoff);
      }
    }
  }

  #keys(channel: string) {
    const known = this.#names.get(channel);
    if (known !== undefined) return known;
    const name = `${this.#prefix}${channel}`;
    const keys = {
      name,
      last: `last:{${name}}`,
      increments: `increments:{${name}}`,
      events: `events:{${name}}`,
      position: `position:{${name}}`,
    };
    this.#names.set(channel, keys);
    return keys;
  }

  readonly #announced = new Set<string>();
  readonly #names = new Map<
    string,
    { name: string; last: string; increments: string; events: string; position: string }
  >();
}

/** Where a cluster's channels are told: a set of them, and the channel on which new ones are said. */
function rollOf(prefix: string) {
  const tag = `{${prefix}channels}`;
  return { set: `known:${tag}`, control: `new:${tag}` };
}

interface Scripted {
  tickplantPublish(keys: number, ...values: (string | number)[]): Promise<unknown>;
}

function* bounded(messages: readonly BusMessage[]): Generator<readonly BusMessage[]> {
  let from = 0;
  let characters = 0;
  for (let at = 0; at < messages.length; at++) {
    characters += messages[at]!.payload.length;
    if (at + 1 - from < MESSAGES_PER_CALL && characters < CHARACTERS_PER_CALL) continue;
    yield messages.slice(from, at + 1);
    from = at + 1;
    characters = 0;
  }
  if (from < messages.length) yield from === 0 ? messages : messages.slice(from);
}

/** One reader: a connection of its own that listens to every channel of the namespace. */
class RedisSubscription implements BusSubscription {
  #client: RedisClient | undefined;
  #closed = false;
  #batch: BusMessage[] = [];

  constructor(
    private readonly prefix: string,
    private readonly subscriber: Subscriber,
    private readonly ended: () => void,
  ) {}

  async open(client: RedisClient): Promise<void> {
    this.#client = client;
    const pattern = `${this.prefix.replace(/[?*[\]\\]/g, "\\$&")}*:*`;
    client.on("pmessage", (_pattern: string, name: string, payload: string) => this.#take(name, payload));
    await client.psubscribe(pattern);
    // ioredis subscribes again by itself
    client.on("ready", () => {
      if (this.#closed) return;
      void client.psubscribe(pattern).then(() => this.subscriber.handler.reconnected?.());
    });
  }

  /** Every channel that is known, and those that publishers tell of. */
  async openSharded(client: Cluster, asking: Cluster, accepts: (channel: string) => boolean): Promise<void> {
    this.#client = client;
    const { set, control } = rollOf(this.prefix);
    const followed = new Set<string>();
    const follow = async (channels: readonly string[]): Promise<void> => {
      const fresh = channels.filter((channel) => !followed.has(channel) && accepts(channel));
      for (const channel of fresh) followed.add(channel);
      for (const channel of fresh) await client.ssubscribe(`${this.prefix}${channel}`);
      // what was published before the subscription stood is in the last values
      if (fresh.length > 0) this.subscriber.handler.reconnected?.();
    };
    client.on("smessage", (name: string, payload: string) => {
      if (name === control) void follow(JSON.parse(payload) as string[]).catch(() => {});
      else this.#take(name, payload);
    });
    await client.ssubscribe(control);
    await follow(await asking.smembers(set));
    client.on("ready", () => {
      if (this.#closed) return;
      void asking
        .smembers(set)
        .then(follow)
        .then(() => this.subscriber.handler.reconnected?.())
        .catch(() => {});
    });
  }

  /** Those that come in one read of the socket are handed over together. */
  #take(name: string, payload: string): void {
    const channel = name.slice(this.prefix.length);
    const message = messageOf(channel, payload);
    if (message === undefined) return;
    if (this.#batch.push(message) > 1) return;
    queueMicrotask(() => this.#hand());
  }

  #hand(): void {
    const batch = this.#batch;
    this.#batch = [];
    if (this.#closed) return;
    const chosen = this.subscriber.choose(batch);
    if (chosen.length > 0) this.subscriber.handler.messages(chosen);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.ended();
    this.#client?.disconnect();
  }
}
