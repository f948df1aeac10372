import { rescaleUnits, type Units, type UnitsJson, unitsFromJson, unitsToJson } from "../../schemas/units.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import { AGGREGATE } from "../../schemas/words.js";
import { AMENDED, FEED_DOWN, type Scales } from "../messages/kline-message.js";
import { Conflation, type ConflationJson } from "../task/conflation.js";
import type { TaskContext } from "../task/operator.js";
import { OutputStream, streamName } from "../task/output-stream.js";
import type { TimerSlot } from "../task/timers.js";
import { Candle, type CandleJson } from "./candle.js";
import { ClosedCandles } from "./closed-candles.js";
import type { Interval } from "./intervals.js";
import type { TentativeTrade } from "./tentative-trade.js";

export interface SeriesJson {
  readonly symbol: SymbolName;
  readonly exchange: VenueId | null;
  readonly scales: Scales;
  readonly intervals: readonly IntervalJson[];
  readonly nextClose: Micros | null;
  readonly lastClose: UnitsJson;
  readonly lastTraded: Micros | null;
  readonly emission: ConflationJson;
}

interface IntervalJson {
  readonly name: string;
  readonly stream: readonly [number, number];
  readonly open: readonly CandleJson[];
  readonly first: Micros | null;
  readonly dirty: readonly Micros[];
}

/**
 * The K-lines of one market, or of one symbol over all venues, in all intervals.
 *
 * A trade touches only the candle of the shortest interval. The longer ones hold what closed candles gave them, and
 * the open rest is merged in when they are shown or closed: so the path of every trade is one candle long.
 */
export class KlineSeries {
  readonly streams: readonly OutputStream[];
  readonly #open: readonly Map<Micros, Candle>[];
  readonly #closed: readonly ClosedCandles[];
  /** Open time of the earliest candle of each interval; undefined before it. */
  readonly #first: (Micros | undefined)[];
  /** Closed candles that late trades changed since they were last shown. */
  readonly #dirty: readonly Set<Micros>[];
  readonly #emission: Conflation;
  readonly #closeSlot: TimerSlot;
  readonly #view = new Candle(0);
  #current: Candle | undefined;
  #currentEnd: Micros = 0;
  /** Open time of the shortest interval's next candle to close; NaN before the first trade. */
  #nextClose: Micros = Number.NaN;
  #lastClose: Units = 0;
  #lastTraded: Micros = Number.NEGATIVE_INFINITY;
  #scales: Scales;
  readonly #grace: Micros;
  readonly #horizon: Micros;

  constructor(
    readonly context: TaskContext,
    /** Shortest first; all others are rolled up from the first. */
    readonly intervals: readonly Interval[],
    /** 1 where the first interval is kept only for the others. */
    readonly firstShown: 0 | 1,
    readonly symbol: SymbolName,
    /** undefined for the aggregate. */
    readonly exchange: VenueId | undefined,
    scales: Scales,
    /** The venues whose feeds decide whether a candle is whole. */
    readonly venues: () => readonly VenueId[],
  ) {
    const name = streamName(symbol, exchange);
    this.streams = intervals.map(
      ({ name: interval }) =>
        new OutputStream(
          "market.kline",
          `${symbol}:${interval}`,
          `kline:${name}:${interval}`,
          symbol,
          exchange ?? AGGREGATE,
          interval,
        ),
    );
    this.#open = intervals.map(() => new Map());
    this.#closed = intervals.map((interval) => new ClosedCandles(interval));
    this.#first = intervals.map(() => undefined);
    this.#dirty = intervals.map(() => new Set());
    this.#scales = scales;
    this.#grace = context.settings.graceMs * 1000;
    this.#horizon = context.settings.lateHours * 3_600_000_000;
    this.#emission = new Conflation(context, `${name}:emit`, () => this.#emit());
    this.#closeSlot = context.timers.slot(context.order, `${name}:close`, () => this.#closeNext());
  }

