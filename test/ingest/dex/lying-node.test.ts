import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Anvil } from "../evm/anvil.js";
import { until } from "../live-rig.js";
import { ChainRig, poolsOf, V3 } from "./chain-rig.js";
import { HONEST, LyingNode } from "./lying-node.js";
import { type Answer, type Call, nodeProxy, type Rule } from "./node-proxy.js";
import { UniswapRig } from "./uniswap-rig.js";

const token = 10n ** 18n;
let anvil: Anvil;
let uniswap: UniswapRig;
let rig: ChainRig;
const ends: (() => void)[] = [];
beforeEach(async () => {
  const time = Math.floor(Date.now() / 1000) - 36_000;
  anvil = await Anvil.start(time);
  uniswap = new UniswapRig(anvil, time);
  await uniswap.deploy();
  rig = await ChainRig.open();
}, 60_000);
afterEach(async () => {
  await rig.close();
  for (const end of ends.splice(0)) end();
  await anvil.kill();
});

async function proxy(rule: Rule): Promise<string> {
  const { url, close } = await nodeProxy(anvil.httpUrl, rule);
  ends.push(close);
  return url;
}

const swaps = async (count: number) => {
  for (let block = 0; block < count; block++) {
    await uniswap.swap3(block % 2 === 0, token);
    await uniswap.mine();
  }
};
const tradesAre = (count: number) =>
  until(async () => (await rig.trades(V3.symbol)).length === count, `${count} trades`, 20_000);
const refused = async (reason: string) => {
  const { values } = await rig.metrics.chainAnswersRefused.get();
  return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
};
const isRange = ({ method, params }: Call) => method === "eth_getLogs" && params[0].fromBlock !== params[0].toBlock;
const withoutBloom = (answer: Answer): Answer =>
  answer.result ? { result: { ...(answer.result as object), logsBloom: `0x${"0".repeat(512)}` } } : answer;

describe("a node that answers a block's logs with none, though the block has some,", () => {
  const lie = (armed: { isArmed: boolean }, times = 1): Rule => {
    let left = times;
    return async (call, real) => {
      if (call.method !== "eth_getLogs" || !armed.isArmed || left === 0) return real();
      left -= 1;
      return { result: [] };
    };
  };

  it.each([1, 2, 3])("is asked again, %i times if need be, and its receipts settle it", async (times) => {
    const armed = { isArmed: false };
    rig.start(anvil, { rpcUrls: [await proxy(lie(armed, times))], startBlock: 0, pools: poolsOf(uniswap) });
    await rig.caughtUp(anvil);
    await swaps(1);
    await tradesAre(1);
    armed.isArmed = true;
    await swaps(1);
    await tradesAre(2);
    expect(await refused("logs_missing")).toBeGreaterThan(0);
  });

  it("for ever, is made up for by the next node, or by receipts", async () => {
    const armed = { isArmed: true };
    const liar = await proxy(lie(armed, Number.POSITIVE_INFINITY));
    rig.start(anvil, { rpcUrls: [liar], startBlock: 0, pools: poolsOf(uniswap) });
    await swaps(2);
    await tradesAre(2);
  });

  it("is not believed on a chain whose logsBloom is empty: receipts tell", async () => {
    const url = await proxy(async (call, real) => {
      if (call.method === "eth_getLogs") return { result: [] };
      return call.method.startsWith("eth_getBlockBy") ? withoutBloom(await real()) : real();
    });
    rig.start(anvil, { rpcUrls: [url], startBlock: 0, pools: poolsOf(uniswap) });
    await swaps(3);
    await tradesAre(3);
  });

  it("is not believed where there are neither logsBloom nor receipts: the second node tells", async () => {
    const bare =
      (isLiar: boolean): Rule =>
      async (call, real) => {
        if (call.method === "eth_getBlockReceipts") return { error: { code: -32_601, message: "Method not found" } };
        if (call.method === "eth_getLogs" && isLiar) return { result: [] };
        return call.method.startsWith("eth_getBlockBy") ? withoutBloom(await real()) : real();
      };
    const rpcUrls = [await proxy(bare(true)), await proxy(bare(false))];
    rig.start(anvil, { rpcUrls, startBlock: 0, pools: poolsOf(uniswap) });
    await swaps(3);
    await tradesAre(3);
  });

  it("in a range is not believed either: each block is held against its logs", async () => {
    await swaps(30);
    const url = await proxy(async (call, real) => (isRange(call) ? { result: [] } : real()));
    rig.start(anvil, { rpcUrls: [url], startBlock: 0, reorgDepth: 4, logRange: 10, pools: poolsOf(uniswap) });
    await tradesAre(30);
    expect(await refused("logs_missing")).toBeGreaterThan(0);
  });
});

