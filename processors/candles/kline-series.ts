import { type Interval, MINUTE } from "../../schemas/kline-intervals.js";
import { placeOf } from "../../schemas/names.js";
import { rescaleUnits, type Units, type UnitsJson, unitsFromJson, unitsToJson } from "../../schemas/units.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import { AGGREGATE } from "../../schemas/words.js";
import { FEED_DOWN, type Scales } from "../messages/kline-message.js";
import type { TaskContext } from "../task/operator.js";
import { OutputStream } from "../task/output-stream.js";
import type { TimerSlot } from "../task/timers.js";
import { Candle, type CandleJson, UNSHOWN_LONG, UNSHOWN_SHORT } from "./candle.js";
import { IntervalCandles, type IntervalJson } from "./interval-candles.js";
import { KlineEmission, type KlineEmissionJson } from "./kline-emission.js";
import type { TentativeTrade } from "./tentative-trade.js";

export interface SeriesJson extends KlineEmissionJson {
  readonly symbol: SymbolName;
  readonly exchange: VenueId | null;
  readonly scales: Scales;
  readonly intervals: readonly IntervalJson[];
  readonly nextClose: Micros | null;
  readonly lastClose: UnitsJson;
  readonly lastTraded: Micros | null;
}

/**
 * The K-lines of one market, or of one symbol over all venues, in all intervals.
 *
 * A trade touches only the candle of the shortest interval. The longer ones hold what closed candles gave them, and
 * the open rest is merged in when they are shown or closed: so the path of every trade is one candle long.
 */
export class KlineSeries {
  /** Shortest interval first; all others are rolled up from the first. */
  readonly #lengths: readonly IntervalCandles[];
  readonly #base: IntervalCandles;
  readonly #emission: KlineEmission;
  readonly #closeSlot: TimerSlot;
  #current: Candle | undefined;
  #currentEnd: Micros = 0;
  /** Open time of the shortest interval's next candle to close; NaN before the first trade. */
  #nextClose: Micros = Number.NaN;
  #lastClose: Units = 0;
  #lastTraded: Micros = Number.NEGATIVE_INFINITY;
  readonly #grace: Micros;
  readonly #horizon: Micros;