  /**
   * @param amount price · qty, quote currency at the quote scale
   * @returns false when the trade is older than late trades may be
   */
  add(price: Units, qty: Units, amount: Units, buy: boolean, time: Micros, id: number): boolean {
    let candle = this.#current;
    if (candle === undefined || time >= this.#currentEnd || time < candle.openTime) {
      candle = this.#locate(time);
      if (candle === undefined) return this.#amend(price, qty, amount, buy, time, id);
    }
    candle.add(price, qty, amount, buy, time, id);
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
    const openTime = this.intervals[0]!.openTime(time);
    const open = openTime >= this.#nextClose ? this.#open[0]!.get(openTime) : undefined;
    if (open !== undefined) {
      const found = open.retract(id, now);
      if (found) this.#emission.changed();
      return found;
    }
    const closed = this.#closed[0]!.get(openTime);
    if (closed === undefined || !closed.retract(id, now)) return false;
    this.#retracted(0, closed);
    if (openTime === this.#lastTraded && closed.count === 0) {
      const before = this.#closed[0]!.tradedBefore(openTime);
      this.#lastTraded = before?.openTime ?? Number.NEGATIVE_INFINITY;
    }
    if (openTime >= this.#lastTraded) this.#lastClose = closed.close;
    for (let i = 1; i < this.intervals.length; i++) {
      const interval = this.intervals[i]!;
      const longer = interval.openTime(time);
      const isClosed = interval.nextOpen(longer) <= this.#nextClose;
      const candle = isClosed ? this.#closed[i]!.get(longer) : this.#open[i]!.get(longer);
      if (candle?.retract(id, now) && isClosed) this.#retracted(i, candle);
    }
    this.#emission.changed();
    return true;
  }

  /** A closed candle lost a trade: it is shown again, and the quiet ones after it that took its close. */
  #retracted(i: number, candle: Candle): void {
    if (candle.count === 0) candle.flatten(this.#quietPrice(i, candle));
    this.#markAmended(i, candle);
    this.#amendQuiet(i, candle);
  }

  /** The price of a candle without trades: the close before it; its own where there was none. */
  #quietPrice(i: number, candle: Candle): Units {
    let before: Candle | undefined;
    for (const base of this.#open[0]!.values()) {
      const earlier = base.count > 0 && base.openTime < candle.openTime;
      if (earlier && (before === undefined || base.openTime > before.openTime)) before = base;
    }
    before ??= this.#closed[i]!.tradedBefore(candle.openTime);
    return before?.close ?? candle.close;
  }

