import type { LevelText } from "../../schemas/ticks.js";
import { formatUnits, type Units, unitsOf } from "../../schemas/units.js";
import { baseOf, type Pool } from "./pool.js";
import type { PoolState } from "./pool-state.js";
import { priceUnits, type Ratio, ratioOfRoot } from "./price.js";
import { FEE_BASE, MAX_TICK, rootAtTick, squareRoot, swapTo } from "./swap-maths.js";

export interface LadderShape {
  /** Levels a side at most. */
  readonly levels: number;
  /** Distance of the levels' prices in ticks of 0.01 %. */
  readonly stepTicks: number;
}

export interface Ladder {
  readonly bids: readonly LevelText[];
  readonly asks: readonly LevelText[];
}

/** Ticks whose liquidity is known, both ends included. */
export interface TickRange {
  readonly from: number;
  readonly to: number;
}

/**
 * A pool as an order book: the quantity of a level is what of the base currency one could buy, or sell, between the level
 * before it and its price. Prices are marginal and include the fee, rounded against whoever trades: all of a level is to
 * be had at its price or better. They lie on a fixed grid of ticks, so that levels keep their prices while the pool moves.
 *
 * @param known ticks whose liquidity is known: levels end there
 */
export function virtualDepth(pool: Pool, state: PoolState, shape: LadderShape, known: TickRange): Ladder {
  const start = startOf(state);
  if (start === undefined) return { bids: [], asks: [] };
  const up = levelsOf(pool, segments(state, start, pool.fee, shape, known, true), true);
  const down = levelsOf(pool, segments(state, start, pool.fee, shape, known, false), false);
  // the base currency leaves the pool as its price in the other one rises
  return pool.baseIsToken0 ? { asks: up, bids: down } : { asks: down, bids: up };
}

interface Start {
  readonly root: bigint;
  readonly tick: number;
  readonly liquidity: bigint;
}

/** Constant product is one range of all prices: its liquidity is √(x·y). */
function startOf(state: PoolState): Start | undefined {
  if (state.ratio === undefined) return undefined;
  if (state.protocol === "v3") return { root: state.sqrtPriceX96, tick: state.tick, liquidity: state.liquidity };
  const { reserve0, reserve1 } = state;
  const root = squareRoot((reserve1 << 192n) / reserve0);
  return { root, tick: tickOf(root), liquidity: squareRoot(reserve0 * reserve1) };
}

/** The greatest tick whose root is not above. */
export function tickOf(root: bigint): number {
  let low = -MAX_TICK;
  let high = MAX_TICK;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (rootAtTick(middle) <= root) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** From one price of the grid to the next: where it ends, and what a swap over all of it takes and gives. */
interface Segment {
  readonly end: bigint;
  readonly amountIn: bigint;
  readonly amountOut: bigint;
}

function* segments(
  state: PoolState,
  start: Start,
  fee: number,
  shape: LadderShape,
  known: TickRange,
  up: boolean,
): Generator<Segment> {
  const { stepTicks: step, levels } = shape;
  const limit = up ? Math.min(known.to, MAX_TICK) : Math.max(known.from, -MAX_TICK);
  const edges = [...state.net.keys()].filter((tick) => (up ? tick > start.tick : tick <= start.tick));
  edges.sort((a, b) => (up ? a - b : b - a));
  let { root, liquidity } = start;
  let grid = Math.floor(start.tick / step) * step + (up ? step : 0);
  let edge = 0;
  for (let found = 0; found < levels && (up ? grid <= limit : grid >= limit); grid += up ? step : -step) {
    let amountIn = 0n;
    let amountOut = 0n;
    const swap = (to: bigint): void => {
      if (to === root) return;
      const part = swapTo(root, to, liquidity, BigInt(fee));
      amountIn += part.amountIn;
      amountOut += part.amountOut;
      root = to;
    };
    for (; edge < edges.length && (up ? edges[edge]! <= grid : edges[edge]! > grid); edge++) {
      swap(rootAtTick(edges[edge]!));
      const net = state.net.get(edges[edge]!)!;
      liquidity += up ? net : -net;
    }
    swap(rootAtTick(grid));
    if (amountOut === 0n) continue;
    found += 1;
    yield { end: root, amountIn, amountOut };
  }
}

/** @param up token1 goes in, token0 comes out */
function levelsOf(pool: Pool, parts: Iterable<Segment>, up: boolean): LevelText[] {
  const isAsk = up === pool.baseIsToken0;
  const { decimals } = baseOf(pool);
  const levels: { price: Units; qty: bigint }[] = [];
  for (const { end, amountIn, amountOut } of parts) {
    const price = priceUnits(withFee(ratioOfRoot(end), pool.fee, up), pool, pool.priceDecimals, isAsk ? "up" : "down");
    const qty = isAsk ? amountOut : amountIn;
    const last = levels.at(-1);
    if (last !== undefined && last.price === price) last.qty += qty;
    else if (price !== 0) levels.push({ price, qty });
  }
  return levels.map(({ price, qty }) => [formatUnits(price, pool.priceDecimals), formatUnits(unitsOf(qty), decimals)]);
}

/** The fee is taken of what goes in: token1 upwards, token0 downwards. */
function withFee({ token0, token1 }: Ratio, fee: number, up: boolean): Ratio {
  const net = FEE_BASE - BigInt(fee);
  return up ? { token1: token1 * FEE_BASE, token0: token0 * net } : { token1: token1 * net, token0: token0 * FEE_BASE };
}

/** What turns one ladder into another: changed levels, and those that are gone with a quantity of zero. */
export function ladderChanges(before: Ladder, after: Ladder): Ladder {
  return { bids: sideChanges(before.bids, after.bids), asks: sideChanges(before.asks, after.asks) };
}

function sideChanges(before: readonly LevelText[], after: readonly LevelText[]): LevelText[] {
  const left = new Map(before.map(([price, qty]) => [price, qty]));
  const changes: LevelText[] = [];
  for (const [price, qty] of after) {
    if (left.get(price) !== qty) changes.push([price, qty]);
    left.delete(price);
  }
  for (const price of left.keys()) changes.push([price, "0"]);
  return changes;
}
