import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "../../logging.js";
import type { StoredRecord } from "../log.js";
import { askBroker, leaderOf, recoverCluster } from "./broker-request.js";
import { type FetchAnswer, type FetchedPartition, fetchRequest } from "./fetch-protocol.js";
import { FetchSession } from "./fetch-session.js";
import { REQUEST_TIMEOUT_MS } from "./kafka-client.js";
import type { KafkaCluster } from "./kafkajs-internals.js";
import type { OwnedPartition } from "./owned-partition.js";
import { decodeRecords } from "./record-set.js";

/** What came of one partition. */
export interface Fetched {
  readonly owned: OwnedPartition;
  /** The offset that was asked for. */
  readonly from: number;
  readonly records: StoredRecord[];
  /** Where to go on. */
  readonly next: number;
}

export interface FetcherOptions {
  /** With connections of its own: a broker answers one request of a connection after the other, and fetches wait. */
  readonly cluster: KafkaCluster;
  /** The partitions that may be read now. */
  readonly ready: () => Iterable<OwnedPartition>;
  /** Hands on what came; resolves when the next may come. Never rejects. */
  readonly take: (fetched: readonly Fetched[]) => Promise<void>;
  /** The position of a partition is not in the log: it is to be mended. */
  readonly outOfRange: (owned: OwnedPartition) => Promise<void>;
  /** The log holds what can not be read. */
  readonly unreadable: (owned: OwnedPartition, error: unknown) => void;
  readonly logger: Logger;
}

const MAX_WAIT_MS = 250;
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 1_000;
const OFFSET_OUT_OF_RANGE = 1;

/**
 * Reads partitions from the brokers that lead them: a loop a broker, with one request under way and one answer being
 * worked on, so that brokers and handlers work at the same time. kafkajs's own loop makes objects for every partition of
 * every answer, whether it has records or not; with many answers of few records that costs more than the records.
 */
export class Fetcher {
  readonly #running = new Set<number>();
  #stopped = false;
  #wakers: (() => void)[] = [];
  #lookingForLeaders = false;

  constructor(private readonly options: FetcherOptions) {}

  /** Partitions can be read that could not before. */
  wake(): void {
    if (this.#stopped) return;
    let leaderless = false;
    for (const { topic, partition } of this.options.ready()) {
      const nodeId = leaderOf(this.options.cluster, topic, partition);
      if (nodeId < 0) leaderless = true;
      else if (!this.#running.has(nodeId)) {
        this.#running.add(nodeId);
        void this.#run(nodeId);
      }
    }
    for (const wake of this.#wakers.splice(0)) wake();
    if (leaderless) void this.#lookForLeaders();
  }

  stop(): void {
    this.#stopped = true;
    for (const wake of this.#wakers.splice(0)) wake();
  }

  async #lookForLeaders(): Promise<void> {
    if (this.#lookingForLeaders) return;
    this.#lookingForLeaders = true;
    await pause(LAST_BACKOFF_MS, undefined, { ref: false });
    if (!this.#stopped) await recoverCluster(this.options.cluster);
    this.#lookingForLeaders = false;
    this.wake();
  }

  async #run(nodeId: number): Promise<void> {
    const session = new FetchSession(MAX_WAIT_MS);
    let working: Promise<void> = Promise.resolve();
    let failures = 0;
    while (!this.#stopped) {
      const asked = this.#ledBy(nodeId);
      if (asked.size === 0) {
        // the broker forgets it meanwhile
        session.reset();
        await new Promise<void>((resolve) => this.#wakers.push(resolve));
        continue;
      }
      let failure: unknown;
      try {
        const answer = await this.#ask(nodeId, session, asked);
        if (this.#stopped) return;
        if (!session.answered(answer)) continue;
        const fetched: Fetched[] = [];
        for (const part of answer.partitions) {
          const place = asked.get(`${part.topic}/${part.partition}`);
          if (place === undefined) continue;
          if (part.errorCode === OFFSET_OUT_OF_RANGE) await this.options.outOfRange(place.owned);
          else if (part.errorCode !== 0)
            failure ??= new Error(`Kafka's error ${part.errorCode} of ${place.owned.name}`);
          else this.#decode(part, place, fetched);
        }
        await working;
        if (fetched.length > 0) working = this.options.take(fetched);
      } catch (error) {
        session.reset();
        failure = error;
      }
      failures = failure === undefined ? 0 : failures + 1;
      if (failure !== undefined) await this.#recover(failure, failures);
    }
  }

  #decode(part: FetchedPartition, { owned, offset }: Asked, into: Fetched[]): void {
    // it was sought elsewhere meanwhile
    if (part.bytes.length === 0 || owned.fetchAt !== offset) return;
    try {
      const { records, next } = decodeRecords(part.bytes, offset, part.aborted);
      owned.fetchAt = next;
      into.push({ owned, from: offset, records, next });
    } catch (error) {
      this.options.unreadable(owned, error);
    }
  }

  async #ask(nodeId: number, session: FetchSession, asked: ReadonlyMap<string, Asked>): Promise<FetchAnswer> {
    const { cluster } = this.options;
    const broker = await cluster.findBroker({ nodeId });
    return askBroker(broker, fetchRequest(session.request(asked)), "a fetch", REQUEST_TIMEOUT_MS);
  }

  /** By name, as they are asked for. */
  #ledBy(nodeId: number): Map<string, Asked> {
    const found = new Map<string, Asked>();
    for (const owned of this.options.ready()) {
      const { topic, partition, fetchAt: offset } = owned;
      if (offset === undefined || leaderOf(this.options.cluster, topic, partition) !== nodeId) continue;
      found.set(owned.name, { owned, topic, partition, offset });
    }
    return found;
  }

  async #recover(error: unknown, failures: number): Promise<void> {
    const { logger, cluster } = this.options;
    if (this.#stopped) return;
    if (failures === 1) logger.warn({ why: (error as Error).message }, "a fetch failed; asking again");
    await pause(Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1)));
    if (this.#stopped) return;
    await recoverCluster(cluster);
    this.wake();
  }
}

interface Asked {
  readonly owned: OwnedPartition;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}
