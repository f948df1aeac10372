import type { Logger } from "../infra/logging.js";
import type { InstrumentTick } from "../schemas/ticks.js";
import type { Micros, SymbolName } from "../schemas/words.js";
import { oneOfEach } from "./instrument-list.js";
import type { Frame, InstrumentLookup, Rest, Venue } from "./venue.js";

const askEvery: Micros = 600_000_000;
const republishEvery: Micros = 3_600_000_000;
/** So often in a row a market is missing in the venue's list before it counts as delisted. */
const missingBefore = 2;

export interface InstrumentFeedOptions {
  readonly venue: Venue;
  readonly rest: Rest;
  /** What is to be taken in: symbols, and patterns of symbols. */
  readonly symbols: readonly string[];
  /** The entry of `symbols` that a symbol belongs to. */
  readonly entryOf: (symbol: SymbolName) => string | undefined;
  readonly logger: Logger;
  readonly publish: (instrument: InstrumentTick) => void;
  /** Some were listed, or are others than they were. */
  readonly changed?: () => void;
  readonly onFrame?: (venue: string, frame: Frame) => void;
}

/** The instruments of one venue into the log: at the start, on change (asked for every 10 minutes) and hourly. */
export class InstrumentFeed {
  readonly known = new Instruments();
  private asking = false;
  private askedAt: Micros = 0;
  private publishedAt: Micros = 0;
  /** How often in a row a market was missing. */
  private readonly missing = new Map<SymbolName, number>();

  constructor(private readonly options: InstrumentFeedOptions) {}

  onTime(now: Micros): void {
    if (now - this.askedAt >= askEvery) void this.refresh(now);
    if (now - this.publishedAt < republishEvery) return;
    this.publishedAt = now;
    this.publish(this.known.all(), now);
  }

  /** Asks the venue and publishes what has changed. @returns false when it did not answer */
  async refresh(now: Micros): Promise<boolean> {
    const { venue, symbols, entryOf, logger } = this.options;
    if (this.asking) return true;
    this.asking = true;
    this.askedAt = now;
    const answers: { text: string; url: string }[] = [];
    try {
      const listed = await venue.instruments(this.listeningRest(answers), now);
      const wanted = new Set(symbols);
      const found: InstrumentTick[] = [];
      for (const instrument of oneOfEach(listed)) {
        const entry = entryOf(instrument.symbol);
        if (entry === undefined || !symbols.includes(entry)) continue;
        wanted.delete(entry);
        found.push(instrument);
      }
      if (wanted.size > 0) {
        const missing = [...wanted].join(", ");
        logger.error({ code: "TP_SYMBOL_UNKNOWN" }, `the venue has no ${missing}: spell symbols as ccxt does`);
      }
      const changed = [...found, ...this.noLongerListed(found)].filter((instrument) => this.known.put(instrument));
      if (changed.length > 0) this.show(answers, now);
      this.publish(changed, now);
      if (this.publishedAt === 0) this.publishedAt = now;
      if (changed.length > 0) this.options.changed?.();
      return true;
    } catch (error) {
      logger.warn({ why: (error as Error).message }, "no instruments from the venue; asking again");
      return false;
    } finally {
      this.asking = false;
    }
  }

  /** Venues take what is delisted off their lists; an answer without anything says nothing. */
  private noLongerListed(found: readonly InstrumentTick[]): InstrumentTick[] {
    const listed = new Set(found.map(({ symbol }) => symbol));
    const gone: InstrumentTick[] = [];
    for (const instrument of this.known.all()) {
      const { symbol, status } = instrument;
      const times = listed.has(symbol) || listed.size === 0 ? 0 : (this.missing.get(symbol) ?? 0) + 1;
      this.missing.set(symbol, times);
      if (times >= missingBefore && status !== "delisted") gone.push({ ...instrument, status: "delisted" });
    }
    return gone;
  }

  private publish(instruments: readonly InstrumentTick[], now: Micros): void {
    for (const instrument of instruments) this.options.publish({ ...instrument, exchangeTime: now, receiveTime: now });
  }

  private listeningRest(answers: { text: string; url: string }[]): Rest {
    return {
      get: async (path, query, weight) => {
        const answer = await this.options.rest.get(path, query, weight);
        answers.push(answer);
        return answer;
      },
    };
  }

  private show(answers: readonly { text: string; url: string }[], receiveTime: Micros): void {
    const { onFrame, venue } = this.options;
    for (const { text, url } of answers) onFrame?.(venue.id, { text, receiveTime, origin: { url } });
  }
}

/** The instruments that are taken in of one venue, by native id and by symbol. */
export class Instruments implements InstrumentLookup {
  private readonly byId = new Map<string, InstrumentTick>();
  private readonly bySymbol = new Map<string, InstrumentTick>();

  byNativeId(nativeId: string): InstrumentTick | undefined {
    return this.byId.get(nativeId);
  }

  of(symbol: string): InstrumentTick | undefined {
    return this.bySymbol.get(symbol);
  }

  all(): readonly InstrumentTick[] {
    return [...this.bySymbol.values()];
  }

  /** One whose native id is another takes the former's place. @returns true when something but its times has changed */
  put(instrument: InstrumentTick): boolean {
    const before = this.bySymbol.get(instrument.symbol);
    if (before !== undefined && before.nativeId !== instrument.nativeId) this.byId.delete(before.nativeId);
    this.byId.set(instrument.nativeId, instrument);
    this.bySymbol.set(instrument.symbol, instrument);
    return before === undefined || !sameInstrument(before, instrument);
  }
}

function sameInstrument(a: InstrumentTick, b: InstrumentTick): boolean {
  const timeless = (instrument: InstrumentTick) => ({ ...instrument, exchangeTime: 0, receiveTime: 0 });
  return JSON.stringify(timeless(a)) === JSON.stringify(timeless(b));
}
