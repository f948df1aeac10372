import type { Admin, Kafka } from "kafkajs";
import type { KafkaConfig } from "../../config/services-config.js";
import type { Logger } from "../../logging.js";
import { LogClosed, UnknownTopic } from "../errors.js";
import type {
  Consumer,
  Log,
  LogRecord,
  PartitionHandler,
  StoredRecord,
  TopicSettings,
  TransactionalWriter,
} from "../log.js";
import { partitionOf } from "../partitioner.js";
import { askBroker, leaderOf } from "./broker-request.js";
import { LogUnavailable, VersionsApart } from "./errors.js";
import { openFailure } from "./kafka-access.js";
import { kafkaClient } from "./kafka-client.js";
import { KafkaConsumer } from "./kafka-consumer.js";
import { KafkaProducer, type Lane } from "./kafka-producer.js";
import { KafkaReader } from "./kafka-reader.js";
import { applyTopics, type TopicDrift, topicDrift } from "./kafka-topics.js";
import { KafkaTransactions } from "./kafka-transactions.js";
import { clusterOf, type KafkaCluster } from "./kafkajs-internals.js";
import { describeQuorumRequest } from "./quorum-clock.js";

export interface KafkaLogOptions {
  readonly kafka: KafkaConfig;
  /** Begins the names of topics, groups and transactional ids; empty for none. */
  readonly namespace: string;
  readonly logger: Logger;
}

/** They wait for the leader alone unless it is configured otherwise; they linger in the publisher. */
const rawTicks = "market.raw";
const END_POLL_MS = 20;
const METADATA_DEADLINE_MS = 10_000;
const METADATA_POLL_MS = 50;
const JOIN_PATIENCE_MS = 60_000;
const JOIN_PAUSE_MS = 500;
const CLOCK_DEADLINE_MS = 3_000;

/** The log in Kafka. */
export class KafkaLog implements Log {
  readonly #partitions = new Map<string, number>();
  /** Names of topics, groups and transactional ids by those in the plant: made once, since every record asks. */
  readonly #physicalNames = new Map<string, string>();
  readonly #consumers = new Map<string, KafkaConsumer>();
  readonly #writers = new Set<TransactionalWriter>();
  readonly #producer: KafkaProducer;
  readonly #reader: KafkaReader;
  #admin: Promise<Admin> | undefined;
  #closed: Promise<void> | undefined;
  #shut = false;

