import type { Condition, HeldCondition } from "../../infra/health.js";
import type { Readiness } from "../../push/rest/plant-routes.js";

/** A main thread that has said nothing for so long is stuck: it takes nothing in, and only a restart helps. */
const STUCK_MS = 60_000;

export interface HostReadinessOptions {
  /** What the main thread says of all roles; rejects when it does not in time. */
  readonly ask: () => Promise<Readiness>;
  /** What this thread says of itself, which the main thread hears half a second later. */
  readonly own: () => readonly Condition[];
  /** ms of a clock that never steps. */
  readonly now?: () => number;
}

/** Whether the plant is ready, as a thread beside the main one has to say it, also when that says nothing any more. */
export class HostReadiness {
  readonly #now: () => number;
  #spokeAt: number;

  constructor(private readonly options: HostReadinessOptions) {
    this.#now = options.now ?? (() => performance.now());
    this.#spokeAt = this.#now();
  }

  async readiness(): Promise<Readiness> {
    const own = this.options.own().filter(({ severity }) => severity !== "note");
    try {
      const told = await this.options.ask();
      this.#spokeAt = this.#now();
      const fresh = own.filter(({ reason }) => !told.reasons.includes(reason));
      const reasons = [...told.reasons, ...fresh.map(({ reason }) => reason)];
      return { ...told, ready: told.ready && fresh.length === 0, reasons };
    } catch (error) {
      return this.#silent((error as Error).message, own);
    }
  }

  #silent(why: string, own: readonly Condition[]): Readiness {
    const reasons = own.map(({ reason }) => reason);
    const silentMs = this.#now() - this.#spokeAt;
    if (silentMs < STUCK_MS) return { ready: false, reasons: [why, ...reasons] };
    const reason = `the main thread has not answered for ${Math.round(silentMs / 1000)} s`;
    const since = Math.round(Date.now() - silentMs) * 1000;
    const stuck: HeldCondition = { name: "thread_silent", subject: "main", reason, severity: "not_live", since };
    return { ready: false, live: false, reasons: [reason, ...reasons], conditions: [stuck] };
  }
}
