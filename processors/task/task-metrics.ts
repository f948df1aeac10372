import type { Logger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import { IDS_BEGIN_AGAIN } from "../cleaning/trade-flags.js";
import type { TaskObserver } from "./task.js";

type BookLabels = { readonly exchange: string; readonly symbol: string };

/** Shows what happens in a task as metrics, its books as long as it has them. */
export class TaskMetrics implements TaskObserver {
  readonly #books = new Map<string, BookLabels>();

  constructor(
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  refused(topic: string, reason: string): void {
    this.metrics.deadLetters.inc({ topic, reason });
  }

  marked(topic: string, reason: string, exchange: string, symbol: string): void {
    this.metrics.marked.inc({ topic, reason });
    if (reason !== IDS_BEGIN_AGAIN) return;
    this.logger.warn({ exchange, symbol }, "the venue's ids have begun again: what comes is taken as a new run");
  }

  book(exchange: string, symbol: string, live: boolean): void {
    const labels = { exchange, symbol };
    this.#books.set(`${exchange} ${symbol}`, labels);
    this.metrics.bookLive.set(labels, live ? 1 : 0);
  }

  ticks(): void {}

  /** The task is over. */
  end(): void {
    for (const labels of this.#books.values()) this.metrics.bookLive.remove(labels);
  }
}
