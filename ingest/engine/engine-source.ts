import { setTimeout as pause } from "node:timers/promises";
import type { EngineConfig } from "../../infra/config/engine-config.js";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import { LagGauge } from "../../infra/log/lag-gauge.js";
import type { Consumer, PartitionHandler, StoredRecord } from "../../infra/log/log.js";
import type { Logger } from "../../infra/logging.js";
import { ConfluentRegistry } from "../../schemas/confluent-registry.js";
import type { FeedState } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import { backoffMs } from "../backoff.js";
import type { PublisherOptions } from "../publisher.js";
import type { MakeSource, Source, SourceParts } from "../source.js";
import { AvroValues } from "./avro-values.js";
import { EngineMarkets } from "./engine-markets.js";
import { EngineUnavailable } from "./errors.js";
import { PartitionTicks } from "./partition-ticks.js";
import { TopicReader } from "./topic-reader.js";

export interface EngineOptions {
  readonly config: EngineConfig;
  /** Id of the schema of `market.raw`'s values. */
  readonly schemaId: number;
  readonly publisher?: Pick<PublisherOptions, "maxTicks" | "maxBytes" | "batchTicks" | "lingerMs">;
  /** Milliseconds between two questions how far behind the topics it is. */
  readonly lagEveryMs?: number;
}

/** The source of an exchange's own topics. */
export const engineSource =
  (options: EngineOptions): MakeSource =>
  (parts) =>
    new EngineSource(options, parts);

/**
 * Follows the topics of a matching engine as a member of a consumer group. A record's offset is committed once its ticks
 * stand in `market.raw`; what is read again after a crash carries the numbers it had, and is known as a repeat there. So
 * a restart neither loses nor doubles. With several ingest processes the group shares the partitions out.
 */
class EngineSource implements Source {
  readonly #logger: Logger;
  readonly #markets: EngineMarkets;
  readonly #partitions = new Map<string, PartitionTicks>();
  readonly #readers: ReadonlyMap<string, TopicReader>;
  readonly #abort = new AbortController();
  readonly #shownLag: LagGauge;
  #running: Promise<void> | undefined;
  #consumer: Consumer | undefined;
  #connected = false;
  #since: Micros;
  #lagAskedAt: Micros = 0;

  constructor(
    private readonly options: EngineOptions,
    private readonly parts: SourceParts,
  ) {
    const { config } = options;
    this.#logger = parts.logger.child({ exchange: config.id });
    this.#since = parts.clock();
    this.#shownLag = new LagGauge(parts.metrics, config.group);
    this.#markets = new EngineMarkets(options, parts);
    const avro = config.registry && new AvroValues(new ConfluentRegistry(config.registry));
    const topics = [...new Set(config.streams.map(({ topic }) => topic))];
    this.#readers = new Map(topics.map((topic) => [topic, new TopicReader(topic, config, avro)]));
  }

  async start(): Promise<void> {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    await this.#markets.close();
  }

  states(): FeedState[] {
    return [{ exchange: this.options.config.id, feed: "topics", connected: this.#connected, since: this.#since }];
  }

  get isReady(): boolean {
    return this.#connected;
  }

  owns(exchange: VenueId): boolean {
    return exchange === this.options.config.id;
  }

  onTime(now: Micros): void {
    this.#markets.onTime(now);
    if (now - this.#lagAskedAt < (this.options.lagEveryMs ?? 5_000) * 1000 || this.#consumer === undefined) return;
    this.#lagAskedAt = now;
    this.#consumer.lag().then(
      (lags) => {
        this.#setConnected(this.#consumer !== undefined);
        this.#shownLag.show(lags);
      },
      () => this.#setConnected(false),
    );
  }

  /** Follows until it is stopped; whatever ends it, it begins again where the group's offsets say. */
  async #run(): Promise<void> {
    const { signal } = this.#abort;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#follow(() => {
          attempt = 0;
        });
      } catch (error) {
        const { code, message } = new EngineUnavailable(this.options.config.id, (error as Error).message);
        this.#logger.warn({ code }, message);
      }
      this.#setConnected(false);
      const pauseMs = backoffMs(attempt, { baseMs: 500, capMs: 15_000 });
      await pause(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  async #follow(joined: () => void): Promise<void> {
    const { config } = this.options;
    const { logger } = this.parts;
    const log = await KafkaLog.open({ kafka: config.kafka, namespace: "", logger });
    try {
      await this.#markets.show();
      const consumer = await log.consume(config.group, [...this.#readers.keys()], this.#handler(log));
      this.#consumer = consumer;
      this.#setConnected(true);
      joined();
      const { signal } = this.#abort;
      const stopped = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      await Promise.race([consumer.failed, stopped]);
      // first: a plant's log that hangs must not hold the members' farewell up
      await this.#closePartitions();
      await consumer.close().catch(() => {});
    } finally {
      this.#consumer = undefined;
      await log.close();
      await this.#closePartitions();
    }
  }

  async #closePartitions(): Promise<void> {
    await Promise.all([...this.#partitions.values()].map((ticks) => ticks.close()));
    this.#partitions.clear();
  }

  #handler(log: KafkaLog): PartitionHandler {
    const { group, from } = this.options.config;
    const name = (topic: string, partition: number) => `${topic}/${partition}`;
    return {
      assigned: async (topic, partition) => {
        const reader = this.#readers.get(topic)!;
        this.#partitions.set(name(topic, partition), new PartitionTicks(reader, partition, this.options, this.parts));
        if (from === "start" || (await log.committed(group, topic, partition)) !== undefined) return undefined;
        const { end } = await log.offsets(topic, partition);
        await log.commit(group, topic, partition, end);
        return end;
      },
      records: async (topic: string, partition: number, records: readonly StoredRecord[]) => {
        const ticks = this.#partitions.get(name(topic, partition));
        if (ticks === undefined) throw new EngineUnavailable(this.options.config.id, "it stops");
        await ticks.take(records);
        await log.commit(group, topic, partition, records.at(-1)!.offset + 1);
      },
      revoked: async (topic, partition) => {
        await this.#partitions.get(name(topic, partition))?.close();
        this.#partitions.delete(name(topic, partition));
      },
      lost: (topic, partition, records) => {
        const { metrics } = this.parts;
        metrics.dropped.inc({ place: "engine", reason: "lost_to_retention" }, records);
        this.#partitions.get(name(topic, partition))?.lost();
      },
    };
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#since = this.parts.clock();
    this.#logger.info({ connected }, "following the engine's topics");
  }
}
