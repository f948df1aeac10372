import { afterAll, beforeAll, expect, it } from "vitest";
import type { ChainLog, Hex } from "../../../ingest/evm/chain.js";
import { LogsBloom } from "../../../ingest/evm/logs-bloom.js";
import { logsOf, type RawLog } from "../../../ingest/evm/raw-chain.js";
import { UniswapRig } from "../dex/uniswap-rig.js";
import { Anvil } from "./anvil.js";

const token = 10n ** 18n;
let anvil: Anvil;
let uniswap: UniswapRig;
const blocks: { bloom: Hex; logs: ChainLog[] }[] = [];

beforeAll(async () => {
  const time = Math.floor(Date.now() / 1000) - 3_600;
  anvil = await Anvil.start(time);
  uniswap = new UniswapRig(anvil, time);
  await uniswap.deploy();
  for (let block = 0; block < 4; block++) {
    for (let swap = 0; swap < 3 * block; swap++) await uniswap.swap3(swap % 2 === 0, token);
    if (block % 2 === 1) await uniswap.swap2(true, token, token / 2n);
    await uniswap.mine();
  }
  const newest = Number(await anvil.rpc("eth_blockNumber"));
  for (let number = 0; number <= newest; number++) {
    const hex = `0x${number.toString(16)}`;
    const { logsBloom: bloom } = await anvil.rpc<{ logsBloom: Hex }>("eth_getBlockByNumber", hex, false);
    blocks.push({ bloom, logs: logsOf(await anvil.rpc<RawLog[]>("eth_getLogs", { fromBlock: hex, toBlock: hex })) });
  }
}, 60_000);
afterAll(() => anvil.kill());

it("a block's filter is what its logs make, as a node has made it", () => {
  expect(blocks.some(({ logs }) => logs.length > 10)).toBe(true);
  for (const { bloom, logs } of blocks) {
    const read = LogsBloom.read(bloom)!;
    expect(read.equals(LogsBloom.of(logs))).toBe(true);
    expect(read.covers(logs)).toBe(true);
  }
});

it("names the contracts whose wanted logs are missing, and none where they are there or not in the block", () => {
  const { bloom, logs } = blocks.at(-1)!;
  const read = LogsBloom.read(bloom)!;
  const wanted = logs.filter(({ address }) => address === uniswap.pool);
  const topics = [...new Set(wanted.map((log) => log.topics[0]!))];
  const filter = { addresses: [uniswap.pool, uniswap.me], topics };
  expect(read.missing(filter, [])).toEqual([uniswap.pool]);
  expect(read.missing(filter, wanted)).toEqual([]);
  expect(read.missing({ ...filter, topics: [`0x${"7".repeat(64)}`] }, [])).toEqual([]);
  const empty = LogsBloom.read(blocks[0]!.bloom)!;
  expect(empty.missing(filter, [])).toEqual([]);
  expect(empty.covers(wanted)).toBe(false);
});

it("is none where a chain has none", () => {
  for (const hex of [undefined, "0x", "0x00"] as const) expect(LogsBloom.read(hex)).toBeUndefined();
});
