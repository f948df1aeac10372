import { Decimal } from "decimal.js";
import { describe, expect, it } from "vitest";
import { readPoolLog } from "../../../ingest/dex/events.js";
import { knownPool } from "../../../ingest/dex/known-pools.js";
import type { Pool } from "../../../ingest/dex/pool.js";
import { PoolState } from "../../../ingest/dex/pool-state.js";
import { priceDecimals, priceText, ratioOfRoot } from "../../../ingest/dex/price.js";
import type { ChainLog, Hex } from "../../../ingest/evm/chain.js";
import { newest } from "../../processors/brute-candles.js";
import { csvOf, linesOf, messagesOf, replayed, seldom } from "../../processors/raw-recording.js";
import { recording } from "../../recordings.js";

const BUSY = "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640";
const QUIET = "0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8";
const fileOf = (pool: string, what: string) => `demeter-fetch/ethereum-${pool}-2024-01-05.${what}.csv.00-12h.gz`;

const MINUTE = 60_000_000;
const microsOf = (stamp: string): number => Date.parse(`${stamp.replace(" ", "T")}Z`) * 1000;

/** A raw row, split by hand: its topics hold the only commas in quotes. */
function logsOf(pool: Hex): ChainLog[] {
  return linesOf(fileOf(pool, "raw"))
    .slice(1)
    .map((line) => {
      const [head, topics, data] = line.trimEnd().split('"') as [string, string, string];
      const [block, , hash, index, logIndex] = head.split(",") as [string, string, string, string, string];
      return {
        address: pool,
        blockNumber: Number(block),
        blockHash: "0x",
        transactionHash: hash as Hex,
        transactionIndex: Number(index),
        logIndex: Number(logIndex),
        topics: topics.replace(/[[\]' ]/g, "").split(",") as Hex[],
        data: data.slice(1) as Hex,
      };
    });
}

/** floor(log1.0001 P) by arithmetic of 60 digits. */
const Precise = Decimal.clone({ precision: 60 });
const LOG_BASE = new Precise("1.0001").ln();
const tickOf = (ratio: Decimal): number => ratio.ln().div(LOG_BASE).floor().toNumber();
/** token1 per token0 in raw units of a WETH/USDC price. */
const ratioOfPrice = (price: string) => new Precise(10).pow(12).div(price);

describe.each([
  [BUSY, 2934],
  [QUIET, 187],
] as const)("pool %s", (address, count) => {
  const expected = csvOf(fileOf(address, "pool.tick"));

  it(`all ${count} events decode to the rows of another implementation`, () => {
    const state = new PoolState("v3");
    const logs = logsOf(address);
    expect(logs).toHaveLength(count);
    const rows = logs.map((log) => {
      const event = readPoolLog(log)!;
      state.apply(event);
      const common = {
        block_number: String(log.blockNumber),
        transaction_hash: log.transactionHash,
        log_index: String(log.logIndex),
        tx_type: event.kind.toUpperCase(),
        // before the first swap the other implementation knows neither
        ...(state.known && { sqrtPriceX96: String(state.sqrtPriceX96), current_tick: `${state.tick}.0` }),
        ...(event.kind === "swap" && { total_liquidity: String(state.liquidity) }),
      };
      if (event.kind === "swap") {
        const { amount0, amount1, sender, recipient } = event;
        return { ...common, sender, receipt: recipient, amount0: String(amount0), amount1: String(amount1) };
      }
      if (event.kind === "sync" || event.kind === "initialize") throw new Error(`a ${event.kind} of a v3 pool`);
      const { owner, sender = owner, recipient = "", amount0, amount1, range } = event;
      return {
        ...common,
        sender,
        receipt: recipient,
        amount0: String(amount0),
        amount1: String(amount1),
        tick_lower: `${range!.tickLower}.0`,
        tick_upper: `${range!.tickUpper}.0`,
        liquidity: range!.liquidity === undefined ? "" : String(range!.liquidity),
      };
    });
    expect(rows).toHaveLength(expected.length);
    expect(rows.filter(({ tx_type }) => tx_type === "SWAP").length).toBeGreaterThan(100);
    for (const [at, row] of rows.entries()) expect(expected[at]).toMatchObject(row);
  });

  it("liquidity in range after mints and burns is what the next swap within the same range of ticks says", () => {
    const spacing = knownPool("ethereum", address)!.tickSpacing;
    const state = new PoolState("v3");
    let changed = false;
    let compared = 0;
    for (const log of logsOf(address)) {
      const event = readPoolLog(log)!;
      const { known, tick, liquidity } = state;
      state.apply(event);
      if (event.kind === "mint" || event.kind === "burn") changed ||= known && state.liquidity !== liquidity;
      if (event.kind !== "swap") continue;
      if (known && Math.floor(state.tick / spacing) === Math.floor(tick / spacing)) {
        expect(liquidity, log.transactionHash).toBe(state.liquidity);
        if (changed) compared += 1;
      }
      changed = false;
    }
    expect(compared).toBeGreaterThan(address === BUSY ? 10 : 0);
  });

  it("prices equal those of another implementation to 15 digits", () => {
    const known = knownPool("ethereum", address)!;
    const rows = csvOf(fileOf(address, "rel-price"));
    expect(rows.length).toBe(720);
    for (const row of rows) {
      const ratio = ratioOfRoot(BigInt(row.sqrtPriceX96!));
      const theirs = (row.eth ?? row.weth)!;
      const pool: Pool = { ...known, priceDecimals: priceDecimals(ratio, known, 18) };
      const ours = new Precise(priceText(ratio, pool));
      expect(ours.precision()).toBeLessThanOrEqual(18);
      expect(ours.div(theirs).minus(1).abs().lt("1e-15"), `${row.block_timestamp}: ${ours} ${theirs}`).toBe(true);
    }
  });

  it("replay gives a trade for each swap that moved the base currency, and its exact price", async () => {
    const { outputs, refused, report } = await replayed({ files: [recording(fileOf(address, "raw"))] }, [
      "market.trade",
    ]);
    expect(refused).toEqual([]);
    expect(report.problemCount).toBe(0);
    const trades = messagesOf(outputs, "market.trade");
    const swaps = expected.filter((row) => row.tx_type === "SWAP" && row.amount1 !== "0");
    expect(trades).toHaveLength(swaps.length);
    for (const [at, trade] of trades.entries()) {
      const swap = swaps[at]!;
      const amount = new Precise(swap.amount1!);
      const price = new Precise(2).pow(192).mul("1e12").div(new Precise(swap.sqrtPriceX96!).pow(2));
      expect(trade).toMatchObject({
        symbol: "WETH/USDC",
        exchange: `uniswap-v3-${address === BUSY ? 500 : 3000}`,
        trade_id: `${swap.transaction_hash}:${swap.log_index}`,
        price: price.toDecimalPlaces(14, Decimal.ROUND_HALF_EVEN).toFixed(),
        qty: amount.abs().div("1e18").toFixed(),
        side: amount.isNegative() ? "buy" : "sell",
        timestamp: microsOf(swap.block_timestamp!),
      });
    }
  });
});

describe("minute bars", () => {
  const bars = csvOf(fileOf(BUSY, "minute"));
  const swaps = csvOf(fileOf(BUSY, "pool.tick")).filter((row) => row.tx_type === "SWAP");

  it("from decoded swaps equal the recorded ones in ticks, amount0 and liquidity", () => {
    const state = new PoolState("v3");
    interface Bar {
      ticks: number[];
      net: bigint;
      taken: bigint;
      liquidity: bigint;
    }
    const ours = new Map<number, Bar>();
    const times = csvOf(fileOf(BUSY, "pool.tick")).map((row) => microsOf(row.block_timestamp!));
    for (const [at, log] of logsOf(BUSY).entries()) {
      const event = readPoolLog(log)!;
      state.apply(event);
      if (event.kind !== "swap") continue;
      const minute = times[at]! - (times[at]! % MINUTE);
      const bar = ours.get(minute) ?? { ticks: [], net: 0n, taken: 0n, liquidity: 0n };
      ours.set(minute, bar);
      bar.ticks.push(state.tick);
      bar.net += event.amount0;
      if (event.amount0 > 0n) bar.taken += event.amount0;
      bar.liquidity = state.liquidity;
    }
    let compared = 0;
    for (const row of bars) {
      const bar = ours.get(microsOf(row.timestamp!));
      if (bar === undefined) {
        expect(row).toMatchObject({ netAmount0: "0", inAmount0: "0" });
        continue;
      }
      compared += 1;
      expect({ ...row }).toMatchObject({
        openTick: `${bar.ticks[0]}.0`,
        closeTick: `${bar.ticks.at(-1)}.0`,
        lowestTick: `${Math.min(...bar.ticks)}.0`,
        highestTick: `${Math.max(...bar.ticks)}.0`,
        netAmount0: String(bar.net),
        inAmount0: String(bar.taken),
        currentLiquidity: String(bar.liquidity),
      });
    }
    expect(compared).toBe(ours.size);
    expect(compared).toBeGreaterThan(500);
  });

  it("are the plant's K-lines: their prices lie in the recorded ticks, volume and count are the swaps'", async () => {
    const files = [recording(fileOf(BUSY, "raw"))];
    const { outputs } = await replayed({ files }, ["market.kline"], seldom);
    const klines = newest(messagesOf(outputs, "market.kline"), "uniswap-v3-500", "1m");
    let compared = 0;
    for (const row of bars) {
      const time = microsOf(row.timestamp!);
      const within = swaps.filter((swap) => {
        const at = microsOf(swap.block_timestamp!);
        return at >= time && at < time + MINUTE;
      });
      if (within.length === 0) continue;
      compared += 1;
      const kline = klines.get(time)!;
      // a falling ratio is a rising price of WETH
      expect(
        [kline.open, kline.close, kline.high, kline.low].map((price) => `${tickOf(ratioOfPrice(price))}.0`),
        row.timestamp,
      ).toEqual([row.openTick, row.closeTick, row.lowestTick, row.highestTick]);
      const volume = within.reduce((sum, swap) => sum.plus(new Precise(swap.amount1!).abs()), new Precise(0));
      expect(kline.volume).toBe(volume.div("1e18").toFixed());
      expect(kline.trade_count).toBe(within.length);
    }
    expect(compared).toBeGreaterThan(500);
  });
});
