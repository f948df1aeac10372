import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { plantConfig } from "../../../infra/config/plant-config.js";
import { createLogger } from "../../../infra/logging.js";
import { type Plant, startPlant } from "../../../plant/plant.js";
import type { Depth, Kline, Trade } from "../../../schemas/messages.js";
import { Anvil } from "../evm/anvil.js";
import { until } from "../live-rig.js";
import { UniswapRig } from "./uniswap-rig.js";

let anvil: Anvil;
let uniswap: UniswapRig;
let folder: string;
let plant: Plant;

beforeAll(async () => {
  const time = Math.floor(Date.now() / 1000) - 3_600;
  anvil = await Anvil.start(time);
  uniswap = new UniswapRig(anvil, time);
  await uniswap.deploy();
  folder = await mkdtemp(join(tmpdir(), "tickplant-chain-plant-"));
  const config = plantConfig.parse({
    dataFolder: folder,
    partitions: 2,
    logging: { level: process.env.TICKPLANT_TEST_LOG ?? "silent" },
    store: { port: 0 },
    push: { restPort: 0, webSocketPort: 0 },
    ingest: {
      chains: [
        {
          id: "local",
          rpcUrls: [anvil.webSocketUrl],
          pollMs: 20,
          pools: [{ address: uniswap.pool, symbol: "WETH/USDC" }],
          depth: { levels: 5, stepTicks: 100 },
        },
      ],
    },
  });
  plant = await startPlant(config, createLogger(config.logging));
}, 300_000);
afterAll(async () => {
  await plant?.stop();
  await anvil.kill();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

const ask = async <Answer>(path: string): Promise<Answer> =>
  (await (await fetch(`${plant.restUrl}/v1/${path}&symbol=WETH/USDC&exchange=uniswap-v3-500`)).json()) as Answer;

it("a pool's swaps, their K-line and its depth are served by the plant, and a reorganisation corrects them", async () => {
  const token = 10n ** 18n;
  await until(async () => (await ask<Depth>("depth?")).status === "live", "a live book");
  await uniswap.swap3(true, token);
  await uniswap.swap3(true, token);
  await uniswap.mine();
  const traded = async () => {
    const klines = await ask<Kline[]>("klines?interval=1h");
    return klines.map(({ trade_count, volume }) => [trade_count, volume]).filter(([count]) => count !== 0);
  };
  await until(async () => JSON.stringify(await traded()) === '[[2,"2"]]', "a K-line of two trades");
  const before = await ask<Depth>("depth?");
  await uniswap.rollback(1);
  await uniswap.swap3(false, -3n * token);
  await uniswap.mine();
  await until(async () => JSON.stringify(await traded()) === '[[1,"3"]]', "a K-line of the other trade alone");
  const trades = await ask<Trade[]>("trades?");
  expect(trades.map(({ retracts }) => retracts !== null).toSorted()).toEqual([false, false, false, true, true]);
  await until(async () => (await ask<Depth>("depth?")).asks[0]![1] !== before.asks[0]![1], "another depth");
}, 300_000);
