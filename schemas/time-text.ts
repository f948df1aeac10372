import type { Micros } from "./words.js";

const iso = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?(Z|[+-]\d{2}:?\d{2})?$/;
const count = /^(\d{1,19})(s|ms|us|ns)?$/;

/** µs in a unit as a fraction: [µs, units]. */
const units = { s: [1_000_000, 1], ms: [1_000, 1], us: [1, 1], ns: [1, 1_000] } as const;

/** 1973-03-03 in µs: below it a bare number is more likely one of seconds or milliseconds. */
const leastBare = 100_000_000_000_000;

/** What a time may look like, for messages. */
export const timeForms =
  "an ISO time such as 2026-11-30T10:00:00Z, µs since the epoch, or a number with its unit: 1764000000s, …ms, …us, …ns";

/**
 * Reads a time that a person or program gave: ISO 8601 (UTC unless it names a zone, down to µs), µs since the epoch as
 * a bare number, or a number with its unit (`s`, `ms`, `us`, `ns`; ns are cut to µs). A bare number that must be of
 * another unit is refused, never guessed; 0 is the epoch.
 *
 * @returns µs, or in words what is wrong with it
 */
export function readTime(text: string): Micros | string {
  const counted = count.exec(text);
  if (counted !== null) return countedTime(counted[1]!, counted[2] as keyof typeof units | undefined);
  const [, date = "", minutes = "00:00", seconds = "00", fraction = "", zone = "Z"] = iso.exec(text) ?? [];
  const millis = date === "" ? Number.NaN : Date.parse(`${date}T${minutes}:${seconds}${zone}`);
  if (Number.isNaN(millis) || !sameDay(date)) return `must be ${timeForms}`;
  return millis * 1000 + Number(fraction.padEnd(6, "0"));
}

function countedTime(digits: string, unit: keyof typeof units | undefined): Micros | string {
  const [factor, divisor] = units[unit ?? "us"];
  const micros = (BigInt(digits) * BigInt(factor)) / BigInt(divisor);
  if (micros > BigInt(Number.MAX_SAFE_INTEGER)) {
    return unit === undefined ? `${digits} is too large for µs: write ${digits}ns if these are ns` : "is too far ahead";
  }
  if (unit !== undefined || micros === 0n || micros >= leastBare) return Number(micros);
  const likely = digits.length <= 11 ? "s" : "ms";
  return `${digits} is not in µs since the epoch: write ${digits}${likely} if these are ${likely}`;
}

/** `Date.parse` takes 30 February for a day of March. */
function sameDay(date: string): boolean {
  return new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);
}
