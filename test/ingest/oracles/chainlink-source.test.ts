import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { oraclesConfig } from "../../../infra/config/oracle-config.js";
import { chainlinkSource } from "../../../ingest/oracles/chainlink/chainlink-source.js";
import { sourceCases } from "../../conformance/source-table.js";
import { nodeProxy } from "../dex/node-proxy.js";
import { oracleRig } from "./oracle-rig.js";
import { PriceFeedChain } from "./price-feed-rig.js";

type Hex = `0x${string}`;
type Rig = Awaited<ReturnType<typeof oracleRig>>;

let chain: PriceFeedChain;
let aggregator: Hex;
let proxy: Hex;
let rig: Rig | undefined;

beforeAll(async () => {
  chain = await PriceFeedChain.start();
}, 300_000);
afterAll(() => chain?.anvil.kill());
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

const books = "an oracle has no book";
const conforms = sourceCases("chainlink", {
  V02: "a chain is asked for all feeds at once",
  V04: "an oracle has no quote",
  ...{ V05: books, V06: books, V07: books },
  V12: "nodes say it in ways of their own; a refusal is tried again like any failure",
  V13: "nodes announce no end",
  V14: "requests stand alone",
  V17: "feeds are configured; one that is given up is stale",
});
const patience = { timeout: 10_000, interval: 20 };

async function newFeed(decimals = 8): Promise<void> {
  aggregator = await chain.aggregator(decimals, "BTC / USD");
  proxy = await chain.proxy(aggregator);
}

async function begin(more: object = {}, feeds?: object[], clock?: () => number): Promise<Rig> {
  const { chainlink } = oraclesConfig.parse({
    chainlink: [
      {
        rpcUrls: [chain.anvil.httpUrl],
        feeds: feeds ?? [{ symbol: "BTC/USD", proxy }],
        pollMs: 50,
        checkSeconds: 3_600,
        ...more,
      },
    ],
  });
  rig = await oracleRig(chainlinkSource({ ...chainlink[0]!, backoff: { baseMs: 20, capMs: 100 } }), clock);
  return rig;
}

const prices = async () => (await rig!.prices()).map(({ price }) => price);
const phase = (number: number, round: number) => String((BigInt(number) << 64n) + BigInt(round));

conforms("V01 V03 V15 V18", "takes the last answer through the proxy, then every one by its log", async () => {
  await newFeed();
  const first = await chain.answer(aggregator, 6_183_763_000_000n);
  const { ingest } = await begin();
  await expect.poll(prices, patience).toEqual(["61837.63"]);
  await expect.poll(() => ingest.isReady, patience).toBe(true);
  // two in one block, too
  const second = await chain.answer(aggregator, 6_184_000_000_001n, 6_190_000_000_000n);
  await expect.poll(prices, patience).toEqual(["61837.63", "61840.00000001", "61900"]);
  expect(await rig!.prices()).toMatchObject([
    { exchange: "chainlink", symbol: "BTC/USD", exchangeTime: first * 1e6, roundId: phase(1, 1) },
    { exchangeTime: second * 1e6, roundId: phase(1, 2) },
    { roundId: phase(1, 3) },
  ]);
  expect(ingest.feeds()).toMatchObject([{ exchange: "chainlink", feed: "chain", connected: true }]);
});

it("follows the proxy to another aggregator, under the next phase", async () => {
  await newFeed();
  await chain.answer(aggregator, 100n);
  await begin({ checkSeconds: 1 });
  await expect.poll(prices, patience).toEqual(["0.000001"]);
  const next = await chain.aggregator(8, "BTC / USD");
  await chain.answer(next, 200n);
  await chain.call("Proxy", proxy, "change", next);
  await chain.mine();
  await expect
    .poll(async () => {
      await chain.mine();
      return prices();
    }, patience)
    .toEqual(["0.000001", "0.000002"]);
  await chain.answer(aggregator, 300n);
  await chain.answer(next, 400n);
  await expect.poll(prices, patience).toEqual(["0.000001", "0.000002", "0.000004"]);
  expect((await rig!.prices()).map(({ roundId }) => roundId)).toEqual([phase(1, 1), phase(2, 1), phase(2, 2)]);
});

conforms("V09", "takes back what a reorganisation drops, and goes on with what replaces it", async () => {
  await newFeed();
  await chain.answer(aggregator, 100n);
  await begin();
  await expect.poll(prices, patience).toHaveLength(1);
  const before = await chain.snapshot();
  await chain.answer(aggregator, 200n);
  await expect.poll(prices, patience).toHaveLength(2);
  await chain.revert(before);
  await chain.mine(20);
  await chain.mine();
  await expect.poll(prices, patience).toEqual(["0.000001", "0.000002", "0.000001"]);
  await chain.answer(aggregator, 250n);
  await expect.poll(prices, patience).toEqual(["0.000001", "0.000002", "0.000001", "0.0000025"]);
  expect((await rig!.prices()).map(({ roundId }) => roundId)).toEqual([1, 2, 1, 2].map((round) => phase(1, round)));
});

