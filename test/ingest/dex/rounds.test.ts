import { afterAll, beforeAll, expect, it } from "vitest";
import { interval } from "../../../schemas/kline-intervals.js";
import type { RawTick } from "../../../schemas/ticks.js";
import { bruteCandles, newest, plainOf } from "../../processors/brute-candles.js";
import { seed } from "../../processors/seed.js";
import { onePartition, recordsOf, TaskRig } from "../../processors/task-rig.js";
import { TcpLine } from "../../services/tcp-line.js";
import { Anvil } from "../evm/anvil.js";
import { until } from "../live-rig.js";
import { canonicalTrades, rounded } from "./canonical.js";
import { ChainRig, poolsOf, standing, V2, V3 } from "./chain-rig.js";
import { expectDepth } from "./expect-depth.js";
import { UniswapRig } from "./uniswap-rig.js";

const ROUNDS = 20;
const INTERVALS = ["1m", "5m", "1h"];
const token = 10n ** 18n;

/** mulberry32: the same seed plays the same rounds. */
let state = seed;
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
}

let anvil: Anvil;
let uniswap: UniswapRig;
let proxies: TcpLine[];
let rig: ChainRig;
let plant: TaskRig;
let shown = 0;
let looks = 0;
let logTime = 0;
/** Reorganisations of blocks that the plant had told. */
let reorganised = 0;

beforeAll(async () => {
  // long enough ago that no seed's blocks, 31 seconds apart at most, come to lie ahead of the clock
  const time = Math.floor(Date.now() / 1000) - 8 * 3_600;
  anvil = await Anvil.start(time);
  uniswap = new UniswapRig(anvil, time);
  await uniswap.deploy();
  proxies = [await TcpLine.start(anvil.port), await TcpLine.start(anvil.port)];
  rig = await ChainRig.open();
  const longKlineEmissionMs = onePartition.emissionMs;
  plant = new TaskRig({ ...onePartition, klineIntervals: INTERVALS, longKlineEmissionMs }, false);
  const rpcUrls = [`ws://127.0.0.1:${proxies[0]!.port}`, `http://127.0.0.1:${proxies[1]!.port}`];
  rig.start(anvil, { rpcUrls, startBlock: 0, pools: poolsOf(uniswap) });
});
afterAll(async () => {
  await rig.close();
  for (const proxy of proxies) await proxy.close();
  await anvil.kill();
});

async function mineBlocks(count: number): Promise<void> {
  for (let block = 0; block < count; block++) {
    for (let events = random(4); events > 0; events--) await act();
    await uniswap.mine(1 + random(30));
    // now and then the chain is looked at between its blocks
    if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve, random(40)));
  }
}

async function act(): Promise<void> {
  const amount = token + BigInt(random(1_000_000_000));
  switch (random(6)) {
    case 0:
      return uniswap.swap2(true, amount, amount);
    case 1:
      return uniswap.swap2(false, amount, amount / 4n);
    case 2:
      return uniswap.swap3(random(2) === 0, amount);
    case 3:
      return uniswap.swap3(random(2) === 0, -amount);
    case 4:
      return uniswap.mint3(-10 * (1 + random(30)), 10 * (1 + random(30)), amount);
    default:
      return uniswap.mint2(amount, 3n * amount);
  }
}

const mishaps: Readonly<Record<string, () => Promise<void>>> = {
  async reorganisation() {
    const depth = 1 + random(5);
    await mineBlocks(depth);
    const told = reorganised === 0 || random(2) === 0;
    if (told) await rig.caughtUp(anvil);
    await uniswap.rollback(depth);
    if (told) {
      // later than any block that it could have dropped: it is another for sure
      await uniswap.mine(31);
      reorganised++;
    }
    await mineBlocks(depth + random(3));
  },
  async "a reorganisation that is reorganised"() {
    await mineBlocks(4);
    await uniswap.rollback(3);
    await mineBlocks(2);
    await uniswap.rollback(1 + random(2));
    await mineBlocks(4);
  },
  async "a killed node that comes back as it was"() {
    await mineBlocks(2);
    await restart(await anvil.rpc("anvil_dumpState"));
    await mineBlocks(1 + random(3));
  },
  async "a killed node that has lost its last blocks"() {
    const dump = await anvil.rpc("anvil_dumpState");
    await mineBlocks(1 + random(5));
    await restart(dump);
    await mineBlocks(1 + random(8));
  },
  async disconnect() {
    for (const proxy of proxies) proxy.cut();
    await mineBlocks(1 + random(30));
    for (const proxy of proxies) proxy.mend();
    await mineBlocks(random(3));
  },
  async "connections that drop again and again"() {
    for (let drops = 5; drops > 0; drops--) {
      await mineBlocks(1);
      proxies[random(2)]!.drop();
    }
    if (random(2) === 0) await uniswap.rollback(1 + random(4));
    await mineBlocks(5);
  },
};

