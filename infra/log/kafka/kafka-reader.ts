import { OffsetOutOfRange, UnknownTopic } from "../errors.js";
import type { StoredRecord } from "../log.js";
import { askBroker, leaderOf, recoverCluster } from "./broker-request.js";
import { LogUnavailable, RecordsUnreadable, VersionsApart } from "./errors.js";
import { fetchRequest } from "./fetch-protocol.js";
import { REQUEST_TIMEOUT_MS } from "./kafka-client.js";
import type { KafkaBroker, KafkaCluster } from "./kafkajs-internals.js";
import { type DecodedRecords, decodeRecords } from "./record-set.js";
import { byTopic } from "./request-bytes.js";

const EARLIEST = "-2";
const LATEST = "-1";
const FETCH_WAIT_MS = 100;
const OFFSET_OUT_OF_RANGE = 1;
const NO_SESSION = { sessionId: 0, sessionEpoch: -1 };
/** What a record takes beside its value, about. */
const RECORD_BYTES = 12;
const ATTEMPTS = 8;
const FIRST_BACKOFF_MS = 50;

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** Reads at an offset and asks where partitions begin and end; by the names that topics have at the brokers. */
export class KafkaReader {
  constructor(private readonly cluster: KafkaCluster) {}

  /**
   * Records from an offset on that transactions have not left open, at least one if there is any.
   *
   * @returns the records, and where to go on: behind control records too
   * @throws OffsetOutOfRange, LogUnavailable, RecordsUnreadable
   */
  async read(
    topic: string,
    partition: number,
    offset: number,
    maxBytes: number,
  ): Promise<{ records: StoredRecord[]; next: number }> {
    for (let at = offset; ; ) {
      const { records, next } = await this.#fetch(topic, partition, at, maxBytes);
      if (records.length > 0) return bounded(records, maxBytes, next);
      if (next === at) return { records: [], next };
      at = next;
    }
  }

  /** First retained offset, and the offset that the next record will get. @throws LogUnavailable */
  async offsets(topic: string, partition: number): Promise<{ start: number; end: number }> {
    const [start, end] = await Promise.all([
      this.#offset(topic, partition, EARLIEST),
      this.#offset(topic, partition, LATEST),
    ]);
    return { start, end };
  }

