import { randomUUID } from "node:crypto";
import { cp } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../../infra/config/load-config.js";
import { RedisLeases } from "../../../infra/lease/redis-leases.js";
import { connectRedis, type RedisClient } from "../../../infra/redis/connection.js";
import { sourceCases } from "../../conformance/source-table.js";
import { onePartition, TaskRig } from "../../processors/task-rig.js";
import { redisForTests } from "../../services/shared-services.js";
import { TcpLine } from "../../services/tcp-line.js";
import { Anvil } from "../evm/anvil.js";
import { until } from "../live-rig.js";
import { canonicalTrades, rounded } from "./canonical.js";
import { ChainRig, poolsOf, standing, V2, V3 } from "./chain-rig.js";
import { expectDepth } from "./expect-depth.js";
import { UniswapRig } from "./uniswap-rig.js";

const noBook = "a chain's depth is made of its pools' state, which blocks carry whole";
const conforms = sourceCases("chain", {
  V02: "a chain is asked for all pools at once",
  V04: "a pool has no quote",
  V06: noBook,
  V07: noBook,
  V13: "nodes announce no end",
  V14: "connections to nodes have no greatest age",
  V17: "a pool does not end",
  V19: "blocks come when nobody trades, too",
});
const token = 10n ** 18n;
/** Some minutes ago: a chain's time may not run ahead of the clock, and blocks come faster here than they say. */
const genesis = () => Math.floor(Date.now() / 1000) - 3_600;

let anvil: Anvil;
let uniswap: UniswapRig;
let rig: ChainRig;
beforeEach(async () => {
  const time = genesis();
  anvil = await Anvil.start(time);
  uniswap = new UniswapRig(anvil, time);
  await uniswap.deploy();
  rig = await ChainRig.open();
});
afterEach(async () => {
  await rig.close();
  await anvil.kill();
});

/** @param digits of a price that are compared: a restart chooses its decimals anew */
async function expectCanonical(symbol: string, address: `0x${string}`, digits = 60): Promise<void> {
  const instrument = await rig.instrument(symbol);
  const decimals = instrument.tickSize.length - 2;
  const wanted = await canonicalTrades(anvil, uniswap, address);
  const found = standing(await rig.trades(symbol));
  expect(
    found.map(({ tradeId, price, qty, side, exchangeTime: time }) => [
      tradeId,
      price.slice(0, digits),
      qty,
      side,
      time,
    ]),
  ).toEqual(
    wanted.map(({ tradeId, price, qty, buy, time }) => {
      return [tradeId, rounded(price, decimals).slice(0, digits), qty, buy ? "buy" : "sell", time];
    }),
  );
}

describe.each(["http", "ws"])("over %s", (scheme) => {
  conforms("V01 V03 V15 V18", "swaps of a pair and a pool become trades at the pool's exact price", async () => {
    rig.start(anvil, {
      rpcUrls: [scheme === "ws" ? anvil.webSocketUrl : anvil.httpUrl],
      startBlock: 0,
      pools: poolsOf(uniswap),
    });
    await rig.caughtUp(anvil);
    for (let block = 0; block < 5; block++) {
      await uniswap.swap3(block % 2 === 0, 3n * token + BigInt(block));
      await uniswap.swap2(true, 2n * token + 7n, 3n * token);
      await uniswap.swap2(false, token, token / 5n);
      await uniswap.mint3(-200, 100 + block * 10, token);
      await uniswap.mine();
      await rig.caughtUp(anvil);
    }
    await expectCanonical(V3.symbol, uniswap.pool);
    await expectCanonical(V2.symbol, uniswap.pair);
    expect(await rig.trades(V2.symbol)).toHaveLength(10);
    expect(rig.ingest!.feeds()).toMatchObject([
      { exchange: "uniswap-v2", feed: "local", connected: true },
      { exchange: "uniswap-v3-500", feed: "local", connected: true },
    ]);
  });
});

conforms("V05 V10", "goes on behind the last block after its connections were lost; depth is the chain's", async () => {
  const proxy = await TcpLine.start(anvil.port);
  try {
    const pools = poolsOf(uniswap);
    rig.start(anvil, { rpcUrls: [`ws://127.0.0.1:${proxy.port}`], startBlock: 0, pools });
    const swap = async () => {
      await uniswap.swap3(true, 3n * token);
      await uniswap.swap2(true, 2n * token, token);
      await uniswap.mint3(-300, 200, token);
      await uniswap.mine();
    };
    await swap();
    await rig.caughtUp(anvil);
    for (const { symbol } of [V2, V3]) await expectDepth(rig, anvil, uniswap, symbol);
    proxy.cut();
    await until(() => rig.ingest!.feeds().every(({ connected }) => !connected), "the loss is noticed");
    for (let block = 0; block < 12; block++) await swap();
    proxy.mend();
    await rig.caughtUp(anvil);
    await expectCanonical(V3.symbol, uniswap.pool);
    await expectCanonical(V2.symbol, uniswap.pair);
    for (const { symbol } of [V2, V3]) await expectDepth(rig, anvil, uniswap, symbol);
  } finally {
    await proxy.close();
  }
});

