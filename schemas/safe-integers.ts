/**
 * An exact decimal as an integer count of 10^-scale; the scale is known beside it.
 * Canonical: a number (never -0) up to Number.MAX_SAFE_INTEGER either side of zero, a bigint beyond.
 */
export type Units = number | bigint;

export const SAFE = Number.MAX_SAFE_INTEGER;
const SAFE_BIG = BigInt(SAFE);

/** 10^0 to 10^22: the powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(10n ** BigInt(exponent)));
const BIG_POWERS = Array.from({ length: 64 }, (_, exponent) => 10n ** BigInt(exponent));

/** 10^exponent; Infinity beyond 10^22, so that any product but zero's takes the exact path. */
export const power = (exponent: number): number => POWERS[exponent] ?? Number.POSITIVE_INFINITY;
export const bigPower = (exponent: number): bigint => BIG_POWERS[exponent] ?? 10n ** BigInt(exponent);
export const isSafe = (value: number): boolean => value <= SAFE && value >= -SAFE;

/** The canonical form of any integer. */
export function unitsOf(value: bigint): Units {
  return value <= SAFE_BIG && value >= -SAFE_BIG ? Number(value) : value;
}
