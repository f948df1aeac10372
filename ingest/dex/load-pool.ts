import type { Logger } from "../../infra/logging.js";
import type { Hex } from "../evm/chain.js";
import { baseBySymbol, baseIsToken0 } from "./orientation.js";
import {
  MOST_TOKEN_DECIMALS,
  mostPriceDecimals,
  type Pool,
  PoolInvalid,
  type Protocol,
  symbolOf,
  venueIdOf,
} from "./pool.js";
import type { PoolCalls } from "./pool-calls.js";
import { PoolState } from "./pool-state.js";
import { priceDecimals } from "./price.js";

/** What is said of a pool beside its address. */
export interface PoolChoice {
  readonly address: Hex;
  readonly protocol: Protocol;
  /** The venue's family: `uniswap-v3` becomes `uniswap-v3-500` with the pool's fee. */
  readonly family: string;
  /** Of constant product, which says no fee itself: millionths, 3000 unless told. */
  readonly fee?: number | undefined;
  /** By default as the tokens call themselves. It says which token is the base currency, too. */
  readonly symbol?: string | undefined;
  /** Which token is the base currency; by default as `symbol` says, else what money or the chain's own asset quotes. */
  readonly base?: "token0" | "token1" | undefined;
  /** Significant digits of a price. */
  readonly priceDigits: number;
}

const UNISWAP_V2_FEE = 3000;

/**
 * Asks the chain what a pool is.
 *
 * @throws PoolInvalid, ChainRefused when the address is no such pool, ChainUnavailable
 */
export async function loadPool(calls: PoolCalls, choice: PoolChoice, logger?: Logger): Promise<Pool> {
  const { address, protocol } = choice;
  const addresses = await calls.tokensOf(address);
  const [token0, token1] = await Promise.all([calls.token(addresses[0]), calls.token(addresses[1])]);
  const { fee, tickSpacing } =
    protocol === "v3" ? await calls.rangesOf(address) : { fee: choice.fee ?? UNISWAP_V2_FEE, tickSpacing: 1 };
  const base = choice.base ?? (choice.symbol && baseBySymbol(choice.symbol, token0, token1));
  const isToken0 = base === undefined || base === "" ? baseIsToken0(token0, token1) : base === "token0";
  if (choice.symbol !== undefined && base === undefined) {
    logger?.warn(
      { code: "TP_POOL_ORIENTATION", pool: address, symbol: choice.symbol, tokens: [token0.symbol, token1.symbol] },
      "the tokens' names do not say which of them is the symbol's base currency: set `base`",
    );
  }
  const baseToken = isToken0 ? token0 : token1;
  if (baseToken.decimals > MOST_TOKEN_DECIMALS) {
    const why = `token ${baseToken.address} has ${baseToken.decimals} decimals, history holds ${MOST_TOKEN_DECIMALS}`;
    throw new PoolInvalid(
      address,
      `${why}: it can be no base currency, set \`base\` or \`symbol\` to make it the quote`,
    );
  }
  const pool = {
    protocol,
    chain: calls.rpc.chain,
    address,
    fee,
    tickSpacing,
    token0,
    token1,
    baseIsToken0: isToken0,
    exchange: venueIdOf(choice.family, protocol, fee),
    symbol: choice.symbol ?? symbolOf(address, isToken0 ? token0 : token1, isToken0 ? token1 : token0),
  };
  const state = new PoolState(protocol);
  Object.assign(state, await calls.reservesOf(address, protocol), { known: true });
  const { ratio } = state;
  const decimals = ratio === undefined ? mostPriceDecimals(baseToken) : priceDecimals(ratio, pool, choice.priceDigits);
  return { ...pool, priceDecimals: decimals };
}