describe("a limit", () => {
  const limits: readonly (readonly [name: string, answer: Answer])[] = [
    ["-32005 in words of rates", { error: { code: -32_005, message: "request rate exceeded" } }],
    ["429 as a code", { error: { code: 429, message: "exceeded its compute units per second capacity" } }],
    ["429 of HTTP, with a time", { status: 429, headers: { "retry-after": "0" }, result: null }],
    ["429 of HTTP with an error", { status: 429, error: { code: -32_000, message: "slow down" } }],
    ["words alone", { error: { code: -32_000, message: "Too many requests, please try again later" } }],
  ];
  it.each(limits)("that passes does not leave one block a query: %s", async (_name, answer) => {
    for (let block = 0; block < 120; block++) await uniswap.mine();
    const ranges: number[] = [];
    const url = await proxy(async (call, real) => {
      if (!isRange(call)) return real();
      ranges.push(Number(call.params[0].toBlock) - Number(call.params[0].fromBlock) + 1);
      return ranges.length <= 6 ? answer : real();
    });
    const range = { reorgDepth: 4, logRange: 60, checkRanges: false };
    rig.start(anvil, { rpcUrls: [url], startBlock: 0, ...range, pools: poolsOf(uniswap) });
    await rig.caughtUp(anvil);
    expect(ranges.slice(0, 7)).toEqual(Array.from({ length: 7 }, () => 60));
    expect(ranges.length).toBeLessThan(12);
  });

  it("of size halves the range, which grows again where the node takes more", async () => {
    for (let block = 0; block < 200; block++) await uniswap.mine();
    const ranges: number[] = [];
    let most = 12;
    const url = await proxy(async (call, real) => {
      if (!isRange(call)) return real();
      const blocks = Number(call.params[0].toBlock) - Number(call.params[0].fromBlock) + 1;
      ranges.push(blocks);
      if (Number(call.params[0].fromBlock) > 80) most = 1_000;
      if (blocks <= most) return real();
      return { error: { code: -32_005, message: "query returned more than 10000 results" } };
    });
    const range = { reorgDepth: 4, logRange: 60, checkRanges: false };
    rig.start(anvil, { rpcUrls: [url], startBlock: 0, ...range, pools: poolsOf(uniswap) });
    await rig.caughtUp(anvil);
    expect(ranges.slice(0, 4)).toEqual([60, 30, 15, 8]);
    expect(Math.max(...ranges.slice(4))).toBeGreaterThan(16);
    expect(ranges.length).toBeLessThan(40);
  });
});

describe("a node without EIP-1898", () => {
  it.each([
    "invalid argument 1: json: cannot unmarshal object into Go value of type string",
    "unknown field `blockHash`",
  ])("is asked by number, and is not taken for one without the pools: %s", async (message) => {
    const hashes: string[] = [];
    const url = await proxy(async (call, real) => {
      if (!call.params.some((param) => param?.blockHash !== undefined)) return real();
      hashes.push(call.method);
      return { error: { code: -32_602, message } };
    });
    rig.start(anvil, { rpcUrls: [url], startBlock: 0, pools: poolsOf(uniswap) });
    await swaps(3);
    await tradesAre(3);
    await rig.caughtUp(anvil);
    expect(new Set(hashes)).toEqual(new Set(["eth_call"]));
    expect(hashes.length).toBeLessThan(5);
  });

  it("whose block is another by the time that it answers is asked again", async () => {
    let isTurned = false;
    const url = await proxy(async (call, real) => {
      if (call.params.some((param) => param?.blockHash !== undefined)) {
        return { error: { code: -32_602, message: "invalid params" } };
      }
      if (call.method === "eth_call" && !isTurned) {
        isTurned = true;
        await anvil.rpc("anvil_rollback", 1);
        await uniswap.resume();
        await uniswap.mint3(-1000, 1000, token);
        await uniswap.mine(5);
      }
      return real();
    });
    await uniswap.mine();
    rig.start(anvil, { rpcUrls: [url], startBlock: 0, pools: poolsOf(uniswap) });
    await rig.caughtUp(anvil);
    await swaps(2);
    await tradesAre(2);
    expect(isTurned).toBe(true);
  });
});

it("contracts that answer nothing now and then are pools all the same", async () => {
  let calls = 0;
  const url = await proxy(async (call, real) =>
    call.method === "eth_call" && calls++ % 3 === 0 ? { result: "0x" } : real(),
  );
  rig.start(anvil, { rpcUrls: [url], startBlock: 0, pools: poolsOf(uniswap) });
  await swaps(2);
  await tradesAre(2);
  expect(await refused("call_empty")).toBeGreaterThan(0);
});

it("a node that lags is waited for, and is not taken for a reorganisation", async () => {
  const node = await LyingNode.start(anvil.httpUrl, Math.random);
  ends.push(() => node.close());
  // its pools are older than it lags: of a block before them it says rightly that there are none
  for (let block = 0; block < 4; block++) await uniswap.mine();
  node.lies = { ...HONEST, lag: 0.5 };
  rig.start(anvil, { rpcUrls: [node.url], startBlock: 0, pools: poolsOf(uniswap) });
  await swaps(12);
  await tradesAre(12);
  expect((await rig.metrics.chainReorgs.get()).values).toEqual([]);
});
