import { DecimalError } from "./errors.js";
import { bigPower, isSafe, power, type Units, unitsOf } from "./safe-integers.js";

/** How a value beyond safe integers stands in JSON: its digits. */
export type UnitsJson = number | { readonly $: string };

/** Longer texts and larger exponents are no venue's value but an attack on memory. */
const LONGEST = 400;
const SHAPE = /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

interface DecimalParts {
  readonly negative: boolean;
  /** Digits without leading or trailing zeros; "" for zero. */
  readonly digits: string;
  /** The value is digits · 10^exponent. */
  readonly exponent: number;
}

function partsOf(text: string): DecimalParts {
  const shape = text.length <= LONGEST ? SHAPE.exec(text) : null;
  if (shape === null) {
    const shown = JSON.stringify(text.slice(0, 60));
    throw new DecimalError(
      "TP_DECIMAL_INVALID",
      `${shown} is not a decimal: give digits, at most one point, no spaces`,
    );
  }
  const fraction = shape[3] ?? "";
  const all = `${shape[2]}${fraction}`;
  let start = 0;
  let end = all.length;
  while (start < end && all.charCodeAt(start) === 48) start++;
  while (end > start && all.charCodeAt(end - 1) === 48) end--;
  const digits = all.slice(start, end);
  const exponent = digits === "" ? 0 : Number(shape[4] ?? 0) - fraction.length + (all.length - end);
  return { negative: shape[1] === "-", digits, exponent };
}

/**
 * Exact units of a text: optional sign, digits, point, exponent (`1e-7`, since venues send it).
 *
 * @throws DecimalError TP_DECIMAL_INVALID when it is no decimal
 * @throws DecimalError TP_DECIMAL_INEXACT when it has non-zero digits beyond the scale
 */
export function parseUnits(text: string, scale: number): Units {
  const { negative, digits, exponent } = partsOf(text);
  const zeros = exponent + scale;
  if (zeros < 0) {
    throw new DecimalError("TP_DECIMAL_INEXACT", `${text} has more than ${scale} decimals: use a larger scale`);
  }
  if (digits.length <= 15) {
    const units = digits === "" ? 0 : Number(digits) * power(zeros);
    if (isSafe(units)) return negative ? 0 - units : units;
  }
  const units = BigInt(digits) * bigPower(zeros);
  return unitsOf(negative ? -units : units);
}

/**
 * Significant decimals of a text: "61837.63000000" has 2, "1e-8" 8, "100" none.
 *
 * @throws DecimalError TP_DECIMAL_INVALID when it is no decimal
 */
export function decimalsOf(text: string): number {
  return Math.max(0, 0 - partsOf(text).exponent);
}

/** Canonical text: no exponent, no zeros at the fraction's end, a digit before the point, no "-0". */
export function formatUnits(units: Units, scale: number): string {
  const digits = String(units);
  if (scale === 0) return digits;
  const negative = digits.charCodeAt(0) === 45;
  const magnitude = (negative ? digits.slice(1) : digits).padStart(scale + 1, "0");
  const point = magnitude.length - scale;
  let end = magnitude.length;
  while (end > point && magnitude.charCodeAt(end - 1) === 48) end--;
  const text =
    end === point ? magnitude.slice(0, point) : `${magnitude.slice(0, point)}.${magnitude.slice(point, end)}`;
  return negative ? `-${text}` : text;
}

export function unitsToJson(units: Units): UnitsJson {
  return typeof units === "number" ? units : { $: units.toString() };
}

export function unitsFromJson(json: UnitsJson): Units {
  return typeof json === "number" ? json : unitsOf(BigInt(json.$));
}
