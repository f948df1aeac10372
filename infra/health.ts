import type { Gauge } from "prom-client";
import type { Logger } from "./logging.js";

/** `note`: worth knowing, the role works; `not_ready`: it does not do what it is for; `not_live`: only a restart helps. */
export type Severity = "note" | "not_ready" | "not_live";

/** Something that holds now, as a part of a role tells it. */
export interface Condition {
  /** Stable, a word of the field with underscores: `feed_down`, `log_stalled`. */
  readonly name: string;
  /** What it is about, where a role may have several of the name: `binance market-1`. Name and subject tell conditions apart. */
  readonly subject?: string;
  /** What is wrong, in words. */
  readonly reason: string;
  readonly severity: Severity;
  /** Once it has held for so long it is `not_live`; left out where a restart mends nothing. */
  readonly stuckAfterMs?: number;
}

export interface HeldCondition {
  readonly name: string;
  readonly subject: string;
  readonly reason: string;
  readonly severity: Severity;
  /** Since when it holds, µs since the epoch, UTC. */
  readonly since: number;
}

/** Tells what holds now; asked several times a second, so it must be quick and may not throw. */
export type Probe = () => Iterable<Condition | HeldCondition>;

export interface HealthReport {
  readonly ready: boolean;
  readonly live: boolean;
  /** Reasons of what is not ready or not live, a sentence each. */
  readonly reasons: readonly string[];
  /** All that holds, notes too, in the order in which it began. */
  readonly conditions: readonly HeldCondition[];
}

export interface HealthOptions {
  /** Stands in the log and in metrics. */
  readonly role: string;
  readonly logger: Logger;
  /** `tickplant_condition{role,condition,severity}`: how many hold. */
  readonly gauge?: Gauge<"role" | "condition" | "severity">;
  /** µs since the epoch. */
  readonly now?: () => number;
  readonly lookMs?: number;
}

const LOOK_MS = 250;
/** A part that starts has no connection yet: the log tells what is still so when all should have one. */
const START_MS = 5_000;
const MICROS = 1_000;

/**
 * How one process, or one thread of it, is: the conditions that its parts tell, each with its reason and since when it
 * holds. The log has a line for each that begins and ends; /readyz and /livez are answered from it at once, whatever
 * hangs.
 */
export class Health {
  readonly #probes: Probe[] = [];
  readonly #held = new Map<string, HeldCondition>();
  readonly #shown = new Set<string>();
  /** Conditions that the log knows of, and with what severity. */
  readonly #told = new Map<string, Severity>();
  #quietUntil = 0;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: HealthOptions) {
    this.#now = options.now ?? (() => Date.now() * MICROS);
  }

  /** From now on the probe is part of every look. */
  watch(probe: Probe): void {
    this.#probes.push(probe);
  }

  /** Looks four times a second from now on; the log hears of nothing that is over within the first 5 s. */
  start(): void {
    this.#quietUntil = this.#now() + START_MS * MICROS;
    this.look();
    // a thread that was held up hears first what came meanwhile, and judges by that
    const look = () => setImmediate(() => this.look());
    this.#timer = setInterval(look, this.options.lookMs ?? LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Asks all probes; logs what began and what ended. */
  look(): HealthReport {
    const now = this.#now();
    const before = new Map(this.#held);
    this.#held.clear();
    for (const probe of this.#probes) {
      for (const condition of probe()) {
        const held = heldFrom(condition, before, now);
        this.#held.set(keyOf(held), held);
      }
    }
    if (now >= this.#quietUntil) {
      for (const [key, held] of this.#held) {
        if (this.#told.get(key) === held.severity) continue;
        this.#told.set(key, held.severity);
        this.#began(held);
      }
    }
    for (const [key, held] of before) if (!this.#held.has(key) && this.#told.delete(key)) this.#ended(held, now);
    this.#show();
    return this.report();
  }

  /** As the last look found it. */
  report(): HealthReport {
    const conditions = [...this.#held.values()].sort((a, b) => a.since - b.since);
    return reportOf(conditions);
  }

  #began({ name, subject, reason, severity }: HeldCondition): void {
    const said = { condition: name, ...(subject !== "" && { subject }), reason };
    if (severity === "note") this.options.logger.info(said, "worth knowing");
    else if (severity === "not_ready") this.options.logger.warn(said, "not ready");
    else this.options.logger.error(said, "not live: a restart is needed");
  }

  #ended({ name, subject, reason, since }: HeldCondition, now: number): void {
    const seconds = Math.round((now - since) / 100_000) / 10;
    const said = { condition: name, ...(subject !== "" && { subject }), reason, seconds };
    this.options.logger.info(said, "over: it is well again");
  }

  #show(): void {
    const { gauge, role } = this.options;
    if (gauge === undefined) return;
    const counts = new Map<string, number>();
    for (const { name, severity } of this.#held.values()) {
      const key = `${name}|${severity}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      this.#shown.add(key);
    }
    for (const key of this.#shown) {
      const [condition, severity] = key.split("|") as [string, string];
      gauge.set({ role, condition, severity }, counts.get(key) ?? 0);
    }
  }
}

/** @param conditions in the order in which they began */
export function reportOf(conditions: readonly HeldCondition[]): HealthReport {
  const bad = conditions.filter(({ severity }) => severity !== "note");
  return {
    ready: bad.length === 0,
    live: !bad.some(({ severity }) => severity === "not_live"),
    reasons: bad.map(({ reason }) => reason),
    conditions,
  };
}

function heldFrom(condition: Condition | HeldCondition, before: ReadonlyMap<string, HeldCondition>, now: number) {
  const { name, subject = "", reason } = condition;
  // what another thread holds has its time already
  if ("since" in condition) return condition;
  const since = before.get(`${name}|${subject}`)?.since ?? now;
  const { severity, stuckAfterMs = Number.POSITIVE_INFINITY } = condition;
  const stuck = now - since >= stuckAfterMs * MICROS;
  return { name, subject, reason, since, severity: stuck ? ("not_live" as const) : severity };
}

const keyOf = ({ name, subject }: HeldCondition): string => `${name}|${subject}`;
