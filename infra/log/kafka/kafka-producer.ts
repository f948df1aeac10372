import type { Logger } from "../../logging.js";
import type { LogRecord } from "../log.js";
import { outcomeOf, reasonOf } from "./append-errors.js";
import { askBroker, leaderOf, recoverCluster } from "./broker-request.js";
import { LogRefused, LogUnavailable } from "./errors.js";
import { REQUEST_TIMEOUT_MS } from "./kafka-client.js";
import type { KafkaCluster } from "./kafkajs-internals.js";
import { type ProduceAnswer, produceRequest } from "./produce-request.js";
import { encodeBatch } from "./record-batch.js";

export interface KafkaProducerOptions {
  readonly cluster: KafkaCluster;
  /** A topic as the brokers know it. */
  readonly nameOf: (topic: string) => string;
  /** @throws UnknownTopic */
  readonly partitionOf: (record: LogRecord) => number;
  /** Replicas that must have a topic's records: 1 the leader, -1 all in sync. */
  readonly acks: (topic: string) => 1 | -1;
  /** How long a topic's records gather before they are sent; 0 sends them at once. */
  readonly lingerMs: (topic: string) => number;
  readonly deliveryTimeoutMs: number;
  readonly logger: Logger;
}

/** One call of `append`: settled when all of its records are. */
interface Appending {
  left: number;
  resolve(): void;
  reject(error: Error): void;
}

/** The records of one partition in their order; at most one request of it is under way. */
export interface Lane {
  /** As the brokers know it. */
  readonly topic: string;
  readonly partition: number;
  readonly lingerMs: number;
  records: LogRecord[];
  owners: Appending[];
  /** Of the records' values. */
  bytes: number;
  busy: boolean;
  /** When the request that is tried again was first sent, by performance.now(); 0 when none is. */
  since: number;
}

interface Sending {
  readonly lane: Lane;
  readonly records: readonly LogRecord[];
  readonly owners: readonly Appending[];
}

const REQUEST_BYTES = 1024 * 1024;
/** So much of one partition lingers no longer. */
const LINGER_BYTES = 64 * 1024;
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 1_000;

/**
 * Appends to partitions over kafkajs's connections. Each partition has one request under way, so that a retry can not
 * reorder; what comes meanwhile goes with the next one. Records of topics that may linger gather, over all partitions, so
 * that many small appends cost the brokers few requests. An append that is not acknowledged in time is rejected, and may
 * have happened all the same.
 */
export class KafkaProducer {
  /** By topic, then by partition. */
  readonly #lanes = new Map<string, (Lane | undefined)[]>();
  readonly #ready = new Set<Lane>();
  /** Not busy either, and sent when the timer says so. */
  readonly #lingering = new Set<Lane>();
  #lingerTimer: NodeJS.Timeout | undefined;
  #scheduled = false;
  #closed = false;

  constructor(private readonly options: KafkaProducerOptions) {}

  /** The lane of each record. @throws UnknownTopic */
  lanesOf(records: readonly LogRecord[]): Lane[] {
    return records.map((record) => this.#laneOf(record.topic, this.options.partitionOf(record)));
  }

  /**
   * Resolves when all of it is acknowledged.
   *
   * @param lanes the lane of each record
   * @throws LogUnavailable, LogRefused
   */
  append(records: readonly LogRecord[], lanes: readonly Lane[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const appending: Appending = { left: records.length, resolve, reject };
      for (let at = 0; at < records.length; at++) {
        const record = records[at]!;
        const lane = lanes[at]!;
        lane.records.push(record);
        lane.owners.push(appending);
        lane.bytes += record.value?.length ?? 0;
        if (!lane.busy) this.#enqueue(lane);
      }
      this.#schedule();
    });
  }

  close(): void {
    this.#closed = true;
  }

