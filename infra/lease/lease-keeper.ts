import type { Condition } from "../health.js";
import type { Logger } from "../logging.js";
import { notWritable, type WriteState, whyRefused, writable } from "../redis/write-state.js";
import type { Leases } from "./redis-leases.js";

export interface LeaseKeeperOptions {
  readonly leases: Leases;
  /** This process and run. */
  readonly owner: string;
  readonly names: readonly string[];
  readonly ttlMs: number;
  /** How far a name has come, for whoever takes it over; "" when not known. */
  readonly progressOf: (name: string) => string;
  /** What is held now, with what the last holder said of each name that is new. */
  readonly changed: (held: ReadonlySet<string>, gained: ReadonlyMap<string, string>) => void;
  readonly logger: Logger;
  /** ms of a clock that never steps. */
  readonly clock?: () => number;
}

/**
 * Keeps leases on names: one owner at a time has each. An owner that could not renew in time loses them by its own
 * clock, counted from before it asked, so it has stopped before anybody else begins; also when it was paused.
 */
export class LeaseKeeper {
  readonly #clock: () => number;
  readonly #tokens = new Map<string, number>();
  readonly #everHeld = new Set<string>();
  #validUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> | undefined;
  #stopped = false;
  #hasFailed = false;
  #state = notWritable("it has not been asked yet");

  constructor(private readonly options: LeaseKeeperOptions) {
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** Whether what is held is held still. */
  get isValid(): boolean {
    return this.#clock() < this.#validUntil;
  }

  /** Whether leases can be kept, as the newest attempt had it. */
  get state(): WriteState {
    if (this.#state.writable) return this.#state;
    const { state } = this.options.leases;
    return state.writable ? this.#state : state;
  }

  /** The fencing token of a name; undefined while it is not held. */
  token(name: string): number | undefined {
    return this.isValid ? this.#tokens.get(name) : undefined;
  }

  start(): void {
    this.#turn();
  }

  /** What keeps this process from its leases. One whose leases others hold stands by, which is as it should be. */
  conditions(): Condition[] {
    const name = "no_lease";
    const wanted = this.options.names.length;
    if (wanted === 0 || (this.isValid && this.#tokens.size > 0)) return [];
    if (this.#hasFailed) {
      return [
        { name, reason: `no lease is held: Redis does not renew them (${this.state.why})`, severity: "not_ready" },
      ];
    }
    if (!this.#state.writable || !this.isValid)
      return [{ name, reason: "no lease is held yet", severity: "not_ready" }];
    return [{ name: "stands_by", reason: `stands by: others hold all ${wanted} leases`, severity: "note" }];
  }

  /** Gives all back, so that a standby need not wait. Call it when nothing of what is held is used any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#asking;
    const { leases, owner, progressOf, logger } = this.options;
    const names = [...this.#tokens.keys()];
    if (names.length === 0) return;
    try {
      await leases.release(owner, names, names.map(progressOf));
    } catch (error) {
      logger.warn({ why: (error as Error).message }, "leases could not be given back; they end by themselves");
    }
  }

  #turn(): void {
    if (this.#stopped) return;
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined;
      if (!this.#stopped) this.#timer = setTimeout(() => this.#turn(), this.options.ttlMs / 3);
    });
  }

  async #ask(): Promise<void> {
    const { leases, owner, names, ttlMs, progressOf } = this.options;
    this.#loseWhatEnded();
    const sent = this.#clock();
    const requests = names.map((name) => ({
      name,
      isHeld: this.#tokens.has(name),
      progress: this.#everHeld.has(name) ? progressOf(name) : "",
    }));
    try {
      const { answers, refused } = await within(leases.keep(owner, ttlMs, requests), ttlMs);
      if (refused === undefined) this.#keptAgain();
      else this.#failed(refused);
      this.#validUntil = sent + ttlMs;
      this.#loseWhatEnded();
      this.#take(new Map(names.map((name, i) => [name, answers[i]!])));
    } catch (error) {
      this.#failed(error);
      this.#loseWhatEnded();
    }
  }

  #keptAgain(): void {
    if (!this.#state.writable && this.#hasFailed) this.options.logger.info("leases are kept again");
    this.#hasFailed = false;
    this.#state = writable;
  }

  #failed(error: unknown): void {
    this.#state = notWritable(whyRefused(error));
    if (!this.#hasFailed) this.options.logger.warn({ why: this.state.why }, "leases can not be renewed now");
    this.#hasFailed = true;
  }

  #loseWhatEnded(): void {
    if (this.isValid || this.#tokens.size === 0) return;
    const { logger } = this.options;
    logger.warn({ lost: few([...this.#tokens.keys()]), held: 0 }, "leases ended before they were renewed");
    this.#tokens.clear();
    this.options.changed(new Set(), new Map());
  }

  #take(answers: ReadonlyMap<string, { token: number; progress: string }>): void {
    if (!this.isValid) return;
    const gained = new Map<string, string>();
    const lost: string[] = [];
    for (const [name, { token, progress }] of answers) {
      const before = this.#tokens.get(name);
      if (token > 0) {
        this.#tokens.set(name, token);
        this.#everHeld.add(name);
        if (before !== token) gained.set(name, progress);
      } else if (before !== undefined) {
        this.#tokens.delete(name);
        lost.push(name);
      }
    }
    if (gained.size === 0 && lost.length === 0) return;
    const said = { gained: few([...gained.keys()]), lost: few(lost), held: this.#tokens.size };
    this.options.logger.info(said, "leases changed hands");
    this.options.changed(new Set(this.#tokens.keys()), gained);
  }
}

/** So many that a line of the log can hold them. */
function few(names: readonly string[]): string {
  const shown = names.slice(0, 20).join(", ");
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown;
}

function within<Answer>(asked: Promise<Answer>, ms: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    asked.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
