import { divideUnits, formatUnits, type Rounding, type Units, unitsOf } from "../../schemas/units.js";
import type { DecimalText } from "../../schemas/words.js";
import { baseOf, MOST_DECIMALS, mostPriceDecimals, type Pool, quoteOf } from "./pool.js";

/** A price in the chain's whole numbers, token1 per token0, as an exact fraction. */
export interface Ratio {
  readonly token1: bigint;
  readonly token0: bigint;
}

const Q192 = 1n << 192n;

/** The square of a root in Q64.96 fixed point. Source: Uniswap v3-core, `slot0.sqrtPriceX96`. */
export const ratioOfRoot = (sqrtPriceX96: bigint): Ratio => ({ token1: sqrtPriceX96 * sqrtPriceX96, token0: Q192 });

/** The marginal price of a constant product: the ratio of its reserves. */
export const ratioOfReserves = (reserve0: bigint, reserve1: bigint): Ratio => ({ token1: reserve1, token0: reserve0 });

/**
 * Quote currency per base in units of 10^-scale: one division of integers, so every digit is right and only what lies
 * beyond the last one is rounded.
 */
export function priceUnits(ratio: Ratio, pool: Pool, scale: number, rounding: Rounding = "half_even"): Units {
  const [quote, base] = pool.baseIsToken0 ? [ratio.token1, ratio.token0] : [ratio.token0, ratio.token1];
  const shift = scale + baseOf(pool).decimals - quoteOf(pool).decimals;
  const numerator = shift >= 0 ? quote * 10n ** BigInt(shift) : quote;
  const denominator = shift >= 0 ? base : base * 10n ** BigInt(-shift);
  return divideUnits(unitsOf(numerator), unitsOf(denominator), 0, rounding);
}

/** The price at the pool's decimals, half-even. */
export function priceText(ratio: Ratio, pool: Pool): DecimalText {
  return formatUnits(priceUnits(ratio, pool, pool.priceDecimals), pool.priceDecimals);
}

/** token1 per token0 in tokens, at the most decimals that history holds: what the chain's own topics say. */
export function ratioText(ratio: Ratio, pool: Pool): DecimalText {
  return formatUnits(priceUnits(ratio, { ...pool, baseIsToken0: true }, MOST_DECIMALS), MOST_DECIMALS);
}

/** How many decimals show so many significant digits of this price, at most as many as history holds of it. */
export function priceDecimals(ratio: Ratio, pool: Omit<Pool, "priceDecimals">, digits: number): number {
  const probe = 60;
  const units = String(priceUnits(ratio, pool as Pool, probe));
  const whole = units.length - probe;
  return Math.min(mostPriceDecimals(baseOf(pool as Pool)), Math.max(0, digits - whole));
}

/** An amount of a token in tokens; the sign stays. */
export const tokenText = (amount: bigint, decimals: number): DecimalText => formatUnits(unitsOf(amount), decimals);
