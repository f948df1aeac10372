import { setTimeout as pause } from "node:timers/promises";
import type { LogRecord } from "../log.js";
import { askBroker, leaderOf, recoverCluster } from "./broker-request.js";
import { LogRefused } from "./errors.js";
import type { KafkaBroker, KafkaCluster, TransactionManager } from "./kafka-client.js";
import { isPassing, type PartitionBatch, type ProduceAnswer, produceRequest, reasonOf } from "./produce-request.js";
import { encodeBatch } from "./record-batch.js";

/** The records of a transaction for one partition. */
export interface PartitionRecords {
  /** As the brokers know it. */
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly LogRecord[];
}

/** Whether a batch was appended is not known, or the brokers do not know this producer any more: it can send no other. */
export class AppendUncertain extends Error {
  constructor(why: string, cause?: unknown) {
    super(why, { cause });
  }
}

/** This producer's epoch is over: a newer one of the same transactional id was opened. */
export class ProducerFenced extends Error {}

/** A batch on its way, which keeps its bytes and with them its numbers when it is sent again. */
interface Sending extends PartitionBatch {
  readonly count: number;
}

/** What became of batches that were sent. */
interface Sent {
  /** Those that are to be sent once more. */
  readonly again: Sending[];
  /** Why. */
  failure: unknown;
  /** They may have been appended all the same. */
  unanswered: boolean;
  /** Others will never be taken. */
  refusal: Error | undefined;
}

const BATCH_BYTES = 1024 * 1024;
const DEADLINE_MS = 12_000;
/** While the end of the transaction before is still being written, the brokers let no partition take part in another. */
const JOIN_ATTEMPTS = 100;
const JOIN_PAUSE_MS = 20;
const ATTEMPTS = 12;
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 1_000;
const LARGEST_SEQUENCE = 2 ** 31;
const DUPLICATE_SEQUENCE_NUMBER = 46;
/** INVALID_PRODUCER_EPOCH, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED */
const fenced = new Set([47, 49, 90]);
/** OUT_OF_ORDER_SEQUENCE_NUMBER, UNKNOWN_PRODUCER_ID */
const outOfStep = new Set([45, 59]);

/**
 * Appends a transactional producer's records, numbered by partition: a batch that is sent again with its number is taken
 * once. kafkajs's own way makes half a dozen objects and copies of each record, and numbers what follows a batch of unknown
 * outcome anew, which the brokers may take for a repeat.
 */
export class TransactionalAppend {
  readonly #sequences = new Map<string, number>();

  constructor(
    private readonly cluster: KafkaCluster,
    private readonly manager: TransactionManager,
    private readonly transactionalId: string,
    /** How often a batch is sent at most, with pauses that grow to a second. */
    private readonly attempts = ATTEMPTS,
  ) {}

