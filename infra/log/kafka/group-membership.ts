import { setTimeout as pause } from "node:timers/promises";
import type { Kafka } from "kafkajs";
import type { Logger } from "../../logging.js";
import { CoordinatorLookup, GROUP } from "./coordinator-lookup.js";
import { LogUnavailable } from "./errors.js";
import { inTime, soonest } from "./in-time.js";
import { clusterOf, type KafkaBroker, type KafkaCluster } from "./kafkajs-internals.js";
import { abandonCluster } from "./sound-cluster.js";
import { decodeAssignment, GROUP_PROTOCOL, shareOut, subscription } from "./sticky-assigner.js";
import { codeOf } from "./transaction-coordinator.js";

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
  /** The group refuses it for good. */
  readonly ended: (error: Error) => void;
  readonly logger: Logger;
}

/** How long members that share out wait for one that does not come; all hear of it with their next heartbeat. */
const REBALANCE_TIMEOUT_MS = 10_000;
const JOIN_MS = 45_000;
/** How long a commit is repeated while coordinators move, load, or do not answer. */
const COMMIT_MS = 10_000;
/** A group that does not answer is left without a farewell. */
const FAREWELL_MS = 3_000;
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 1_000;

/**
 * How a coordinator's error codes are taken, by https://kafka.apache.org/protocol#protocol_error_codes and the Java
 * client's AbstractCoordinator. What stands in none of them, and no answer at all, changes nothing: the coordinator is
 * looked up anew and the same is asked again.
 */
export const membershipErrors = {
  /** ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS: the group shares out anew; the member goes in under its id. */
  joinAgain: new Set([22, 27]),
  /** UNKNOWN_MEMBER_ID: the group has forgotten it, which goes in as a new member. */
  forgotten: new Set([25]),
  /**
   * INCONSISTENT_GROUP_PROTOCOL, INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, TOPIC_AUTHORIZATION_FAILED,
   * GROUP_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED, UNSUPPORTED_SASL_MECHANISM, UNSUPPORTED_VERSION,
   * SASL_AUTHENTICATION_FAILED, GROUP_MAX_SIZE_REACHED
   */
  refused: new Set([23, 24, 26, 29, 30, 31, 33, 35, 58, 81]),
} as const;

/**
 * One membership in a consumer group, from joining to leaving or its refusal: joining, sharing out where it leads the
 * group, signs of life, commits. While coordinators move, load, freeze or are cut off it stays the member that it is and
 * asks again; only the group's own answer ends its generation or its id. kafkajs's consumer takes some failures of a join
 * for a stop of it, and says neither that it is in the group nor that it is out.
 * https://kafka.apache.org/protocol#The_Messages_JoinGroup and its neighbours, in the versions that kafkajs writes.
 */
export class GroupMembership {
  readonly #cluster: KafkaCluster;
  #memberId = "";
  #generation = -1;
  #isLeader = false;
  /** Of which topic how many partitions were shared out by this member. */
  #shared = "";
  /** Its partitions are being shared out anew, or were never. */
  #mustJoin = true;
  /** When the group heard of this member last, by performance.now(). */
  #heardAt = Number.NEGATIVE_INFINITY;
  /** It gives its partitions back: it stays a member, joins nothing any more, and nothing is said of it. */
  #forgotten = false;
  #left = false;
  readonly #coordinator: CoordinatorLookup;
  /** With connections of its own: on one connection a commit would wait until the group has shared out. */
  readonly #commits: KafkaCluster;
  readonly #commitsTo: CoordinatorLookup;
  /** The newest commit of each partition, by a count of them all. */
  readonly #newestCommits = new Map<string, number>();
  #commitCount = 0;
  readonly #leaving = new AbortController();