  /** Brings everything to larger scales. */
  rescale(scales: Scales): void {
    const from = this.#scales;
    const price = scales.price - from.price;
    const qty = scales.qty - from.qty;
    const quote = scales.quote - from.quote;
    if (price === 0 && qty === 0 && quote === 0) return;
    this.#scales = scales;
    this.#lastClose = rescaleUnits(this.#lastClose, 0, price);
    for (const candles of this.#open) for (const candle of candles.values()) candle.rescale(price, qty, quote);
    for (const closed of this.#closed) closed.rescale(price, qty, quote);
  }

  /** The open candle of the shortest interval that a time belongs to; undefined when that one is closed. */
  #locate(time: Micros): Candle | undefined {
    const base = this.intervals[0]!;
    const openTime = base.openTime(time);
    if (Number.isNaN(this.#nextClose)) this.#start();
    if (openTime < this.#nextClose) return undefined;
    let candle = this.#open[0]!.get(openTime);
    if (candle === undefined) {
      candle = new Candle(openTime);
      this.#open[0]!.set(openTime, candle);
    }
    for (let i = 0; i < this.intervals.length; i++) this.#begins(i, this.intervals[i]!.openTime(time));
    this.#current = candle;
    this.#currentEnd = base.nextOpen(openTime);
    return candle;
  }

  #begins(i: number, openTime: Micros): void {
    const first = this.#first[i];
    if (first === undefined || openTime < first) this.#first[i] = openTime;
  }

  /** All that log time has not closed yet is open, before the first trade's candle too. */
  #start(): void {
    this.#nextClose = this.intervals[0]!.openTime(this.context.clock.now - this.#grace);
    this.#awaitClose();
  }

  #awaitClose(): void {
    this.context.timers.set(this.#closeSlot, this.intervals[0]!.nextOpen(this.#nextClose) + this.#grace);
  }

  /** Closes the shortest interval's next candle, and the longer ones that end with it. */
  #closeNext(): void {
    const base = this.intervals[0]!;
    const openTime = this.#nextClose;
    const end = base.nextOpen(openTime);
    const candle = this.#open[0]!.get(openTime) ?? new Candle(openTime);
    if (this.#feedWasDown(openTime)) candle.flags |= FEED_DOWN;
    for (let i = 1; i < this.intervals.length; i++) {
      const longer = this.#openCandle(i, openTime);
      longer.merge(candle);
      if (candle.changed) longer.changed = true;
    }
    if (candle.count > 0) {
      this.#lastClose = candle.close;
      this.#lastTraded = openTime;
    }
    this.#close(0, candle);
    for (let i = 1; i < this.intervals.length; i++) {
      const longer = this.#openCandle(i, openTime);
      if (this.intervals[i]!.nextOpen(longer.openTime) <= end) this.#close(i, longer);
    }
    if (this.#current?.openTime === openTime) this.#current = undefined;
    this.#nextClose = end;
    this.#awaitClose();
    const horizon = this.context.clock.now - this.#horizon;
    for (const closed of this.#closed) closed.prune(horizon);
  }

  #close(i: number, candle: Candle): void {
    this.#open[i]!.delete(candle.openTime);
    // before the first trade there is no price to show
    const neverTraded = this.#lastTraded === Number.NEGATIVE_INFINITY;
    if (candle.count === 0 && neverTraded && candle.revision === 0) return;
    if (candle.count === 0 && !neverTraded) candle.flatten(this.#lastClose);
    // a longer one may have begun before the series did
    if (this.#feedWasDown(candle.openTime)) candle.flags |= FEED_DOWN;
    this.#begins(i, candle.openTime);
    candle.changed = false;
    this.#show(i, candle, candle, true);
    // one that lost all of its trades was shown before
    if (candle.count > 0 || candle.flags !== 0 || candle.revision > 1) this.#closed[i]!.put(candle);
  }

  /** What closed candles have given to the longer interval that `time` lies in. */
  #openCandle(i: number, time: Micros): Candle {
    const openTime = this.intervals[i]!.openTime(time);
    let candle = this.#open[i]!.get(openTime);
    if (candle === undefined) {
      candle = new Candle(openTime);
      this.#open[i]!.set(openTime, candle);
    }
    return candle;
  }

  #feedWasDown(openTime: Micros): boolean {
    for (const venue of this.venues()) {
      const feed = this.context.feed(venue);
      if (feed !== undefined && (!feed.connected || feed.since > openTime)) return true;
    }
    return false;
  }

  /** A trade of a candle that is closed: amends it and the quiet ones that took its close, in every interval. */
  #amend(price: Units, qty: Units, amount: Units, buy: boolean, time: Micros, id: number): boolean {
    return this.#amendBy(time, (candle) => candle.add(price, qty, amount, buy, time, id));
  }

  /** @param add adds the trade to a candle */
  #amendBy(time: Micros, add: (candle: Candle) => void): boolean {
    if (time < this.context.clock.now - this.#horizon) return false;
    for (let i = 0; i < this.intervals.length; i++) {
      const interval = this.intervals[i]!;
      const openTime = interval.openTime(time);
      if (interval.nextOpen(openTime) <= this.#nextClose) {
        const candle = this.#closedCandle(i, openTime);
        const before = candle.count === 0 ? undefined : candle.close;
        add(candle);
        this.#markAmended(i, candle);
        if (candle.close !== before) this.#amendQuiet(i, candle);
        if (i === 0 && openTime >= this.#lastTraded) {
          this.#lastTraded = openTime;
          this.#lastClose = candle.close;
        }
      } else {
        add(this.#openCandle(i, time));
      }
      this.#begins(i, openTime);
    }
    this.#emission.changed();
    return true;
  }

  #closedCandle(i: number, openTime: Micros): Candle {
    const held = this.#closed[i]!.get(openTime);
    if (held !== undefined) return held;
    const candle = new Candle(openTime);
    // a quiet candle that is not held was shown once; one before the first was not
    const first = this.#first[i];
    candle.revision = first !== undefined && openTime >= first ? 1 : 0;
    this.#closed[i]!.put(candle);
    return candle;
  }

  #markAmended(i: number, candle: Candle): void {
    if (candle.revision > 0) candle.flags |= AMENDED;
    this.#closed[i]!.touch(candle.openTime);
    this.#dirty[i]!.add(candle.openTime);
  }

  #amendQuiet(i: number, after: Candle): void {
    const interval = this.intervals[i]!;
    const end = interval.openTime(this.#nextClose);
    for (let openTime = interval.nextOpen(after.openTime); openTime < end; openTime = interval.nextOpen(openTime)) {
      const held = this.#closed[i]!.get(openTime);
      if (held !== undefined && held.count > 0) return;
      const candle = this.#closedCandle(i, openTime);
      candle.flatten(after.close);
      this.#markAmended(i, candle);
    }
  }

  /** Shows what changed: amended candles first, then the open ones, so that the newest is the last value. */
  #emit(): void {
    for (let i = 0; i < this.intervals.length; i++) {
      const amended = this.#emitAmended(i);
      this.#emitOpen(i, amended);
    }
    for (const candle of this.#open[0]!.values()) candle.changed = false;
  }

  #emitAmended(i: number): boolean {
    const dirty = this.#dirty[i]!;
    if (dirty.size === 0) return false;
    for (const openTime of [...dirty].sort((a, b) => a - b)) {
      const candle = this.#closed[i]!.get(openTime);
      if (candle === undefined) continue;
      this.#show(i, candle, candle, true);
      // a checkpoint may have come between the amendment and this: its revision has changed since
      this.#closed[i]!.touch(openTime);
    }
    dirty.clear();
    return true;
  }

