import type { Kafka, Message, Producer } from "kafkajs";
import type { Logger } from "../../logging.js";
import { Fenced } from "../errors.js";
import type { GroupOffset, LogRecord, TransactionalWriter } from "../log.js";
import { LogUnavailable, WriterLost } from "./errors.js";

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

  private constructor(
    private readonly id: string,
    private readonly producer: Producer,
    private readonly naming: Naming,
  ) {}

  /** @throws LogUnavailable when the brokers do not answer */
  static async open(id: string, transactionalId: string, kafka: Kafka, naming: Naming, logger: Logger) {
    for (let attempt = 1; ; attempt++) {
      const producer = kafka.producer({
        transactionalId,
        idempotent: true,
        maxInFlightRequests: 1,
        transactionTimeout: TRANSACTION_TIMEOUT_MS,
        allowAutoTopicCreation: false,
        createPartitioner:
          () =>
          ({ message }) =>
            message.partition ?? 0,
      });
      try {
        await producer.connect();
        // kafkajs asks for the epoch that fences with the first transaction only
        await (await producer.transaction()).abort();
        return new KafkaTransactions(id, producer, naming);
      } catch (error) {
        await producer.disconnect().catch(() => {});
        if (attempt === OPEN_ATTEMPTS) throw new LogUnavailable(`the writer "${id}"`, error);
        logger.debug({ err: error, writer: id }, "a transactional writer does not open yet");
        await new Promise((resolve) => setTimeout(resolve, 250 * attempt));
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
        await new Promise((resolve) => setTimeout(resolve, 100 * attempt));
      }
    }
  }

  async #write(records: readonly LogRecord[], offsets: readonly GroupOffset[]): Promise<void> {
    if (this.#over) throw this.#over;
    const topicMessages = this.#messages(records);
    const begun = this.producer.transaction();
    const transaction = await begun.catch((error: unknown) => this.#failed(error, undefined));
    try {
      if (topicMessages.length > 0) await transaction.sendBatch({ topicMessages, acks: -1 });
      for (const { consumerGroupId, topics } of this.#byGroup(offsets)) {
        await transaction.sendOffsets({ consumerGroupId, topics });
      }
      await transaction.commit();
    } catch (error) {
      await this.#failed(error, transaction);
    }
  }

  async close(): Promise<void> {
    this.#over ??= new WriterLost(this.id, new Error("it was closed"));
    await this.producer.disconnect().catch(() => {});
  }

  /** Nothing was written, or nobody knows: then this writer ends, and does not initialise again over a newer one. */
  async #failed(error: unknown, transaction: { abort(): Promise<void> } | undefined): Promise<never> {
    if (isFenced(error)) {
      this.#over = new Fenced(this.id);
      throw this.#over;
    }
    try {
      if (transaction === undefined) throw error;
      await transaction.abort();
    } catch (second) {
      this.#over = isFenced(second) ? new Fenced(this.id) : new WriterLost(this.id, error);
      throw this.#over;
    }
    throw new LogUnavailable(`a transaction of "${this.id}"`, error);
  }

  #messages(records: readonly LogRecord[]): { topic: string; messages: Message[] }[] {
    const byTopic = new Map<string, Message[]>();
    for (const record of records) {
      const { topic, partition } = this.naming.place(record);
      const { key, value, timestamp } = record;
      let messages = byTopic.get(topic);
      if (messages === undefined) {
        messages = [];
        byTopic.set(topic, messages);
      }
      messages.push({
        partition,
        key,
        value: value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
        timestamp: String(Math.floor(timestamp / 1000)),
      });
    }
    return [...byTopic].map(([topic, messages]) => ({ topic, messages }));
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
  for (let one = error as { type?: string; cause?: unknown } | undefined; one; one = one.cause as typeof one) {
    if (one.type !== undefined && fencedTypes.has(one.type)) return true;
  }
  return false;
}
