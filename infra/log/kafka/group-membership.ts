import type { Kafka, Consumer as KafkaJsConsumer } from "kafkajs";
import { LogUnavailable } from "./errors.js";
import { consumerOf, type KafkaCluster } from "./kafkajs-internals.js";
import { abandonCluster, soonest } from "./sound-cluster.js";
import { stickyAssigner } from "./sticky-assigner.js";

export interface MembershipOptions {
  readonly kafka: Kafka;
  /** As the brokers know them. */
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  /** Names of the partitions that this member would keep. */
  readonly holding: () => string[];
  /** It has its share of the partitions. */
  readonly joined: (memberId: string, assignment: Record<string, number[]>) => void;
  /** The group has heard of it after a silence. */
  readonly heardAgain: () => void;
  /** It is no member any more. */
  readonly ended: (error: Error) => void;
}

/** How long members that share out wait for one that does not come; all hear of it with their next heartbeat. */
const REBALANCE_TIMEOUT_MS = 10_000;
const JOIN_MS = 45_000;
/** A group that does not answer is left without a farewell. */
const FAREWELL_MS = 3_000;
/** How often kafkajs, with nothing to fetch, looks whether a heartbeat is due. */
const SIGN_OF_LIFE_MS = 250;

/**
 * One membership in a consumer group, from joining to leaving or its end. kafkajs keeps it: it joins, sends signs of life
 * and takes part in sharing out; it fetches nothing, since all topics are paused.
 */
export class GroupMembership {
  readonly #consumer: KafkaJsConsumer;
  readonly #cluster: KafkaCluster;
  /** Partitions are being shared out anew. */
  #rebalancing = false;
  /** When the group heard of this member last, by performance.now(). */
  #heardAt = Number.NEGATIVE_INFINITY;
  #left = false;

  constructor(private readonly options: MembershipOptions) {
    const { kafka, groupId, sessionTimeoutMs, holding } = options;
    const { consumer, cluster } = consumerOf(kafka, {
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: Math.max(100, Math.floor(sessionTimeoutMs / 6)),
      maxWaitTimeInMs: SIGN_OF_LIFE_MS,
      allowAutoTopicCreation: false,
      partitionAssigners: [stickyAssigner(holding)],
      retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 10, restartOnFailure: async () => false },
    });
    this.#consumer = consumer;
    this.#cluster = cluster;
  }

  /** Resolves when it is a member. @throws LogUnavailable, what kafkajs throws */
  join(): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new LogUnavailable(`joining the group ${this.options.groupId}`));
      const timer = setTimeout(late, JOIN_MS);
      this.#join()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  async #join(): Promise<void> {
    const consumer = this.#consumer;
    const { topics, joined, heardAgain, ended } = this.options;
    const { GROUP_JOIN, REBALANCING, HEARTBEAT, CRASH } = consumer.events;
    let member = false;
    const first = new Promise<void>((resolve, reject) => {
      consumer.on(GROUP_JOIN, ({ payload }) => {
        if (this.#left) return;
        consumer.pause(topics.map((topic) => ({ topic })));
        this.#heardAt = performance.now();
        this.#rebalancing = false;
        joined(payload.memberId, payload.memberAssignment);
        member = true;
        resolve();
      });
      consumer.on(REBALANCING, () => {
        this.#rebalancing = true;
      });
      consumer.on(HEARTBEAT, () => {
        const wasSure = this.isSure;
        this.#heardAt = performance.now();
        if (!wasSure) heardAgain();
      });
      consumer.on(CRASH, ({ payload }) => {
        reject(payload.error);
        // before the first time, whoever joins says what follows
        if (member && !this.#left) ended(payload.error);
      });
    });
    first.catch(() => {});
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatch: async () => {} });
    await first;
  }

  /** Its partitions are its own: nobody shares them out, and the group has heard of it within the session's time. */
  get isSure(): boolean {
    return !this.#rebalancing && performance.now() - this.#heardAt < this.options.sessionTimeoutMs;
  }

  /** Milliseconds since the group heard of it last. */
  get silentMs(): number {
    return performance.now() - this.#heardAt;
  }

  /**
   * @param metadata stands beside the offset
   * @throws when the group is being shared out anew, or has forgotten this member
   */
  commit(topic: string, partition: number, offset: number, metadata: string | null = null): Promise<void> {
    return this.#consumer.commitOffsets([{ topic, partition, offset: String(offset), metadata }]);
  }

  /** From here on nothing is said of it. */
  forget(): void {
    this.#left = true;
  }

  /** Leaves the group. Never rejects. */
  async leave(): Promise<void> {
    this.#left = true;
    await soonest(this.#consumer.disconnect(), FAREWELL_MS);
    abandonCluster(this.#cluster);
  }
}
