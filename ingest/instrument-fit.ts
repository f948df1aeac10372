import type { InstrumentTick, QuoteTick, TradeTick } from "../schemas/ticks.js";
import type { DecimalText, Micros } from "../schemas/words.js";

export interface InstrumentFitOptions {
  readonly of: (symbol: string) => InstrumentTick | undefined;
  /** Asks the venue for its instruments. */
  readonly ask: (now: Micros) => void;
}

interface Looked {
  instrument: InstrumentTick;
  tick: number;
  lot: number;
  /** Before this quotes are not looked at. */
  quotesFrom: Micros;
  /** Before this the venue is not asked again for what does not fit. */
  askFrom: Micros;
  pause: Micros;
}

/** A market's quotes come by the hundred: one in so long tells as much. */
const quotesEvery: Micros = 100_000;
/** After an answer that did not explain a value: orders of before a step became coarser fill off it for long. */
const firstPause: Micros = 10_000_000;
const longestPause: Micros = 600_000_000;

/**
 * Sees that a venue's own values do not fit the tick and lot that are known, so that it is asked for its instruments at
 * once. It refuses nothing.
 */
export class InstrumentFit {
  private readonly markets = new Map<string, Looked>();

  constructor(private readonly options: InstrumentFitOptions) {}

  seen(tick: TradeTick | QuoteTick): void {
    const looked = this.markets.get(tick.symbol) ?? this.add(tick.symbol);
    if (looked === undefined) return;
    const now = tick.receiveTime;
    if (tick.kind === "trade") {
      if (isMultiple(tick.price, looked.tick) && isMultiple(tick.qty, looked.lot)) return;
    } else {
      if (now < looked.quotesFrom) return;
      looked.quotesFrom = now + quotesEvery;
      const fits = isMultiple(tick.bidPrice, looked.tick) && isMultiple(tick.askPrice, looked.tick);
      if (fits && isMultiple(tick.bidQty, looked.lot) && isMultiple(tick.askQty, looked.lot)) return;
    }
    this.misfit(tick.symbol, looked, now);
  }

  private misfit(symbol: string, looked: Looked, now: Micros): void {
    const known = this.options.of(symbol) ?? looked.instrument;
    if (known.tickSize !== looked.instrument.tickSize || known.lotSize !== looked.instrument.lotSize) {
      this.markets.delete(symbol);
      return;
    }
    if (now < looked.askFrom) return;
    looked.askFrom = now + looked.pause;
    looked.pause = Math.min(looked.pause * 2, longestPause);
    this.options.ask(now);
  }

  private add(symbol: string): Looked | undefined {
    const instrument = this.options.of(symbol);
    if (instrument === undefined || instrument.inferred === true) return undefined;
    const [tick, lot] = [Number(instrument.tickSize), Number(instrument.lotSize)];
    const looked: Looked = { instrument, tick, lot, quotesFrom: 0, askFrom: 0, pause: firstPause };
    this.markets.set(symbol, looked);
    return looked;
  }
}

/** To a double's precision: it decides on nothing but a question. A text that is no number is not looked at here. */
function isMultiple(text: DecimalText, step: number): boolean {
  const steps = Number(text) / step;
  return !(Math.abs(steps - Math.round(steps)) > 1e-6 + Math.abs(steps) * 1e-9);
}