  constructor(
    readonly context: TaskContext,
    /** Shortest first. */
    intervals: readonly Interval[],
    /** 1 where the first interval is kept only for the others. */
    firstShown: 0 | 1,
    readonly symbol: SymbolName,
    /** undefined for the aggregate. */
    readonly exchange: VenueId | undefined,
    scales: Scales,
    /** The venues whose feeds decide whether a candle is whole. */
    readonly venues: () => readonly VenueId[],
  ) {
    const name = placeOf(symbol, exchange);
    this.#lengths = intervals.map((interval, at) => {
      const key = `${symbol}:${interval.name}`;
      const channel = `kline:${name}:${interval.name}`;
      const venue = exchange ?? AGGREGATE;
      const stream = new OutputStream("market.kline", key, channel, symbol, venue, interval.name);
      // what is kept for the others alone goes with them
      const isLong = intervals[Math.max(at, firstShown)]!.length > MINUTE;
      return new IntervalCandles(interval, stream, isLong ? UNSHOWN_LONG : UNSHOWN_SHORT);
    });
    this.#base = this.#lengths[0]!;
    this.#grace = context.settings.graceMs * 1000;
    this.#horizon = context.settings.lateHours * 3_600_000_000;
    this.#emission = new KlineEmission(context, name, this.#lengths, firstShown, scales);
    this.#closeSlot = context.timers.slot(context.order, `${name}:close`, () => this.#closeNext());
  }

  /**
   * @param amount price · qty, quote currency at the quote scale
   * @param fills  trades that it stands for
   * @returns false when the trade is older than late trades may be
   */
  add(price: Units, qty: Units, amount: Units, buy: boolean, time: Micros, id: number, fills: number): boolean {
    let candle = this.#current;
    if (candle === undefined || time >= this.#currentEnd || time < candle.openTime) {
      candle = this.#locate(time);
      if (candle === undefined) return this.#amend(price, qty, amount, buy, time, id, fills);
    }
    candle.add(price, qty, amount, buy, time, id, fills);
    this.#emission.changed();
    return true;
  }

  /**
   * Adds a trade that may be taken back.
   *
   * @returns false when the trade is older than late trades may be
   */
  addTentative(trade: TentativeTrade): boolean {
    const candle = this.#locate(trade.time);
    if (candle === undefined) return this.#amendBy(trade.time, (amended) => amended.addTentative({ ...trade }));
    candle.addTentative({ ...trade });
    this.#emission.changed();
    return true;
  }

  /**
   * Takes a tentative trade back, in every interval, and amends what was closed.
   *
   * @param time the trade's exchange time
   * @returns false when no such trade is held any more
   */
  retract(id: string, time: Micros): boolean {
    const { now } = this.context.clock;
    const base = this.#base;
    const openTime = base.interval.openTime(time);
    const open = openTime >= this.#nextClose ? base.open.get(openTime) : undefined;
    if (open !== undefined) {
      const found = open.retract(id, now);
      if (found) this.#emission.changed();
      return found;
    }
    const closed = base.closed.get(openTime);
    if (closed === undefined || !closed.retract(id, now)) return false;
    this.#retracted(base, closed);
    if (openTime === this.#lastTraded && closed.count === 0) {
      this.#lastTraded = base.closed.tradedBefore(openTime)?.openTime ?? Number.NEGATIVE_INFINITY;
    }
    if (openTime >= this.#lastTraded) this.#lastClose = closed.close;
    for (let i = 1; i < this.#lengths.length; i++) {
      const held = this.#lengths[i]!;
      const longer = held.interval.openTime(time);
      const isClosed = held.interval.nextOpen(longer) <= this.#nextClose;
      const candle = isClosed ? held.closed.get(longer) : held.open.get(longer);
      if (candle?.retract(id, now) && isClosed) this.#retracted(held, candle);
    }
    this.#emission.changed();
    return true;
  }

  /** A closed candle lost a trade: it is shown again, and the quiet ones after it that took its close. */
  #retracted(held: IntervalCandles, candle: Candle): void {
    if (candle.count === 0) candle.flatten(held.quietPrice(candle, this.#base));
    held.markAmended(candle);
    this.#amendQuiet(held, candle);
  }

  #amendQuiet(held: IntervalCandles, after: Candle): void {
    held.amendQuiet(after, held.interval.openTime(this.#nextClose));
  }

  /** Brings everything to larger scales. */
  rescale(scales: Scales): void {
    const from = this.#emission.scales;
    const price = scales.price - from.price;
    const qty = scales.qty - from.qty;
    const quote = scales.quote - from.quote;
    if (price === 0 && qty === 0 && quote === 0) return;
    this.#emission.scales = scales;
    this.#lastClose = rescaleUnits(this.#lastClose, 0, price);
    for (const held of this.#lengths) held.rescale(price, qty, quote);
  }

  /** The open candle of the shortest interval that a time belongs to; undefined when that one is closed. */
  #locate(time: Micros): Candle | undefined {
    const { interval } = this.#base;
    const openTime = interval.openTime(time);
    if (Number.isNaN(this.#nextClose)) this.#start();
    if (openTime < this.#nextClose) return undefined;
    const candle = this.#base.openAt(time);
    for (const held of this.#lengths) held.begins(held.interval.openTime(time));
    this.#current = candle;
    this.#currentEnd = interval.nextOpen(openTime);
    return candle;
  }

  /** All that log time has not closed yet is open, before the first trade's candle too. */
  #start(): void {
    this.#nextClose = this.#base.interval.openTime(this.context.clock.now - this.#grace);
    this.#awaitClose();
  }

  #awaitClose(): void {
    this.context.timers.set(this.#closeSlot, this.#base.interval.nextOpen(this.#nextClose) + this.#grace);
  }

  /** Closes the shortest interval's next candle, and the longer ones that end with it. */
  #closeNext(): void {
    const base = this.#base;
    const openTime = this.#nextClose;
    const end = base.interval.nextOpen(openTime);
    const candle = base.open.get(openTime) ?? new Candle(openTime);
    if (this.#feedWasDown(openTime)) candle.flags |= FEED_DOWN;
    for (let i = 1; i < this.#lengths.length; i++) {
      const longer = this.#lengths[i]!.openAt(openTime);
      longer.merge(candle);
      longer.unshown |= candle.unshown & this.#lengths[i]!.unshown;
    }
    if (candle.count > 0) {
      this.#lastClose = candle.close;
      this.#lastTraded = openTime;
    }
    this.#close(base, candle);
    for (let i = 1; i < this.#lengths.length; i++) {
      const held = this.#lengths[i]!;
      const longer = held.openAt(openTime);
      if (held.interval.nextOpen(longer.openTime) <= end) this.#close(held, longer);
    }
    if (this.#current?.openTime === openTime) this.#current = undefined;
    this.#nextClose = end;
    this.#awaitClose();
    const horizon = this.context.clock.now - this.#horizon;
    for (const { closed } of this.#lengths) closed.prune(horizon);
  }

  #close(held: IntervalCandles, candle: Candle): void {
    held.open.delete(candle.openTime);
    // before the first trade there is no price to show
    const neverTraded = this.#lastTraded === Number.NEGATIVE_INFINITY;
    if (candle.count === 0 && neverTraded && candle.revision === 0) return;
    if (candle.count === 0 && !neverTraded) candle.flatten(this.#lastClose);
    // a longer one may have begun before the series did
    if (this.#feedWasDown(candle.openTime)) candle.flags |= FEED_DOWN;
    held.begins(candle.openTime);
    candle.unshown = 0;
    this.#emission.show(held, candle, candle, true);
    // one that lost all of its trades was shown before
    if (candle.count > 0 || candle.flags !== 0 || candle.revision > 1) held.closed.put(candle);
  }

  #feedWasDown(openTime: Micros): boolean {
    for (const venue of this.venues()) {
      const feed = this.context.feed(venue);
      if (feed !== undefined && (!feed.connected || feed.since > openTime)) return true;
    }
    return false;
  }

  /** A trade of a candle that is closed: amends it and the quiet ones that took its close, in every interval. */
  #amend(price: Units, qty: Units, amount: Units, buy: boolean, time: Micros, id: number, fills: number): boolean {
    return this.#amendBy(time, (candle) => candle.add(price, qty, amount, buy, time, id, fills));
  }

  /** @param add adds the trade to a candle */
  #amendBy(time: Micros, add: (candle: Candle) => void): boolean {
    if (time < this.context.clock.now - this.#horizon) return false;
    for (const held of this.#lengths) {
      const { interval } = held;
      const openTime = interval.openTime(time);
      if (interval.nextOpen(openTime) <= this.#nextClose) {
        const candle = held.closedAt(openTime);
        const before = candle.count === 0 ? undefined : candle.close;
        add(candle);
        held.markAmended(candle);
        if (candle.close !== before) this.#amendQuiet(held, candle);
        if (held === this.#base && openTime >= this.#lastTraded) {
          this.#lastTraded = openTime;
          this.#lastClose = candle.close;
        }
      } else {
        add(held.openAt(time));
      }
      held.begins(openTime);
    }
    this.#emission.changed();
    return true;
  }

  saveClosed(write: (interval: number, chunk: number, candles: CandleJson[] | null) => void): void {
    for (const [i, { closed }] of this.#lengths.entries())
      closed.save(this.context.clock.now, (chunk, candles) => write(i, chunk, candles));
  }

  loadClosed(interval: number, candles: readonly CandleJson[]): void {
    this.#lengths[interval]?.closed.load(candles);
  }

  save(): SeriesJson {
    return {
      symbol: this.symbol,
      exchange: this.exchange ?? null,
      scales: this.#emission.scales,
      intervals: this.#lengths.map((held) => held.save(this.context.clock.now)),
      nextClose: Number.isNaN(this.#nextClose) ? null : this.#nextClose,
      lastClose: unitsToJson(this.#lastClose),
      lastTraded: this.#lastTraded === Number.NEGATIVE_INFINITY ? null : this.#lastTraded,
      ...this.#emission.save(),
    };
  }

  /**
   * Streams go on in any case. Candles go on while the interval that all are rolled up from is the same; an interval
   * that is new to the configuration begins with its next trade.
   */
  load(saved: SeriesJson): void {
    const sameBase = saved.intervals[0]?.name === this.#base.interval.name;
    for (const json of saved.intervals) {
      const held = this.#lengths.find(({ interval }) => interval.name === json.name);
      if (held === undefined) continue;
      if (json.stream[1] > 0) held.stream.load(json.stream);
      if (sameBase) held.load(json);
    }
    if (!sameBase) return;
    this.#lastClose = unitsFromJson(saved.lastClose);
    this.#lastTraded = saved.lastTraded ?? Number.NEGATIVE_INFINITY;
    this.#emission.load(saved);
    if (saved.nextClose === null) return;
    this.#nextClose = saved.nextClose;
    this.#awaitClose();
  }
}
