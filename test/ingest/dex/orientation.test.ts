import { encodeAbiParameters } from "viem";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chainConfig } from "../../../infra/config/chains-config.js";
import { type FactoryChoice, newPool } from "../../../ingest/dex/factory.js";
import { baseBySymbol, baseIsToken0 } from "../../../ingest/dex/orientation.js";
import { Anvil } from "../evm/anvil.js";
import { until } from "../live-rig.js";
import { ChainRig } from "./chain-rig.js";
import { nodeProxy, type Rule } from "./node-proxy.js";
import { UniswapRig } from "./uniswap-rig.js";

const named = (symbol: string) => ({ address: "0x" as const, symbol, decimals: 18 });

describe("a symbol of one's own", () => {
  it.each([
    ["WETH/USDT", "WETH", "USD₮0", "token0"],
    ["ETH/USDT", "USD₮", "WETH", "token1"],
    ["ETH/USDC", "WETH", "USDC.e", "token0"],
    ["USDC/WETH", "WETH", "USDC", "token1"],
    ["BTC/USD", "cbBTC", "USDC", "token0"],
    ["BTC/ETH", "WETH", "tBTC", "token1"],
    ["BNB/BUSD", "BUSD", "WBNB", "token1"],
    ["PEPE/WETH", "WETH", "PEPE", "token1"],
    ["MINE/USDX", "USDX", "WHATEVER", "token1"],
    ["USDT/DAI", "USDT", "DAI", "token0"],
    ["DAI/USDT:USDT", "USDT", "DAI", "token1"],
    ["ONE/TWO", "UNI-V2", "UNI-V2", undefined],
    ["A/B", "B", "B", undefined],
  ])("%s of %s and %s has the base %s", (symbol, token0, token1, base) => {
    expect(baseBySymbol(symbol, named(token0), named(token1))).toBe(base);
    // whichever the pool's order is
    const turned = base === undefined ? undefined : base === "token0" ? "token1" : "token0";
    expect(baseBySymbol(symbol, named(token1), named(token0))).toBe(turned);
  });

  it("is not needed where money or the chain's own asset quotes", () => {
    expect(baseIsToken0(named("WETH"), named("USDC"))).toBe(true);
    expect(baseIsToken0(named("USDC"), named("WETH"))).toBe(false);
  });
});

describe("on a chain", () => {
  const token = 10n ** 18n;
  let anvil: Anvil;
  let uniswap: UniswapRig;
  let rig: ChainRig;
  let names = ["", ""];
  let node: Awaited<ReturnType<typeof nodeProxy>>;
  beforeAll(async () => {
    const time = Math.floor(Date.now() / 1000) - 36_000;
    anvil = await Anvil.start(time);
    uniswap = new UniswapRig(anvil, time);
    await uniswap.deploy();
    const rule: Rule = async (call, real) => {
      const { to = "", data = "" } = call.method === "eth_call" ? call.params[0] : {};
      const at = uniswap.tokens.indexOf(to.toLowerCase());
      if (at < 0 || !data.startsWith("0x95d89b41")) return real();
      return { result: encodeAbiParameters([{ type: "string" }], [names[at]!]) };
    };
    node = await nodeProxy(anvil.httpUrl, rule);
  }, 60_000);
  beforeEach(async () => {
    rig = await ChainRig.open();
  });
  afterEach(() => rig.close());
  afterAll(async () => {
    node.close();
    await anvil.kill();
  });

  async function emptyBlock(): Promise<number> {
    await uniswap.mine();
    return Number(await anvil.rpc("eth_blockNumber"));
  }

  /** @param amount of token0 goes in. @returns side and quantity of the trade, and whether its price is below 1 */
  async function traded(symbol: string, amount: bigint) {
    await rig.caughtUp(anvil);
    await uniswap.swap3(true, amount);
    await uniswap.mine();
    await until(async () => (await rig.trades(symbol)).length > 0, "a trade", 15_000);
    const [trade] = await rig.trades(symbol);
    return [trade!.side, trade!.qty === String(amount / token), Number(trade!.price) < 1];
  }

  it("100 WETH that go in are sold in WETH/USDT, though the chain calls the quote by another name", async () => {
    names = ["WETH", "USD₮0"];
    const pool = { address: uniswap.pool, protocol: "v3", family: "uniswap-v3", priceDigits: 12 } as const;
    const startBlock = await emptyBlock();
    rig.start(anvil, { rpcUrls: [node.url], startBlock, pools: [{ ...pool, symbol: "WETH/USDT" }] });
    expect(await traded("WETH/USDT", 100n * token)).toEqual(["sell", true, true]);
  });

  it.each([
    ["quotes", "ONE/TWO", [1]],
    ["quotes", "TWO/ONE", [0]],
    ["bases", "TWO/ONE", [1]],
    ["quotes", "ONE/TWO", [1, 0]],
    ["bases", "TWO/ONE", [1, 0]],
  ] as const)("a factory's %s make it %s", async (list, symbol, places) => {
    names = ["ONE", "TWO"];
    const factory = {
      ...{ address: uniswap.factoryV3, protocol: "v3", family: "uniswap-v3" },
      ...{ tokens: uniswap.tokens, fees: [500], priceDigits: 12 },
      [list]: places.map((place) => uniswap.tokens[place]!),
    } as FactoryChoice;
    const startBlock = await emptyBlock();
    rig.start(anvil, { rpcUrls: [node.url], startBlock, pools: [], factories: [factory] });
    const [side] = await traded(symbol, 10n * token);
    expect(side).toBe(symbol === "ONE/TWO" ? "sell" : "buy");
  });
});

it("a factory's lists hold for the pools that it makes later, and hold tokens of it alone", () => {
  const [low, high, other] = ["1", "2", "3"].map((digit) => `0x${digit.repeat(40)}` as const);
  const factory = { address: `0x${"f".repeat(40)}` as const, protocol: "v2", family: "uniswap-v2", fees: [] } as const;
  const log = {
    ...{ address: factory.address, blockNumber: 1, transactionIndex: 0 },
    ...{ blockHash: "0x1" as const, transactionHash: "0x2" as const },
    logIndex: 0,
    topics: [
      "0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9",
      ...[low!, high!].map((token) => `0x${token.slice(2).padStart(64, "0")}` as const),
    ],
    data: `0x${"9".repeat(40).padStart(64, "0")}${"1".padStart(64, "0")}`,
  } as const;
  const made = (more: object) => newPool([{ ...factory, tokens: [low!, high!], priceDigits: 12, ...more }], log);
  expect(made({ quotes: [low] })?.base).toBe("token1");
  expect(made({ quotes: [high] })?.base).toBe("token0");
  expect(made({ bases: [low] })?.base).toBe("token0");
  expect(made({})).not.toHaveProperty("base");
  const parse = (more: object) =>
    chainConfig.safeParse({
      id: "x",
      rpcUrls: ["http://127.0.0.1:1"],
      factories: [{ address: factory.address, tokens: [low, high], ...more }],
    });
  expect(parse({ quotes: [low] }).success).toBe(true);
  expect(parse({ quotes: [other] }).success).toBe(false);
});