async function restart(dump: unknown): Promise<void> {
  await anvil.kill();
  await mineNothing(random(30));
  await anvil.run();
  await anvil.rpc("anvil_loadState", dump);
  await uniswap.resume();
}

const mineNothing = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the plant has is the chain's as it stands, swap by swap, and so are its K-lines. */
async function expectCanonical(symbol: string, address: `0x${string}`): Promise<number> {
  const instrument = await rig.instrument(symbol);
  const chain = (await canonicalTrades(anvil, uniswap, address)).map((trade) => {
    return { ...trade, price: rounded(trade.price, instrument.tickSize.length - 2) };
  });
  const wanted = chain.map(({ tradeId, price, qty }) => `${tradeId} ${price} ${qty}`);
  const ours = async () =>
    standing(await rig.trades(symbol)).map(({ tradeId, price, qty }) => `${tradeId} ${price} ${qty}`);
  await until(async () => JSON.stringify(await ours()) === JSON.stringify(wanted), `${symbol} is the chain's`).catch(
    () => {},
  );
  expect(await ours()).toEqual(wanted);
  await showPlant();
  const klines = plant.of("market.kline");
  for (const name of INTERVALS) {
    const last = [...newest(klines, instrument.exchange, name).values()];
    const traded = last.filter(({ trade_count }) => trade_count > 0).map(plainOf);
    expect(traded).toEqual([...bruteCandles(chain, interval(name).openTime).values()]);
  }
  return chain.length;
}

async function showPlant(): Promise<void> {
  const ticks = await rig.ticks();
  const fresh: RawTick[] = ticks.slice(shown);
  shown = ticks.length;
  // what is conflated is out once the log's time has gone on a little
  logTime = ticks.reduce((newest, { receiveTime }) => Math.max(newest, receiveTime), logTime) + 200_000;
  const beat: RawTick = {
    ...{ kind: "heartbeat", exchange: "", symbol: "", feeds: [] },
    exchangeTime: logTime,
    receiveTime: logTime,
  };
  // a session of its own, also where no tick has come since
  plant.process(recordsOf([...fresh, beat], 100, `look-${looks++}`));
}

it(`${ROUNDS} rounds of swaps, mints and mishaps: no event is lost or doubled, K-lines and depth are those of the chain alone`, async () => {
  const names = Object.keys(mishaps);
  let swaps = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const mishap = names[round < names.length ? round : random(names.length)]!;
    await uniswap.swap2(random(2) === 0, token, token / 4n);
    await mineBlocks(1 + random(3));
    await mishaps[mishap]!();
    await test(`round ${round}: ${mishap}`, async () => {
      swaps = (await expectCanonical(V3.symbol, uniswap.pool)) + (await expectCanonical(V2.symbol, uniswap.pair));
      for (const { symbol } of [V2, V3]) await expectDepth(rig, anvil, uniswap, symbol);
    });
  }
  expect(plant.refused).toEqual([]);
  expect(swaps).toBeGreaterThanOrEqual(ROUNDS);
  expect(reorganised).toBeGreaterThan(0);
  expect((await rig.metrics.chainReorgs.get()).values[0]!.value).toBeGreaterThanOrEqual(reorganised);
}, 120_000);

async function test(what: string, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    throw new Error(`TEST_SEED=${seed}, ${what}`, { cause: error });
  }
}
