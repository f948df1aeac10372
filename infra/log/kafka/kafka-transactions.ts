import { setTimeout as pause } from "node:timers/promises";
import type { Kafka } from "kafkajs";
import type { Logger } from "../../logging.js";
import { Fenced } from "../errors.js";
import type { GroupOffset, LogRecord, TransactionalWriter } from "../log.js";
import { recoverCluster } from "./broker-request.js";
import { LogUnavailable, WriterLost } from "./errors.js";
import { clusterOf, type KafkaCluster, type TransactionManager, transactionManagerOf } from "./kafka-client.js";
import { AppendUncertain, type PartitionRecords, ProducerFenced, TransactionalAppend } from "./transactional-append.js";

/** How records and groups are called at the brokers. */
export interface Naming {
  /** @throws UnknownTopic */
  place(record: LogRecord): { topic: string; partition: number };
  topic(name: string): string;
  group(name: string): string;
  /** The member of the group that this process is; empty for none. */
  member(group: string): string;
}

const TRANSACTION_TIMEOUT_MS = 20_000;
const OPEN_ATTEMPTS = 6;
const WRITE_ATTEMPTS = 8;
/** What a broker says to a producer whose epoch is over. */
const fencedTypes = new Set(["INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED", "INVALID_PRODUCER_ID_MAPPING"]);

/**
 * A task's writes as Kafka transactions under its own transactional id. Opening fences every older writer of that id
 * out and ends what it left open, so what is read afterwards is the last state that counts. Beside an offset stands
 * which member of the group holds the partition, until it gives it back.
 */
export class KafkaTransactions implements TransactionalWriter {
  /** Why it can write no more. */
  #over: Error | undefined;
  readonly #append: TransactionalAppend;

  private constructor(
    private readonly id: string,
    transactionalId: string,
    private readonly cluster: KafkaCluster,
    private readonly manager: TransactionManager,
    private readonly naming: Naming,
  ) {
    this.#append = new TransactionalAppend(cluster, manager, transactionalId);
  }

  /** @throws LogUnavailable when the brokers do not answer */
  static async open(id: string, transactionalId: string, kafka: Kafka, naming: Naming, logger: Logger) {
    for (let attempt = 1; ; attempt++) {
      const cluster = clusterOf(kafka);
      try {
        await cluster.connect();
        const manager = transactionManagerOf(cluster, transactionalId, TRANSACTION_TIMEOUT_MS, logger);
        await manager.initProducerId();
        return new KafkaTransactions(id, transactionalId, cluster, manager, naming);
      } catch (error) {
        await cluster.disconnect().catch(() => {});
        if (attempt === OPEN_ATTEMPTS) throw new LogUnavailable(`the writer "${id}"`, error);
        logger.debug({ err: error, writer: id }, "a transactional writer does not open yet");
        await pause(250 * attempt);
      }
    }
  }

  /** Coordinators that move or load refuse for a moment: what was aborted whole is tried again. */
  async write(records: readonly LogRecord[], offsets: readonly GroupOffset[] = []): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#write(records, offsets);
      } catch (error) {
        if (!(error instanceof LogUnavailable) || attempt === WRITE_ATTEMPTS) throw error;
        await pause(100 * attempt);
        await recoverCluster(this.cluster, error.cause);
      }
    }
  }

  async #write(records: readonly LogRecord[], offsets: readonly GroupOffset[]): Promise<void> {
    if (this.#over) throw this.#over;
    const parts = this.#byPartition(records);
    try {
      this.manager.beginTransaction();
      if (parts.length > 0) await this.#append.append(parts);
      for (const ofGroup of this.#byGroup(offsets)) await this.manager.sendOffsets(ofGroup);
      await this.manager.commit();
    } catch (error) {
      await this.#failed(error);
    }
  }

  async close(): Promise<void> {
    this.#over ??= new WriterLost(this.id, new Error("it was closed"));
    await this.cluster.disconnect().catch(() => {});
  }

  /** Nothing was written, or nobody knows: then this writer ends, and does not initialise again over a newer one. */
  async #failed(error: unknown): Promise<never> {
    if (isFenced(error)) {
      this.#over = new Fenced(this.id);
      throw this.#over;
    }
    try {
      await this.manager.abort();
    } catch (second) {
      this.#over = isFenced(second) ? new Fenced(this.id) : new WriterLost(this.id, error);
      throw this.#over;
    }
    if (error instanceof AppendUncertain) {
      this.#over = new WriterLost(this.id, error);
      throw this.#over;
    }
    throw new LogUnavailable(`a transaction of "${this.id}"`, error);
  }

  #byPartition(records: readonly LogRecord[]): PartitionRecords[] {
    const byPlace = new Map<string, PartitionRecords & { records: LogRecord[] }>();
    for (const record of records) {
      const { topic, partition } = this.naming.place(record);
      const place = `${topic}/${partition}`;
      const part = byPlace.get(place);
      if (part === undefined) byPlace.set(place, { topic, partition, records: [record] });
      else part.records.push(record);
    }
    return [...byPlace.values()];
  }

  #byGroup(offsets: readonly GroupOffset[]) {
    const groups = new Map<string, Map<string, { partition: number; offset: string; metadata: string }[]>>();
    for (const { group, topic, partition, offset, released } of offsets) {
      const metadata = released === true ? "" : this.naming.member(group);
      const consumerGroupId = this.naming.group(group);
      const topics = groups.get(consumerGroupId) ?? new Map();
      groups.set(consumerGroupId, topics);
      const name = this.naming.topic(topic);
      topics.set(name, [...(topics.get(name) ?? []), { partition, offset: String(offset), metadata }]);
    }
    return [...groups].map(([consumerGroupId, topics]) => ({
      consumerGroupId,
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    }));
  }
}

function isFenced(error: unknown): boolean {
  if (error instanceof ProducerFenced) return true;
  for (let one = error as { type?: string; cause?: unknown } | undefined; one; one = one.cause as typeof one) {
    if (one.type !== undefined && fencedTypes.has(one.type)) return true;
  }
  return false;
}
