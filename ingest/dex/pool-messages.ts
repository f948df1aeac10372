import type { BlockHead, ChainLog } from "../evm/chain.js";
import type { ChainMessage, PoolMessage } from "./chain-message.js";
import type { PoolEvent } from "./events.js";
import type { Pool } from "./pool.js";
import type { PoolState } from "./pool-state.js";
import { ratioText, tokenText } from "./price.js";

/**
 * What a pool's event says on the chain's own topics: the swap or the change of liquidity, and where it leaves the pool.
 *
 * @param state the pool after the event
 */
export function poolMessages(
  pool: Pool,
  state: PoolState,
  block: BlockHead,
  log: ChainLog,
  event: PoolEvent,
): PoolMessage[] {
  const where = {
    exchange: pool.exchange,
    pool: pool.address,
    symbol: pool.symbol,
    chain: pool.chain,
    block_number: block.number,
    block_hash: block.hash,
    tx_hash: log.transactionHash,
    log_index: log.logIndex,
    retracts: null,
    timestamp: block.time,
  };
  const key = pool.address;
  const { ratio } = state;
  const price = ratio === undefined ? "0" : ratioText(ratio, pool);
  const concentrated = pool.protocol === "v3" && state.known;
  const root = {
    sqrt_price_x96: concentrated ? String(state.sqrtPriceX96) : null,
    liquidity: concentrated ? String(state.liquidity) : null,
    tick: concentrated ? state.tick : null,
  };
  const amounts = (event: { amount0: bigint; amount1: bigint }) => ({
    amount0: tokenText(event.amount0, pool.token0.decimals),
    amount1: tokenText(event.amount1, pool.token1.decimals),
  });
  const messages: PoolMessage[] = [];
  if (event.kind === "swap") {
    const { sender, recipient } = event;
    const value = { ...where, sender, recipient, ...amounts(event), price, ...root };
    messages.push({ topic: "swap.executed", key, value });
  } else if (event.kind === "mint" || event.kind === "burn" || event.kind === "collect") {
    const { range } = event;
    const value = {
      ...where,
      action: event.kind,
      owner: event.owner,
      ...amounts(event),
      liquidity: range?.liquidity === undefined ? null : String(range.liquidity),
      tick_lower: range?.tickLower ?? null,
      tick_upper: range?.tickUpper ?? null,
    };
    messages.push({ topic: "liquidity.change", key, value });
  }
  // constant product says where it stands by itself, in the event before
  const says = pool.protocol === "v2" ? event.kind === "sync" : event.kind !== "collect";
  if (says && state.known) {
    const reserves =
      pool.protocol === "v2"
        ? {
            reserve0: tokenText(state.reserve0, pool.token0.decimals),
            reserve1: tokenText(state.reserve1, pool.token1.decimals),
          }
        : { reserve0: null, reserve1: null };
    messages.push({ topic: "pool.sync", key, value: { ...where, ...reserves, ...root, price } });
  }
  return messages;
}

/** Takes a message back: the same again, naming the event by block and log. */
export function retractedMessage(message: PoolMessage): PoolMessage {
  const { block_hash, log_index } = message.value;
  return { ...message, value: { ...message.value, retracts: `${block_hash}:${log_index}` } } as PoolMessage;
}

/** A block on its own topic. @param replaced hash of the block that it stands in for after a reorganisation */
export function blockMessage(chain: string, block: BlockHead, replaced: string | undefined): ChainMessage {
  const value = {
    chain,
    number: block.number,
    hash: block.hash,
    parent_hash: block.parentHash,
    block_time: block.time,
    transactions: block.transactions.length,
    gas_used: String(block.gasUsed),
    gas_limit: String(block.gasLimit),
    base_fee: block.baseFee === undefined ? null : String(block.baseFee),
    retracts: replaced ?? null,
    timestamp: block.time,
  };
  return { topic: "block.new", key: chain, value };
}
