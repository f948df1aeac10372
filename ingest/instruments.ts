import type { Logger } from "../infra/logging.js";
import type { InstrumentTick } from "../schemas/ticks.js";
import type { Micros, SymbolName } from "../schemas/words.js";
import type { Instruments } from "./known-instruments.js";
import { ListedMarkets } from "./listed-markets.js";
import type { Frame, Rest, Venue } from "./venue.js";

/** Between two questions for a venue's markets. */
export const askEvery: Micros = 600_000_000;
export const republishEvery: Micros = 3_600_000_000;

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
  private readonly listed: ListedMarkets;
  private asking = false;
  private askedAt: Micros = 0;
  private publishedAt: Micros = 0;

  constructor(private readonly options: InstrumentFeedOptions) {
    this.listed = new ListedMarkets(options);
  }

  get known(): Instruments {
    return this.listed.known;
  }

  onTime(now: Micros): void {
    if (now - this.askedAt >= askEvery) void this.refresh(now);
    if (now - this.publishedAt < republishEvery) return;
    this.publishedAt = now;
    this.publish(this.known.all(), now);
  }

  /** Asks the venue and publishes what has changed. @returns false when it did not answer */
  async refresh(now: Micros): Promise<boolean> {
    const { venue, logger } = this.options;
    if (this.asking) return true;
    this.asking = true;
    this.askedAt = now;
    const answers: { text: string; url: string }[] = [];
    try {
      const { changed, unknown } = this.listed.take(await venue.instruments(this.listeningRest(answers), now));
      if (unknown.length > 0) {
        const missing = unknown.join(", ");
        logger.error({ code: "TP_SYMBOL_UNKNOWN" }, `the venue has no ${missing}: spell symbols as ccxt does`);
      }
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