it("takes back what was the last answer at the start, when its block is dropped", async () => {
  await newFeed();
  await chain.answer(aggregator, 100n);
  const before = await chain.snapshot();
  await chain.answer(aggregator, 200n);
  await begin();
  await expect.poll(prices, patience).toEqual(["0.000002"]);
  await expect.poll(() => rig!.ingest.isReady, patience).toBe(true);
  await chain.revert(before);
  await chain.mine(20);
  await chain.mine();
  await expect.poll(prices, patience).toEqual(["0.000002", "0.000001"]);
});

conforms("V08 V10", "misses nothing while the node is away, and doubles nothing", async () => {
  await newFeed();
  await chain.answer(aggregator, 100n);
  let away = false;
  // the node is there all along; the way to it is not
  const { createServer, request } = await import("node:http");
  const between = createServer((incoming, outgoing) => {
    if (away) {
      incoming.socket.destroy();
      return;
    }
    const target = request(chain.anvil.httpUrl, { method: "POST", headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    target.on("error", () => outgoing.destroy());
    incoming.pipe(target);
  });
  await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
  const { port } = between.address() as { port: number };
  try {
    const { ingest } = await begin({ rpcUrls: [`http://127.0.0.1:${port}`] });
    await expect.poll(prices, patience).toHaveLength(1);
    away = true;
    await expect.poll(() => ingest.feeds()[0]!.connected, patience).toBe(false);
    for (let answer = 2n; answer < 9n; answer++) await chain.answer(aggregator, answer * 100n);
    away = false;
    await expect.poll(prices, patience).toHaveLength(8);
    expect(await prices()).toEqual(Array.from({ length: 8 }, (_, index) => `0.00000${index + 1}`));
  } finally {
    between.close();
    between.closeAllConnections();
  }
});

conforms("V11 V16", "refuses what is no price, once and with its reason, and a contract that is no feed", async () => {
  await newFeed(2);
  await chain.call("Aggregator", aggregator, "skip");
  await chain.mine();
  const { letters, ingest } = await begin({ checkSeconds: 1 }, [
    { symbol: "BTC/USD", proxy },
    { symbol: "ETH/USD", proxy: chain.from },
  ]);
  await expect.poll(async () => (await letters()).length, patience).toBe(1);
  await chain.answer(aggregator, -5n);
  await chain.answer(aggregator, 12_345n);
  await expect.poll(prices, patience).toEqual(["123.45"]);
  expect((await letters()).map(({ reason, detail }) => [reason, detail.replace(/; from.*$/, "")])).toEqual([
    ["round_empty", "BTC/USD: round 1 of phase 1 was never answered (updatedAt is 0)"],
    ["not_positive", "BTC/USD: round 2 of phase 1 has the answer -5"],
  ]);
  expect(ingest.isReady).toBe(true);
});

conforms("V19", "says when an answer is older than heartbeat and grace", async () => {
  await newFeed();
  const at = await chain.answer(aggregator, 100n);
  let now = (at + 3_800) * 1e6;
  const { gauge } = await begin({}, undefined, () => now++);
  await expect.poll(() => gauge("oracleStale", "BTC/USD"), patience).toBe(0);
  now = (at + 3_901) * 1e6;
  await expect.poll(() => gauge("oracleStale", "BTC/USD"), patience).toBe(1);
  expect(await gauge("oracleAge", "BTC/USD")).toBeGreaterThan(3_900);
});

it("believes no node that leaves out answers, or has none of the contracts now and then", async () => {
  await newFeed();
  await chain.answer(aggregator, 100n);
  let calls = 0;
  const node = await nodeProxy(chain.anvil.httpUrl, async (call, real) => {
    if (call.method === "eth_getLogs") return { result: [] };
    return call.method === "eth_call" && calls++ % 3 === 0 ? { result: "0x" } : real();
  });
  try {
    await begin({ rpcUrls: [node.url] });
    await expect.poll(prices, patience).toEqual(["0.000001"]);
    await expect.poll(() => rig!.ingest.isReady, patience).toBe(true);
    await chain.answer(aggregator, 200n, 300n);
    await chain.answer(aggregator, 400n);
    await expect.poll(prices, patience).toEqual(["0.000001", "0.000002", "0.000003", "0.000004"]);
  } finally {
    node.close();
  }
});
