/**
 * The integer arithmetic of concentrated liquidity, rounded as the contracts round. Sources: the whitepaper of Uniswap
 * V3 (§6), and what v3-core's TickMath, SqrtPriceMath and SwapMath say of rounding.
 */
const Q96 = 1n << 96n;
const Q128 = 1n << 128n;
const MOST = (1n << 256n) - 1n;
/** Fees are in millionths. */
export const FEE_BASE = 1_000_000n;
export const MAX_TICK = 887_272;

/** 1.0001^(-2^i / 2) in Q128, to the nearest: the square of each is the next one's. */
const ROOTS = rootsOfPowers();

function rootsOfPowers(): readonly bigint[] {
  const precision = 512n;
  let root = squareRoot((10_000n << (2n * precision)) / 10_001n);
  return Array.from({ length: 20 }, () => {
    const rounded = (root + (1n << (precision - 129n))) >> (precision - 128n);
    root = (root * root) >> precision;
    return rounded;
  });
}

/** floor(√value), by Newton's method. */
export function squareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** √(1.0001^tick) in Q64.96, rounded up. */
export function rootAtTick(tick: number): bigint {
  let ratio = Q128;
  const magnitude = Math.abs(tick);
  for (let bit = 0; bit < ROOTS.length; bit++) if ((magnitude >> bit) & 1) ratio = (ratio * ROOTS[bit]!) >> 128n;
  if (tick > 0) ratio = MOST / ratio;
  return (ratio >> 32n) + (ratio % (1n << 32n) === 0n ? 0n : 1n);
}

const divideUp = (value: bigint, by: bigint): bigint => (value + by - 1n) / by;

/** token0 between two roots of the price. */
export function amount0(lower: bigint, upper: bigint, liquidity: bigint, up: boolean): bigint {
  const numerator = (liquidity << 96n) * (upper - lower);
  return up ? divideUp(divideUp(numerator, upper), lower) : numerator / upper / lower;
}

/** token1 between two roots of the price. */
export function amount1(lower: bigint, upper: bigint, liquidity: bigint, up: boolean): bigint {
  const product = liquidity * (upper - lower);
  return up ? divideUp(product, Q96) : product / Q96;
}

/** What a swap that moves the price from one root to another takes, the fee included, and gives. */
export function swapTo(
  from: bigint,
  to: bigint,
  liquidity: bigint,
  fee: bigint,
): { readonly amountIn: bigint; readonly amountOut: bigint } {
  const [net, amountOut] =
    to > from
      ? [amount1(from, to, liquidity, true), amount0(from, to, liquidity, false)]
      : [amount0(to, from, liquidity, true), amount1(to, from, liquidity, false)];
  return { amountIn: net + divideUp(net * fee, FEE_BASE - fee), amountOut };
}
