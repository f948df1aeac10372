import { whyFailed } from "../../infra/errors.js";
import { isOff, measureClock } from "../../infra/service-clock.js";

/** What a check came to: `wrong` keeps the plant from working as it should, a `note` is worth knowing. */
export type Verdict = "ok" | "wrong" | "note";

export interface Finding {
  readonly verdict: Verdict;
  /** What was looked at, e.g. `kafka topics`. */
  readonly name: string;
  /** What was found, in words. */
  readonly found: string;
  /** What to do about it; "" where nothing is. */
  readonly todo: string;
}

/** A subject to look into. Changes nothing. A rejection counts as `wrong`. */
export interface Check {
  readonly name: string;
  /** What to do when it fails or does not end. */
  readonly todo: string;
  run(signal: AbortSignal): Promise<readonly Finding[]>;
}

export const CHECK_DEADLINE_MS = 9_500;

export const ok = (name: string, found: string): Finding => ({ verdict: "ok", name, found, todo: "" });
export const wrong = (name: string, found: string, todo: string): Finding => ({ verdict: "wrong", name, found, todo });
export const note = (name: string, found: string, todo = ""): Finding => ({ verdict: "note", name, found, todo });

/** Runs all checks at a time, none beyond its deadline. @returns the findings in the checks' order; never rejects */
export async function examine(checks: readonly Check[], deadlineMs = CHECK_DEADLINE_MS): Promise<Finding[]> {
  return (await Promise.all(checks.map((check) => bounded(check, deadlineMs)))).flat();
}

async function bounded({ name, todo, run }: Check, deadlineMs: number): Promise<readonly Finding[]> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding[]>((resolve) => {
    timer = setTimeout(() => {
      resolve([wrong(name, `no answer within ${deadlineMs / 1000} s`, todo)]);
      controller.abort();
    }, deadlineMs);
  });
  const running = (async () => run(controller.signal))().catch((error: unknown) => [
    wrong(name, whyFailed(error), todo),
  ]);
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Compares a service's clock with this machine's.
 *
 * @param serverMs its time, asked between `before` and `after` (ms)
 */
export function clockFinding(name: string, serverMs: number, before: number, after: number): Finding {
  const measure = measureClock(serverMs, before, after);
  const { aheadMs } = measure;
  const text = `its clock is ${Math.abs(aheadMs)} ms ${aheadMs < 0 ? "behind" : "ahead of"} this machine's`;
  return isOff(measure) ? wrong(name, text, "run NTP on both machines") : ok(name, text);
}
