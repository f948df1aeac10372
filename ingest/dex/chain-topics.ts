import { setTimeout as delay } from "node:timers/promises";
import { AppendCounts } from "../../infra/log/append-counts.js";
import type { Log } from "../../infra/log/log.js";
import type { Logger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import type { DexMessageOfTopic } from "../../schemas/dex-messages.js";
import type { MessageTimes } from "../../schemas/messages.js";
import type { Micros } from "../../schemas/words.js";
import { backoffMs } from "../backoff.js";
import type { Clock } from "../clock.js";
import type { ChainChannels } from "./chain-channels.js";
import type { ChainMessage } from "./chain-message.js";

/** Encodes a message in the wire format of its topic. */
export type EncodeChainMessage = <Topic extends keyof DexMessageOfTopic>(
  topic: Topic,
  value: DexMessageOfTopic[Topic],
) => Uint8Array;

export interface ChainTopicsOptions {
  readonly log: Log;
  readonly encode: EncodeChainMessage;
  readonly channels?: ChainChannels | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Never goes back. */
  readonly clock: Clock;
  /** Begins every stream of this run. */
  readonly epoch: Micros;
  /** Messages that may wait for the log; beyond it the chain waits. */
  readonly maxQueued?: number;
}

interface Waiting {
  readonly message: ChainMessage;
  readonly sequence: number;
  readonly times: MessageTimes;
  /** When it came, by performance.now(). */
  readonly since: number;
}

/** Records in one append. */
const BATCH = 200;

/**
 * What happens on a chain, on topics of its own: swaps, changes of liquidity, states of pools, blocks, transactions.
 * Each stream (a topic and its key) is numbered; an event is told by block and log, and a retraction names it. Prices
 * and pools go to the bus as well.
 */
export class ChainTopics {
  readonly #options: ChainTopicsOptions;
  readonly #sequences = new Map<string, number>();
  #queue: Waiting[] = [];
  #sending: Promise<void> | undefined;
  #waiters: (() => void)[] = [];
  #closed = false;
  readonly #counts: AppendCounts;

  constructor(options: ChainTopicsOptions) {
    this.#options = options;
    this.#counts = new AppendCounts(options.metrics);
  }

  write(message: ChainMessage): void {
    if (this.#closed) {
      this.#options.metrics.dropped.inc({ place: "chain_topics", reason: "closed" });
      return;
    }
    const sequence = this.#next(`${message.topic} ${message.key}`);
    const { channels, clock, epoch } = this.#options;
    const receivedAt = clock();
    const times = { log_time: receivedAt, receive_time: receivedAt };
    this.#queue.push({ message, sequence, times, since: performance.now() });
    if (message.topic === "pool.sync") channels?.publish({ ...message.value, ...times }, epoch);
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  /** Resolves when at most half of the bound waits. */
  async room(): Promise<void> {
    if (this.#hasRoom) return;
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** All that was written is in the log. */
  async flushed(): Promise<void> {
    await this.#sending;
  }

  /** Writes what waits, for at most so long. */
  async close(timeoutMs = 2_000): Promise<void> {
    await Promise.race([this.#sending, delay(timeoutMs, undefined, { ref: false })]);
    this.#closed = true;
    for (const resolve of this.#waiters.splice(0)) resolve();
    const left = this.#queue.length;
    if (left > 0) this.#options.metrics.dropped.inc({ place: "chain_topics", reason: "closed" }, left);
  }

  get #hasRoom(): boolean {
    return this.#closed || this.#queue.length * 2 <= (this.#options.maxQueued ?? 10_000);
  }

  #next(stream: string): number {
    const sequence = (this.#sequences.get(stream) ?? 0) + 1;
    this.#sequences.set(stream, sequence);
    return sequence;
  }

  async #send(): Promise<void> {
    const { log, logger } = this.#options;
    for (let attempt = 0; this.#queue.length > 0 && !this.#closed; ) {
      const some = this.#queue.slice(0, BATCH);
      try {
        const records = some.map((one) => this.#record(one));
        this.#counts.take(records);
        await log.append(records);
        this.#queue.splice(0, some.length);
        this.#counts.ok(performance.now() - some[0]!.since);
        attempt = 0;
        if (this.#hasRoom) for (const resolve of this.#waiters.splice(0)) resolve();
      } catch (error) {
        this.#counts.error();
        if (attempt === 0) logger.warn({ err: error }, "the chain's topics could not be written; they wait");
        await delay(backoffMs(attempt++, { baseMs: 50, capMs: 1_000 }));
      }
    }
  }

  #record({ message: { topic, key, value }, sequence, times }: Waiting) {
    const whole = { ...value, epoch: this.#options.epoch, sequence_num: sequence, ...times };
    return {
      topic,
      key,
      value: this.#options.encode(topic, whole as never),
      timestamp: value.timestamp,
    };
  }
}
