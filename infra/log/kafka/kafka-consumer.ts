import type { Kafka } from "kafkajs";
import type { Logger } from "../../logging.js";
import { Fenced } from "../errors.js";
import type { Consumer, PartitionHandler } from "../log.js";
import { HandlerStalled, LogUnavailable, WriterLost } from "./errors.js";
import { type Fetched, Fetcher } from "./fetcher.js";
import { GroupMembership } from "./group-membership.js";
import { soonest } from "./in-time.js";
import type { KafkaReader } from "./kafka-reader.js";
import { clusterOf, type KafkaCluster } from "./kafkajs-internals.js";
import { OwnedPartition, partitionName } from "./owned-partition.js";
import { PartitionOwnership } from "./partition-ownership.js";

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
  readonly closed: () => void;
}

interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  readonly lag: number;
}

const REJOIN_PAUSE_MS = 500;
/** A batch that takes longer is worked on beside the loop that fetches: others go on. */
const ASIDE_AFTER_MS = 100;
const WATCH_MS = 500;
/** How long a stop waits for what the log does not take. */
const STOP_MS = 15_000;

/**
 * The partitions that a member of a consumer group has: a task's state is restored before its first record, nothing is
 * handled twice within one ownership, nothing new is handed on while the partitions are shared out anew, only what is owned
 * is committed, a lost position is said, a slow partition holds no other back, and whatever ends the membership, it joins
 * again.
 */
export class KafkaConsumer implements Consumer {
  readonly failed: Promise<never>;
  #fail!: (error: unknown) => void;
  #membership: GroupMembership | undefined;
  #fetcher: Fetcher | undefined;
  #cluster: KafkaCluster | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #memberId = "";
  #closed: Promise<void> | undefined;
  #stopped = false;
  #rejoining: Promise<void> | undefined;
  #measuring: Promise<PartitionLag[]> | undefined;
  readonly #owned = new Map<string, OwnedPartition>();
  /** What was held before the end, for the lag. */
  readonly #handled = new Map<string, OwnedPartition>();
  readonly #ownership: PartitionOwnership;

