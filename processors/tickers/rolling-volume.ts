import {
  addUnits,
  rescaleUnits,
  subtractUnits,
  type Units,
  type UnitsJson,
  unitsFromJson,
  unitsToJson,
} from "../../schemas/units.js";
import type { Micros } from "../../schemas/words.js";

const MINUTE = 60_000_000;
const DAY = 1440 * MINUTE;

export interface RollingVolumeJson {
  readonly since: Micros | null;
  readonly minutes: readonly (readonly [Micros, UnitsJson, UnitsJson])[];
}

/** Base and quote volume of the last 24 hours by whole minutes of log time, for venues that do not say it themselves. */
export class RollingVolume {
  #since: Micros | undefined;
  readonly #minutes = new Map<Micros, { base: Units; quote: Units }>();
  #open: { base: Units; quote: Units } | undefined;
  #openEnd: Micros = 0;
  #base: Units = 0;
  #quote: Units = 0;

  add(now: Micros, base: Units, quote: Units): void {
    if (this.#open === undefined || now >= this.#openEnd) this.#begin(now);
    const open = this.#open!;
    open.base = addUnits(open.base, base);
    open.quote = addUnits(open.quote, quote);
    this.#base = addUnits(this.#base, base);
    this.#quote = addUnits(this.#quote, quote);
  }

  /** Takes out what was added at a log time. */
  subtract(at: Micros, base: Units, quote: Units): void {
    const minute = this.#minutes.get(at - (at % MINUTE));
    if (minute === undefined) return;
    minute.base = subtractUnits(minute.base, base);
    minute.quote = subtractUnits(minute.quote, quote);
    this.#base = subtractUnits(this.#base, base);
    this.#quote = subtractUnits(this.#quote, quote);
  }

  /** Sums once 24 hours are covered; undefined before. */
  sums(now: Micros): { base: Units; quote: Units } | undefined {
    this.#expire(now);
    if (this.#since === undefined || now - this.#since < DAY) return undefined;
    return { base: this.#base, quote: this.#quote };
  }

  #begin(now: Micros): void {
    this.#since ??= now;
    this.#expire(now);
    const minute = now - (now % MINUTE);
    this.#open = { base: 0, quote: 0 };
    this.#openEnd = minute + MINUTE;
    this.#minutes.set(minute, this.#open);
  }

  #expire(now: Micros): void {
    for (const [minute, { base, quote }] of this.#minutes) {
      if (minute > now - DAY) return;
      this.#base = subtractUnits(this.#base, base);
      this.#quote = subtractUnits(this.#quote, quote);
      this.#minutes.delete(minute);
    }
  }

  rescale(base: number, quote: number): void {
    for (const minute of this.#minutes.values()) {
      minute.base = rescaleUnits(minute.base, 0, base);
      minute.quote = rescaleUnits(minute.quote, 0, quote);
    }
    this.#base = rescaleUnits(this.#base, 0, base);
    this.#quote = rescaleUnits(this.#quote, 0, quote);
  }

  save(): RollingVolumeJson {
    return {
      since: this.#since ?? null,
      minutes: [...this.#minutes].map(([minute, { base, quote }]) => [minute, unitsToJson(base), unitsToJson(quote)]),
    };
  }

  load(saved: RollingVolumeJson): void {
    this.#since = saved.since ?? undefined;
    for (const [minute, baseJson, quoteJson] of saved.minutes) {
      const base = unitsFromJson(baseJson);
      const quote = unitsFromJson(quoteJson);
      this.#open = { base, quote };
      this.#openEnd = minute + MINUTE;
      this.#minutes.set(minute, this.#open);
      this.#base = addUnits(this.#base, base);
      this.#quote = addUnits(this.#quote, quote);
    }
  }
}