  private constructor(
    private readonly options: KafkaLogOptions,
    private readonly client: Kafka,
    private readonly cluster: KafkaCluster,
  ) {
    const raw = this.#physical(rawTicks);
    this.#producer = new KafkaProducer({
      cluster,
      nameOf: (topic) => this.#physical(topic),
      partitionOf: (record) => this.#partitionOf(record),
      acks: (topic) => (topic === raw && options.kafka.rawAcks === "leader" ? 1 : -1),
      lingerMs: (topic) => (topic === raw ? 0 : options.kafka.lingerMs),
      deliveryTimeoutMs: options.kafka.deliveryTimeoutMs,
      logger: options.logger,
    });
    this.#reader = new KafkaReader(cluster);
  }

  /** Connects and learns which topics there are. @throws LogUnavailable, LogAccessRefused */
  static async open(options: KafkaLogOptions): Promise<KafkaLog> {
    const client = kafkaClient(options.kafka, options.logger);
    const cluster = clusterOf(client);
    const log = new KafkaLog(options, client, cluster);
    try {
      await cluster.connect();
      await log.#learn();
    } catch (error) {
      await cluster.disconnect().catch(() => {});
      throw await openFailure(options.kafka, error);
    }
    return log;
  }

  async createTopics(topics: readonly TopicSettings[]): Promise<void> {
    await applyTopics(await this.#administration(), this.#named(topics), this.options.kafka);
    const until = performance.now() + METADATA_DEADLINE_MS;
    // brokers hear of new partitions one after the other
    do await this.#learn();
    while (
      topics.some(({ name, partitions }) => (this.#partitions.get(name) ?? 0) < partitions) &&
      (await soon(until))
    );
  }

  /** What differs between the wanted topics and those at the brokers, by the plant's names. */
  async drift(topics: readonly TopicSettings[]): Promise<TopicDrift[]> {
    const found = await topicDrift(await this.#administration(), this.#named(topics), this.options.kafka);
    return found.map((one) => ({ ...one, topic: this.#logical(one.topic) }));
  }

  partitions(topic: string): number {
    const partitions = this.#partitions.get(topic);
    if (partitions === undefined) throw new UnknownTopic(topic);
    return partitions;
  }

  async append(records: readonly LogRecord[]): Promise<void> {
    if (this.#shut) throw this.#over();
    let lanes: Lane[];
    try {
      lanes = this.#producer.lanesOf(records);
    } catch {
      await this.#learn();
      lanes = this.#producer.lanesOf(records);
    }
    await this.#producer.append(records, lanes);
  }

  async transactions(writer: string): Promise<TransactionalWriter> {
    if (this.#shut) throw this.#over();
    const naming = {
      place: (record: LogRecord) => ({ topic: this.#physical(record.topic), partition: this.#partitionOf(record) }),
      topic: (name: string) => this.#physical(name),
      group: (name: string) => this.#physical(name),
      member: (group: string) => this.#consumers.get(group)?.memberId ?? "",
    };
    const opened = await KafkaTransactions.open(
      writer,
      this.#physical(writer),
      this.client,
      naming,
      this.options.logger,
    );
    this.#writers.add(opened);
    return {
      write: (...given) => opened.write(...given),
      close: () => {
        this.#writers.delete(opened);
        return opened.close();
      },
    };
  }

  async read(topic: string, partition: number, offset: number, maxBytes: number): Promise<StoredRecord[]> {
    this.#check(topic, partition);
    return (await this.#reader.read(this.#physical(topic), partition, offset, maxBytes)).records;
  }

  async *readToEnd(topic: string, partition: number, from: number, maxBytes: number): AsyncGenerator<StoredRecord[]> {
    const { start, end } = await this.offsets(topic, partition);
    for (let offset = Math.max(from, start); offset < end; ) {
      const { records, next } = await this.#reader.read(this.#physical(topic), partition, offset, maxBytes);
      if (records.length > 0) yield records;
      // somebody's transaction is under way before the end: what follows it counts as soon as it is decided
      if (next === offset) await new Promise((resolve) => setTimeout(resolve, END_POLL_MS));
      offset = next;
    }
  }

  async offsets(topic: string, partition: number): Promise<{ start: number; end: number }> {
    this.#check(topic, partition);
    return this.#reader.offsets(this.#physical(topic), partition);
  }

  async consume(group: string, topics: readonly string[], handler: PartitionHandler): Promise<Consumer> {
    if (this.#shut) throw this.#over();
    for (const topic of topics) this.partitions(topic);
    const { sessionTimeoutMs, stallMs } = this.options.kafka;
    const consumer = new KafkaConsumer({
      kafka: this.client,
      reader: this.#reader,
      groupId: this.#physical(group),
      topics: topics.map((topic) => this.#physical(topic)),
      nameOf: (topic) => this.#logical(topic),
      handler,
      sessionTimeoutMs,
      stallMs,
      logger: this.options.logger,
      closed: () => {
        if (this.#consumers.get(group) === consumer) this.#consumers.delete(group);
      },
    });
    await this.#join(group, consumer);
    this.#consumers.set(group, consumer);
    return consumer;
  }

  /** Brokers that have just started, or have had no group before, need a while until somebody coordinates it. */
  async #join(group: string, consumer: KafkaConsumer): Promise<void> {
    const deadline = performance.now() + JOIN_PATIENCE_MS;
    for (;;) {
      try {
        return await consumer.start();
      } catch (error) {
        if (this.#shut || performance.now() > deadline || !/coordinator/i.test((error as Error).message))
          throw new LogUnavailable(`group ${group}`, error);
        await new Promise((resolve) => setTimeout(resolve, JOIN_PAUSE_MS));
      }
    }
  }

  async committed(group: string, topic: string, partition: number): Promise<number | undefined> {
    return this.#reader.committed(this.#physical(group), this.#physical(topic), partition);
  }

  /** With a consumer of the group here, only what it owns is committed: the rest is somebody else's to say. */
  async commit(group: string, topic: string, partition: number, offset: number): Promise<void> {
    if (this.#shut) throw this.#over();
    const consumer = this.#consumers.get(group);
    if (consumer !== undefined) await consumer.commit(this.#physical(topic), partition, offset);
    else await this.#reader.commit(this.#physical(group), this.#physical(topic), partition, offset);
  }

  /**
   * The clock of the brokers' active controller, ms; undefined where they do not tell it (no KRaft, no right to describe
   * the cluster).
   *
   * @throws LogUnavailable, and what kafkajs throws
   */
  async controllerMs(): Promise<number | undefined> {
    const nodeId = leaderOf(this.cluster, this.#physical(rawTicks), 0);
    const broker = await this.cluster.findBroker({ nodeId });
    try {
      return (await askBroker(broker, describeQuorumRequest(), "the brokers' clock", CLOCK_DEADLINE_MS)).leaderMs;
    } catch (error) {
      if (error instanceof VersionsApart) return undefined;
      throw error;
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    await Promise.all([...this.#consumers.values()].map((consumer) => consumer.close()));
    this.#shut = true;
    for (const writer of this.#writers) await writer.close();
    this.#producer.close();
    await (await this.#admin?.catch(() => undefined))?.disconnect().catch(() => {});
    await this.cluster.disconnect().catch(() => {});
  }

  /** Which topics there are; others may have created some. */
  async #learn(): Promise<void> {
    const { topicMetadata } = await this.cluster.metadata({ topics: [] });
    const ours: string[] = [];
    for (const { topic, partitionMetadata } of topicMetadata) {
      if (topic.startsWith("__") || !topic.startsWith(this.#prefix)) continue;
      ours.push(topic);
      this.#partitions.set(this.#logical(topic), partitionMetadata.length);
    }
    if (ours.length === 0) return;
    await this.cluster.addMultipleTargetTopics(ours);
    await this.cluster.refreshMetadata();
  }

  #administration(): Promise<Admin> {
    this.#admin ??= (async () => {
      const admin = this.client.admin();
      await admin.connect();
      return admin;
    })();
    this.#admin.catch(() => {
      this.#admin = undefined;
    });
    return this.#admin;
  }

  /** @throws UnknownTopic */
  #partitionOf({ topic, partition, key }: LogRecord): number {
    const count = this.partitions(topic);
    const chosen = partition ?? partitionOf(key ?? "", count);
    if (!(chosen >= 0 && chosen < count)) throw new UnknownTopic(topic, chosen);
    return chosen;
  }

  #check(topic: string, partition: number): void {
    if (partition >= this.partitions(topic)) throw new UnknownTopic(topic, partition);
  }

  #named(topics: readonly TopicSettings[]): TopicSettings[] {
    return topics.map((topic) => ({ ...topic, name: this.#physical(topic.name) }));
  }

  get #prefix(): string {
    const { namespace } = this.options;
    return namespace === "" ? "" : `${namespace}.`;
  }

  #physical(name: string): string {
    let physical = this.#physicalNames.get(name);
    if (physical === undefined) {
      physical = `${this.#prefix}${name}`;
      this.#physicalNames.set(name, physical);
    }
    return physical;
  }

  #logical(name: string): string {
    return name.slice(this.#prefix.length);
  }

  #over(): LogClosed {
    return new LogClosed(this.options.kafka.brokers.join(", "));
  }
}

/** @returns false when it is too late */
async function soon(until: number): Promise<boolean> {
  if (performance.now() >= until) return false;
  await new Promise((resolve) => setTimeout(resolve, METADATA_POLL_MS));
  return true;
}
