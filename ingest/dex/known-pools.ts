import type { SymbolName } from "../../schemas/words.js";
import type { Hex } from "../evm/chain.js";
import { baseBySymbol, baseIsToken0 } from "./orientation.js";
import { type Pool, symbolOf, type Token, venueIdOf } from "./pool.js";

const USDC: Token = { address: "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", symbol: "USDC", decimals: 6 };
const WETH: Token = { address: "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", symbol: "WETH", decimals: 18 };
const USDT: Token = { address: "0xdac17f958d2ee523a2206206994597c13d831ec7", symbol: "USDT", decimals: 6 };
const WBTC: Token = { address: "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", symbol: "WBTC", decimals: 8 };
const DAI: Token = { address: "0x6b175474e89094c44da98b954eedeac495271d0f", symbol: "DAI", decimals: 18 };

/** Ethereum's busiest pools of Uniswap V3, for recordings that name no tokens. Source: the contracts themselves. */
const ethereum: readonly (readonly [address: Hex, token0: Token, token1: Token, fee: number, tickSpacing: number])[] = [
  ["0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640", USDC, WETH, 500, 10],
  ["0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8", USDC, WETH, 3000, 60],
  ["0x4e68ccd3e89f51c3074ca5072bbac773960dfa36", WETH, USDT, 3000, 60],
  ["0x11b815efb8f581194ae79006d24e0d814b7697f6", WETH, USDT, 500, 10],
  ["0xcbcdf9626bc03e24f779434178a73a0b4bad62ed", WBTC, WETH, 3000, 60],
  ["0x4585fe77225b41b697c938b018e2ac67ac5a20c0", WBTC, WETH, 500, 10],
  ["0xc2e9f25be6257c210d7adf0d4cd6e3e881ba25f8", DAI, WETH, 3000, 60],
  ["0x60594a405d53811d3bc4766596efd80fd545a270", DAI, WETH, 500, 10],
];

/** A pool of Uniswap V3 in the words of somebody who knows it: tokens in the pool's own order. */
export interface NamedPool {
  readonly token0: Omit<Token, "address">;
  readonly token1: Omit<Token, "address">;
  /** Millionths of what goes in. */
  readonly fee: number;
  /** The market's name; by default as the tokens are called. */
  readonly symbol?: SymbolName;
}

/** Nothing that is read from a recording calls the tokens' contracts. */
const UNKNOWN = "0x0000000000000000000000000000000000000000";

/** A pool that is known without asking the chain; its price's decimals are still to be set. */
export function knownPool(chain: string, address: Hex): Omit<Pool, "priceDecimals"> | undefined {
  const found = chain === "ethereum" ? ethereum.find(([known]) => known === address) : undefined;
  if (found === undefined) return undefined;
  const [, token0, token1, fee, tickSpacing] = found;
  return poolOf(chain, address, { token0, token1, fee, tickSpacing });
}

/** The pool at an address, as somebody names it; its price's decimals are still to be set. @throws PoolInvalid */
export function namedPool(chain: string, address: Hex, named: NamedPool): Omit<Pool, "priceDecimals"> {
  const { fee, symbol } = named;
  const token0 = { ...named.token0, address: UNKNOWN } as const;
  const token1 = { ...named.token1, address: UNKNOWN } as const;
  // any tick is a multiple of 1, and a recording is not asked for the ticks' liquidity
  const pool = poolOf(chain, address, { token0, token1, fee, tickSpacing: 1 });
  if (symbol === undefined) return pool;
  const base = baseBySymbol(symbol, token0, token1);
  return { ...pool, symbol, baseIsToken0: base === undefined ? pool.baseIsToken0 : base === "token0" };
}

function poolOf(
  chain: string,
  address: Hex,
  { token0, token1, fee, tickSpacing }: Pick<Pool, "token0" | "token1" | "fee" | "tickSpacing">,
): Omit<Pool, "priceDecimals"> {
  const isToken0 = baseIsToken0(token0, token1);
  return {
    ...{ protocol: "v3", chain, address, fee, tickSpacing, token0, token1, baseIsToken0: isToken0 },
    exchange: venueIdOf("uniswap-v3", "v3", fee),
    symbol: isToken0 ? symbolOf(address, token0, token1) : symbolOf(address, token1, token0),
  };
}
