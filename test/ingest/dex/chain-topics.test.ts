import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Anvil } from "../evm/anvil.js";
import { until } from "../live-rig.js";
import { ChainRig, poolsOf, V2 } from "./chain-rig.js";
import { UniswapRig } from "./uniswap-rig.js";

const token = 10n ** 18n;
let anvil: Anvil;
let uniswap: UniswapRig;
let rig: ChainRig;
beforeEach(async () => {
  const time = Math.floor(Date.now() / 1000) - 3_600;
  anvil = await Anvil.start(time);
  uniswap = new UniswapRig(anvil, time);
  await uniswap.deploy();
  rig = await ChainRig.open();
});
afterEach(async () => {
  await rig.close();
  await anvil.kill();
});

describe("the chain's own topics", () => {
  it("say what happened, where in the chain, and what was taken back", async () => {
    const heard: { channel: string; data: { price: string; retracts: string | null } }[] = [];
    const reader = await rig.bus.subscribe({
      messages: (messages) => void heard.push(...messages.map(({ payload }) => JSON.parse(payload))),
    });
    await reader.add("price.upd");
    await reader.add(`pool.upd:${V2.symbol}@uniswap-v2`);
    rig.start(anvil, { startBlock: 0, pools: poolsOf(uniswap) });
    await uniswap.swap3(true, token);
    await uniswap.mint3(-100, 100, token);
    await uniswap.swap2(true, token, token);
    await uniswap.mine();
    await rig.caughtUp(anvil);
    const dropped = await anvil.rpc<{ hash: string }>("eth_getBlockByNumber", "latest", false);
    await uniswap.rollback(1);
    await uniswap.burn3(-1000, 1000, token);
    const hash = await uniswap.mine();
    await until(
      async () => (await rig.messages("liquidity.change")).some(({ block_hash }) => block_hash === hash),
      "told",
    );

    const blocks = await rig.messages("block.new");
    expect(blocks.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 4]);
    // counted as other producers' are, so that no alert takes them for refusals
    const counted = (await rig.metrics.producerMessages.get()).values;
    expect(new Set(counted.map(({ labels }) => labels.status))).toEqual(new Set(["ok", "error", "dropped"]));
    const ofBlocks = counted.filter(({ labels }) => labels.topic === "block.new");
    expect(Object.fromEntries(ofBlocks.map(({ labels, value }) => [labels.status, value]))).toEqual({
      ok: 6,
      error: 0,
    });
    expect(blocks.at(-1)).toMatchObject({
      chain: "local",
      hash,
      retracts: dropped.hash,
      transactions: 1,
      sequence_num: 6,
    });
    const swaps = await rig.messages("swap.executed");
    expect(swaps.map(({ exchange, retracts }) => [exchange, retracts === null])).toEqual(
      expect.arrayContaining([
        ["uniswap-v3-500", true],
        ["uniswap-v3-500", false],
        ["uniswap-v2", true],
        ["uniswap-v2", false],
      ]),
    );
    const [first, again] = swaps.filter(({ exchange }) => exchange === "uniswap-v3-500");
    expect(first).toMatchObject({ pool: uniswap.pool, block_number: 4, block_hash: dropped.hash, amount0: "1" });
    expect(again!.retracts).toBe(`${dropped.hash}:${first!.log_index}`);
    // the same event, told later
    const { log_time, receive_time, ...event } = first!;
    expect(again).toMatchObject({ ...event, retracts: again!.retracts, sequence_num: 2 });
    expect(receive_time).toBeGreaterThan(first!.epoch);
    expect(again!.receive_time).toBeGreaterThan(receive_time);
    expect(again!.log_time).toBeGreaterThan(log_time);
    const changes = (await rig.messages("liquidity.change")).filter(({ pool }) => pool === uniswap.pool);
    expect(
      changes.map(({ action, liquidity, tick_lower, retracts }) => [action, liquidity, tick_lower, retracts === null]),
    ).toEqual([
      ["mint", "10000000000000000000000", -1000, true],
      ["mint", String(token), -100, true],
      ["mint", String(token), -100, false],
      ["burn", String(token), -1000, true],
    ]);
    const syncs = (await rig.messages("pool.sync")).filter(({ pool }) => pool === uniswap.pair);
    expect(syncs.at(-2)).toMatchObject({ reserve0: "100001", reserve1: "199999", retracts: null });
    expect(syncs.at(-1)).toMatchObject({ reserve0: "100001", block_hash: dropped.hash });
    expect(syncs.at(-1)!.retracts).toContain(dropped.hash);
    expect(heard.filter(({ channel }) => channel === `pool.upd:${V2.symbol}@uniswap-v2`)).toHaveLength(syncs.length);
    expect(heard.filter(({ channel }) => channel === "price.upd").length).toBeGreaterThan(syncs.length);
    await reader.close();
  });
});

describe.each(["http", "ws"])("pending transactions over %s", (scheme) => {
  it("are told while they wait, and what became of them, again after a reorganisation", async () => {
    rig.start(anvil, {
      rpcUrls: [scheme === "ws" ? anvil.webSocketUrl : anvil.httpUrl],
      startBlock: 0,
      pools: poolsOf(uniswap),
      transactions: { to: [uniswap.payer], maxWatched: 10, dropAfterBlocks: 2 },
    });
    await rig.caughtUp(anvil);
    // the node's filter, where it is polled, must be there first
    await until(async () => {
      await uniswap.swap3(true, token);
      await new Promise((resolve) => setTimeout(resolve, 60));
      return (await rig.messages("tx.pending")).length > 0;
    }, "a pending transaction");
    const [pending] = await rig.messages("tx.pending");
    expect(pending).toMatchObject({
      chain: "local",
      from: uniswap.me,
      to: uniswap.payer,
      value: "0",
      gas_limit: "8000000",
    });
    const hash = await uniswap.mine();
    const confirmed = async () =>
      (await rig.messages("tx.confirm")).filter(({ tx_hash }) => tx_hash === pending!.tx_hash);
    await until(async () => (await confirmed()).length === 1, "a confirmation");
    expect((await confirmed())[0]).toMatchObject({ status: "success", block_hash: hash, block_number: 4 });

    await uniswap.rollback(1);
    for (let block = 0; block < 4; block++) await uniswap.mine();
    await until(async () => (await confirmed()).length === 2, "its fate");
    expect((await confirmed())[1]).toMatchObject({ status: "dropped", block_hash: null });
  });
});
