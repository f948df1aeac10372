import { setTimeout as pause } from "node:timers/promises";
import type { LogRecord } from "../log.js";
import { outcomeOf, reasonOf } from "./append-errors.js";
import { askBroker, leaderOf, recoverCluster } from "./broker-request.js";
import { LogRefused, LogUnavailable } from "./errors.js";
import { REQUEST_TIMEOUT_MS } from "./kafka-client.js";
import type { KafkaBroker, KafkaCluster } from "./kafkajs-internals.js";
import { type PartitionBatch, type ProduceAnswer, produceRequest } from "./produce-request.js";
import { encodeBatch } from "./record-batch.js";
import { OutcomeUnknown, ProducerFenced, type TransactionCoordinator } from "./transaction-coordinator.js";

/** The records of a transaction for one partition. */
export interface PartitionRecords {
  /** As the brokers know it. */
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly LogRecord[];
}

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
  /** Some of them may have been appended all the same. */
  unknown: boolean;
  /** Others will never be taken. */
  refusal: Error | undefined;
}

const BATCH_BYTES = 1024 * 1024;
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 1_000;
const LARGEST_SEQUENCE = 2 ** 31;

/**
 * Appends a transactional producer's records, numbered by partition: a batch that is sent again with its number is taken
 * once. kafkajs's own way makes half a dozen objects and copies of each record, and numbers what follows a batch of unknown
 * outcome anew, which the brokers may take for a repeat.
 */
export class TransactionalAppend {
  readonly #sequences = new Map<string, number>();

  constructor(
    private readonly cluster: KafkaCluster,
    private readonly coordinator: TransactionCoordinator,
    private readonly transactionalId: string,
    /** How long a batch is sent again, with pauses that grow to a second. */
    private readonly patienceMs: number,
  ) {}

  /**
   * Resolves when all replicas in sync have all of it; the partitions take part in the transaction.
   *
   * @throws LogRefused, LogUnavailable nothing but whole batches before it was appended: the transaction is to be aborted
   * @throws OutcomeUnknown             the producer can send no other batch
   * @throws ProducerFenced, and what the coordinator says when partitions can not take part
   */
  async append(parts: readonly PartitionRecords[]): Promise<void> {
    await this.cluster.addMultipleTargetTopics([...new Set(parts.map(({ topic }) => topic))]);
    await this.coordinator.join(parts);
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

  #batch({ topic, partition }: PartitionRecords, records: readonly LogRecord[]): Sending {
    const producer = {
      id: this.coordinator.producerId,
      epoch: this.coordinator.producerEpoch,
      sequence: this.#sequences.get(`${topic}/${partition}`) ?? 0,
    };
    return { topic, partition, batch: encodeBatch(records, producer), count: records.length };
  }

  async #deliver(batches: readonly Sending[]): Promise<void> {
    const until = performance.now() + this.patienceMs;
    let open = batches;
    let isUnknown = false;
    for (let attempt = 1; ; attempt++) {
      const { again, failure, unknown, refusal } = await this.#send(open);
      isUnknown ||= unknown;
      if (refusal !== undefined) {
        const isKnown = !isUnknown || refusal instanceof ProducerFenced;
        throw isKnown ? refusal : new OutcomeUnknown(refusal.message, refusal);
      }
      if (again.length === 0) return;
      if (performance.now() >= until) {
        const { topic, partition } = again[0]!;
        const what = `an append to ${topic}/${partition}`;
        throw isUnknown
          ? new OutcomeUnknown(`${what} is not acknowledged`, failure)
          : new LogUnavailable(what, failure);
      }
      await pause(Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(6, attempt - 1)));
      await recoverCluster(this.cluster);
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
      unknown: all.some(({ unknown }) => unknown),
      refusal: all.find(({ refusal }) => refusal !== undefined)?.refusal,
    };
  }

  async #sendTo(nodeId: number, batches: Sending[]): Promise<Sent> {
    let broker: KafkaBroker;
    try {
      broker = await this.cluster.findBroker({ nodeId });
    } catch (failure) {
      return { again: batches, failure, unknown: false, refusal: undefined };
    }
    let answer: ProduceAnswer;
    try {
      const request = produceRequest(-1, this.transactionalId, batches);
      answer = await askBroker(broker, request, "a transaction's append", REQUEST_TIMEOUT_MS);
    } catch (failure) {
      return { again: batches, failure, unknown: true, refusal: undefined };
    }
    const sent: Sent = { again: [], failure: undefined, unknown: false, refusal: undefined };
    for (const batch of batches) {
      const { topic, partition } = batch;
      const code = answer.partitions.find((one) => one.topic === topic && one.partition === partition)?.errorCode;
      this.#settle(batch, code, sent);
    }
    return sent;
  }

  /** @param errorCode undefined where the broker says nothing of the batch */
  #settle(batch: Sending, errorCode: number | undefined, sent: Sent): void {
    const place = `${batch.topic}/${batch.partition}`;
    const why = errorCode === undefined ? "the broker says nothing of it" : reasonOf(errorCode);
    switch (errorCode === undefined ? "unknown" : outcomeOf(errorCode)) {
      case "appended":
        this.#count(batch);
        return;
      case "unknown":
        sent.unknown = true;
        sent.again.push(batch);
        sent.failure = new Error(why);
        return;
      case "later":
        sent.again.push(batch);
        sent.failure = new Error(why);
        return;
      case "fenced":
        sent.refusal = new ProducerFenced(`${place}: ${why}`);
        return;
      case "lost":
        sent.refusal ??= new OutcomeUnknown(`${place}: ${why}`);
        return;
      case "abort":
        sent.refusal ??= new LogUnavailable(`an append to ${place}`, new Error(why));
        return;
      case "refused":
        sent.refusal ??= new LogRefused(place, why);
    }
  }

  #count({ topic, partition, count }: Sending): void {
    const place = `${topic}/${partition}`;
    this.#sequences.set(place, ((this.#sequences.get(place) ?? 0) + count) % LARGEST_SEQUENCE);
  }
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
