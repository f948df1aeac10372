/** Resolves at Ctrl-C or a polite kill. A second one ends the process at once. */
export function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    const taken = (signal: string) => {
      process.once("SIGINT", () => process.exit(130));
      process.once("SIGTERM", () => process.exit(143));
      resolve(signal);
    };
    process.once("SIGINT", taken);
    process.once("SIGTERM", taken);
  });
}