conforms(
  "V11 V12 V16",
  "garbage and refusals of a node are asked again; what is no pool is left out, and all others flow",
  async () => {
    let answers = 0;
    const node = createServer(async (request, response) => {
      answers += 1;
      const body = await text(request);
      // at first, and now and then
      if (answers <= 3 || answers % 50 === 0) response.writeHead(429).end("too many requests");
      else if (answers <= 6 || answers % 50 === 25) response.end("<html>");
      else {
        const headers = { "content-type": "application/json" };
        response
          .writeHead(200, headers)
          .end(await (await fetch(anvil.httpUrl, { method: "POST", headers, body })).text());
      }
    });
    await new Promise<void>((resolve) => node.listen(0, "127.0.0.1", resolve));
    try {
      const pools = [
        ...poolsOf(uniswap),
        { ...V3, address: uniswap.tokens[0], protocol: "v3" as const, symbol: "NO/POOL", priceDigits: 18 },
      ];
      const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
      rig.start(anvil, { rpcUrls: [url], startBlock: 0, pools });
      for (let block = 0; block < 3; block++) {
        await uniswap.swap3(true, token);
        await uniswap.mine();
      }
      await rig.caughtUp(anvil);
      await expectCanonical(V3.symbol, uniswap.pool);
      expect(answers).toBeGreaterThan(20);
      expect((await rig.ticks()).some(({ symbol }) => symbol === "NO/POOL")).toBe(false);
    } finally {
      node.closeAllConnections();
      node.close();
    }
  },
);

describe("a reorganisation", () => {
  conforms(
    "V09",
    "takes back the trades of the dropped blocks, newest first, and tells those of the new ones",
    async () => {
      rig.start(anvil, { startBlock: 0, pools: poolsOf(uniswap) });
      for (let block = 0; block < 4; block++) {
        await uniswap.swap3(true, token);
        await uniswap.swap3(false, token);
        await uniswap.mine();
      }
      await rig.caughtUp(anvil);
      const before = await rig.trades(V3.symbol);
      expect(before).toHaveLength(8);
      await uniswap.rollback(2);
      for (let block = 0; block < 3; block++) {
        await uniswap.swap3(false, 5n * token);
        await uniswap.mine(7);
      }
      await rig.caughtUp(anvil);
      await until(async () => (await rig.trades(V3.symbol)).length === 15, "taken back and told anew");
      const after = (await rig.trades(V3.symbol)).slice(8);
      expect(after.map(({ retracts }) => retracts)).toEqual([
        ...before
          .slice(4)
          .toReversed()
          .map(({ tradeId }) => tradeId),
        ...[undefined, undefined, undefined],
      ]);
      await expectCanonical(V3.symbol, uniswap.pool);
    },
  );

  it("that leaves the chain shorter waits until other blocks stand in the place of the dropped ones", async () => {
    rig.start(anvil, { startBlock: 0, pools: poolsOf(uniswap) });
    await uniswap.swap3(true, token);
    await uniswap.mine();
    await rig.caughtUp(anvil);
    await uniswap.rollback(1);
    await uniswap.mine(5);
    await rig.caughtUp(anvil);
    await expect.poll(async () => standing(await rig.trades(V3.symbol))).toEqual([]);
    expect(await rig.trades(V3.symbol)).toHaveLength(2);
  });

  it("within the confirmations that are asked for is never seen", async () => {
    rig.start(anvil, { startBlock: 0, pools: poolsOf(uniswap), confirmations: 3 });
    for (let block = 0; block < 4; block++) {
      await uniswap.swap3(true, token);
      await uniswap.mine();
    }
    await uniswap.rollback(2);
    for (let block = 0; block < 6; block++) {
      await uniswap.swap3(false, token);
      await uniswap.mine(7);
    }
    const told = Number(await anvil.rpc("eth_blockNumber")) - 3;
    await expect.poll(async () => (await rig.metrics.chainBlock.get()).values[0]?.value).toBe(told);
    const trades = await rig.trades(V3.symbol);
    expect(trades.some(({ retracts }) => retracts !== undefined)).toBe(false);
    const wanted = await canonicalTrades(anvil, uniswap, uniswap.pool);
    expect(trades.map(({ tradeId }) => tradeId)).toEqual(wanted.slice(0, -3).map(({ tradeId }) => tradeId));
  });
});

