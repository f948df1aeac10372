import type { WaitingAppend } from "../infra/log/append-conditions.js";
import type { Log } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import { RawBatchWriter } from "../schemas/raw-batch-writer.js";
import type { RawTick } from "../schemas/ticks.js";
import type { Micros } from "../schemas/words.js";
import { backoffMs } from "./backoff.js";
import type { TradeWitness } from "./progress.js";

export interface PartitionQueueOptions {
  readonly log: Log;
  readonly topic: string;
  readonly partition: number;
  readonly schemaId: number;
  readonly session: string;
  readonly batchTicks: number;
  readonly batchBytes: number;
  /** A batch that fills while another is in flight takes ticks for so long. */
  readonly lingerMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly witness?: TradeWitness | undefined;
  /** Whether the feeds are this process's still; what waits when they are not is dropped, and counted. */
  readonly mayPublish?: (() => boolean) | undefined;
  /** A batch was acknowledged: so many ticks and bytes are off the buffer. */
  readonly acknowledged: (ticks: number, bytes: number) => void;
}

interface Batch {
  readonly value: Uint8Array;
  readonly ticks: number;
  readonly bytes: number;
  readonly lastNumber: number;
  readonly timestamp: Micros;
  /** Its trades, for the witness. */
  readonly witnessed: string;
  /** When its first tick came, by performance.now(). */
  readonly since: number;
}

/** Records in one append: enough to catch up quickly, few enough for the log's message limits. */
const batchesPerAppend = 10;

/**
 * The ticks of one partition on their way into the log: encoded at once into the open batch, one request in flight, so
 * that a retry can not reorder. While nothing is in flight a batch leaves at once, at the end of the turn that brought
 * its ticks; while something is, batches fill, and nothing waits longer than for that request.
 */
export class PartitionQueue {
  private readonly writer: RawBatchWriter;
  private writerBytes = 0;
  private witnessed = "";
  private writerSince = 0;
  private writerTime: Micros = 0;
  private readonly sealed: Batch[] = [];
  private sending = false;
  private lastNumber = 0;
  private acknowledgedNumber = 0;
  private heartbeatNumber = 0;
  private stopped = false;
  private idle: (() => void)[] = [];
  private waiters: { readonly number: number; readonly resolve: (inLog: boolean) => void }[] = [];
  private givenUpNumber = 0;
  /** Since when the append under way waits, by performance.now(), and why its last attempt failed. */
  private appendingSince: number | undefined;
  private failure: Error | undefined;

  constructor(private readonly options: PartitionQueueOptions) {
    this.writer = new RawBatchWriter(options.schemaId, options.session);
  }

  /** Encodes the tick into the open batch. @returns bytes that it took @throws UnwritableRecord */
  add(tick: RawTick, number: number): number {
    const { writer } = this;
    if (this.sending && writer.count > 0 && performance.now() - this.writerSince >= this.options.lingerMs) this.seal();
    if (writer.count === 0) {
      this.writerSince = performance.now();
      this.writerTime = tick.receiveTime;
    }
    const before = writer.bytes;
    writer.append(tick, number);
    const grown = writer.bytes - before;
    this.writerBytes += grown;
    this.lastNumber = number;
    const { witness } = this.options;
    if (witness !== undefined && tick.kind === "trade") this.witnessed += witness.line(tick);
    if (tick.kind === "heartbeat") this.heartbeatNumber = number;
    if (tick.receiveTime > this.writerTime) this.writerTime = tick.receiveTime;
    if (writer.count >= this.options.batchTicks || writer.bytes >= this.options.batchBytes) this.seal();
    if (!this.sending) {
      this.sending = true;
      queueMicrotask(() => void this.send());
    }
    return grown;
  }

  /** Whether a heartbeat waits already: a second one would say nothing more. */
  get hasHeartbeat(): boolean {
    return this.heartbeatNumber > this.acknowledgedNumber;
  }

  /** The append that is under way. */
  get waiting(): WaitingAppend | undefined {
    if (this.appendingSince === undefined) return undefined;
    return { ms: performance.now() - this.appendingSince, failure: this.failure };
  }