  constructor(private readonly options: MembershipOptions) {
    this.#cluster = clusterOf(options.kafka);
    this.#commits = clusterOf(options.kafka);
    this.#coordinator = new CoordinatorLookup(this.#cluster, options.groupId, GROUP);
    this.#commitsTo = new CoordinatorLookup(this.#commits, options.groupId, GROUP);
  }

  /** Resolves when it is a member. @throws LogUnavailable, what a group that refuses it says */
  async join(): Promise<void> {
    const { groupId, topics, ended } = this.options;
    await this.#cluster.connect();
    await this.#cluster.addMultipleTargetTopics(topics);
    let isMember = false;
    const first = new Promise<void>((resolve, reject) => {
      const member = () => {
        isMember = true;
        resolve();
      };
      this.#stay(member).catch((error: Error) => {
        reject(error);
        // before the first time, whoever joins says what follows
        if (isMember && !this.#forgotten) ended(error);
      });
    });
    await inTime(first, JOIN_MS, () => new LogUnavailable(`joining the group ${groupId}`));
  }

  /** Joins when it must and gives signs of life between, until it leaves. @throws what a group that refuses it says */
  async #stay(member: () => void): Promise<void> {
    const { sessionTimeoutMs } = this.options;
    const interval = Math.max(100, Math.floor(sessionTimeoutMs / 6));
    for (let failures = 0; !this.#left; ) {
      try {
        if (this.#mustJoin) {
          if (this.#forgotten) return;
          await this.#joinGroup();
          member();
        } else await this.#giveSign();
        failures = 0;
        if (!this.#mustJoin) await this.#pause(interval);
      } catch (error) {
        if (this.#left) return;
        this.#failed(error);
        if (++failures === 1) this.#say(error);
        // what the group itself has said is acted on at once
        if (failures > 1 || !this.#mustJoin) await this.#pause(backoff(failures));
      }
    }
  }

  async #joinGroup(): Promise<void> {
    const { groupId, topics, sessionTimeoutMs, holding, joined } = this.options;
    const coordinator = await this.#coordinator.broker();
    const group = await coordinator.joinGroup({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      memberId: this.#memberId,
      groupProtocols: [{ name: GROUP_PROTOCOL, metadata: subscription(topics, holding()) }],
    });
    if (this.#left) return;
    const { generationId, memberId, leaderId, members } = group;
    this.#memberId = memberId;
    this.#generation = generationId;
    this.#isLeader = memberId === leaderId;
    let groupAssignment: ReturnType<typeof shareOut> = [];
    if (this.#isLeader) {
      await this.#cluster.refreshMetadata();
      groupAssignment = shareOut(members, topics, this.#cluster);
      this.#shared = this.#partitions();
    }
    const request = { groupId, generationId, memberId, groupAssignment };
    const { memberAssignment } = await coordinator.syncGroup(request);
    if (this.#forgotten) return;
    this.#heardAt = performance.now();
    this.#mustJoin = false;
    const known = new Set(topics);
    const assignment = Object.entries(decodeAssignment(memberAssignment)).filter(([topic]) => known.has(topic));
    joined(memberId, Object.fromEntries(assignment));
  }

  async #giveSign(): Promise<void> {
    const { groupId, heardAgain } = this.options;
    const coordinator = await this.#coordinator.broker();
    await coordinator.heartbeat({ groupId, groupGenerationId: this.#generation, memberId: this.#memberId });
    const wasSure = this.isSure;
    this.#heardAt = performance.now();
    if (!wasSure && !this.#forgotten) heardAgain();
    if (this.#isLeader) await this.#lookForMorePartitions();
  }

  /** Topics grow: who shared them out shares them out again. */
  async #lookForMorePartitions(): Promise<void> {
    await this.#cluster.refreshMetadataIfNecessary();
    if (this.#partitions() !== this.#shared) this.#mustJoin = true;
  }

  #partitions(): string {
    const { topics } = this.options;
    return topics.map((topic) => this.#cluster.findTopicPartitionMetadata(topic).length).join();
  }

  /** @throws what a group that refuses this member says */
  #failed(error: unknown): void {
    const code = codeOf(error);
    if (isRefusal(error, code)) throw error;
    if (code !== undefined && membershipErrors.joinAgain.has(code)) this.#mustJoin = true;
    else if (code !== undefined && membershipErrors.forgotten.has(code)) {
      this.#memberId = "";
      this.#mustJoin = true;
    } else this.#coordinator.forget();
  }

  #say(error: unknown): void {
    const { logger, groupId } = this.options;
    const why = error instanceof Error ? error.message : String(error);
    if (codeOf(error) === undefined) logger.warn({ groupId, why }, "the group does not answer; asking again");
    else logger.debug({ groupId, why }, "the group shares out anew, or its coordinator moves");
  }

  /** Its partitions are its own: nobody shares them out, and the group has heard of it within the session's time. */
  get isSure(): boolean {
    return !this.#mustJoin && performance.now() - this.#heardAt < this.options.sessionTimeoutMs;
  }

  /**
   * Repeats a commit while coordinators move, until a newer one of the partition follows: the former, repeated behind it,
   * would take the position back.
   *
   * @param metadata stands beside the offset
   * @throws when the group is being shared out anew, or has forgotten this member; LogUnavailable, also where a newer one
   *   follows
   */
  async commit(topic: string, partition: number, offset: number, metadata: string | null = null): Promise<void> {
    const { groupId } = this.options;
    const topics = [{ topic, partitions: [{ partition, offset: String(offset), metadata }] }];
    const until = performance.now() + COMMIT_MS;
    const name = `${topic} ${partition}`;
    const count = ++this.#commitCount;
    this.#newestCommits.set(name, count);
    for (let failures = 0; ; ) {
      try {
        await this.#commitOnce(topics);
        return;
      } catch (error) {
        const code = codeOf(error);
        const { joinAgain, forgotten } = membershipErrors;
        const isFinal = code !== undefined && (joinAgain.has(code) || forgotten.has(code));
        if (isFinal || isRefusal(error, code)) throw error;
        if (performance.now() > until || this.#forgotten)
          throw new LogUnavailable(`a commit of group ${groupId}`, error);
        this.#commitsTo.forget();
      }
      await this.#pause(backoff(++failures));
      if (this.#newestCommits.get(name) !== count) throw new LogUnavailable(`a commit of group ${groupId}`);
    }
  }

  async #commitOnce(topics: object): Promise<void> {
    const coordinator = await this.#committer();
    const member = { groupId: this.options.groupId, groupGenerationId: this.#generation, memberId: this.#memberId };
    await coordinator.offsetCommit({ ...member, topics });
  }

  async #committer(): Promise<KafkaBroker> {
    if (!this.#commits.isConnected()) await this.#commits.connect();
    return this.#commitsTo.broker();
  }

  /** From here on nothing is said of it; signs of life go on, so that what it gives back is still its own. */
  forget(): void {
    this.#forgotten = true;
  }

  /** Leaves the group. Never rejects. */
  async leave(): Promise<void> {
    this.#forgotten = true;
    this.#left = true;
    this.#leaving.abort();
    const { groupId } = this.options;
    const memberId = this.#memberId;
    if (memberId !== "") {
      // behind a join that is under way it would come too late
      const farewell = async () => (await this.#committer()).leaveGroup({ groupId, memberId });
      await soonest(farewell(), FAREWELL_MS);
    }
    for (const cluster of [this.#cluster, this.#commits]) abandonCluster(cluster);
  }

  /** Ends early when the group is left. */
  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#leaving.signal }).catch(() => {});
  }
}

const isRefusal = (error: unknown, code: number | undefined): boolean =>
  (code !== undefined && membershipErrors.refused.has(code)) ||
  (error as Error | undefined)?.name === "KafkaJSSASLAuthenticationError";

const backoff = (failures: number): number =>
  Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(6, failures - 1));
