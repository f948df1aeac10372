import { setTimeout as pause } from "node:timers/promises";
import { Cluster, Redis } from "ioredis";
import type { RedisConfig } from "../config/services-config.js";
import { tlsOptions } from "../config/tls-options.js";
import type { Logger } from "../logging.js";
import type { Bus, BusHandler, BusMessage, BusSubscription, LastValue } from "./bus.js";
import { BusClosed, RedisUnavailable } from "./errors.js";
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

type Client = Redis | Cluster;

/** One call of `publish`. */
interface Call {
  readonly messages: readonly BusMessage[];
  resolve(): void;
  reject(error: Error): void;
}

const CONNECT_DEADLINE_MS = 10_000;
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
    private readonly client: Client,
  ) {
    this.#prefix = options.namespace === "" ? "" : `${options.namespace}.`;
  }

  /** @throws RedisUnavailable when nobody answers within 10 s */
  static async connect(options: RedisBusOptions): Promise<RedisBus> {
    const client = await openClient(options);
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
    await subscription.open(await openClient(this.options));
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
    for (const lot of this.#lots(messages)) calls.push(this.#call(lot));
    await Promise.all(calls);
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
    const names: string[] = [];
    const heads: string[] = [];
    const places = new Map<string, number>();
    for (const { channel, kind, epoch, sequence, payload } of lot) {
      let place = places.get(channel);
      if (place === undefined) {
        const { last, increments, events, position, name } = this.#keys(channel);
        place = names.push(name) - 1;
        places.set(channel, place);
        keys.push(last, increments, events, position);
      }
      heads.push(`${place} ${kinds[kind]} ${epoch} ${sequence}`, payload);
    }
    const command = this.client instanceof Cluster ? "SPUBLISH" : "PUBLISH";
    const values = [command, this.options.lastValueHours * 3_600, ...names, ...heads];
    const { logger } = this.options;
    for (let backoff = FIRST_BACKOFF_MS; ; backoff = Math.min(LAST_BACKOFF_MS, 2 * backoff)) {
      if (this.#closed) throw new BusClosed();
      try {
        await (this.client as unknown as Scripted).tickplantPublish(keys.length, ...keys, ...values);
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

  readonly #names = new Map<
    string,
    { name: string; last: string; increments: string; events: string; position: string }
  >();
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
  #client: Client | undefined;
  #closed = false;
  #batch: BusMessage[] = [];

  constructor(
    private readonly prefix: string,
    private readonly subscriber: Subscriber,
    private readonly ended: () => void,
  ) {}

  async open(client: Client): Promise<void> {
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

async function openClient({ redis, logger }: RedisBusOptions): Promise<Client> {
  const options = {
    ...(redis.user !== "" && { username: redis.user }),
    ...(redis.password !== "" && { password: redis.password }),
    ...(redis.tls && { tls: tlsOptions(redis.tls) }),
    maxRetriesPerRequest: 0,
    connectTimeout: 3_000,
    lazyConnect: true,
  };
  const retryMs = (attempt: number) => Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * attempt);
  const nodes = redis.nodes.map(hostAndPort);
  const client: Client = redis.cluster
    ? new Cluster(nodes, { redisOptions: options, lazyConnect: true, clusterRetryStrategy: retryMs })
    : new Redis({ ...nodes[0]!, ...options, retryStrategy: retryMs });
  client.on("error", (error: Error) => logger.debug({ why: error.message }, "Redis"));
  client.defineCommand("tickplantPublish", { lua: publishScript });
  const deadline = performance.now() + CONNECT_DEADLINE_MS;
  const place = redis.nodes.join(", ");
  void client.connect().catch(() => {});
  for (;;) {
    try {
      await client.ping();
      return client;
    } catch (error) {
      if (performance.now() < deadline) {
        await pause(100);
        continue;
      }
      client.disconnect();
      throw new RedisUnavailable(place, error);
    }
  }
}

function hostAndPort(node: string): { host: string; port: number } {
  const colon = node.lastIndexOf(":");
  return { host: node.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(node.slice(colon + 1)) };
}
