import { decimalsOf, formatUnits, parseUnits, unitsOf } from "../../schemas/units.js";
import type { DecimalText, Micros } from "../../schemas/words.js";

/** A value of a record is not what its mapping takes it for. */
export class BadValue extends Error {}

/** A JSON number of at most so many digits is exact at its shortest text; longer ones come as text (exact-json.ts). */
const EXACT_DIGITS = 15;

/** @throws BadValue */
export function textOf(value: unknown, name: string): string {
  if (typeof value === "string" && value !== "") return value;
  if (typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value))) return String(value);
  throw new BadValue(`${name}: expected text or a whole number`);
}

/**
 * An exact decimal.
 *
 * @param scale where the value is a whole number of 10^-scale
 * @throws BadValue
 */
export function decimalOf(value: unknown, scale: number | undefined, name: string): DecimalText {
  const text = numberText(value, name);
  try {
    if (scale === undefined) {
      decimalsOf(text);
      return text;
    }
    return formatUnits(parseUnits(text, 0), scale);
  } catch {
    throw new BadValue(
      `${name}: ${JSON.stringify(text.slice(0, 40))} is no ${scale === undefined ? "decimal" : "whole number"}`,
    );
  }
}

/** @throws BadValue */
export function idOf(value: unknown, name: string): number {
  const id = Number(textOf(value, name));
  if (Number.isSafeInteger(id) && id >= 0) return id;
  throw new BadValue(`${name}: expected a whole number up to 2^53`);
}

/** Decimal places by which a unit is larger than µs. */
const shifts = { s: 6, ms: 3, us: 0, ns: -3 } as const;
/** Before it something took seconds for ms, or ms for µs: 1973. */
const EARLIEST: Micros = 1e14;

/**
 * µs since the epoch, rounded down.
 *
 * @throws BadValue when it is no time, or one that another unit would have to have
 */
export function timeOf(value: unknown, unit: keyof typeof shifts | "iso", name: string): Micros {
  const micros = unit === "iso" ? isoMicros(value, name) : shiftedMicros(numberText(value, name), shifts[unit], name);
  if (micros >= EARLIEST && Number.isSafeInteger(micros)) return micros;
  throw new BadValue(`${name}: ${String(value)} is no time in ${unit}`);
}

function shiftedMicros(text: string, shift: number, name: string): Micros {
  try {
    const decimals = decimalsOf(text);
    const units = BigInt(parseUnits(text, decimals));
    const by = shift - decimals;
    return Number(by >= 0 ? units * 10n ** BigInt(by) : units / 10n ** BigInt(-by));
  } catch {
    throw new BadValue(`${name}: ${JSON.stringify(text.slice(0, 40))} is no number`);
  }
}

/** ISO 8601 with a zone; digits beyond ms are kept. */
function isoMicros(value: unknown, name: string): Micros {
  const parts = typeof value === "string" ? /^(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)$/.exec(value) : null;
  const millis = parts === null ? Number.NaN : Date.parse(`${parts[1]}${parts[3]}`);
  if (Number.isNaN(millis)) throw new BadValue(`${name}: expected a time such as 2026-01-01T00:00:00.000000Z`);
  return millis * 1000 + Number((parts?.[2] ?? "").slice(0, 6).padEnd(6, "0"));
}

function numberText(value: unknown, name: string): string {
  if (typeof value === "string" && value !== "") return value;
  if (typeof value === "bigint") return String(unitsOf(value));
  if (typeof value === "number" && Number.isFinite(value)) {
    const text = String(value);
    if (Number.isSafeInteger(value) || text.replace(/e.*$/, "").replace(/^-?0*\.?0*|\./g, "").length <= EXACT_DIGITS) {
      return text;
    }
    throw new BadValue(`${name}: a number of more than ${EXACT_DIGITS} digits is not exact`);
  }
  throw new BadValue(`${name}: expected a number`);
}