  constructor(private readonly options: KafkaConsumerOptions) {
    this.#ownership = new PartitionOwnership({
      ...options,
      memberId: () => this.#memberId,
      commit: (...what) => this.#commit(...what),
      isStopped: () => this.#stopped,
    });
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  /** As the brokers know this member; empty before it joined. */
  get memberId(): string {
    return this.#memberId;
  }

  /** Joins the group; resolves when it is a member. */
  async start(): Promise<void> {
    const { kafka, groupId, topics, sessionTimeoutMs, stallMs, logger } = this.options;
    const cluster = clusterOf(kafka);
    const fetcher = this.#fetcherOf(cluster);
    const membership = new GroupMembership({
      ...{ kafka, groupId, topics, sessionTimeoutMs, logger },
      holding: () => [...this.#owned.keys()],
      joined: (memberId, assignment) => {
        this.#joined(memberId, assignment);
        fetcher.wake();
      },
      heardAgain: () => fetcher.wake(),
      ended: (error) => {
        if (this.#stopped) return;
        logger.warn({ groupId, why: error.message }, "the membership in the group ended; joining again");
        void this.#rejoin();
      },
    });
    this.#membership = membership;
    this.#cluster = cluster;
    this.#fetcher = fetcher;
    try {
      await cluster.connect();
      await cluster.addMultipleTargetTopics(topics);
      await membership.join();
      this.#watchdog ??= setInterval(() => this.#watch(), Math.min(WATCH_MS, stallMs / 4));
    } catch (error) {
      fetcher.stop();
      await Promise.all([membership.leave(), cluster.disconnect().catch(() => {})]);
      throw error;
    }
  }

  #fetcherOf(cluster: KafkaCluster): Fetcher {
    const fetcher = new Fetcher({
      cluster,
      ready: () => (this.#fetcher === fetcher ? this.#ready() : []),
      take: (fetched) => this.#take(fetched),
      outOfRange: async (owned) => {
        // what came before the hole is handled first
        await owned.running;
        if (isFree(owned)) await this.#ownership.mend(owned);
      },
      unreadable: (owned, error) => this.#handlerFailed(owned, error),
      logger: this.options.logger,
    });
    return fetcher;
  }

  *#ready(): Iterable<OwnedPartition> {
    if (!this.#mayHandOn) return;
    for (const owned of this.#owned.values()) if (isFree(owned)) yield owned;
  }

  get #mayHandOn(): boolean {
    return !this.#stopped && this.#membership?.isSure === true;
  }

  /** One question at a time: over brokers that do not answer, questions would pile up until they answer none. */
  lag(): Promise<PartitionLag[]> {
    this.#measuring ??= this.#measureLag().finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  async #measureLag(): Promise<PartitionLag[]> {
    const { reader, nameOf } = this.options;
    const places = [...(this.#stopped ? this.#handled : this.#owned).values()];
    const offsets = await reader.manyOffsets(places);
    return places.map(({ topic, partition, position }, at) => {
      const { start, end } = offsets[at]!;
      return { topic: nameOf(topic), partition, lag: Math.max(0, end - Math.max(position ?? start, start)) };
    });
  }

  /** Commits where the partition is this member's; elsewhere it is somebody else's to say. @returns whether it did */
  async commit(topic: string, partition: number, offset: number): Promise<boolean> {
    const owned = this.#owned.get(partitionName(topic, partition));
    return owned !== undefined && !owned.lost && this.#commit(owned, offset, null);
  }

  async #commit({ topic, partition }: OwnedPartition, offset: number, metadata: string | null): Promise<boolean> {
    if (this.#membership === undefined) return false;
    try {
      await this.#membership.commit(topic, partition, offset, metadata);
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
    const membership = this.#membership;
    const cluster = this.#cluster;
    this.#fetcher?.stop();
    membership?.forget();
    let failure: unknown;
    const ended = Promise.all(
      [...this.#owned.values()].map((owned) =>
        this.#ownership.end(owned, this.#stopped).catch((error: unknown) => {
          failure ??= error;
        }),
      ),
    );
    await (this.#stopped ? soonest(ended, STOP_MS) : ended);
    this.#owned.clear();
    clearInterval(this.#watchdog);
    this.#watchdog = undefined;
    this.#membership = undefined;
    await Promise.all([membership?.leave(), cluster?.disconnect().catch(() => {})]);
    if (failure !== undefined && this.#stopped) throw failure;
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
  #joined(memberId: string, assignment: Record<string, number[]>): void {
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
      const released = this.#ownership.end(owned, false).catch((error: unknown) => this.#handlerFailed(owned, error));
      const place = wanted.get(name);
      if (place !== undefined) this.#gain(place.topic, place.partition, released);
    }
    for (const [name, { topic, partition }] of wanted) {
      if (!this.#owned.has(name)) this.#gain(topic, partition, Promise.resolve());
    }
    this.options.logger.debug({ group: this.options.groupId, partitions: wanted.size }, "partitions shared out");
  }

  #gain(topic: string, partition: number, before: Promise<void>): void {
    const owned = new OwnedPartition(topic, partition);
    this.#owned.set(owned.name, owned);
    this.#aside(
      owned,
      before.then(() => this.#ownership.begin(owned)),
    );
  }

  /** Hands on what came of some partitions; those that take long go on beside the others. */
  async #take(fetched: readonly Fetched[]): Promise<void> {
    const handling: OwnedPartition[] = [];
    for (const part of fetched) {
      const { owned } = part;
      if (!this.#mayHandOn || !isFree(owned) || part.from !== owned.position) {
        // it comes again, once it may
        owned.fetchAt = owned.position;
        continue;
      }
      owned.running = this.#handle(part);
      handling.push(owned);
    }
    if (handling.length === 0) return;
    if (await within(Promise.all(handling.map(({ running }) => running)), ASIDE_AFTER_MS)) return;
    for (const owned of handling) if (owned.busySince > 0) this.#aside(owned, owned.running);
  }

  async #handle({ owned, records, next }: Fetched): Promise<void> {
    const { handler, nameOf } = this.options;
    owned.busySince = performance.now();
    try {
      if (records.length > 0) await handler.records(nameOf(owned.topic), owned.partition, records);
      owned.position = next;
    } catch (error) {
      this.#handlerFailed(owned, error);
    } finally {
      owned.busySince = 0;
    }
  }

  /** A handler that is stuck: no more signs of life, and the brokers give its partitions to others. */
  #watch(): void {
    const { stallMs, nameOf } = this.options;
    const now = performance.now();
    for (const owned of this.#owned.values()) {
      if (owned.failed || owned.busySince === 0 || now - owned.busySince < stallMs) continue;
      owned.giveUp();
      if (this.#stopped) continue;
      this.#stopped = true;
      this.#fetcher?.stop();
      this.#fail(new HandlerStalled(`${nameOf(owned.topic)}/${owned.partition}`, stallMs));
      void this.#membership?.leave();
    }
  }

  /** A task whose writer is over, or that did not begin or end for want of the log, is begun anew by whoever owns it then. */
  #handlerFailed(owned: OwnedPartition, error: unknown): void {
    owned.failed = true;
    const { logger, groupId } = this.options;
    if (error instanceof Fenced || error instanceof WriterLost || error instanceof LogUnavailable) {
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

  /** Works on a partition beside the fetching loop; it goes on where the work ends. */
  #aside(owned: OwnedPartition, work: Promise<void>): void {
    owned.aside = true;
    owned.running = work.then(
      () => this.#back(owned),
      (error: unknown) => this.#handlerFailed(owned, error),
    );
  }

  #back(owned: OwnedPartition): void {
    owned.aside = false;
    owned.fetchAt = owned.position;
    if (isFree(owned)) this.#fetcher?.wake();
  }
}

/** Its records may be handed on. */
function isFree({ assigned, aside, ending, failed }: OwnedPartition): boolean {
  return assigned && !aside && !ending && !failed;
}

/** Whether the work is done by then. */
function within(work: Promise<unknown>, ms: number): Promise<boolean> {
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
