import { setTimeout as pause } from "node:timers/promises";
import type { Bus, BusMessage } from "../../infra/bus/bus.js";
import type { Condition } from "../../infra/health.js";
import { appendConditions } from "../../infra/log/append-conditions.js";
import { AppendCounts } from "../../infra/log/append-counts.js";
import type { Log, LogRecord } from "../../infra/log/log.js";
import type { Logger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import type { Micros } from "../../schemas/words.js";
import { isPassing } from "./passing.js";

/** How long outputs wait before a log that is full or away is asked again. */
const RETRY_MS = 500;
/** What waits longer says that the bus does not take what it should. */
const PATIENCE_MS = 5_000;
/** Outputs of one task that may wait for the log and the bus; beyond, the next batch of input waits. */
const MOST_WAITING = 8_000;

export interface OutgoingOptions {
  readonly log: Log;
  readonly bus: Bus;
  readonly logger: Logger;
  /** The task's name. */
  readonly task: string;
  readonly metrics: Metrics;
  /** That the task writes. */
  readonly topics: readonly string[];
  /** Messages that were made at a log time (µs) are on the bus. */
  readonly published: (logTime: Micros) => void;
}

/**
 * A task's outputs on their way to the log and the bus. Messages leave for the bus at once, which keeps their order. To
 * the log goes one append after the other, since one that failed is tried again and none may overtake it; what comes
 * meanwhile gathers. A client may so see what is not in the log yet: after a crash the same comes again.
 */
export class Outgoing {
  /** Records behind the append that is under way, and since when the oldest waits, by performance.now(). */
  #records: LogRecord[] = [];
  #recordsSince = 0;
  /** Records that were sent, and that are in the log, since the beginning. */
  #sent = 0;
  #appended = 0;
  /** Messages that are not on the bus yet, and the calls that bring them there; none of these rejects. */
  #publishing = 0;
  readonly #publishes = new Map<Promise<void>, number>();
  /** Since when the append under way waits, by performance.now(), and why its last attempt failed. */
  #appendingSince: number | undefined;
  #refusal: Error | undefined;
  #isAppending = false;
  #stopped = false;
  #failed: Error | undefined;
  #waiters: (() => void)[] = [];

  readonly #counts: AppendCounts;

  constructor(private readonly options: OutgoingOptions) {
    this.#counts = new AppendCounts(options.metrics, options.topics);
  }

  /** Outputs that are not in the log or on the bus yet. */
  get waiting(): number {
    return Math.max(this.#sent - this.#appended, this.#publishing);
  }

  /** Outputs that never got there; nothing that follows them may be kept. */
  get failed(): Error | undefined {
    return this.#failed;
  }

  /** Whether not too much is on its way. */
  get hasRoom(): boolean {
    return this.waiting <= MOST_WAITING;
  }

  /** What outputs have waited for, for longer than they should. */
  conditions(): Condition[] {
    const now = performance.now();
    const since = this.#appendingSince;
    const append = since === undefined ? undefined : { ms: now - since, failure: this.#refusal };
    const held = appendConditions("outputs", [append]);
    const published: number = this.#publishes.values().next().value ?? now;
    if (now - published > PATIENCE_MS) {
      const reason = `the bus has taken nothing for ${Math.round((now - published) / 1000)} s`;
      held.push({ name: "bus_not_writable", reason, severity: "not_ready" });
    }
    return held;
  }

  /** Lets outputs go that were made up to a log time (µs); none is waited for. */
  send(records: LogRecord[], messages: readonly BusMessage[], logTime: Micros): void {
    if (messages.length > 0) this.#publish(messages, logTime);
    if (records.length === 0) return;
    this.#sent += records.length;
    if (this.#records.length === 0) {
      this.#records = records;
      this.#recordsSince = performance.now();
    } else for (const record of records) this.#records.push(record);
    if (!this.#isAppending) void this.#appendAll();
  }

  /** Resolves when not too much is on its way. @throws what kept outputs from the log or the bus */
  async room(): Promise<void> {
    while (this.#failed === undefined && !this.hasRoom) await this.#progress();
    if (this.#failed) throw this.#failed;
  }

  /** Resolves when all that was sent so far is in the log and on the bus. @throws what kept outputs from there */
  async sentSoFar(): Promise<void> {
    const records = this.#sent;
    const publishes = [...this.#publishes.keys()];
    while (this.#failed === undefined && this.#appended < records) await this.#progress();
    await Promise.all(publishes);
    if (this.#failed) throw this.#failed;
  }

  /** An append that fails from here on is not tried again. */
  hurry(): void {
    this.#stopped = true;
  }

  /** Resolves when nothing is on its way any more, however that ended. */
  async ended(): Promise<void> {
    this.hurry();
    this.#failed ??= new Error("the task is over");
    this.#giveUp();
    while (this.waiting > 0) await this.#progress();
  }

  /** What waits behind the append that is under way will never be appended. */
  #giveUp(): void {
    this.#appended += this.#records.length;
    this.#records = [];
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #tell(): void {
    if (this.#waiters.length > 0) for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #publish(messages: readonly BusMessage[], logTime: Micros): void {
    this.#publishing += messages.length;
    const publish = this.options.bus
      .publish(messages)
      .then(
        () => this.options.published(logTime),
        (error: Error) => {
          this.#failed ??= error;
        },
      )
      .then(() => {
        this.#publishing -= messages.length;
        this.#publishes.delete(publish);
        this.#tell();
      });
    this.#publishes.set(publish, performance.now());
  }

  async #appendAll(): Promise<void> {
    this.#isAppending = true;
    while (this.#records.length > 0) {
      const records = this.#records;
      const since = this.#recordsSince;
      this.#records = [];
      this.#counts.take(records);
      try {
        await this.#append(records);
        this.#counts.ok(performance.now() - since);
      } catch (error) {
        this.#failed ??= error as Error;
        this.#giveUp();
      }
      this.#appended += records.length;
      this.#tell();
    }
    this.#isAppending = false;
    this.#appendingSince = undefined;
  }

  /** A log that is full or away holds the task up; what is appended twice readers drop by sequence. */
  async #append(records: readonly LogRecord[]): Promise<void> {
    const { log, logger, task } = this.options;
    this.#appendingSince = performance.now();
    this.#refusal = undefined;
    for (let attempt = 0; ; attempt++) {
      try {
        await log.append(records);
        if (attempt > 0) logger.info({ task }, "the log takes outputs again");
        return;
      } catch (error) {
        this.#counts.error();
        if (!isPassing(error) || this.#stopped) throw error;
        this.#refusal = error;
        const { code, message } = error;
        if (attempt === 0) logger.error({ code, task, why: message }, "outputs wait for the log");
        await pause(RETRY_MS);
      }
    }
  }
}
