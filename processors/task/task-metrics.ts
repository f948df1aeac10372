import type { Metrics } from "../../infra/metrics.js";
import type { TaskObserver } from "./task.js";

type BookLabels = { readonly exchange: string; readonly symbol: string };

/** Shows what happens in a task as metrics, its books as long as it has them. */
export class TaskMetrics implements TaskObserver {
  readonly #books = new Map<string, BookLabels>();

  constructor(private readonly metrics: Metrics) {}

  refused(topic: string, reason: string): void {
    this.metrics.deadLetters.inc({ topic, reason });
  }

  marked(topic: string, reason: string): void {
    this.metrics.marked.inc({ topic, reason });
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
