import type { Condition } from "../health.js";
import { LogFull } from "./errors.js";

/** Beyond so many ms without an answer the log counts as not writable. */
const PATIENCE_MS = 5_000;
/**
 * An append that nothing has answered for so long, no refusal and no time limit either, is held by the client itself.
 * `log.kafka.deliveryTimeoutMs` stays below it.
 */
const STUCK_MS = 300_000;

/** An append under way. */
export interface WaitingAppend {
  /** How long it has waited. */
  readonly ms: number;
  /** What its last attempt failed of; undefined while the first one has had no answer. */
  readonly failure: Error | undefined;
}

/**
 * What appends under way say of the log: full at once, else not writable after 5 s; beyond repair after 5 min without
 * any answer.
 *
 * @param what is appended, as the reason calls it
 */
export function appendConditions(what: string, appends: readonly (WaitingAppend | undefined)[]): Condition[] {
  let longest: WaitingAppend | undefined;
  for (const append of appends) {
    if (append === undefined) continue;
    if (append.failure instanceof LogFull) return [full(append.failure)];
    if (longest === undefined || append.ms > longest.ms) longest = append;
  }
  if (longest === undefined || longest.ms < PATIENCE_MS) return [];
  const { ms, failure } = longest;
  const reason = `the log has taken nothing of ${what} for ${Math.round(ms / 1000)} s: ${failure?.message ?? "no answer"}`;
  return [
    {
      name: "log_not_writable",
      subject: what,
      reason,
      severity: "not_ready",
      ...(failure === undefined && { stuckAfterMs: STUCK_MS - PATIENCE_MS }),
    },
  ];
}

const full = ({ message }: LogFull): Condition => ({ name: "log_full", reason: message, severity: "not_ready" });
