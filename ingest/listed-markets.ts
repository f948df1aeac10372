import type { InstrumentTick } from "../schemas/ticks.js";
import type { SymbolName } from "../schemas/words.js";
import { oneOfEach } from "./instrument-list.js";
import { Instruments } from "./known-instruments.js";

/** So often in a row a market is missing in the venue's list before it counts as delisted. */
const missingBefore = 2;

export interface ListedMarketsOptions {
  /** What is to be taken in: symbols, and patterns of symbols. */
  readonly symbols: readonly string[];
  /** The entry of `symbols` that a symbol belongs to. */
  readonly entryOf: (symbol: SymbolName) => string | undefined;
}

export interface TakenList {
  /** What is another than it was, or is new. */
  readonly changed: readonly InstrumentTick[];
  /** Entries that nothing on the list belongs to. */
  readonly unknown: readonly string[];
}

/** What a venue lists of the markets that are wanted, from one answer to the next. */
export class ListedMarkets {
  readonly known = new Instruments();
  /** How often in a row a market was missing. */
  readonly #missing = new Map<SymbolName, number>();

  constructor(private readonly options: ListedMarketsOptions) {}

  /** Takes in a whole list. */
  take(listed: readonly InstrumentTick[]): TakenList {
    const { symbols, entryOf } = this.options;
    const own = new Set(symbols);
    const unknown = new Set(symbols);
    const found: InstrumentTick[] = [];
    for (const instrument of oneOfEach(listed)) {
      const entry = entryOf(instrument.symbol);
      if (entry === undefined || !own.has(entry)) continue;
      unknown.delete(entry);
      found.push(instrument);
    }
    const changed = [...found, ...this.#noLongerListed(found)].filter((instrument) => this.known.put(instrument));
    return { changed, unknown: [...unknown] };
  }

  /** Venues take what is delisted off their lists; an answer without anything says nothing. */
  #noLongerListed(found: readonly InstrumentTick[]): InstrumentTick[] {
    const listed = new Set(found.map(({ symbol }) => symbol));
    const gone: InstrumentTick[] = [];
    for (const instrument of this.known.all()) {
      const { symbol, status } = instrument;
      const times = listed.has(symbol) || listed.size === 0 ? 0 : (this.#missing.get(symbol) ?? 0) + 1;
      this.#missing.set(symbol, times);
      if (times >= missingBefore && status !== "delisted") gone.push({ ...instrument, status: "delisted" });
    }
    return gone;
  }
}
