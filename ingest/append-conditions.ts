import type { Condition } from "../infra/health.js";
import { LogFull } from "../infra/log/errors.js";

/** Beyond so many ms without an answer the log counts as not writable. */
const PATIENCE_MS = 5_000;

interface Appending {
  /** The append under way: how long it has waited and what its last attempt failed of. */
  readonly waiting: { readonly ms: number; readonly failure: Error | undefined } | undefined;
}

/** What partitions' appends say of the log: full at once, else not writable after 5 s. */
export function appendConditions(topic: string, queues: readonly Appending[]): Condition[] {
  let longest: Appending["waiting"];
  for (const { waiting } of queues) {
    if (waiting === undefined) continue;
    if (waiting.failure instanceof LogFull) return [full(waiting.failure)];
    if (longest === undefined || waiting.ms > longest.ms) longest = waiting;
  }
  if (longest === undefined || longest.ms < PATIENCE_MS) return [];
  const why = longest.failure === undefined ? "no answer" : longest.failure.message;
  const reason = `the log has taken nothing of ${topic} for ${Math.round(longest.ms / 1000)} s: ${why}`;
  return [{ name: "log_not_writable", subject: topic, reason, severity: "not_ready" }];
}

const full = ({ message }: LogFull): Condition => ({ name: "log_full", reason: message, severity: "not_ready" });
