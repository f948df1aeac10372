import { setTimeout as pause } from "node:timers/promises";
import { CoordinatorLookup, GROUP, TRANSACTION } from "./coordinator-lookup.js";
import type { KafkaBroker, KafkaCluster, OffsetsOfTopic, ProducerIdentity } from "./kafkajs-internals.js";

/** This producer's epoch is over: a newer one of the same transactional id was opened. */
export class ProducerFenced extends Error {}

/** What became of a request is not known, and could not be found out by the same request: its writer can send no other. */
export class OutcomeUnknown extends Error {
  constructor(what: string, cause?: unknown) {
    super(what, { cause });
  }
}

/** A coordinator refused, so that nothing came of the request. */
export class CoordinatorRefused extends Error {}

export interface TransactionCoordinatorOptions {
  readonly cluster: KafkaCluster;
  readonly transactionalId: string;
  /** After which the brokers abort a transaction that nobody ends. */
  readonly timeoutMs: number;
  /** How long a request is repeated while coordinators move, load, or do not answer. */
  readonly patienceMs: number;
}

const FIRST_BACKOFF_MS = 20;
const LAST_BACKOFF_MS = 1_000;

/**
 * How coordinators' error codes are taken, by https://kafka.apache.org/protocol#protocol_error_codes and the handlers of
 * the Java client's TransactionManager. What stands in none of them is a refusal.
 */
export const coordinatorErrors = {
  /**
   * UNKNOWN_TOPIC_OR_PARTITION, REQUEST_TIMED_OUT, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE,
   * NOT_COORDINATOR, CONCURRENT_TRANSACTIONS: the same request is to go again, to whoever coordinates then.
   */
  again: new Set([3, 7, 14, 15, 16, 51]),
  /** INVALID_PRODUCER_EPOCH, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED */
  fenced: new Set([47, 49, 90]),
  /** UNKNOWN_SERVER_ERROR, NETWORK_EXCEPTION, KAFKA_STORAGE_ERROR: it may have been done. */
  unknown: new Set([-1, 13, 56]),
} as const;
/** There is no transaction that could be aborted. */
const INVALID_TXN_STATE = 48;

/**
 * A transactional producer at its coordinators: its id and epoch, who takes part in a transaction, and its end. A request
 * whose answer is lost goes again as it was, since each of them may be repeated, until its outcome is known; where it does
 * not become known the writer is over. An end that went twice might end the transaction after it, too, so with it the
 * writer is spent. (kafkajs forgets what may be open, and begins anew over it.)
 */
export class TransactionCoordinator {
  #id = "-1";
  #epoch = -1;
  /** Takes part in the transaction for sure. */
  readonly #joined = new Set<string>();
  /** The coordinator may know of a transaction. */
  #isOpen = false;
  #isSpent = false;
  readonly #coordinator: CoordinatorLookup;
  /** Of the groups whose offsets were committed. */
  readonly #groups = new Map<string, CoordinatorLookup>();

  constructor(private readonly options: TransactionCoordinatorOptions) {
    this.#coordinator = new CoordinatorLookup(options.cluster, options.transactionalId, TRANSACTION);
  }

