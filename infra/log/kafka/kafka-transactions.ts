import { setTimeout as pause } from "node:timers/promises";
import type { Kafka } from "kafkajs";
import type { Logger } from "../../logging.js";
import { Fenced } from "../errors.js";
import type { GroupOffset, LogRecord, TransactionalWriter } from "../log.js";
import { recoverCluster } from "./broker-request.js";
import { LogUnavailable, WriterLost } from "./errors.js";
import { clusterOf, type KafkaCluster } from "./kafkajs-internals.js";
import { abandonCluster } from "./sound-cluster.js";
import { OutcomeUnknown, ProducerFenced, TransactionCoordinator } from "./transaction-coordinator.js";
import { type PartitionRecords, TransactionalAppend } from "./transactional-append.js";

/** How records and groups are called at the brokers. */
export interface Naming {
  /** @throws UnknownTopic */
  place(record: LogRecord): { topic: string; partition: number };
  topic(name: string): string;
  group(name: string): string;
  /** The member of the group that this process is; empty for none. */
  member(group: string): string;
}

/** Longer than anything in a transaction is tried: whoever writes it decides it. */
const TRANSACTION_TIMEOUT_MS = 60_000;
const PATIENCE_MS = 25_000;
const OPEN_ATTEMPTS = 3;
const WRITE_ATTEMPTS = 3;

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
    private readonly coordinator: TransactionCoordinator,
    private readonly naming: Naming,
    patienceMs: number,
  ) {
    this.#append = new TransactionalAppend(cluster, coordinator, transactionalId, patienceMs);
  }

  /**
   * @param patienceMs how long each step is repeated while its outcome is not known
   * @throws LogUnavailable when the brokers do not answer
   */
  static async open(
    id: string,
    transactionalId: string,
    kafka: Kafka,
    naming: Naming,
    logger: Logger,
    patienceMs = PATIENCE_MS,
  ): Promise<KafkaTransactions> {
    for (let attempt = 1; ; attempt++) {
      const cluster = clusterOf(kafka);
      try {
        await cluster.connect();
        await cluster.refreshMetadata();
        const settings = { timeoutMs: TRANSACTION_TIMEOUT_MS, patienceMs };
        const coordinator = new TransactionCoordinator({ cluster, transactionalId, ...settings });
        await coordinator.open();
        return new KafkaTransactions(id, transactionalId, cluster, coordinator, naming, patienceMs);
      } catch (error) {
        abandonCluster(cluster);
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
        await recoverCluster(this.cluster);
      }
    }
  }

  async #write(records: readonly LogRecord[], offsets: readonly GroupOffset[]): Promise<void> {
    if (this.#over) throw this.#over;
    const parts = this.#byPartition(records);
    try {
      if (parts.length > 0) await this.#append.append(parts);
      for (const { groupId, topics } of this.#byGroup(offsets)) await this.coordinator.commitOffsets(groupId, topics);
    } catch (error) {
      await this.#failed(error);
    }
    try {
      await this.coordinator.commit();
    } catch (error) {
      throw this.#ends(error);
    }
    this.#retire();
  }

  async close(): Promise<void> {
    this.#over ??= new WriterLost(this.id, new Error("it was closed"));
    await this.cluster.disconnect().catch(() => {});
    abandonCluster(this.cluster);
  }

  /** Nothing was written, or nobody knows: then this writer ends, and does not initialise again over a newer one. */
  async #failed(error: unknown): Promise<never> {
    if (error instanceof ProducerFenced) throw this.#ends(error);
    try {
      await this.coordinator.abort();
    } catch (second) {
      throw this.#ends(second instanceof ProducerFenced ? second : error);
    }
    if (error instanceof OutcomeUnknown) throw this.#ends(error);
    this.#retire();
    throw new LogUnavailable(`a transaction of "${this.id}"`, error);
  }

  #ends(error: unknown): Error {
    this.#over = error instanceof ProducerFenced ? new Fenced(this.id) : new WriterLost(this.id, error);
    return this.#over;
  }

  /** An end that went twice may arrive again in the middle of what would be written next. */
  #retire(): void {
    if (this.coordinator.isSpent)
      this.#over ??= new WriterLost(this.id, new Error("the answer to the end of the one before was lost"));
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
      const groupId = this.naming.group(group);
      const topics = groups.get(groupId) ?? new Map();
      groups.set(groupId, topics);
      const name = this.naming.topic(topic);
      topics.set(name, [...(topics.get(name) ?? []), { partition, offset: String(offset), metadata }]);
    }
    return [...groups].map(([groupId, topics]) => ({
      groupId,
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    }));
  }
}
