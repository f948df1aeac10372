import type { Scales } from "../messages/kline-message.js";
import { Conflation, type ConflationJson } from "../task/conflation.js";
import type { TaskContext } from "../task/operator.js";
import { Candle, UNSHOWN_LONG, UNSHOWN_SHORT } from "./candle.js";
import type { IntervalCandles } from "./interval-candles.js";

export interface KlineEmissionJson {
  /** Of the intervals up to a minute, and of the longer ones; null without such. */
  readonly emission: ConflationJson | null;
  readonly longEmission?: ConflationJson | null;
}

/** Intervals that are shown together. */
interface Shown {
  /** Bit of `Candle.unshown`. */
  readonly bit: number;
  readonly intervals: readonly IntervalCandles[];
  readonly conflation: Conflation;
}

/**
 * Shows the K-lines of a series: open and amended ones conflated, those longer than a minute more seldom; closed ones
 * when the series says so.
 */
export class KlineEmission {
  readonly #base: IntervalCandles;
  /** Up to a minute, and longer; undefined without such. */
  readonly #short: Shown | undefined;
  readonly #long: Shown | undefined;
  readonly #view = new Candle(0);

  constructor(
    readonly context: TaskContext,
    name: string,
    /** Shortest first; all others are rolled up from the first. */
    readonly intervals: readonly IntervalCandles[],
    /** 1 where the first interval is kept only for the others. */
    readonly firstShown: 0 | 1,
    public scales: Scales,
  ) {
    const { emissionMs, longKlineEmissionMs } = context.settings;
    this.#base = intervals[0]!;
    this.#short = this.#together(UNSHOWN_SHORT, `${name}:emit`, emissionMs);
    this.#long = this.#together(UNSHOWN_LONG, `${name}:emit-long`, longKlineEmissionMs);
  }

  #together(bit: number, key: string, emissionMs: number): Shown | undefined {
    const intervals = this.intervals.filter(({ unshown }) => unshown === bit);
    if (intervals.length === 0) return undefined;
    const conflation = new Conflation(this.context, key, () => this.#emit(shown), emissionMs);
    const shown = { bit, intervals, conflation };
    return shown;
  }

  /** Something changed that is to be shown. */
  changed(): void {
    this.#short?.conflation.changed();
    this.#long?.conflation.changed();
  }

  /** Shows what changed: amended candles first, then the open ones, so that the newest is the last value. */
  #emit({ bit, intervals }: Shown): void {
    for (const candle of this.#base.sortedOpen()) {
      const isEmptied = (candle.unshown & bit) !== 0 && candle.count === 0;
      if (isEmptied) candle.flatten(this.#base.quietPrice(candle, this.#base));
    }
    for (const held of intervals) {
      const amended = held.isAmended;
      if (amended) held.showAmended((candle) => this.show(held, candle, candle, true));
      if (held === this.#base) this.#emitBase(amended);
      else this.#emitOpen(held, amended);
    }
    for (const candle of this.#base.open.values()) candle.unshown &= ~bit;
  }

  #emitBase(always: boolean): void {
    const base = this.#base;
    for (const candle of base.sortedOpen()) {
      const isUnshown = (candle.unshown & base.unshown) !== 0;
      if (isUnshown || (always && candle.count > 0)) this.show(base, candle, candle, false);
    }
  }

  #emitOpen(held: IntervalCandles, always: boolean): void {
    let shown: Candle | undefined;
    for (const base of this.#base.sortedOpen()) {
      const candle = held.openAt(base.openTime);
      if (always || (base.unshown & held.unshown) !== 0 || candle.unshown !== 0) {
        if (candle !== shown) this.#showOpen(held, candle);
        shown = candle;
      }
      candle.unshown = 0;
    }
    for (const candle of held.sortedOpen()) {
      if (candle.unshown !== 0) this.#showOpen(held, candle);
      candle.unshown = 0;
    }
  }

  #showOpen(held: IntervalCandles, candle: Candle): void {
    const view = this.#view;
    const end = held.interval.nextOpen(candle.openTime);
    view.assign(candle);
    for (const base of this.#base.sortedOpen()) {
      if (base.openTime < candle.openTime || base.openTime >= end) continue;
      view.mergeShown(base);
      if (candle.count === 0 && base.count === 0) candle.flatten(base.close);
    }
    // all of its trades were taken back
    if (view.count === 0 && candle.revision > 0) view.flatten(held.quietPrice(candle, this.#base));
    if (view.count > 0 || candle.revision > 0) this.show(held, candle, view, false);
  }

  /** @param counted the candle that holds the revision, @param shown what is shown of it */
  show(held: IntervalCandles, counted: Candle, shown: Candle, closed: boolean): void {
    // the shortest may be kept for the others alone
    if (this.firstShown === 1 && held === this.#base) return;
    counted.revision++;
    shown.revision = counted.revision;
    const closeTime = held.interval.nextOpen(shown.openTime) - 1;
    this.context.outbox.kline(held.stream, shown, closeTime, this.scales, closed);
  }

  save(): KlineEmissionJson {
    return {
      emission: this.#short?.conflation.save() ?? null,
      longEmission: this.#long?.conflation.save() ?? null,
    };
  }

  /** A state of before long K-lines were shown more seldom has one emission for all. */
  load({ emission, longEmission = emission }: KlineEmissionJson): void {
    if (emission !== null) this.#short?.conflation.load(emission);
    if (longEmission !== null) this.#long?.conflation.load(longEmission);
  }
}
