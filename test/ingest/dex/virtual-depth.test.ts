import { describe, expect, it } from "vitest";
import type { Pool } from "../../../ingest/dex/pool.js";
import { PoolState } from "../../../ingest/dex/pool-state.js";
import { rootAtTick, squareRoot } from "../../../ingest/dex/swap-maths.js";
import { type Ladder, ladderChanges, tickOf, virtualDepth } from "../../../ingest/dex/virtual-depth.js";
import type { LevelText } from "../../../schemas/ticks.js";
import { big } from "../../processors/exact.js";
import { degenbot } from "./degenbot.js";
import { type PlainPool, quoteExactInput } from "./plain-quote.js";

interface Recorded {
  readonly scalars: { fee: number; tick_spacing: number; sqrt_price_x96: bigint; tick: number; liquidity: bigint };
  readonly tick_data: Readonly<Record<string, readonly [gross: bigint | number, net: bigint | number, block: number]>>;
}
interface Quotes {
  readonly entries: Readonly<Record<string, { readonly value?: bigint | number }>>;
}

const recorded = degenbot("chain_data/1/uniswap_v3_wbtc_weth_block_24407242.json") as Recorded;
const { scalars } = recorded;
const net = new Map(Object.entries(recorded.tick_data).map(([tick, [, value]]) => [Number(tick), BigInt(value)]));
const plain: PlainPool = {
  sqrtPriceX96: scalars.sqrt_price_x96,
  liquidity: scalars.liquidity,
  tick: scalars.tick,
  fee: BigInt(scalars.fee),
  tickSpacing: scalars.tick_spacing,
  net,
};
const quotes = Object.entries((degenbot("test_cached_calculations_v3_wbtc_weth.json") as Quotes).entries).flatMap(
  ([name, { value }]) => {
    const [, kind, pair, amount] = name.split("|");
    if (kind !== "quoteExactInputSingle" || value === undefined) return [];
    return [{ zeroForOne: pair === "WBTC->WETH", amountIn: BigInt(amount!), amountOut: BigInt(value) }];
  },
);

const wbtc: Pool = {
  protocol: "v3",
  chain: "ethereum",
  address: "0xcbcdf9626bc03e24f779434178a73a0b4bad62ed",
  fee: scalars.fee,
  tickSpacing: scalars.tick_spacing,
  token0: { address: "0x", symbol: "WBTC", decimals: 8 },
  token1: { address: "0x", symbol: "WETH", decimals: 18 },
  baseIsToken0: true,
  exchange: "uniswap-v3-3000",
  symbol: "WBTC/WETH",
  priceDecimals: 16,
};
const ALL = { from: -887_272, to: 887_272 };

function stateOf(): PoolState {
  const state = new PoolState("v3");
  const { sqrtPriceX96, liquidity, tick } = plain;
  Object.assign(state, { sqrtPriceX96, liquidity, tick, known: true });
  for (const [edge, value] of net) state.net.set(edge, value);
  return state;
}

/** Raw units of a token's amount as text. */
const raw = (text: string, decimals: number): bigint => big(text) / 10n ** BigInt(40 - decimals);

/** What the first so many levels are together, and what they are worth at their prices, in raw units of the quote. */
function sumOf(levels: readonly LevelText[], base: number, quote: number) {
  let qty = 0n;
  let worth = 0n;
  for (const [price, amount] of levels) {
    qty += raw(amount, base);
    worth += (big(price) * big(amount)) / 10n ** BigInt(80 - quote);
  }
  return { qty, worth };
}

describe("the arithmetic of concentrated liquidity", () => {
  it("gives every recorded answer of the chain's quoter, across ticks and words", () => {
    expect(quotes.length).toBeGreaterThan(30);
    for (const { zeroForOne, amountIn, amountOut } of quotes) {
      if (amountIn >= 1n << 128n) continue;
      expect(quoteExactInput(plain, zeroForOne, amountIn), `${zeroForOne} ${amountIn}`).toBe(amountOut);
    }
  });

  it("finds the tick of any root, at its edges too", () => {
    for (const tick of [-887_272, -50_000, -1, 0, 1, 12_345, 887_271]) {
      expect(tickOf(rootAtTick(tick))).toBe(tick);
      if (tick > -887_272) expect(tickOf(rootAtTick(tick) - 1n)).toBe(tick - 1);
    }
    expect(tickOf(plain.sqrtPriceX96)).toBe(plain.tick);
    for (const root of [0n, 1n, 2n, 3n, 4n, 10n ** 60n, 10n ** 60n - 1n]) {
      const found = squareRoot(root);
      expect(found * found <= root && (found + 1n) * (found + 1n) > root).toBe(true);
    }
  });
});

