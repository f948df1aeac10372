import type { TradeTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import type { ChainLog } from "../evm/chain.js";
import type { PoolEvent } from "./events.js";
import { baseOf, type Pool } from "./pool.js";
import { priceText, type Ratio, tokenText } from "./price.js";

export type SwapEvent = Extract<PoolEvent, { kind: "swap" }>;

/**
 * Names one inclusion of an event: the block's hash and the log's index in it, so that it decides what the event says.
 * The same transaction in another block after a reorganisation is another event. Recordings without block hashes have
 * the transaction's.
 */
export const eventId = ({ blockHash, transactionHash, logIndex }: ChainLog): string =>
  `${blockHash === "0x" ? transactionHash : blockHash}:${logIndex}`;

/**
 * A swap as a trade: the price is the pool's marginal price after it, the quantity what of the base currency changed
 * hands, the taker buys where it left the pool.
 *
 * @param ratio the pool's price after the swap
 * @returns undefined where no base currency moved: a swap of dust
 */
export function swapTrade(
  pool: Pool,
  ratio: Ratio,
  log: ChainLog,
  swap: SwapEvent,
  times: { readonly exchangeTime: Micros; readonly receiveTime: Micros },
): TradeTick | undefined {
  const amount = pool.baseIsToken0 ? swap.amount0 : swap.amount1;
  if (amount === 0n) return undefined;
  return {
    kind: "trade",
    exchange: pool.exchange,
    symbol: pool.symbol,
    ...times,
    tradeId: eventId(log),
    price: priceText(ratio, pool),
    qty: tokenText(amount < 0n ? -amount : amount, baseOf(pool).decimals),
    side: amount < 0n ? "buy" : "sell",
  };
}

/** Takes a trade back: the very amounts again, under an id of its own. */
export function retraction(trade: TradeTick, receiveTime: Micros): TradeTick {
  return { ...trade, tradeId: `${trade.tradeId}:retracted`, receiveTime, retracts: trade.tradeId };
}
