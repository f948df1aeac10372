import type { InstrumentTick } from "../schemas/ticks.js";

/**
 * A venue's list of markets, in which no entry spoils another: one that can not be read or named is missing, and of two
 * that have the same name the one that trades is taken, else the first. Whoever wants a market that is missing is told so.
 *
 * @param read gives undefined for what governs nothing
 * @throws what the first entry threw, when none could be read
 */
export function readEach<Entry>(
  list: readonly Entry[],
  read: (entry: Entry) => InstrumentTick | undefined,
): InstrumentTick[] {
  const bySymbol = new Map<string, InstrumentTick>();
  let fault: unknown;
  for (const entry of list) {
    try {
      const instrument = read(entry);
      if (instrument === undefined) continue;
      const before = bySymbol.get(instrument.symbol);
      if (before === undefined || (before.status !== "trading" && instrument.status === "trading")) {
        bySymbol.set(instrument.symbol, instrument);
      }
    } catch (error) {
      fault ??= error;
    }
  }
  if (fault !== undefined && bySymbol.size === 0) throw fault;
  return [...bySymbol.values()];
}