describe("the virtual depth of a recorded pool", () => {
  const ladder = virtualDepth(wbtc, stateOf(), { levels: 200, stepTicks: 10 }, ALL);

  it("is sorted, uncrossed, and its best prices lie a fee and a step around the pool's", () => {
    const prices = (levels: readonly LevelText[]) => levels.map(([price]) => big(price));
    const [bids, asks] = [prices(ladder.bids), prices(ladder.asks)];
    expect(bids).toHaveLength(200);
    expect(asks).toHaveLength(200);
    expect(asks).toEqual(asks.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(bids).toEqual(bids.toSorted((a, b) => (a > b ? -1 : 1)));
    const spread = Number(((asks[0]! - bids[0]!) * 100_000n) / bids[0]!);
    // two fees of 0.3 % and a step of 0.1 %
    expect(spread).toBeGreaterThan(600);
    expect(spread).toBeLessThan(801);
  });

  it.each([1, 2, 5, 20, 100, 200])(
    "selling all of the first %i bids brings at least what their prices say",
    (count) => {
      const { qty, worth } = sumOf(ladder.bids.slice(0, count), 8, 18);
      const brought = quoteExactInput(plain, true, qty);
      expect(brought).toBeGreaterThanOrEqual(worth);
      // and no more than a step's price better
      expect(brought).toBeLessThan((worth * 10_011n) / 10_000n);
    },
  );

  it.each([1, 2, 5, 20, 100, 200])("all of the first %i asks is had for at most what their prices say", (count) => {
    const { qty, worth } = sumOf(ladder.asks.slice(0, count), 8, 18);
    const got = quoteExactInput(plain, false, worth);
    expect(got).toBeGreaterThanOrEqual(qty);
    const cheaper = quoteExactInput(plain, false, (worth * 9_989n) / 10_000n);
    expect(cheaper).toBeLessThan(qty);
  });

  it("is the same book from the other token's side", () => {
    const flipped = virtualDepth({ ...wbtc, baseIsToken0: false }, stateOf(), { levels: 20, stepTicks: 10 }, ALL);
    // what one buys of the one is what one sells of the other
    const asks = sumOf(flipped.asks.slice(0, 20), 18, 8);
    expect(quoteExactInput(plain, true, asks.worth + 1n)).toBeGreaterThanOrEqual(asks.qty);
    const bids = sumOf(flipped.bids.slice(0, 20), 18, 8);
    expect(quoteExactInput(plain, false, bids.qty)).toBeGreaterThanOrEqual(bids.worth);
  });

  it("ends where liquidity is not known", () => {
    const near = virtualDepth(wbtc, stateOf(), { levels: 50, stepTicks: 10 }, { from: 265_200, to: 265_400 });
    expect(near.asks).toEqual(ladder.asks.slice(0, near.asks.length));
    expect(near.asks.length).toBeLessThan(15);
    expect(near.bids.length).toBeLessThan(10);
  });
});

describe("the virtual depth of a constant product", () => {
  const file = degenbot("pancakeswap_v2_weth_usdbc_block_46875151.json") as {
    reserves_token0: bigint;
    reserves_token1: number;
  };
  const answers = degenbot("test_pancakeswap_v2_router_get_amounts_out.json") as Quotes;
  const pool: Pool = {
    ...{ ...wbtc, protocol: "v2", fee: 2500, tickSpacing: 1, exchange: "pancakeswap-v2", symbol: "WETH/USDBC" },
    token0: { address: "0x", symbol: "WETH", decimals: 18 },
    token1: { address: "0x", symbol: "USDbC", decimals: 6 },
    priceDecimals: 12,
  };
  const state = new PoolState("v2");
  state.apply({ kind: "sync", reserve0: file.reserves_token0, reserve1: BigInt(file.reserves_token1) });
  const ladder = virtualDepth(pool, state, { levels: 500, stepTicks: 100 }, ALL);

  it("holds against the recorded answers of the router, within a step of its prices", () => {
    let compared = 0;
    for (const [name, { value }] of Object.entries(answers.entries)) {
      const [, , pair, amount] = name.split("|");
      const amountIn = BigInt(amount!);
      const out = BigInt(value!);
      const selling = pair === "WETH->USDbC";
      // of amounts in the last units of a token the rounding is all
      if (out < 10_000n) continue;
      compared += 1;
      const { best, worst } = selling ? sell(ladder.bids, amountIn) : buy(ladder.asks, amountIn);
      expect(out, name).toBeGreaterThanOrEqual(worst);
      expect(out, name).toBeLessThanOrEqual(best);
    }
    expect(compared).toBeGreaterThan(6);
  });

  /** What an amount of WETH brings: at the levels' prices at worst, at a step better at best. */
  function sell(bids: readonly LevelText[], amountIn: bigint) {
    let left = amountIn;
    let worst = 0n;
    for (const [price, qty] of bids) {
      const whole = raw(qty, 18);
      if (left < whole) return bounds(worst + (left * big(price)) / 10n ** 52n);
      worst += (whole * big(price)) / 10n ** 52n;
      left -= whole;
    }
    return bounds(worst);
  }

  /** What an amount of USDbC buys. */
  function buy(asks: readonly LevelText[], amountIn: bigint) {
    let left = amountIn * 10n ** 52n;
    let worst = 0n;
    for (const [price, qty] of asks) {
      const whole = raw(qty, 18) * big(price);
      if (left < whole) {
        worst += left / big(price);
        break;
      }
      worst += raw(qty, 18);
      left -= whole;
    }
    return bounds(worst);
  }

  const bounds = (worst: bigint) => ({ worst, best: (worst * 1_011n) / 1_000n + 1n });
});

it("the changes of one ladder into another are just the levels that differ", () => {
  const before: Ladder = {
    bids: [
      ["9", "1"],
      ["8", "2"],
    ],
    asks: [["11", "1"]],
  };
  const after: Ladder = {
    bids: [
      ["9", "1"],
      ["7", "5"],
    ],
    asks: [["11", "3"]],
  };
  expect(ladderChanges(before, after)).toEqual({
    bids: [
      ["7", "5"],
      ["8", "0"],
    ],
    asks: [["11", "3"]],
  });
  expect(ladderChanges(after, after)).toEqual({ bids: [], asks: [] });
});
