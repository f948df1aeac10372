import { expect } from "vitest";
import type { Anvil } from "../evm/anvil.js";
import { bookOf, until } from "../live-rig.js";
import { depthOfChain } from "./chain-depth.js";
import { type ChainRig, poolsOf } from "./chain-rig.js";
import type { UniswapRig } from "./uniswap-rig.js";

/** The book in the log is what the contract offers now. */
export async function expectDepth(rig: ChainRig, anvil: Anvil, uniswap: UniswapRig, symbol: string): Promise<void> {
  const { tickSize } = await rig.instrument(symbol);
  const choice = poolsOf(uniswap).find((one) => one.symbol === symbol)!;
  const { bids, asks } = await depthOfChain(anvil, choice, tickSize.length - 2);
  const wanted = { live: true, bids, asks };
  const ours = async () => {
    const { live, bids, asks } = bookOf(await rig.depths(symbol));
    const order = (side: ReadonlyMap<string, string>) => [...side].sort((a, b) => Number(a[0]) - Number(b[0]));
    return { live, bids: order(bids).reverse(), asks: order(asks) };
  };
  const same = async () => JSON.stringify(await ours()) === JSON.stringify(wanted);
  await until(same, `the depth of ${symbol} is the chain's`).catch(() => {});
  expect(await ours()).toEqual(wanted);
}
