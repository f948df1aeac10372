import { Decimal } from "decimal.js";
import { encodeAbiParameters } from "viem";
import { afterAll, beforeAll, expect, it } from "vitest";
import { rowTexts } from "../../../infra/store/row-text.js";
import { onePartition, TaskRig } from "../../processors/task-rig.js";
import { Anvil } from "../evm/anvil.js";
import { ChainRig } from "./chain-rig.js";
import { nodeProxy } from "./node-proxy.js";
import { UniswapRig } from "./uniswap-rig.js";

const token = 10n ** 18n;
let anvil: Anvil;
let uniswap: UniswapRig;
let rig: ChainRig;
const exact = Decimal.clone({ precision: 200 });
beforeAll(async () => {
  const time = Math.floor(Date.now() / 1000) - 3_600;
  anvil = await Anvil.start(time);
  uniswap = new UniswapRig(anvil, time);
  await uniswap.deploy();
  rig = await ChainRig.open();
}, 60_000);
afterAll(async () => {
  await rig.close();
  await anvil.kill();
});

it("tokens of 24 and 27 decimals are exact, from the chain to candle and row", async () => {
  const decimals = [24, 27];
  const node = await nodeProxy(anvil.httpUrl, async (call, real) => {
    const { to = "", data = "" } = call.method === "eth_call" ? call.params[0] : {};
    const at = uniswap.tokens.indexOf(to.toLowerCase());
    if (at < 0 || !data.startsWith("0x313ce567")) return real();
    return { result: encodeAbiParameters([{ type: "uint8" }], [decimals[at]!]) };
  });
  const pool = { address: uniswap.pool, protocol: "v3", family: "uniswap-v3", priceDigits: 12 } as const;
  try {
    rig.start(anvil, {
      rpcUrls: [node.url],
      startBlock: 0,
      pools: [{ ...pool, symbol: "FINE/FINER", base: "token0" }],
    });
    await rig.caughtUp(anvil);
    const amounts = [token + 1n, 7n * token + 123_456_789n, 3n];
    for (const amount of amounts) {
      await uniswap.swap3(true, amount);
      await uniswap.mine();
    }
    await rig.caughtUp(anvil);
    const instrument = await rig.instrument("FINE/FINER");
    expect(instrument.lotSize).toBe(`0.${"0".repeat(23)}1`);
    const trades = await rig.trades("FINE/FINER");
    const wanted = amounts.map((amount) => new exact(String(amount)).div(new exact(10).pow(24)).toFixed());
    expect(trades.map(({ qty }) => qty)).toEqual(wanted);
    const plant = new TaskRig(
      { ...onePartition, emissionMs: 0, klineIntervals: ["1h", "1w"], longKlineEmissionMs: 0 },
      false,
    ).take(...(await rig.ticks()));
    expect(plant.refused).toEqual([]);
    const told = plant.of("market.trade");
    expect(told.map(({ qty }) => new exact(qty).toFixed())).toEqual(wanted);
    const klines = plant.of("market.kline").filter(({ interval }) => interval === "1w");
    const kline = klines.at(-1);
    const volume = wanted.reduce((sum, qty) => sum.plus(qty), new exact(0));
    const amount = told.reduce((sum, { price, qty }) => sum.plus(new exact(price).times(qty)), new exact(0));
    expect(new exact(kline!.volume).toFixed()).toBe(volume.toFixed());
    expect(new exact(kline!.quote_volume).toFixed()).toBe(amount.toFixed());
    expect(rowTexts["market.kline"].row(kline!)).toContain(`\t${kline!.quote_volume}\t`);
    for (const trade of told) expect(rowTexts["market.trade"].row(trade)).toContain(`\t${trade.qty}\t`);
  } finally {
    node.close();
  }
}, 60_000);
