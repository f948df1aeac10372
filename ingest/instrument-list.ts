import type { InstrumentTick } from "../schemas/ticks.js";

const RANKS: Readonly<Record<InstrumentTick["status"], number>> = { trading: 2, halted: 1, delisted: 0 };

/**
 * A venue's list of markets, in which no entry spoils another: one that can not be read or named is missing, and of
 * several native ids that have the same name the one that trades is taken, else one that may trade again, whatever their
 * order; of equals that whose id sorts first. Whoever wants a market that is missing is told so.
 *
 * @param read gives undefined for what governs nothing
 * @throws what the first entry threw, when none could be read
 */
export function readEach<Entry>(
  list: readonly Entry[],
  read: (entry: Entry) => InstrumentTick | undefined,
): InstrumentTick[] {
  const found: InstrumentTick[] = [];
  let fault: unknown;
  for (const entry of list) {
    try {
      const instrument = read(entry);
      if (instrument !== undefined) found.push(instrument);
    } catch (error) {
      fault ??= error;
    }
  }
  if (fault !== undefined && found.length === 0) throw fault;
  return oneOfEach(found);
}

/** Of instruments of one name the one that counts: also of several lists together. */
export function oneOfEach(instruments: readonly InstrumentTick[]): InstrumentTick[] {
  const bySymbol = new Map<string, InstrumentTick>();
  for (const instrument of instruments) {
    const before = bySymbol.get(instrument.symbol);
    if (before === undefined || counts(instrument, before)) bySymbol.set(instrument.symbol, instrument);
  }
  return [...bySymbol.values()];
}

function counts(one: InstrumentTick, before: InstrumentTick): boolean {
  const rank = RANKS[one.status] - RANKS[before.status];
  return rank > 0 || (rank === 0 && one.nativeId < before.nativeId);
}