  /**
   * The same of many partitions, in two questions a leader. Asked once: who wants to know it asks again later.
   *
   * @returns in the order of the places
   */
  async manyOffsets(places: readonly Place[]): Promise<{ start: number; end: number }[]> {
    const [starts, ends] = await Promise.all([this.#offsetsAt(places, EARLIEST), this.#offsetsAt(places, LATEST)]);
    return places.map(({ topic, partition }) => {
      const name = `${topic}/${partition}`;
      return { start: starts.get(name)!, end: ends.get(name)! };
    });
  }

  async #offsetsAt(places: readonly Place[], timestamp: string): Promise<Map<string, number>> {
    const byLeader = new Map<number, Place[]>();
    for (const place of places) {
      const leader = leaderOf(this.cluster, place.topic, place.partition);
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), place]);
    }
    const found = new Map<string, number>();
    const asked = [...byLeader].map(async ([nodeId, ofLeader]) => {
      const topics = [...byTopic(ofLeader)].map(([topic, parts]) => ({
        topic,
        partitions: parts.map(({ partition }) => ({ partition, timestamp })),
      }));
      const broker = await this.cluster.findBroker({ nodeId });
      const { responses } = await broker.listOffsets({ replicaId: -1, isolationLevel: 0, topics });
      for (const { topic, partitions } of responses)
        for (const { partition, offset } of partitions) found.set(`${topic}/${partition}`, Number(offset));
    });
    try {
      await Promise.all(asked);
    } catch (error) {
      await recoverCluster(this.cluster);
      throw new LogUnavailable("where partitions begin and end", error);
    }
    return found;
  }

  /** The offset that a group has committed of a partition, if any. @throws LogUnavailable */
  async committed(groupId: string, topic: string, partition: number): Promise<number | undefined> {
    return (await this.commitment(groupId, topic, partition))?.offset;
  }

  /**
   * The member that says, with its offset, that it holds a partition, and is still in the group; undefined for none.
   *
   * @throws LogUnavailable
   */
  async holder(groupId: string, topic: string, partition: number): Promise<string | undefined> {
    const said = (await this.commitment(groupId, topic, partition))?.metadata;
    if (said === undefined || said === "") return undefined;
    return this.#patiently(`the members of group ${groupId}`, async () => {
      const coordinator = await this.cluster.findGroupCoordinator({ groupId });
      const { groups } = await coordinator.describeGroups({ groupIds: [groupId] });
      return groups[0]?.members.some(({ memberId }) => memberId === said) ? said : undefined;
    });
  }

  /** What a group has committed of a partition, if anything, and what its member said with it. @throws LogUnavailable */
  commitment(
    groupId: string,
    topic: string,
    partition: number,
  ): Promise<{ readonly offset: number; readonly metadata: string } | undefined> {
    return this.#patiently(`the offsets of group ${groupId}`, async () => {
      const coordinator = await this.cluster.findGroupCoordinator({ groupId });
      const answer = await coordinator.offsetFetch({ groupId, topics: [{ topic, partitions: [{ partition }] }] });
      const found = answer.responses[0]?.partitions[0];
      if (found === undefined || Number(found.offset) < 0) return undefined;
      return { offset: Number(found.offset), metadata: found.metadata ?? "" };
    });
  }

  /** Commits for a group that has no member. @throws LogUnavailable */
  async commit(groupId: string, topic: string, partition: number, offset: number): Promise<void> {
    await this.#patiently(`a commit of group ${groupId}`, async () => {
      const coordinator = await this.cluster.findGroupCoordinator({ groupId });
      await coordinator.offsetCommit({
        groupId,
        groupGenerationId: -1,
        memberId: "",
        topics: [{ topic, partitions: [{ partition, offset: String(offset), metadata: null }] }],
      });
    });
  }

  async #offset(topic: string, partition: number, timestamp: string): Promise<number> {
    return this.#patiently(`the offsets of ${topic}/${partition}`, async () => {
      const broker = await this.#leader(topic, partition);
      const { responses } = await broker.listOffsets({
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ topic, partitions: [{ partition, timestamp }] }],
      });
      return Number(responses[0]!.partitions[0]!.offset);
    });
  }

  async #fetch(topic: string, partition: number, offset: number, maxBytes: number): Promise<DecodedRecords> {
    const request = {
      maxWaitMs: FETCH_WAIT_MS,
      maxBytes,
      ...NO_SESSION,
      places: [{ topic, partition, offset, maxBytes }],
      forgotten: [],
    };
    return this.#patiently(`a read of ${topic}/${partition}`, async () => {
      const broker = await this.#leader(topic, partition);
      const { partitions } = await askBroker(broker, fetchRequest(request), "a read", REQUEST_TIMEOUT_MS);
      const [found] = partitions;
      if (found?.errorCode === OFFSET_OUT_OF_RANGE) {
        const { start, end } = await this.offsets(topic, partition);
        throw new OffsetOutOfRange(topic, partition, offset, start, end);
      }
      if (found === undefined || found.errorCode !== 0) throw new Error(`Kafka's error ${found?.errorCode}`);
      return decodeRecords(found.bytes, offset, found.aborted);
    });
  }

  async #leader(topic: string, partition: number): Promise<KafkaBroker> {
    const found = this.cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
    if (found === undefined) throw new UnknownTopic(topic, partition);
    return this.cluster.findBroker({ nodeId: found.leader });
  }

  /** Tries again while brokers come and go. */
  async #patiently<Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
    let last: unknown;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await this.#recover(attempt);
      try {
        return await ask();
      } catch (error) {
        if (isFinal(error)) throw error;
        last = error;
      }
    }
    throw new LogUnavailable(what, last);
  }

  async #recover(attempt: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, FIRST_BACKOFF_MS * 2 ** attempt));
    await recoverCluster(this.cluster);
  }
}

/** Another attempt would end the same way. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof OffsetOutOfRange ||
    error instanceof UnknownTopic ||
    error instanceof RecordsUnreadable ||
    error instanceof VersionsApart
  );
}

/** A broker answers with whole batches; what is beyond about maxBytes is left for the next read. */
function bounded(all: StoredRecord[], maxBytes: number, next: number): DecodedRecords {
  let bytes = 0;
  let count = 0;
  for (const { value } of all) {
    if (count > 0 && bytes >= maxBytes) break;
    bytes += (value?.length ?? 0) + RECORD_BYTES;
    count++;
  }
  if (count === all.length) return { records: all, next };
  const records = all.slice(0, count);
  return { records, next: records.at(-1)!.offset + 1 };
}
