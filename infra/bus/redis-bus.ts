import type { RedisConfig } from "../config/services-config.js";
import type { Logger } from "../logging.js";
import { connectRedis, finderOf, type RedisConnection } from "../redis/connection.js";
import { WriteProbe } from "../redis/write-probe.js";
import type { WriteState } from "../redis/write-state.js";
import type { Bus, BusHandler, BusMessage, BusSubscription, LastValue } from "./bus.js";
import { RedisNames } from "./redis-names.js";
import { RedisPublisher } from "./redis-publisher.js";
import { RedisSubscriber } from "./redis-subscriber.js";
import { RedisValues } from "./redis-values.js";

export interface RedisBusSettings {
  readonly redis: RedisConfig;
  /** Stands before every channel's name; empty for none. */
  readonly namespace: string;
  /** Hours after which the last value of a silent channel goes. */
  readonly lastValueHours: number;
  readonly logger: Logger;
}

/**
 * The bus over Redis. Messages go out by pub/sub as they are; the last value of `ticker:BTC/USDT` is the string
 * `last:{ticker:BTC/USDT}`, beside it the lists `increments:{…}` and `events:{…}`. What a channel holds its name tells:
 * books with increments are `depth:`, events `trade:`, `signal:`, `price.upd` and `pool.upd`, all others values.
 */
export class RedisBus implements Bus {
  private readonly publisher: RedisPublisher;
  private readonly subscriber: RedisSubscriber;
  private readonly values: RedisValues;
  private readonly probe: WriteProbe;

  private constructor(
    private readonly connections: { out: RedisConnection; reads: RedisConnection; in: RedisConnection },
    { namespace, lastValueHours, logger }: RedisBusSettings,
  ) {
    const names = new RedisNames(namespace);
    this.publisher = new RedisPublisher({
      connection: connections.out,
      names,
      lastValueSeconds: lastValueHours * 3600,
      logger,
    });
    this.values = new RedisValues(connections.reads.client, names);
    this.subscriber = new RedisSubscriber(
      connections.in.client,
      names,
      (channel) => this.values.newest(channel),
      logger,
    );
    this.probe = new WriteProbe(connections.reads, names.probe);
  }

  /**
   * Three connections: messages out, last values, messages in.
   *
   * @throws RedisUnavailable when Redis can not be reached within ten seconds
   */
  static async connect(settings: RedisBusSettings): Promise<RedisBus> {
    const { redis, logger } = settings;
    const finder = finderOf(redis);
    const shared = { redis, logger, ...(finder && { finder }) };
    const opening = [
      connectRedis({ ...shared, purpose: "bus-out" }),
      connectRedis({ ...shared, purpose: "bus-values" }),
      connectRedis({ ...shared, purpose: "bus-in", sharded: true }),
    ] as const;
    try {
      const [out, reads, incoming] = await Promise.all(opening);
      return new RedisBus({ out, reads, in: incoming }, settings);
    } catch (error) {
      for (const opened of await Promise.allSettled(opening)) {
        if (opened.status === "fulfilled") opened.value.client.disconnect();
      }
      throw error;
    }
  }

  /** Resolves when Redis has the messages, and waits through outages. @throws BusClosed when closed meanwhile */
  publish(messages: readonly BusMessage[]): Promise<void> {
    return this.publisher.publish(messages);
  }

  async subscribe(handler: BusHandler): Promise<BusSubscription> {
    return this.subscriber.subscribe(handler);
  }

  /** Fails while Redis is away. */
  last(channel: string): Promise<LastValue | undefined> {
    return this.values.last(channel);
  }

  /** Fails while Redis is away. */
  channels(): Promise<string[]> {
    return this.values.channels();
  }

  /** Waits up to two seconds for what was published. */
  async close(): Promise<void> {
    this.probe.stop();
    this.subscriber.close();
    await this.publisher.close();
    for (const { client } of Object.values(this.connections)) client.disconnect();
  }

  /** What goes out comes first, then how each connection is, then what a small write of its own met. */
  get state(): WriteState {
    const { out, reads, in: incoming } = this.connections;
    const states = [this.publisher.state, out.state, reads.state, incoming.state, this.probe.state];
    return states.find(({ writable }) => !writable) ?? this.publisher.state;
  }
}
