import kafkajs, { type EachBatchPayload, type Kafka, type Consumer as KafkaJsConsumer } from "kafkajs";
import type { Logger } from "../../logging.js";
import type { Metrics } from "../../metrics.js";
import { Fenced } from "../errors.js";
import type { Consumer, PartitionHandler } from "../log.js";
import { HandlerStalled, WriterLost } from "./errors.js";
import type { FetchedMessage } from "./kafka-client.js";
import { type KafkaReader, recordOf } from "./kafka-reader.js";
import { OwnedPartition, partitionName } from "./owned-partition.js";
import { stickyAssigner } from "./sticky-assigner.js";

export interface KafkaConsumerOptions {
  readonly kafka: Kafka;
  readonly reader: KafkaReader;
  /** As the brokers know it. */
  readonly groupId: string;
  /** As the brokers know them. */
  readonly topics: readonly string[];
  /** The plant's name of a topic. */
  readonly nameOf: (topic: string) => string;
  readonly handler: PartitionHandler;
  readonly sessionTimeoutMs: number;
  readonly stallMs: number;
  readonly logger: Logger;
  readonly metrics?: Metrics | undefined;
  readonly closed: () => void;
}

const MAX_WAIT_MS = 250;
const REBALANCE_TIMEOUT_MS = 30_000;
const REJOIN_PAUSE_MS = 500;
/** A batch that takes longer is worked on beside the loop that fetches: others go on, and signs of life are sent. */
const ASIDE_AFTER_MS = 100;
const CONCURRENT = 64;

/**
 * A member of a consumer group. kafkajs fetches and keeps the membership; here is what the plant needs beyond: a task's
 * state is restored before its first record, nothing is handled twice within one ownership, only what is owned is
 * committed, a lost position is said, a slow partition holds no other back, and whatever ends the membership, it joins
 * again.
 */
export class KafkaConsumer implements Consumer {
  readonly failed: Promise<never>;
  #fail!: (error: unknown) => void;
  #consumer: KafkaJsConsumer | undefined;
  #memberId = "";
  #closed: Promise<void> | undefined;
  #stopped = false;
  #rejoining: Promise<void> | undefined;
  readonly #owned = new Map<string, OwnedPartition>();
  /** What was held before the end, for the lag. */
  readonly #handled = new Map<string, OwnedPartition>();

  constructor(private readonly options: KafkaConsumerOptions) {
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  /** Joins the group; resolves when it is a member. */
  async start(): Promise<void> {
    const { kafka, groupId, topics, sessionTimeoutMs, logger } = this.options;
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: Math.max(100, Math.floor(sessionTimeoutMs / 6)),
      maxWaitTimeInMs: MAX_WAIT_MS,
      allowAutoTopicCreation: false,
      partitionAssigners: [stickyAssigner(() => [...this.#owned.keys()])],
      retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 10, restartOnFailure: async () => false },
    });
    this.#consumer = consumer;
    const { GROUP_JOIN, CRASH } = consumer.events;
    let member = false;
    const joined = new Promise<void>((resolve, reject) => {
      consumer.on(GROUP_JOIN, ({ payload }) => {
        if (this.#consumer !== consumer) return;
        this.#joined(consumer, payload.memberId, payload.memberAssignment);
        member = true;
        resolve();
      });
      consumer.on(CRASH, ({ payload }) => {
        reject(payload.error);
        // before the first time, whoever starts it says what follows
        if (!member || this.#consumer !== consumer || this.#stopped) return;
        logger.warn({ groupId, why: payload.error.message }, "the membership in the group ended; joining again");
        void this.#rejoin();
      });
    });
    joined.catch(() => {});
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: CONCURRENT,
        eachBatch: (payload) => this.#take(consumer, payload),
      });
      await joined;
    } catch (error) {
      await consumer.disconnect().catch(() => {});
      throw error;
    }
  }

  async lag(): Promise<{ topic: string; partition: number; lag: number }[]> {
    const { reader, nameOf } = this.options;
    return Promise.all(
      [...(this.#stopped ? this.#handled : this.#owned).values()].map(async ({ topic, partition, position }) => {
        const { start, end } = await reader.offsets(topic, partition);
        return { topic: nameOf(topic), partition, lag: Math.max(0, end - Math.max(position ?? start, start)) };
      }),
    );
  }

