import { PlantError } from "../../infra/errors.js";
import { marketSymbol, NameInvalid } from "../../schemas/names.js";
import type { InstrumentTick } from "../../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import type { Hex } from "../evm/chain.js";

export interface Token {
  readonly address: Hex;
  readonly symbol: string;
  readonly decimals: number;
}

/** `v2`: constant product, reserves. `v3`: concentrated liquidity, root of the price. */
export type Protocol = "v2" | "v3";

/** A liquidity pool and how it is a market: which of its tokens is the base currency, and how fine its prices are. */
export interface Pool {
  readonly protocol: Protocol;
  readonly chain: string;
  readonly address: Hex;
  /** The fee in millionths of what goes in: 3000 is 0.3 %. */
  readonly fee: number;
  /** v3: ticks with liquidity are multiples of it. */
  readonly tickSpacing: number;
  readonly token0: Token;
  readonly token1: Token;
  readonly baseIsToken0: boolean;
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  /** Decimals of a price in quote currency per base. */
  readonly priceDecimals: number;
}

/** A pool's tokens or settings make no market: the message says which and what to set. */
export class PoolInvalid extends PlantError {
  constructor(pool: string, why: string) {
    super("TP_POOL_INVALID", `Pool ${pool}: ${why}`);
  }
}

/** What history holds of a price, of a quantity, and of an amount, which has the decimals of both. */
export const MOST_DECIMALS = 18;
export const MOST_TOKEN_DECIMALS = 24;
const MOST_AMOUNT_DECIMALS = 36;

/** Most decimals of a price where the base currency has so many. */
export const mostPriceDecimals = (base: Token): number => Math.min(MOST_DECIMALS, MOST_AMOUNT_DECIMALS - base.decimals);

export const baseOf = (pool: Pool): Token => (pool.baseIsToken0 ? pool.token0 : pool.token1);
export const quoteOf = (pool: Pool): Token => (pool.baseIsToken0 ? pool.token1 : pool.token0);

/** `uniswap-v3-500`; constant product has one fee, so there it is left out: `uniswap-v2`. */
export function venueIdOf(family: string, protocol: Protocol, fee: number): VenueId {
  return protocol === "v2" ? family : `${family}-${fee}`;
}

/** @throws PoolInvalid when a token's symbol can stand in no market's name, or a token is finer than history holds */
export function symbolOf(address: Hex, base: Token, quote: Token): SymbolName {
  try {
    return marketSymbol(base.symbol, quote.symbol);
  } catch (error) {
    if (!(error instanceof NameInvalid)) throw error;
    throw new PoolInvalid(
      address,
      `what its tokens ${base.address} and ${quote.address} call themselves makes no name (${error.message}): set \`symbol\``,
    );
  }
}

/** What governs the pool's ticks: the price's decimals are the tick size, the base token's the lot size. */
export function instrumentOf(pool: Pool, now: Micros): InstrumentTick {
  const [base = "", quote = ""] = pool.symbol.split(":")[0]!.split("/");
  return {
    kind: "instrument",
    exchange: pool.exchange,
    symbol: pool.symbol,
    exchangeTime: now,
    receiveTime: now,
    nativeId: pool.address,
    status: "trading",
    contractType: "spot",
    base,
    quote,
    tickSize: sizeOf(pool.priceDecimals),
    lotSize: sizeOf(baseOf(pool).decimals),
    contractSize: "1",
    chain: pool.chain,
  };
}

const sizeOf = (decimals: number): string => (decimals === 0 ? "1" : `0.${"0".repeat(decimals - 1)}1`);
