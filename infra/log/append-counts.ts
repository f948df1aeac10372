import type { Metrics } from "../metrics.js";
import type { LogRecord } from "./log.js";

/**
 * Counts what one writer appends, in `mq_producer_messages_total` and `mq_producer_latency_seconds`: `ok` once the log
 * has it, `error` for each attempt that failed. One append at a time.
 */
export class AppendCounts {
  readonly #topics: string[] = [];
  readonly #counts: number[] = [];

  /** @param topics that are known to be written: an alert's series begin at 0 */
  constructor(
    private readonly metrics: Pick<Metrics, "producerMessages" | "producerLatency">,
    topics: readonly string[] = [],
  ) {
    for (const topic of topics) this.#meet(topic);
  }

  /** The records of the append that is next. */
  take(records: readonly Pick<LogRecord, "topic">[]): void {
    this.#counts.fill(0);
    for (const { topic } of records) {
      const known = this.#topics.indexOf(topic);
      const at = known < 0 ? this.#meet(topic) : known;
      this.#counts[at]! += 1;
    }
  }

  /** The append that was taken is in the log. @param ms since its oldest record was made */
  ok(ms: number): void {
    this.#count("ok");
    for (const [at, topic] of this.#topics.entries())
      if (this.#counts[at]! > 0) this.metrics.producerLatency.observe({ topic }, ms / 1000);
  }

  /** An attempt failed. */
  error(): void {
    this.#count("error");
  }

  #count(status: "ok" | "error"): void {
    for (const [at, topic] of this.#topics.entries())
      if (this.#counts[at]! > 0) this.metrics.producerMessages.inc({ topic, status }, this.#counts[at]!);
  }

  #meet(topic: string): number {
    for (const status of ["ok", "error"]) this.metrics.producerMessages.inc({ topic, status }, 0);
    this.#counts.push(0);
    return this.#topics.push(topic) - 1;
  }
}