  #emitOpen(i: number, always: boolean): void {
    const interval = this.intervals[i]!;
    if (i === 0) {
      for (const candle of sorted(this.#open[0]!)) {
        if (candle.changed && candle.count === 0) candle.flatten(this.#quietPrice(0, candle));
        if (candle.changed || (always && candle.count > 0)) this.#show(0, candle, candle, false);
      }
      return;
    }
    let shown = Number.NaN;
    for (const base of sorted(this.#open[0]!)) {
      const openTime = interval.openTime(base.openTime);
      const held = this.#openCandle(i, openTime);
      if (openTime !== shown && (always || base.changed || held.changed)) this.#showOpen(i, held);
      if (always || base.changed || held.changed) shown = openTime;
      held.changed = false;
    }
    for (const held of sorted(this.#open[i]!)) {
      if (held.changed) this.#showOpen(i, held);
      held.changed = false;
    }
  }

  #showOpen(i: number, held: Candle): void {
    const view = this.#view;
    const end = this.intervals[i]!.nextOpen(held.openTime);
    view.assign(held);
    for (const base of sorted(this.#open[0]!)) {
      if (base.openTime < held.openTime || base.openTime >= end) continue;
      view.mergeShown(base);
      if (held.count === 0 && base.count === 0) held.flatten(base.close);
    }
    // all of its trades were taken back
    if (view.count === 0 && held.revision > 0) view.flatten(this.#quietPrice(i, held));
    if (view.count > 0 || held.revision > 0) this.#show(i, held, view, false);
  }

  /** @param counted the candle that holds the revision, @param shown what is shown of it */
  #show(i: number, counted: Candle, shown: Candle, closed: boolean): void {
    if (i < this.firstShown) return;
    counted.revision++;
    shown.revision = counted.revision;
    const interval = this.intervals[i]!;
    const closeTime = interval.nextOpen(shown.openTime) - 1;
    this.context.outbox.kline(this.streams[i]!, shown, closeTime, this.#scales, closed);
  }

  saveClosed(write: (interval: number, chunk: number, candles: CandleJson[] | null) => void): void {
    for (const [i, closed] of this.#closed.entries())
      closed.save(this.context.clock.now, (chunk, candles) => write(i, chunk, candles));
  }

  loadClosed(interval: number, candles: readonly CandleJson[]): void {
    this.#closed[interval]?.load(candles);
  }

  save(): SeriesJson {
    return {
      symbol: this.symbol,
      exchange: this.exchange ?? null,
      scales: this.#scales,
      intervals: this.intervals.map(({ name }, i) => ({
        name,
        stream: this.streams[i]!.save(),
        open: sorted(this.#open[i]!).map((candle) => candle.save(this.context.clock.now)),
        first: this.#first[i] ?? null,
        dirty: [...this.#dirty[i]!].sort((a, b) => a - b),
      })),
      nextClose: Number.isNaN(this.#nextClose) ? null : this.#nextClose,
      lastClose: unitsToJson(this.#lastClose),
      lastTraded: this.#lastTraded === Number.NEGATIVE_INFINITY ? null : this.#lastTraded,
      emission: this.#emission.save(),
    };
  }

  /**
   * Streams go on in any case. Candles go on while the interval that all are rolled up from is the same; an interval
   * that is new to the configuration begins with its next trade.
   */
  load(saved: SeriesJson): void {
    const sameBase = saved.intervals[0]?.name === this.intervals[0]!.name;
    for (const json of saved.intervals) {
      const i = this.intervals.findIndex(({ name }) => name === json.name);
      if (i < 0) continue;
      if (json.stream[1] > 0) this.streams[i]!.load(json.stream);
      if (sameBase) this.#loadInterval(i, json);
    }
    if (!sameBase) return;
    this.#lastClose = unitsFromJson(saved.lastClose);
    this.#lastTraded = saved.lastTraded ?? Number.NEGATIVE_INFINITY;
    this.#emission.load(saved.emission);
    if (saved.nextClose === null) return;
    this.#nextClose = saved.nextClose;
    this.#awaitClose();
  }

  #loadInterval(i: number, json: IntervalJson): void {
    for (const candle of json.open) this.#open[i]!.set(candle[0] as number, Candle.load(candle));
    this.#first[i] = json.first ?? undefined;
    for (const openTime of json.dirty) this.#dirty[i]!.add(openTime);
  }
}

function sorted(candles: Map<Micros, Candle>): Candle[] {
  if (candles.size <= 1) return [...candles.values()];
  return [...candles.values()].sort((a, b) => a.openTime - b.openTime);
}
