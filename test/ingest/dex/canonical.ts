import { Decimal } from "decimal.js";
import { decodeEventLog, type Hex, parseAbi } from "viem";
import type { PlainTrade } from "../../processors/brute-candles.js";
import type { Anvil } from "../evm/anvil.js";
import type { UniswapRig } from "./uniswap-rig.js";

const abi = parseAbi([
  "event Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, address indexed to)",
  "event Sync(uint112 reserve0, uint112 reserve1)",
  "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)",
]);

const Precise = Decimal.clone({ precision: 120, toExpNeg: -100, toExpPos: 100 });

export interface CanonicalTrade extends PlainTrade {
  readonly tradeId: string;
}

interface RawLog {
  readonly address: Hex;
  readonly blockNumber: Hex;
  readonly blockHash: Hex;
  readonly logIndex: Hex;
  readonly topics: [Hex, ...Hex[]];
  readonly data: Hex;
}

/**
 * The swaps of the chain as it stands now, and of it alone: one query over all blocks, plainly read, prices by long
 * decimals. Both tokens have 18 decimals, and token0 is the base currency.
 */
export async function canonicalTrades(anvil: Anvil, rig: UniswapRig, address: Hex): Promise<CanonicalTrade[]> {
  const logs = await anvil.rpc<RawLog[]>("eth_getLogs", {
    fromBlock: "0x0",
    toBlock: "latest",
    address: [rig.pair, rig.pool],
  });
  const times = new Map<Hex, number>();
  const trades: CanonicalTrade[] = [];
  let price = new Precise(0);
  for (const log of logs.filter((one) => one.address.toLowerCase() === address)) {
    let decoded: ReturnType<typeof decodeEventLog<typeof abi>>;
    try {
      decoded = decodeEventLog({ abi, data: log.data, topics: log.topics });
    } catch {
      continue;
    }
    const { eventName, args } = decoded;
    if (eventName === "Sync") {
      price = new Precise(String(args.reserve1)).div(String(args.reserve0));
      continue;
    }
    if (eventName !== "Swap") continue;
    if ("sqrtPriceX96" in args) price = new Precise(String(args.sqrtPriceX96)).div(new Precise(2).pow(96)).pow(2);
    const amount = "amount0" in args ? args.amount0 : args.amount0In - args.amount0Out;
    if (!times.has(log.blockHash)) {
      const { timestamp } = await anvil.rpc<{ timestamp: Hex }>("eth_getBlockByHash", log.blockHash, false);
      times.set(log.blockHash, Number(timestamp) * 1_000_000);
    }
    trades.push({
      tradeId: `${log.blockHash}:${Number(log.logIndex)}`,
      time: times.get(log.blockHash)!,
      id: -1,
      price: price.toFixed(),
      qty: new Precise(String(amount)).abs().div("1e18").toFixed(),
      buy: amount < 0n,
    });
  }
  return trades;
}

/** The price at the instrument's decimals. */
export const rounded = (price: string, decimals: number): string =>
  new Precise(price).toDecimalPlaces(decimals, Decimal.ROUND_HALF_EVEN).toFixed();