  /** Commits where the partition is this member's; elsewhere it is somebody else's to say. @returns whether it did */
  async commit(topic: string, partition: number, offset: number): Promise<boolean> {
    const owned = this.#owned.get(partitionName(topic, partition));
    if (owned === undefined || owned.lost || this.#consumer === undefined) return false;
    try {
      await this.#consumer.commitOffsets([{ topic, partition, offset: String(offset) }]);
      return true;
    } catch (error) {
      // the group is being shared out anew: what was not committed is done again
      this.options.logger.debug({ err: error, topic, partition }, "a commit came too late");
      return false;
    }
  }

  partitionFailed(topic: string, partition: number, error: unknown): void {
    const owned = [...this.#owned.values()].find(
      (one) => one.partition === partition && this.options.nameOf(one.topic) === topic,
    );
    if (owned !== undefined && !owned.failed && !owned.ending) this.#handlerFailed(owned, error);
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    this.#stopped = true;
    await this.#rejoining?.catch(() => {});
    for (const [name, owned] of this.#owned) this.#handled.set(name, owned);
    try {
      await this.#leave();
    } finally {
      this.options.closed();
    }
  }

  /** Every partition is given back while the membership still stands, then the group is left. */
  async #leave(): Promise<void> {
    const consumer = this.#consumer;
    let failure: unknown;
    await Promise.all(
      [...this.#owned.values()].map((owned) =>
        this.#release(owned, this.#stopped).catch((error: unknown) => {
          failure ??= error;
        }),
      ),
    );
    this.#owned.clear();
    this.#consumer = undefined;
    await consumer?.disconnect().catch(() => {});
    if (failure !== undefined && this.#stopped) throw failure;
  }

