import type { Condition } from "../health.js";
import type { Consumer } from "./log.js";

/** Asked so often how much waits; an answer that takes longer than the deadline is none. */
const ASK_EVERY_MS = 2_000;
const DEADLINE_MS = 5_000;
/** Records wait, and for so long none was handled: something holds the consumer. */
const STILL_MS = 10_000;
/** Once log, bus and store answer and still nothing moves for so long, only a restart helps. */
const STUCK_MS = 300_000;

export interface ConsumerWatchOptions {
  readonly group: string;
  readonly consumer: Pick<Consumer, "lag">;
  /** Grows with everything that the consumer is through with. */
  readonly handled: () => number;
  /** Is told of every answer. */
  readonly measured?: (lags: Awaited<ReturnType<Consumer["lag"]>>) => void;
  /** ms of a clock that never steps. */
  readonly now?: () => number;
}

/** Whether a consumer goes on while something waits for it, and whether the log says how much does. */
export class ConsumerWatch {
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #askedAt: number | undefined;
  #refusal: string | undefined;
  #lag = 0;
  #handled = -1;
  #movedAt: number;

  constructor(private readonly options: ConsumerWatchOptions) {
    this.#now = options.now ?? (() => performance.now());
    this.#movedAt = this.#now();
    this.#timer = setInterval(() => void this.ask(), ASK_EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Asks once more, unless an answer is under way. */
  async ask(): Promise<void> {
    if (this.#askedAt !== undefined) return;
    this.#askedAt = this.#now();
    try {
      const lags = await this.options.consumer.lag();
      this.#refusal = undefined;
      this.#lag = lags.reduce((sum, { lag }) => sum + lag, 0);
      this.#look();
      this.options.measured?.(lags);
    } catch (error) {
      this.#refusal = (error as Error).message;
    }
    this.#askedAt = undefined;
  }

  /** @param explained something else says already what holds the consumer */
  conditions(explained: boolean): Condition[] {
    const { group } = this.options;
    const now = this.#now();
    this.#look();
    const late = this.#askedAt !== undefined && now - this.#askedAt > DEADLINE_MS;
    if (late || this.#refusal !== undefined) {
      const why = late ? `nothing within ${DEADLINE_MS / 1000} s` : this.#refusal;
      return [
        { name: "log_not_readable", subject: group, reason: `the log does not answer: ${why}`, severity: "not_ready" },
      ];
    }
    if (this.#lag === 0 || now - this.#movedAt < STILL_MS || explained) return [];
    const seconds = Math.round((now - this.#movedAt) / 1000);
    const reason = `group ${group} has handled nothing for ${seconds} s while ${this.#lag} records wait`;
    return [{ name: "no_progress", subject: group, reason, severity: "not_ready", stuckAfterMs: STUCK_MS }];
  }

  #look(): void {
    const handled = this.options.handled();
    if (handled === this.#handled && this.#lag > 0) return;
    this.#handled = handled;
    this.#movedAt = this.#now();
  }
}
