import { power, SAFE, type Units } from "./safe-integers.js";
import { formatUnits } from "./units-text.js";

/** What {@link parseUnitsBytes} answers instead of units. */
export const INEXACT = -1;
export const MALFORMED = -2;
export const UNSAFE = -3;

const POINT = 46;
const ZERO = 48;
const MINUS = 45;
const BILLION = 1_000_000_000;

/**
 * Units of the ASCII digits in bytes[start, end): the plant's hottest function, hence no object and no exception.
 *
 * @returns the units, safe and not negative, or
 *   INEXACT:   non-zero digits beyond the scale,
 *   MALFORMED: anything but digits and one point; signs and exponents too, for which {@link parseUnits} takes the text,
 *   UNSAFE:    a value beyond safe integers, for which {@link parseUnits} takes the text
 */
export function parseUnitsBytes(bytes: Uint8Array, start: number, end: number, scale: number): number {
  let units = 0;
  let at = start;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit >>> 0 > 9) break;
    units = units * 10 + digit;
  }
  let digits = at - start;
  let missing = scale;
  if (at < end) {
    if (bytes[at] !== POINT) return MALFORMED;
    at++;
    digits += end - at;
    const exactEnd = Math.min(at + scale, end);
    missing = scale - (exactEnd - at);
    for (; at < exactEnd; at++) {
      const digit = bytes[at]! - ZERO;
      if (digit >>> 0 > 9) return MALFORMED;
      units = units * 10 + digit;
    }
    if (at < end) {
      const beyond = zerosOnly(bytes, at, end);
      if (beyond !== 0) return beyond;
    }
  }
  if (digits === 0) return MALFORMED;
  if (missing > 0 && units !== 0) units *= power(missing);
  return units <= SAFE ? units : UNSAFE;
}

/** 0 when there are only zeros, else INEXACT or MALFORMED. */
function zerosOnly(bytes: Uint8Array, start: number, end: number): number {
  let found = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit >>> 0 > 9) return MALFORMED;
    if (digit !== 0) found = INEXACT;
  }
  return found;
}

/**
 * Writes the canonical text of units as ASCII, as {@link formatUnits} would make it, without making a string.
 * The target needs room for sign, point and max(digits, scale + 1) digits from `at`.
 *
 * @returns the position after the text
 */
export function writeUnits(target: Uint8Array, at: number, units: Units, scale: number): number {
  if (typeof units === "bigint") return writeAscii(target, at, formatUnits(units, scale));
  let magnitude = units;
  let first = at;
  if (units < 0) {
    target[first++] = MINUS;
    magnitude = -units;
  }
  if (scale > 0 && scale <= 9) return writeFixed(target, first, magnitude, scale);
  // two halves of 32 bits, since integer division by a constant is far cheaper than that of doubles
  let high = 0;
  let low = magnitude;
  if (magnitude >= BILLION) {
    high = Math.floor(magnitude / BILLION);
    low = magnitude - high * BILLION;
  }
  high |= 0;
  low |= 0;
  const digits = high === 0 ? digitsOf(low) : digitsOf(high) + 9;
  return scale === 0
    ? writeDigits(target, first, digits, high, low)
    : writeScaled(target, first, digits, high, low, scale);
}

/** Whole part and fraction each as an integer of 32 bits wherever they are, which nearly all prices and quantities are. */
function writeFixed(target: Uint8Array, at: number, magnitude: number, scale: number): number {
  const divisor = power(scale);
  let whole = Math.floor(magnitude / divisor);
  let fraction = magnitude - whole * divisor;
  // the quotient of doubles may have been rounded up to the next integer
  if (fraction < 0) {
    whole--;
    fraction += divisor;
  }
  let position = writeWhole(target, at, whole);
  if (fraction === 0) return position;
  target[position++] = POINT;
  let rest = fraction | 0;
  let width = scale;
  let tenth = (rest / 10) | 0;
  while (tenth * 10 === rest) {
    rest = tenth;
    tenth = (rest / 10) | 0;
    width--;
  }
  const end = position + width;
  for (let digit = end; digit > position; ) {
    tenth = (rest / 10) | 0;
    target[--digit] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return end;
}

function writeWhole(target: Uint8Array, at: number, whole: number): number {
  if (whole >= BILLION) {
    const high = Math.floor(whole / BILLION) | 0;
    return writeDigits(target, at, digitsOf(high) + 9, high, (whole - high * BILLION) | 0);
  }
  let rest = whole | 0;
  const end = at + digitsOf(rest);
  for (let digit = end; digit > at; ) {
    const tenth = (rest / 10) | 0;
    target[--digit] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return end;
}

function writeDigits(target: Uint8Array, at: number, digits: number, high: number, low: number): number {
  const end = at + digits;
  let left = high !== 0 ? 9 : digits;
  let rest = low;
  let position = end;
  while (left-- > 0) {
    const tenth = (rest / 10) | 0;
    target[--position] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  rest = high;
  while (position > at) {
    const tenth = (rest / 10) | 0;
    target[--position] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return end;
}

function writeScaled(target: Uint8Array, at: number, digits: number, high: number, low: number, scale: number): number {
  const whole = digits > scale ? digits - scale : 1;
  const point = at + whole;
  let position = point + 1 + scale;
  let end = position;
  let written = 0;
  let rest = low;
  let next = high;
  while (position > at) {
    if (--position === point) {
      target[position] = POINT;
      continue;
    }
    if (written === 9) {
      rest = next;
      next = 0;
    }
    const tenth = (rest / 10) | 0;
    target[position] = ZERO + rest - tenth * 10;
    rest = tenth;
    written++;
  }
  while (target[end - 1] === ZERO && end - 1 > point) end--;
  return end - 1 === point ? point : end;
}

/** Decimal digits of an integer from 0 to 999,999,999. */
function digitsOf(value: number): number {
  if (value < 100_000) {
    if (value < 100) return value < 10 ? 1 : 2;
    return value < 1000 ? 3 : value < 10_000 ? 4 : 5;
  }
  if (value < 10_000_000) return value < 1_000_000 ? 6 : 7;
  return value < 100_000_000 ? 8 : 9;
}

function writeAscii(target: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) target[at + index] = text.charCodeAt(index);
  return at + text.length;
}