  /**
   * Resolves when all replicas in sync have all of it; the partitions take part in the transaction.
   *
   * @throws LogRefused       nothing but whole batches before it was appended: the transaction is to be aborted
   * @throws AppendUncertain
   * @throws ProducerFenced, and what kafkajs throws when partitions can not take part
   */
  async append(parts: readonly PartitionRecords[]): Promise<void> {
    await this.#join(parts);
    const left = parts.map((part) => ({ ...part, from: 0 }));
    // a broker takes one batch of a partition in a request
    for (;;) {
      const batches: Sending[] = [];
      for (const part of left) {
        if (part.from === part.records.length) continue;
        const end = batchEnd(part.records, part.from);
        batches.push(this.#batch(part, part.records.slice(part.from, end)));
        part.from = end;
      }
      if (batches.length === 0) return;
      await this.#deliver(batches);
    }
  }

  async #join(parts: readonly PartitionRecords[]): Promise<void> {
    await this.cluster.addMultipleTargetTopics([...new Set(parts.map(({ topic }) => topic))]);
    const topics = parts.map(({ topic, partition }) => ({ topic, partitions: [{ partition }] }));
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.manager.addPartitionsToTransaction(topics);
      } catch (error) {
        const isPassing = (error as { type?: string }).type === "CONCURRENT_TRANSACTIONS";
        if (!isPassing || attempt === JOIN_ATTEMPTS) throw error;
        await pause(JOIN_PAUSE_MS);
      }
    }
  }

  #batch({ topic, partition }: PartitionRecords, records: readonly LogRecord[]): Sending {
    const producer = {
      id: BigInt(this.manager.getProducerId()),
      epoch: this.manager.getProducerEpoch(),
      sequence: this.#sequences.get(`${topic}/${partition}`) ?? 0,
    };
    return { topic, partition, batch: encodeBatch(records, producer), count: records.length };
  }

  async #deliver(batches: readonly Sending[]): Promise<void> {
    let open = batches;
    let uncertain = false;
    for (let attempt = 1; ; attempt++) {
      const { again, failure, unanswered, refusal } = await this.#send(open);
      uncertain ||= unanswered;
      if (refusal !== undefined) {
        const isKnown = !uncertain || refusal instanceof ProducerFenced;
        throw isKnown ? refusal : new AppendUncertain(refusal.message, refusal);
      }
      if (again.length === 0) return;
      if (attempt === this.attempts) {
        const { topic, partition } = again[0]!;
        const why = `an append to ${topic}/${partition} is not acknowledged`;
        if (uncertain) throw new AppendUncertain(why, failure);
        throw new LogRefused(`${topic}/${partition}`, failure instanceof Error ? failure.message : why);
      }
      await pause(Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempt - 1)));
      await recoverCluster(this.cluster, failure);
      open = again;
    }
  }

  /** Sends to each leader what it leads, and waits for all of them: nothing may arrive once the transaction is ended. */
  async #send(batches: readonly Sending[]): Promise<Sent> {
    const byLeader = new Map<number, Sending[]>();
    for (const batch of batches) {
      const leader = leaderOf(this.cluster, batch.topic, batch.partition);
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), batch]);
    }
    const requests = [...byLeader].map(([nodeId, ofLeader]) => this.#sendTo(nodeId, ofLeader));
    const all = await Promise.all(requests);
    return {
      again: all.flatMap(({ again }) => again),
      failure: all.find(({ failure }) => failure !== undefined)?.failure,
      unanswered: all.some(({ unanswered }) => unanswered),
      refusal: all.find(({ refusal }) => refusal !== undefined)?.refusal,
    };
  }

  async #sendTo(nodeId: number, batches: Sending[]): Promise<Sent> {
    let broker: KafkaBroker;
    try {
      broker = await this.cluster.findBroker({ nodeId });
    } catch (failure) {
      return { again: batches, failure, unanswered: false, refusal: undefined };
    }
    let answer: ProduceAnswer;
    try {
      const request = produceRequest(-1, this.transactionalId, batches);
      answer = await askBroker(this.cluster, broker, request, "a transaction's append", DEADLINE_MS);
    } catch (failure) {
      return { again: batches, failure, unanswered: true, refusal: undefined };
    }
    const sent: Sent = { again: [], failure: undefined, unanswered: false, refusal: undefined };
    for (const { topic, partition, errorCode } of answer.partitions) {
      const batch = batches.find((batch) => batch.topic === topic && batch.partition === partition)!;
      if (errorCode === 0 || errorCode === DUPLICATE_SEQUENCE_NUMBER) this.#count(batch);
      else if (isPassing(errorCode)) {
        sent.again.push(batch);
        sent.failure = new Error(reasonOf(errorCode));
      } else sent.refusal ??= refusalOf(`${topic}/${partition}`, errorCode);
    }
    return sent;
  }

  #count({ topic, partition, count }: Sending): void {
    const place = `${topic}/${partition}`;
    this.#sequences.set(place, ((this.#sequences.get(place) ?? 0) + count) % LARGEST_SEQUENCE);
  }
}

function refusalOf(place: string, errorCode: number): Error {
  if (fenced.has(errorCode)) return new ProducerFenced(`${place}: ${reasonOf(errorCode)}`);
  if (outOfStep.has(errorCode)) return new AppendUncertain(`${place}: ${reasonOf(errorCode)}`);
  return new LogRefused(place, reasonOf(errorCode));
}

/** Where a batch ends that begins with a record: a megabyte of values, or one. */
function batchEnd(records: readonly LogRecord[], from: number): number {
  let bytes = 0;
  for (let at = from; at < records.length; at++) {
    bytes += records[at]!.value?.length ?? 0;
    if (at > from && bytes > BATCH_BYTES) return at;
  }
  return records.length;
}
