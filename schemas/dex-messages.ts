import type { CONFIRMATIONS, LIQUIDITY_ACTIONS } from "./avro/dex.js";
import type { MessageTimes } from "./messages.js";
import type { DecimalText, Micros, SymbolName, VenueId } from "./words.js";

/**
 * The messages of the DEX topics. Whole numbers of a chain that outgrow safe integers (wei, gas, X96) are texts. Their receive
 * time is when the chain's node told of it, and their log time the highest of those so far.
 */

interface InStream extends MessageTimes {
  timestamp: Micros;
  epoch: number;
  sequence_num: number;
}

interface InChain {
  chain: string;
  block_number: number;
  block_hash: string;
  tx_hash: string;
  log_index: number;
}

interface OfPool {
  /** With the pool's fee tier: `uniswap-v3-500`. */
  exchange: VenueId;
  pool: string;
  symbol: SymbolName;
}

interface Retracting {
  /** `block_hash:log_index` of the event that a reorganisation took back. */
  retracts: string | null;
}

export interface Block extends InStream {
  chain: string;
  number: number;
  hash: string;
  parent_hash: string;
  block_time: Micros;
  transactions: number;
  gas_used: string;
  gas_limit: string;
  base_fee: string | null;
  /** Hash of the block that this one replaces. */
  retracts: string | null;
}

export interface Swap extends OfPool, InChain, Retracting, InStream {
  sender: string;
  recipient: string;
  /** In tokens; positive into the pool. */
  amount0: DecimalText;
  amount1: DecimalText;
  /** token1 per token0. */
  price: DecimalText;
  sqrt_price_x96: string | null;
  liquidity: string | null;
  tick: number | null;
}

export interface LiquidityChange extends OfPool, InChain, Retracting, InStream {
  action: (typeof LIQUIDITY_ACTIONS)[number];
  owner: string;
  amount0: DecimalText;
  amount1: DecimalText;
  liquidity: string | null;
  tick_lower: number | null;
  tick_upper: number | null;
}

export interface PoolSync extends OfPool, InChain, Retracting, InStream {
  /** Constant product: reserves. Concentrated liquidity: root of the price, liquidity, tick. */
  reserve0: DecimalText | null;
  reserve1: DecimalText | null;
  sqrt_price_x96: string | null;
  liquidity: string | null;
  tick: number | null;
  price: DecimalText;
}

export interface PendingTransaction extends InStream {
  chain: string;
  tx_hash: string;
  from: string;
  to: string | null;
  nonce: number;
  value: string;
  gas_limit: string;
  gas_price: string | null;
  max_fee_per_gas: string | null;
  max_priority_fee_per_gas: string | null;
  input: string;
}

export interface ConfirmedTransaction extends InStream {
  chain: string;
  tx_hash: string;
  status: (typeof CONFIRMATIONS)[number];
  block_number: number | null;
  block_hash: string | null;
  gas_used: string | null;
  effective_gas_price: string | null;
  replaced_by: string | null;
}

export interface DexMessageOfTopic {
  "block.new": Block;
  "swap.executed": Swap;
  "liquidity.change": LiquidityChange;
  "pool.sync": PoolSync;
  "tx.pending": PendingTransaction;
  "tx.confirm": ConfirmedTransaction;
}
