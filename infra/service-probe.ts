import type { Condition, Severity } from "./health.js";

export interface ProbeOptions {
  readonly everyMs?: number;
  /** An answer that takes longer is none. */
  readonly deadlineMs?: number;
  /** A `note` where whoever asks works without the service; `not_ready` unless said. */
  readonly severity?: Severity;
}

const EVERY_MS = 2_000;
const DEADLINE_MS = 4_000;

/** Asks a service again and again whether it answers; a condition holds while its newest answer is late or an error. */
export class ServiceProbe {
  readonly #deadlineMs: number;
  readonly #severity: Severity;
  readonly #timer: NodeJS.Timeout;
  #askedAt: number | undefined;
  #refusal: string | undefined;

  /**
   * @param name of the condition
   * @param service e.g. `the store`; the reason reads `{service} does not answer: …`
   * @param ask rejects when it does not; is called again only when it has ended
   */
  constructor(
    private readonly name: string,
    private readonly service: string,
    private readonly ask: () => Promise<unknown>,
    { everyMs = EVERY_MS, deadlineMs = DEADLINE_MS, severity = "not_ready" }: ProbeOptions = {},
  ) {
    this.#severity = severity;
    this.#deadlineMs = deadlineMs;
    void this.#turn();
    this.#timer = setInterval(() => void this.#turn(), everyMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  conditions(): Condition[] {
    const late = this.#askedAt !== undefined && performance.now() - this.#askedAt > this.#deadlineMs;
    if (!late && this.#refusal === undefined) return [];
    const why = late ? `nothing within ${this.#deadlineMs / 1000} s` : this.#refusal;
    return [{ name: this.name, reason: `${this.service} does not answer: ${why}`, severity: this.#severity }];
  }

  async #turn(): Promise<void> {
    if (this.#askedAt !== undefined) return;
    this.#askedAt = performance.now();
    try {
      await this.ask();
      this.#refusal = undefined;
    } catch (error) {
      this.#refusal = error instanceof Error ? error.message : String(error);
    }
    this.#askedAt = undefined;
  }
}