  /** @param voluntary the partition is still this member's while it writes what must be kept */
  async #release(owned: OwnedPartition, voluntary: boolean): Promise<void> {
    owned.lost = !voluntary;
    owned.ending = true;
    // what is stuck would never end
    if (!owned.failed) await owned.idle();
    if (owned.failed || !owned.assigned) return;
    await this.options.handler.revoked?.(this.options.nameOf(owned.topic), owned.partition);
  }

  #rejoin(): Promise<void> {
    this.#rejoining ??= this.#joinAgain().finally(() => {
      this.#rejoining = undefined;
    });
    return this.#rejoining;
  }

  async #joinAgain(): Promise<void> {
    await this.#leave();
    while (!this.#stopped) {
      try {
        await this.start();
        return;
      } catch (error) {
        this.options.logger.warn({ why: (error as Error).message }, "the group can not be joined yet; trying again");
        await new Promise((resolve) => setTimeout(resolve, REJOIN_PAUSE_MS));
      }
    }
  }

  /** A new share of the partitions. Under a new member id somebody else may have held them all meanwhile. */
  #joined(consumer: KafkaJsConsumer, memberId: string, assignment: Record<string, number[]>): void {
    const stranger = memberId !== this.#memberId;
    this.#memberId = memberId;
    const wanted = new Map(
      Object.entries(assignment).flatMap(([topic, partitions]) =>
        partitions.map((partition) => [partitionName(topic, partition), { topic, partition }] as const),
      ),
    );
    for (const [name, owned] of [...this.#owned]) {
      if (wanted.has(name) && !stranger) continue;
      this.#owned.delete(name);
      owned.released = this.#release(owned, false).catch((error: unknown) => this.#handlerFailed(owned, error));
      const place = wanted.get(name);
      if (place !== undefined) this.#gain(consumer, place.topic, place.partition, owned.released);
    }
    for (const [name, { topic, partition }] of wanted) {
      const kept = this.#owned.get(name);
      if (kept === undefined) this.#gain(consumer, topic, partition, Promise.resolve());
      // kafkajs begins at the committed offset again
      else if (kept.position !== undefined && !kept.aside) this.#seek(consumer, kept, kept.position);
    }
    this.options.logger.debug({ group: this.options.groupId, partitions: wanted.size }, "partitions shared out");
  }

  #gain(consumer: KafkaJsConsumer, topic: string, partition: number, before: Promise<void>): void {
    const owned = new OwnedPartition(topic, partition);
    this.#owned.set(owned.name, owned);
    this.#aside(
      consumer,
      owned,
      before.then(() => this.#assign(owned)),
    );
  }

  async #assign(owned: OwnedPartition): Promise<void> {
    const { handler, nameOf, reader, groupId, logger } = this.options;
    const { topic, partition } = owned;
    if (owned.ending) return;
    const wanted = await handler.assigned?.(nameOf(topic), partition);
    owned.assigned = true;
    const position = wanted ?? (await reader.committed(groupId, topic, [partition])).get(partition);
    const { start, end } = await reader.offsets(topic, partition);
    owned.position = position ?? start;
    if (owned.position < start) this.#lost(owned, start);
    else if (owned.position > end) {
      logger.warn({ topic, partition, position, end }, "the position lies behind the log's end: going on at the end");
      owned.position = end;
    }
  }

  #lost(owned: OwnedPartition, start: number): void {
    const { handler, nameOf, logger, groupId } = this.options;
    const { topic, partition, position } = owned;
    const records = start - position!;
    logger.warn({ group: groupId, topic, partition, records }, "records are gone before they were read");
    owned.position = start;
    handler.lost?.(nameOf(topic), partition, records);
  }

  async #take(consumer: KafkaJsConsumer, { batch, resolveOffset, isStale }: EachBatchPayload): Promise<void> {
    const owned = this.#owned.get(partitionName(batch.topic, batch.partition));
    if (owned === undefined || owned.ending || owned.aside || this.#stopped || isStale()) return;
    const { rawMessages } = batch as unknown as { rawMessages: FetchedMessage[] };
    const first = Number(rawMessages[0]?.offset ?? 0);
    if (first > owned.position!) {
      const { start } = await this.options.reader.offsets(owned.topic, owned.partition);
      if (start > owned.position!) this.#lost(owned, start);
    }
    const work = this.#handle(owned, batch.messages as unknown as FetchedMessage[], Number(batch.lastOffset()) + 1);
    owned.running = work;
    if (await within(work, ASIDE_AFTER_MS)) {
      if (!owned.ending && !owned.failed) resolveOffset(batch.lastOffset());
    } else this.#aside(consumer, owned, work);
  }

  async #handle(owned: OwnedPartition, messages: readonly FetchedMessage[], next: number): Promise<void> {
    const { handler, nameOf, stallMs } = this.options;
    const place = `${nameOf(owned.topic)}/${owned.partition}`;
    const watchdog = setTimeout(() => {
      owned.failed = true;
      this.#stopped = true;
      this.#fail(new HandlerStalled(place, stallMs));
      // no more signs of life: the brokers give its partitions to others
      void this.#consumer?.disconnect().catch(() => {});
    }, stallMs);
    try {
      const position = owned.position!;
      const fresh = messages.filter(({ offset }) => Number(offset) >= position).map(recordOf);
      if (fresh.length > 0) await handler.records(nameOf(owned.topic), owned.partition, fresh);
      owned.position = Math.max(position, next);
    } catch (error) {
      this.#handlerFailed(owned, error);
    } finally {
      clearTimeout(watchdog);
    }
  }

  /** A task whose writer is over is begun anew by whoever owns it then; anything else is for the caller. */
  #handlerFailed(owned: OwnedPartition, error: unknown): void {
    owned.failed = true;
    const { logger, groupId } = this.options;
    if (error instanceof Fenced || error instanceof WriterLost) {
      if (owned.lost || this.#stopped) return;
      logger.warn({ group: groupId, code: error.code, partition: owned.name }, `${error.message}`);
      setImmediate(() => void this.#rejoin());
      return;
    }
    if (owned.lost) {
      logger.warn(
        { group: groupId, err: error, partition: owned.name },
        "a partition that went elsewhere did not end cleanly",
      );
      return;
    }
    this.#stopped = true;
    this.#fail(error);
  }

  /** Works on a partition beside the fetching loop: it is paused, and goes on where the work ends. */
  #aside(consumer: KafkaJsConsumer, owned: OwnedPartition, work: Promise<void>): void {
    const { topic, partition } = owned;
    owned.aside = true;
    consumer.pause([{ topic, partitions: [partition] }]);
    owned.running = work.then(
      () => this.#back(consumer, owned),
      (error: unknown) => this.#handlerFailed(owned, error),
    );
  }

  #back(consumer: KafkaJsConsumer, owned: OwnedPartition): void {
    owned.aside = false;
    if (owned.ending || owned.failed || this.#consumer !== consumer || this.#stopped) return;
    this.#seek(consumer, owned, owned.position!);
    consumer.resume([{ topic: owned.topic, partitions: [owned.partition] }]);
  }

  #seek(consumer: KafkaJsConsumer, { topic, partition }: OwnedPartition, offset: number): void {
    try {
      consumer.seek({ topic, partition, offset: String(offset) });
    } catch (error) {
      if (!(error instanceof kafkajs.KafkaJSError)) throw error;
    }
  }
}

/** Whether the work is done by then. */
function within(work: Promise<void>, ms: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), ms);
    work
      .then(
        () => resolve(true),
        (error: unknown) => reject(error),
      )
      .finally(() => clearTimeout(timer));
  });
}