  get producerId(): bigint {
    return BigInt(this.#id);
  }

  get producerEpoch(): number {
    return this.#epoch;
  }

  /** A late repeat of an end may come after it: nothing more may be written. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** Ends what older producers of the transactional id left open, and fences them out. */
  async open(): Promise<void> {
    const { transactionalId, timeoutMs } = this.options;
    const request = { transactionalId, transactionTimeout: timeoutMs };
    const found = await this.#ask("opening", this.#coordinator, (broker) => broker.initProducerId(request));
    this.#id = found.answer.producerId;
    this.#epoch = found.answer.producerEpoch;
  }

  /** Lets partitions take part. @throws ProducerFenced, OutcomeUnknown, CoordinatorRefused */
  async join(parts: readonly { readonly topic: string; readonly partition: number }[]): Promise<void> {
    const topics = new Map<string, number[]>();
    for (const { topic, partition } of parts) {
      if (this.#joined.has(`${topic}/${partition}`)) continue;
      topics.set(topic, [...(topics.get(topic) ?? []), partition]);
    }
    if (topics.size === 0) return;
    const request = {
      ...this.#identity(),
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    };
    this.#isOpen = true;
    await this.#ask("joining", this.#coordinator, (broker) => broker.addPartitionsToTxn(request));
    for (const { topic, partition } of parts) this.#joined.add(`${topic}/${partition}`);
  }

  /** Offsets of a group that count with the commit. @throws ProducerFenced, OutcomeUnknown, CoordinatorRefused */
  async commitOffsets(groupId: string, topics: readonly OffsetsOfTopic[]): Promise<void> {
    const request = { ...this.#identity(), groupId };
    this.#isOpen = true;
    await this.#ask("adding offsets", this.#coordinator, (broker) => broker.addOffsetsToTxn(request));
    await this.#ask("committing offsets", this.#ofGroup(groupId), (broker) =>
      broker.txnOffsetCommit({ ...request, topics }),
    );
  }

  /** @throws ProducerFenced, OutcomeUnknown: whether it was committed is not known */
  async commit(): Promise<void> {
    if (!this.#isOpen) return;
    try {
      await this.#end(true);
    } catch (error) {
      if (error instanceof CoordinatorRefused) throw new OutcomeUnknown(error.message, error);
      throw error;
    }
  }

  /** @throws ProducerFenced, OutcomeUnknown */
  async abort(): Promise<void> {
    if (!this.#isOpen) return;
    try {
      await this.#end(false);
    } catch (error) {
      if (!(error instanceof CoordinatorRefused)) throw error;
      if (codeOf(error) !== INVALID_TXN_STATE) throw new OutcomeUnknown(error.message, error);
      // what was to open it never arrived, or arrives later
      this.#ended();
      this.#isSpent = true;
    }
  }

  async #end(transactionResult: boolean): Promise<void> {
    const request = { ...this.#identity(), transactionResult };
    const what = transactionResult ? "a commit" : "an abort";
    const { wasLost } = await this.#ask(what, this.#coordinator, (broker) => broker.endTxn(request));
    this.#ended();
    if (wasLost) this.#isSpent = true;
  }

  #ended(): void {
    this.#joined.clear();
    this.#isOpen = false;
  }

  #identity(): ProducerIdentity {
    return { transactionalId: this.options.transactionalId, producerId: this.#id, producerEpoch: this.#epoch };
  }

  /** Repeats a request until it is answered for good. @returns the answer, and whether one before it was lost */
  async #ask<Answer>(
    what: string,
    coordinator: CoordinatorLookup,
    request: (broker: KafkaBroker) => Promise<Answer>,
  ): Promise<{ answer: Answer; wasLost: boolean }> {
    const { transactionalId, patienceMs } = this.options;
    const until = performance.now() + patienceMs;
    let wasLost = false;
    for (let attempt = 1; ; attempt++) {
      let failure: unknown;
      const broker = await coordinator.broker().catch((error: unknown) => {
        failure = error;
        return undefined;
      });
      try {
        if (broker !== undefined) return { answer: await request(broker), wasLost };
      } catch (error) {
        failure = error;
        const code = codeOf(error);
        if (code !== undefined && coordinatorErrors.fenced.has(code)) throw new ProducerFenced(messageOf(error));
        if (code === undefined || coordinatorErrors.unknown.has(code)) wasLost = true;
        else if (!coordinatorErrors.again.has(code)) {
          const text = `${what} of ${transactionalId}: ${messageOf(error)}`;
          throw wasLost ? new OutcomeUnknown(text, error) : new CoordinatorRefused(text, { cause: error });
        }
        if (code !== 51) coordinator.forget();
      }
      if (performance.now() >= until) {
        const text = `${what} of ${transactionalId} is not answered`;
        throw wasLost ? new OutcomeUnknown(text, failure) : new CoordinatorRefused(text, { cause: failure });
      }
      await pause(Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(6, attempt - 1)));
    }
  }

  #ofGroup(groupId: string): CoordinatorLookup {
    let found = this.#groups.get(groupId);
    if (found === undefined) {
      found = new CoordinatorLookup(this.options.cluster, groupId, GROUP);
      this.#groups.set(groupId, found);
    }
    return found;
  }
}

/** Kafka's code of what a broker answered; undefined when it did not answer. */
export function codeOf(error: unknown): number | undefined {
  for (let one = error as Failure | undefined; one instanceof Error; one = one.cause as Failure | undefined)
    if (typeof one.type === "string" && typeof one.code === "number") return one.code;
  return undefined;
}

type Failure = Error & { readonly type?: unknown; readonly code?: unknown; readonly cause?: unknown };

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
