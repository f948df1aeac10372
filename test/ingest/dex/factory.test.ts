import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Anvil } from "../evm/anvil.js";
import { until } from "../live-rig.js";
import { ChainRig } from "./chain-rig.js";
import { ROOT_OF_ONE, UniswapRig } from "./uniswap-rig.js";

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

describe("a factory", () => {
  it.each([[0], [30]])(
    "gives the pools it has, and those it makes later from their first block on (%i blocks behind)",
    async (behind) => {
      const factories = [
        {
          address: uniswap.factoryV3,
          protocol: "v3",
          family: "fork-v3",
          tokens: uniswap.tokens,
          fees: [500, 3000],
          priceDigits: 15,
        },
        {
          address: uniswap.factoryV2,
          protocol: "v2",
          family: "fork-v2",
          tokens: uniswap.tokens,
          fees: [],
          fee: 2500,
          priceDigits: 15,
        },
      ] as const;
      const begin = () => rig.start(anvil, { startBlock: 0, pools: [], factories });
      if (behind === 0) {
        begin();
        await rig.caughtUp(anvil);
      }
      await uniswap.createPool(3000);
      const fresh = await uniswap.nextPool(3000);
      await uniswap.initialize(fresh, ROOT_OF_ONE);
      await uniswap.mint3(-600, 600, 1_000n * token, fresh);
      await uniswap.swap3(true, token, fresh);
      await uniswap.mine();
      await uniswap.swap3(false, token, fresh);
      await uniswap.mine();
      for (let block = 0; block < behind; block++) await uniswap.mine();
      if (behind > 0) begin();
      await rig.caughtUp(anvil);
      const isTrade = ({ exchange, kind }: { exchange: string; kind: string }) =>
        exchange === "fork-v3-3000" && kind === "trade";
      await until(async () => (await rig.ticks()).filter(isTrade).length >= 2, "trades");
      const ticks = await rig.ticks();
      const kinds = new Set(ticks.flatMap(({ kind, exchange }) => (kind === "instrument" ? [exchange] : [])));
      expect(kinds).toEqual(new Set(["fork-v2", "fork-v3-500", "fork-v3-3000"]));
      expect(ticks.filter(isTrade)).toMatchObject([{ qty: "1", side: "sell" }, { side: "buy" }]);
    },
  );
});
