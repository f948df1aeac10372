import type { Micros } from "./words.js";

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

const monthOpen = (time: Micros): Micros => monthsAfter(time, 0);
const nextMonth = (openTime: Micros): Micros => monthsAfter(openTime, 1);

/** The first instant, UTC, of the month so many months after that of a time. */
function monthsAfter(time: Micros, months: number): Micros {
  const date = new Date(Math.floor(time / 1000));
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1) * 1000;
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

const unitLength: Readonly<Record<string, number>> = {
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
  w: WEEK,
  M: 30 * DAY,
  y: 365 * DAY,
};
const anyName = /^([1-9][0-9]{0,3})([smhdwMy])$/;
/** Of local time to UTC at most. */
const EAST = 14 * HOUR;

/** Length in µs of an interval of anybody's, months and years nominal, to order them by; 0 for what is no name of one. */
export function nominalLength(name: string): Micros {
  const [, count, unit] = anyName.exec(name) ?? [];
  return count === undefined ? 0 : Number(count) * unitLength[unit!]!;
}

/**
 * When a venue's own K-line ends that opens at a time, exclusive. Days and weeks open when the venue's do, at 16:00 UTC
 * the day before where it counts by Singapore's time; a month or year ends where the next one opens by the same clock. No
 * venue is known to count by a clock that changes in summer.
 *
 * @throws RangeError for a name without a number and one of the units s, m, h, d, w, M, y
 */
export function venueEnd(name: string, openTime: Micros): Micros {
  const [, count, unit] = anyName.exec(name) ?? [];
  if (count === undefined) throw new RangeError(`${name} is no K-line interval`);
  if (unit !== "M" && unit !== "y") return openTime + nominalLength(name);
  // midnight there is up to fourteen hours earlier or twelve later than UTC's
  const first = monthOpen(openTime + EAST);
  return monthsAfter(first, Number(count) * (unit === "y" ? 12 : 1)) + (openTime - first);
}

/** Orders names of intervals, the shortest first. */
export const byLength = (a: string, b: string): number => nominalLength(a) - nominalLength(b);
