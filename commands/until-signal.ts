import { endAtOnce } from "../infra/end-at-once.js";
import { whenOutputCloses } from "./closed-output.js";

/**
 * Resolves at Ctrl-C, a polite kill, or when nobody reads what it prints any more. A second one ends the process at once,
 * as kill -9 does: Node's own exit waits for the threads, and aborts over a server that still listens in one.
 */
export function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    const taken = (signal: string) => {
      process.once("SIGINT", endAtOnce);
      process.once("SIGTERM", endAtOnce);
      resolve(signal);
    };
    whenOutputCloses(() => taken("SIGPIPE"));
    process.once("SIGINT", taken);
    process.once("SIGTERM", taken);
  });
}
