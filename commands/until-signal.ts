import { whenOutputCloses } from "./closed-output.js";

/** Resolves at Ctrl-C, a polite kill, or when nobody reads what it prints any more. A second one ends the process at once. */
export function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    const taken = (signal: string) => {
      process.once("SIGINT", () => process.exit(130));
      process.once("SIGTERM", () => process.exit(143));
      resolve(signal);
    };
    whenOutputCloses(() => taken("SIGPIPE"));
    process.once("SIGINT", taken);
    process.once("SIGTERM", taken);
  });
}