  /** Resolves when everything added is acknowledged. */
  drained(): Promise<void> {
    if (!this.sending) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  /** Resolves when what was added until now is acknowledged; with false when some of it was given up. */
  confirmed(): Promise<boolean> {
    const number = this.lastNumber;
    if (this.acknowledgedNumber >= number) return Promise.resolve(true);
    const from = this.acknowledgedNumber;
    return new Promise((resolve) =>
      this.waiters.push({ number, resolve: (inLog) => resolve(inLog && this.givenUpNumber <= from) }),
    );
  }

  /** Gives up what is not acknowledged. */
  stop(): void {
    this.stopped = true;
    for (const { resolve } of this.waiters.splice(0)) resolve(false);
  }

  private acknowledge(number: number): void {
    this.acknowledgedNumber = number;
    if (this.waiters.length === 0) return;
    const reached = this.waiters.filter((waiter) => waiter.number <= number);
    this.waiters = this.waiters.filter((waiter) => waiter.number > number);
    for (const { resolve } of reached) resolve(true);
  }

  private seal(): void {
    const { writer } = this;
    if (writer.count === 0) return;
    this.sealed.push({
      ticks: writer.count,
      bytes: this.writerBytes,
      value: writer.finish(),
      lastNumber: this.lastNumber,
      timestamp: this.writerTime,
      witnessed: this.witnessed,
      since: this.writerSince,
    });
    this.writerBytes = 0;
    this.witnessed = "";
  }

  private async send(): Promise<void> {
    while (!this.stopped) {
      if (this.sealed.length === 0) this.seal();
      const batches = this.sealed.splice(0, batchesPerAppend);
      if (batches.length === 0) break;
      if (!(await this.append(batches))) break;
    }
    this.sending = false;
    this.appendingSince = undefined;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  /** Appends until it works. @returns false when stopped meanwhile */
  private async append(batches: readonly Batch[]): Promise<boolean> {
    const { topic, partition, log, logger, metrics } = this.options;
    const records = batches.map(({ value, timestamp }) => ({ topic, partition, key: null, value, timestamp }));
    const ticks = batches.reduce((sum, batch) => sum + batch.ticks, 0);
    this.appendingSince = performance.now();
    this.failure = undefined;
    for (let attempt = 0; !this.stopped; attempt++) {
      if (this.options.mayPublish?.() === false) {
        this.giveUp(batches, ticks);
        return true;
      }
      try {
        await log.append(records);
        if (attempt > 0) logger.info({ topic, partition }, "the log takes appends again");
        this.settle(batches);
        return true;
      } catch (error) {
        this.failure = error as Error;
        metrics.producerMessages.inc({ topic, status: "error" }, ticks);
        const pause = backoffMs(attempt, { baseMs: 50, capMs: 2_000 });
        if (attempt === 0)
          logger.warn({ err: error, topic, partition }, "append failed; the batch is kept and retried");
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    return false;
  }

  /** Another process has the feeds now, and fetches what is missing. */
  private giveUp(batches: readonly Batch[], ticks: number): void {
    this.options.metrics.dropped.inc({ place: "publisher", reason: "no_lease" }, ticks);
    this.options.metrics.producerMessages.inc({ topic: this.options.topic, status: "dropped" }, ticks);
    this.givenUpNumber = batches.at(-1)!.lastNumber;
    this.acknowledge(this.givenUpNumber);
    this.options.acknowledged(
      ticks,
      batches.reduce((sum, { bytes }) => sum + bytes, 0),
    );
  }

  private settle(batches: readonly Batch[]): void {
    const { topic, metrics } = this.options;
    const now = performance.now();
    let ticks = 0;
    let bytes = 0;
    this.options.witness?.write(batches.map(({ witnessed }) => witnessed).join(""));
    for (const batch of batches) {
      ticks += batch.ticks;
      bytes += batch.bytes;
      metrics.producerLatency.observe({ topic }, (now - batch.since) / 1000);
    }
    this.acknowledge(batches.at(-1)!.lastNumber);
    metrics.producerMessages.inc({ topic, status: "ok" }, ticks);
    this.options.acknowledged(ticks, bytes);
  }
}
