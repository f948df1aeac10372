import type { Micros } from "../../schemas/words.js";

/** Arrivals closer together than this are one: venues send what belongs together in several messages. */
export const TOGETHER: Micros = 100_000;

/** Eight buckets an octave, from 100 ms to beyond a day. */
const PER_OCTAVE = 8;
const BUCKETS = 164;
const LOG_SHIFT = PER_OCTAVE * Math.log2(TOGETHER);
/**
 * Counts are halved once a stream's gaps make up so much time and are so many: what it was a week ago says less than
 * yesterday, and of one that comes once an hour a day says little.
 */
const HALF_LIFE: Micros = 24 * 3_600_000_000;
const HALF_COUNT = 1_000;
const FIRST_STREAMS = 64;

const middles = Float64Array.from({ length: BUCKETS }, (_, i) => TOGETHER * 2 ** ((i + 0.5) / PER_OCTAVE));

/** What a stream's gaps were like. Quantiles are middles of buckets, within a twentieth of the truth. */
export interface GapSummary {
  readonly gaps: number;
  /** µs that they made up. */
  readonly time: Micros;
  /** 99.9 % of the gaps were not longer. */
  readonly byCount: Micros;
  /** At 99.9 % of the instants the gap at hand was one that was not longer: rare long gaps weigh by their length. */
  readonly byTime: Micros;
}

/**
 * How long the gaps between arrivals were, of many streams: a histogram of logarithmic buckets each, all in one array, 656
 * bytes a stream. Old gaps fade. Holds no clock.
 */
export class GapHistory {
  #counts = new Uint32Array(FIRST_STREAMS * BUCKETS);
  #times = new Float64Array(FIRST_STREAMS);
  #gaps = new Uint32Array(FIRST_STREAMS);
  #streams = 0;

  /** @returns the number of a new stream */
  add(): number {
    const stream = this.#streams++;
    if (stream === this.#times.length) this.#grow();
    return stream;
  }

  record(stream: number, gap: Micros): void {
    const bucket = Math.floor(PER_OCTAVE * Math.log2(gap) - LOG_SHIFT);
    this.#counts[stream * BUCKETS + (bucket < 0 ? 0 : bucket >= BUCKETS ? BUCKETS - 1 : bucket)]! += 1;
    const time = this.#times[stream]! + gap;
    this.#times[stream] = time;
    this.#gaps[stream]! += 1;
    if (time > 2 * HALF_LIFE && this.#gaps[stream]! > 2 * HALF_COUNT) this.#fade(stream);
  }

  summary(stream: number): GapSummary {
    const from = stream * BUCKETS;
    let gaps = 0;
    let time = 0;
    for (let i = 0; i < BUCKETS; i++) {
      const count = this.#counts[from + i]!;
      gaps += count;
      time += count * middles[i]!;
    }
    return { gaps, time, byCount: this.#beyond(from, gaps, false), byTime: this.#beyond(from, time, true) };
  }

  /** The longest gap that is left when the longest thousandth, of gaps or of their time, is put aside. */
  #beyond(from: number, total: number, byTime: boolean): Micros {
    const aside = total / 1_000;
    let passed = 0;
    for (let i = BUCKETS - 1; i >= 0; i--) {
      const count = this.#counts[from + i]!;
      if (count === 0) continue;
      passed += byTime ? count * middles[i]! : count;
      if (passed > aside) return middles[i]!;
    }
    return 0;
  }

  #fade(stream: number): void {
    const from = stream * BUCKETS;
    for (let i = from; i < from + BUCKETS; i++) this.#counts[i] = this.#counts[i]! >>> 1;
    this.#times[stream] = this.#times[stream]! / 2;
    this.#gaps[stream] = this.#gaps[stream]! >>> 1;
  }

  #grow(): void {
    const counts = new Uint32Array(this.#counts.length * 2);
    counts.set(this.#counts);
    this.#counts = counts;
    const times = new Float64Array(this.#times.length * 2);
    times.set(this.#times);
    this.#times = times;
    const gaps = new Uint32Array(this.#gaps.length * 2);
    gaps.set(this.#gaps);
    this.#gaps = gaps;
  }
}
