import { DecimalError } from "./errors.js";
import { bigPower, isSafe, power, type Units, unitsOf } from "./safe-integers.js";
import { formatUnits } from "./units-text.js";

export { type Units, unitsOf } from "./safe-integers.js";
export * from "./units-bytes.js";
export * from "./units-text.js";

/** `up` is away from zero, `down` towards it; the halves likewise. */
export type Rounding = "down" | "up" | "half_up" | "half_even";

/** a + b, same scale. */
export function addUnits(a: Units, b: Units): Units {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (isSafe(sum)) return sum;
  }
  return unitsOf(BigInt(a) + BigInt(b));
}

/** a - b, same scale. */
export function subtractUnits(a: Units, b: Units): Units {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b;
    if (isSafe(difference)) return difference;
  }
  return unitsOf(BigInt(a) - BigInt(b));
}

/** a · b; the result's scale is the sum of both scales. */
export function multiplyUnits(a: Units, b: Units): Units {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b;
    // + 0 turns -0 into 0
    if (isSafe(product)) return product + 0;
  }
  return unitsOf(BigInt(a) * BigInt(b));
}

/** sum + a · b, where the sum's scale is that of the product. */
export function addProduct(sum: Units, a: Units, b: Units): Units {
  if (typeof sum === "number" && typeof a === "number" && typeof b === "number") {
    const product = a * b;
    const result = sum + product;
    if (isSafe(result) && isSafe(product)) return result;
  }
  return unitsOf(BigInt(sum) + BigInt(a) * BigInt(b));
}

/** Negative, zero or positive as a is less than, equal to or greater than b; same scale. */
export function compareUnits(a: Units, b: Units): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return a < b ? -1 : a > b ? 1 : 0;
}

export function negateUnits(units: Units): Units {
  return typeof units === "number" ? 0 - units : -units;
}

export function isZero(units: Units): boolean {
  return units === 0;
}

/**
 * The same value at another scale.
 *
 * @throws DecimalError TP_DECIMAL_INEXACT when digits would be lost
 */
export function rescaleUnits(units: Units, fromScale: number, toScale: number): Units {
  if (fromScale === toScale || units === 0) return units;
  if (toScale > fromScale) {
    const shift = toScale - fromScale;
    if (typeof units === "number") {
      const scaled = units * power(shift);
      if (isSafe(scaled)) return scaled;
    }
    return unitsOf(BigInt(units) * bigPower(shift));
  }
  if (typeof units === "number") {
    const divisor = power(fromScale - toScale);
    if (units % divisor === 0) return units / divisor;
  }
  const divisor = bigPower(fromScale - toScale);
  const exact = BigInt(units);
  if (exact % divisor !== 0n) {
    throw new DecimalError(
      "TP_DECIMAL_INEXACT",
      `${formatUnits(units, fromScale)} has more than ${toScale} decimals: use a larger scale, or divide with a rounding`,
    );
  }
  return unitsOf(exact / divisor);
}

/**
 * Integer quotient of a · 10^scaleShift and b: for a at scale A and b at scale B the result's scale is
 * A + scaleShift - B.
 *
 * @throws DecimalError TP_DECIMAL_DIVISION_BY_ZERO
 */
export function divideUnits(a: Units, b: Units, scaleShift: number, rounding: Rounding): Units {
  if (b === 0) {
    throw new DecimalError("TP_DECIMAL_DIVISION_BY_ZERO", `${a} can not be divided by zero: check the divisor first`);
  }
  if (typeof a === "number" && typeof b === "number" && scaleShift >= 0) {
    const dividend = a === 0 ? 0 : a * power(scaleShift);
    if (isSafe(dividend)) return divideSafe(dividend, b, rounding);
  }
  const dividend = scaleShift > 0 ? BigInt(a) * bigPower(scaleShift) : BigInt(a);
  const divisor = scaleShift < 0 ? BigInt(b) * bigPower(-scaleShift) : BigInt(b);
  return divideBig(dividend, divisor, rounding);
}

/** The quotient of doubles could round up to the next integer; the remainder is exact. */
function divideSafe(dividend: number, divisor: number, rounding: Rounding): number {
  const remainder = dividend % divisor;
  const quotient = (dividend - remainder) / divisor + 0;
  if (remainder === 0 || rounding === "down") return quotient;
  const left = Math.abs(remainder);
  const half = left - (Math.abs(divisor) - left);
  const away = dividend < 0 === divisor < 0 ? quotient + 1 : quotient - 1;
  if (rounding === "up") return away;
  if (half !== 0) return half > 0 ? away : quotient;
  return rounding === "half_up" || quotient % 2 !== 0 ? away : quotient;
}

function divideBig(dividend: bigint, divisor: bigint, rounding: Rounding): Units {
  const quotient = dividend / divisor;
  const remainder = dividend % divisor;
  if (remainder === 0n || rounding === "down") return unitsOf(quotient);
  const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);
  const half = 2n * magnitude(remainder) - magnitude(divisor);
  const away = dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
  if (rounding === "up") return unitsOf(away);
  if (half !== 0n) return unitsOf(half > 0n ? away : quotient);
  return unitsOf(rounding === "half_up" || quotient % 2n !== 0n ? away : quotient);
}
