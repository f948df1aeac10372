import type { Micros } from "../../schemas/words.js";

const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
/** The epoch was a Thursday; weeks open on Monday. */
const FIRST_MONDAY = 4 * DAY;

const fixed: Readonly<Record<string, number>> = {
  "1s": SECOND,
  "1m": MINUTE,
  "3m": 3 * MINUTE,
  "5m": 5 * MINUTE,
  "15m": 15 * MINUTE,
  "30m": 30 * MINUTE,
  "1h": HOUR,
  "2h": 2 * HOUR,
  "4h": 4 * HOUR,
  "6h": 6 * HOUR,
  "8h": 8 * HOUR,
  "12h": 12 * HOUR,
  "1d": DAY,
  "3d": 3 * DAY,
};

/** Binance's intervals, shortest first. Days are UTC, weeks open on Monday, months on their first day. */
export const intervalNames = [...Object.keys(fixed), "1w", "1M"] as const;

/** One K-line interval: which open time an instant belongs to, and when the next one opens. */
export interface Interval {
  readonly name: string;
  /** Length in µs; a month's is nominal (30 days) and serves only to order intervals. */
  readonly length: Micros;
  openTime(time: Micros): Micros;
  nextOpen(openTime: Micros): Micros;
}

/** @throws RangeError for a name that is not one of Binance's */
export function interval(name: string): Interval {
  const length = fixed[name];
  if (length !== undefined) {
    return {
      name,
      length,
      openTime: (time) => time - (((time % length) + length) % length),
      nextOpen: (openTime) => openTime + length,
    };
  }
  if (name === "1w") {
    return {
      name,
      length: WEEK,
      openTime: (time) => time - ((((time - FIRST_MONDAY) % WEEK) + WEEK) % WEEK),
      nextOpen: (openTime) => openTime + WEEK,
    };
  }
  if (name === "1M") return { name, length: 30 * DAY, openTime: monthOpen, nextOpen: nextMonth };
  throw new RangeError(`K-line interval ${name} is not one of ${intervalNames.join(", ")}`);
}

function monthOpen(time: Micros): Micros {
  const date = new Date(Math.floor(time / 1000));
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) * 1000;
}

function nextMonth(openTime: Micros): Micros {
  const date = new Date(Math.floor(openTime / 1000));
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) * 1000;
}

/** Whether every candle of the longer interval is made of whole candles of the shorter one. */
export function nests(shorter: Interval, longer: Interval): boolean {
  if (shorter.name === longer.name) return true;
  // weeks and months begin at any day
  const unit = longer.name === "1w" || longer.name === "1M" ? DAY : longer.length;
  return shorter.name in fixed && shorter.length <= unit && unit % shorter.length === 0;
}

/**
 * The interval that all of these are rolled up from: the shortest of them where it fits into the others, else the
 * minute, which is kept for that alone.
 *
 * @param intervals shortest first
 */
export function baseOf(intervals: readonly Interval[]): Interval {
  const shortest = intervals[0]!;
  return intervals.every((longer) => nests(shortest, longer)) ? shortest : interval("1m");
}
