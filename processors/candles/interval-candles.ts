import type { Interval } from "../../schemas/kline-intervals.js";
import type { Units } from "../../schemas/units.js";
import type { Micros } from "../../schemas/words.js";
import { AMENDED } from "../messages/kline-message.js";
import type { OutputStream } from "../task/output-stream.js";
import { Candle, type CandleJson } from "./candle.js";
import { ClosedCandles } from "./closed-candles.js";

export interface IntervalJson {
  readonly name: string;
  readonly stream: readonly [number, number];
  readonly open: readonly CandleJson[];
  readonly first: Micros | null;
  readonly dirty: readonly Micros[];
}

/** One interval's candles of a series: what is open, and what is closed as far back as late trades may reach. */
export class IntervalCandles {
  /** By open time. Of a longer interval they hold what closed candles of the shortest one gave them. */
  readonly open = new Map<Micros, Candle>();
  readonly closed: ClosedCandles;
  /** Open time of the earliest candle; undefined before it. */
  #first: Micros | undefined;
  /** Closed candles that late trades changed since they were last shown. */
  readonly #dirty = new Set<Micros>();

  constructor(
    readonly interval: Interval,
    readonly stream: OutputStream,
    /** Bit of `Candle.unshown` of the emission that shows them. */
    readonly unshown: number,
  ) {
    this.closed = new ClosedCandles(interval);
  }

  /** A candle of this open time is there. */
  begins(openTime: Micros): void {
    if (this.#first === undefined || openTime < this.#first) this.#first = openTime;
  }

  /** The open candle that a time lies in, begun where there is none. */
  openAt(time: Micros): Candle {
    const openTime = this.interval.openTime(time);
    let candle = this.open.get(openTime);
    if (candle === undefined) {
      candle = new Candle(openTime);
      this.open.set(openTime, candle);
    }
    return candle;
  }

  /** What is open, the earliest first. */
  sortedOpen(): Candle[] {
    const candles = [...this.open.values()];
    return candles.length <= 1 ? candles : candles.sort((a, b) => a.openTime - b.openTime);
  }

  /** The closed candle of an open time. One that is not held was quiet. */
  closedAt(openTime: Micros): Candle {
    const held = this.closed.get(openTime);
    if (held !== undefined) return held;
    const candle = new Candle(openTime);
    // a quiet candle that is not held was shown once; one before the first was not
    candle.revision = this.#first !== undefined && openTime >= this.#first ? 1 : 0;
    this.closed.put(candle);
    return candle;
  }

  /** A closed candle changed: it is to be shown again. */
  markAmended(candle: Candle): void {
    if (candle.revision > 0) candle.flags |= AMENDED;
    this.closed.touch(candle.openTime);
    this.#dirty.add(candle.openTime);
  }

  /** The quiet candles that follow a closed one, up to `end`, take its close. */
  amendQuiet(after: Candle, end: Micros): void {
    const { interval } = this;
    for (let openTime = interval.nextOpen(after.openTime); openTime < end; openTime = interval.nextOpen(openTime)) {
      const held = this.closed.get(openTime);
      if (held !== undefined && held.count > 0) return;
      const candle = this.closedAt(openTime);
      candle.flatten(after.close);
      this.markAmended(candle);
    }
  }

  /** Closed candles were amended since the last time that they were shown. */
  get isAmended(): boolean {
    return this.#dirty.size > 0;
  }

  /** Hands over what was amended, the earliest first; showing it may change it. */
  showAmended(show: (candle: Candle) => void): void {
    for (const openTime of [...this.#dirty].sort((a, b) => a - b)) {
      const candle = this.closed.get(openTime);
      if (candle === undefined) continue;
      show(candle);
      // a checkpoint may have come between the amendment and this: its revision has changed since
      this.closed.touch(openTime);
    }
    this.#dirty.clear();
  }

  /**
   * The price of a candle without trades: the close before it; its own where there was none.
   *
   * @param base the shortest interval's, whose open candles no longer one has taken in yet
   */
  quietPrice(candle: Candle, base: IntervalCandles): Units {
    let before: Candle | undefined;
    for (const open of base.open.values()) {
      const earlier = open.count > 0 && open.openTime < candle.openTime;
      if (earlier && (before === undefined || open.openTime > before.openTime)) before = open;
    }
    before ??= this.closed.tradedBefore(candle.openTime);
    return before?.close ?? candle.close;
  }

  /** Brings everything to larger scales. */
  rescale(price: number, qty: number, quote: number): void {
    for (const candle of this.open.values()) candle.rescale(price, qty, quote);
    this.closed.rescale(price, qty, quote);
  }

  /** All but the closed candles, which are saved by chunks; @param now log time (µs) */
  save(now: Micros): IntervalJson {
    return {
      name: this.interval.name,
      stream: this.stream.save(),
      open: this.sortedOpen().map((candle) => candle.save(now)),
      first: this.#first ?? null,
      dirty: [...this.#dirty].sort((a, b) => a - b),
    };
  }

  load(json: IntervalJson): void {
    for (const candle of json.open) this.open.set(candle[0] as number, Candle.load(candle));
    this.#first = json.first ?? undefined;
    for (const openTime of json.dirty) this.#dirty.add(openTime);
  }
}
