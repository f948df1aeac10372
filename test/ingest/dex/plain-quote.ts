import { FEE_BASE, rootAtTick, swapTo } from "../../../ingest/dex/swap-maths.js";

export interface PlainPool {
  readonly sqrtPriceX96: bigint;
  readonly liquidity: bigint;
  readonly tick: number;
  readonly fee: bigint;
  readonly tickSpacing: number;
  readonly net: ReadonlyMap<number, bigint>;
}

/**
 * What a swap gives, in the steps that Uniswap V3 takes: from one initialised tick, or end of a word of its bitmap, to
 * the next; the last one in part. Recorded answers of the chain say that it is right.
 */
export function quoteExactInput(pool: PlainPool, zeroForOne: boolean, amountIn: bigint): bigint {
  let { sqrtPriceX96: root, liquidity, tick } = pool;
  let left = amountIn;
  let out = 0n;
  while (left > 0n) {
    const edge = nextEdge(pool, tick, zeroForOne);
    if (Math.abs(edge) > 887_272) throw new Error("the pool is too small");
    const target = rootAtTick(edge);
    const whole = swapTo(root, target, liquidity, pool.fee);
    if (left >= whole.amountIn) {
      left -= whole.amountIn;
      out += whole.amountOut;
      root = target;
      const net = pool.net.get(edge) ?? 0n;
      liquidity += zeroForOne ? -net : net;
      tick = zeroForOne ? edge - 1 : edge;
      continue;
    }
    const netIn = (left * (FEE_BASE - pool.fee)) / FEE_BASE;
    const to = nextRoot(root, liquidity, netIn, zeroForOne);
    out += swapTo(root, to, liquidity, 0n).amountOut;
    left = 0n;
  }
  return out;
}

function nextRoot(root: bigint, liquidity: bigint, amount: bigint, zeroForOne: boolean): bigint {
  if (!zeroForOne) return root + (amount << 96n) / liquidity;
  const scaled = liquidity << 96n;
  const divisor = scaled + amount * root;
  return (scaled * root + divisor - 1n) / divisor;
}

function nextEdge({ net, tickSpacing }: PlainPool, tick: number, down: boolean): number {
  const at = Math.floor(tick / tickSpacing);
  const word = Math.floor((down ? at : at + 1) / 256);
  const end = (down ? word * 256 : word * 256 + 255) * tickSpacing;
  const edges = [...net.keys()].filter((edge) => (down ? edge <= tick && edge >= end : edge > tick && edge <= end));
  return edges.length === 0 ? end : down ? Math.max(...edges) : Math.min(...edges);
}