describe("a restart", () => {
  const blocks = async (count: number) => {
    for (let block = 0; block < count; block++) {
      await uniswap.swap3(block % 2 === 0, token + BigInt(block));
      await uniswap.mine();
    }
  };
  const positionFile = () => join(rig.folder, "chains", "local.json");
  const start = () => rig.start(anvil, { startBlock: 0, pools: poolsOf(uniswap), positionFile: positionFile() });

  it("goes on behind the last block, and takes back what was dropped meanwhile", async () => {
    start();
    await blocks(4);
    await rig.caughtUp(anvil);
    await rig.stopIngest();
    const before = (await rig.trades(V3.symbol)).length;
    await uniswap.rollback(2);
    await blocks(5);
    start();
    await rig.caughtUp(anvil);
    await expectCanonical(V3.symbol, uniswap.pool, 15);
    const after = (await rig.trades(V3.symbol)).slice(before);
    expect(after.filter(({ retracts }) => retracts !== undefined)).toHaveLength(2);
    expect(after).toHaveLength(7);
  });

  conforms("V08", "after a crash tells some blocks again, and the plant takes each trade once", async () => {
    start();
    await blocks(2);
    await rig.caughtUp(anvil);
    await rig.stopIngest();
    await cp(positionFile(), join(rig.folder, "older.json"));
    start();
    await blocks(3);
    await uniswap.rollback(1);
    await blocks(2);
    await rig.caughtUp(anvil);
    await expectCanonical(V3.symbol, uniswap.pool, 15);
    await rig.stopIngest();
    // as if it had been killed before it could save
    await cp(join(rig.folder, "older.json"), positionFile());
    await uniswap.rollback(2);
    await blocks(4);
    start();
    await rig.caughtUp(anvil);
    await rig.stopIngest();

    const ticks = await rig.ticks();
    const plant = new TaskRig({ ...onePartition, emissionMs: 0, klineIntervals: ["1m"] }, false).take(...ticks);
    expect(plant.refused.length).toBeGreaterThan(0);
    expect(new Set(plant.refused)).toEqual(new Set(["duplicate"]));
    const live = new Set<string>();
    for (const { exchange, trade_id, retracts } of plant.of("market.trade")) {
      if (exchange !== "uniswap-v3-500") continue;
      if (retracts !== null) expect(live.delete(retracts)).toBe(true);
      else expect(live.has(trade_id) || !live.add(trade_id)).toBe(false);
    }
    const wanted = (await canonicalTrades(anvil, uniswap, uniswap.pool)).map(({ tradeId }) => tradeId);
    // a block that was dropped while nobody knew of it is the one thing that a lost position can not take back
    expect(wanted.filter((id) => !live.has(id))).toEqual([]);
  });
});

it("of two processes one has the chain; the other goes on where it stood, and takes back what was dropped meanwhile", async () => {
  const redis = await redisForTests();
  const namespace = randomUUID().slice(0, 8);
  const clients: RedisClient[] = [];
  const run = async () => {
    const { bus } = loadConfig({ env: {}, overrides: { bus: { redis: { nodes: [redis.address] } } } });
    const connection = await connectRedis({ redis: bus.redis!, logger: rig.logger, purpose: "leases" });
    clients.push(connection.client);
    const leases = { leases: new RedisLeases(connection, namespace), ttlMs: 900 };
    return rig.run(anvil, { startBlock: 0, pools: poolsOf(uniswap) }, { leases });
  };
  const swaps = async (count: number) => {
    for (let block = 0; block < count; block++) {
      await uniswap.swap3(block % 2 === 0, token + BigInt(block));
      await uniswap.mine();
    }
  };
  try {
    await swaps(4);
    rig.ingest = await run();
    await until(() => rig.ingest!.feeds().length > 0, "the first has the chain");
    await rig.caughtUp(anvil);
    const standby = await run();
    await expectCanonical(V3.symbol, uniswap.pool, 15);
    expect(standby.feeds()).toEqual([]);
    await rig.stopIngest();
    const before = (await rig.trades(V3.symbol)).length;
    await uniswap.rollback(2);
    await swaps(5);
    rig.ingest = standby;
    await until(() => standby.feeds().length > 0, "the standby has the chain");
    await rig.caughtUp(anvil);
    await expectCanonical(V3.symbol, uniswap.pool, 15);
    const after = (await rig.trades(V3.symbol)).slice(before);
    expect(after.filter(({ retracts }) => retracts !== undefined)).toHaveLength(2);
    expect(after).toHaveLength(7);
  } finally {
    await rig.stopIngest();
    for (const client of clients) client.disconnect();
    await redis.stop();
  }
});