  #laneOf(topic: string, partition: number): Lane {
    let ofTopic = this.#lanes.get(topic);
    if (ofTopic === undefined) {
      ofTopic = [];
      this.#lanes.set(topic, ofTopic);
    }
    let lane = ofTopic[partition];
    if (lane === undefined) {
      const name = this.options.nameOf(topic);
      const lingerMs = this.options.lingerMs(name);
      lane = { topic: name, partition, lingerMs, records: [], owners: [], bytes: 0, busy: false, since: 0 };
      ofTopic[partition] = lane;
    }
    return lane;
  }

  /** A lane that has records and is not busy. */
  #enqueue(lane: Lane): void {
    if (lane.lingerMs > 0 && lane.bytes < LINGER_BYTES) {
      this.#lingering.add(lane);
      this.#lingerTimer ??= setTimeout(() => this.#lingered(), lane.lingerMs);
      return;
    }
    this.#lingering.delete(lane);
    this.#ready.add(lane);
  }

  #lingered(): void {
    this.#lingerTimer = undefined;
    for (const lane of this.#lingering) this.#ready.add(lane);
    this.#lingering.clear();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#ready.size === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      const lanes = [...this.#ready];
      this.#ready.clear();
      this.#dispatch(lanes);
    });
  }

  /** One request a broker and kind of acknowledgement, with what all these lanes hold. */
  #dispatch(lanes: readonly Lane[]): void {
    const requests = new Map<string, { nodeId: number; acks: 1 | -1; parts: Sending[] }>();
    for (const lane of lanes) {
      const nodeId = leaderOf(this.options.cluster, lane.topic, lane.partition);
      const acks = this.options.acks(lane.topic);
      const name = `${nodeId}/${acks}`;
      let request = requests.get(name);
      if (request === undefined) {
        request = { nodeId, acks, parts: [] };
        requests.set(name, request);
      }
      lane.busy = true;
      request.parts.push(take(lane));
    }
    for (const { nodeId, acks, parts } of requests.values()) void this.#send(nodeId, acks, parts);
  }

  async #send(nodeId: number, acks: 1 | -1, parts: readonly Sending[]): Promise<void> {
    const codes = new Map<string, number>();
    let failure: unknown;
    try {
      const { partitions } = await this.#request(nodeId, acks, parts);
      for (const { topic, partition, errorCode } of partitions) codes.set(`${topic}/${partition}`, errorCode);
    } catch (error) {
      failure = error;
    }
    let again: Sending[] | undefined;
    for (const part of parts) {
      const { lane } = part;
      const code = codes.get(`${lane.topic}/${lane.partition}`);
      const outcome = code === undefined ? "unknown" : outcomeOf(code);
      if (outcome === "appended") this.#done(part);
      else if (outcome === "later" || outcome === "unknown") {
        again ??= [];
        again.push(part);
        if (code !== undefined) failure ??= new Error(reasonOf(code));
      } else this.#refuse(part, code!);
    }
    if (again !== undefined) await this.#later(again, failure);
    this.#schedule();
  }

  async #request(nodeId: number, acks: 1 | -1, parts: readonly Sending[]): Promise<ProduceAnswer> {
    const { cluster } = this.options;
    const broker = await cluster.findBroker({ nodeId });
    const batches = parts.map(({ lane: { topic, partition }, records }) => ({
      topic,
      partition,
      batch: encodeBatch(records),
    }));
    return askBroker(broker, produceRequest(acks, null, batches), "an append", REQUEST_TIMEOUT_MS);
  }

  #done({ lane, owners }: Sending): void {
    lane.since = 0;
    this.#free(lane);
    for (const owner of owners) if (--owner.left === 0) owner.resolve();
  }

  #refuse({ lane, records, owners }: Sending, code: number): void {
    const place = `${lane.topic}/${lane.partition}`;
    const error = new LogRefused(place, reasonOf(code));
    this.options.logger.error({ code: error.code, records: records.length }, error.message);
    lane.since = 0;
    this.#free(lane);
    for (const owner of new Set(owners)) owner.reject(error);
  }

  #free(lane: Lane): void {
    lane.busy = false;
    if (lane.records.length > 0) this.#enqueue(lane);
  }

  /** What was not acknowledged goes first again, before what has come meanwhile; past the deadline it is given back. */
  async #later(parts: readonly Sending[], failure: unknown): Promise<void> {
    const { cluster, deliveryTimeoutMs, logger } = this.options;
    const now = performance.now();
    const first = parts[0]!.lane;
    if (first.since === 0) logger.warn({ why: text(failure), topic: first.topic }, "an append is not acknowledged");
    let waited = 0;
    for (const { lane } of parts) {
      if (lane.since === 0) lane.since = now;
      waited = Math.max(waited, now - lane.since);
    }
    const pause = Math.min(LAST_BACKOFF_MS, Math.max(FIRST_BACKOFF_MS, waited / 4));
    await new Promise((resolve) => setTimeout(resolve, pause));
    await recoverCluster(cluster);
    for (const { lane, records, owners } of parts) {
      if (this.#closed || performance.now() - lane.since >= deliveryTimeoutMs) {
        const error = new LogUnavailable(`an append to ${lane.topic}/${lane.partition}`, failure);
        lane.since = 0;
        this.#free(lane);
        for (const owner of new Set(owners)) owner.reject(error);
        continue;
      }
      lane.records = [...records, ...lane.records];
      lane.owners = [...owners, ...lane.owners];
      lane.bytes = bytesOf(lane.records);
      this.#free(lane);
    }
  }
}

const bytesOf = (records: readonly LogRecord[]) => records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);

const text = (failure: unknown): string => (failure instanceof Error ? failure.message : "a leader is missing");

/** The lane's first records, about as many as fit a request. */
function take(lane: Lane): Sending {
  let bytes = 0;
  let count = 0;
  for (const { value } of lane.records) {
    if (count > 0 && bytes + (value?.length ?? 0) > REQUEST_BYTES) break;
    bytes += value?.length ?? 0;
    count++;
  }
  lane.bytes -= bytes;
  if (count === lane.records.length) {
    const { records, owners } = lane;
    lane.records = [];
    lane.owners = [];
    return { lane, records, owners };
  }
  return { lane, records: lane.records.splice(0, count), owners: lane.owners.splice(0, count) };
}
