import { enumeration, long, nullable, record, STREAM, TIMES, text, typed } from "./fields.js";

export const LIQUIDITY_ACTIONS = ["mint", "burn", "collect"] as const;
export const CONFIRMATIONS = ["success", "reverted", "dropped", "replaced"] as const;

/** Where in the chain an event stands. */
const IN_CHAIN = [
  text("chain"),
  long("block_number"),
  text("block_hash"),
  text("tx_hash"),
  long("log_index", "index of the log in its block"),
];
const OF_POOL = [text("exchange", "venue id with the fee tier, e.g. uniswap-v3-500"), text("pool"), text("symbol")];
const RETRACTS = nullable("retracts", "string", "block_hash:log_index of the event that a reorganisation took back");

export const BLOCK = record("Block", [
  text("chain"),
  long("number"),
  text("hash"),
  text("parent_hash"),
  long("block_time", "µs since the epoch, UTC"),
  long("transactions"),
  text("gas_used"),
  text("gas_limit"),
  nullable("base_fee", "string", "wei"),
  nullable("retracts", "string", "hash of the block that this one replaces"),
  ...STREAM,
  ...TIMES,
]);

export const SWAP = record("Swap", [
  ...OF_POOL,
  ...IN_CHAIN,
  text("sender"),
  text("recipient"),
  text("amount0", "in tokens; positive into the pool"),
  text("amount1"),
  text("price", "token1 per token0"),
  nullable("sqrt_price_x96", "string", "concentrated liquidity only, as the next two"),
  nullable("liquidity", "string"),
  nullable("tick", "long"),
  RETRACTS,
  ...STREAM,
  ...TIMES,
]);

export const LIQUIDITY_CHANGE = record("LiquidityChange", [
  ...OF_POOL,
  ...IN_CHAIN,
  typed("action", enumeration("LiquidityAction", LIQUIDITY_ACTIONS)),
  text("owner"),
  text("amount0"),
  text("amount1"),
  nullable("liquidity", "string"),
  nullable("tick_lower", "long"),
  nullable("tick_upper", "long"),
  RETRACTS,
  ...STREAM,
  ...TIMES,
]);

export const POOL_SYNC = record("PoolSync", [
  ...OF_POOL,
  ...IN_CHAIN,
  nullable("reserve0", "string", "constant product only, as reserve1"),
  nullable("reserve1", "string"),
  nullable("sqrt_price_x96", "string"),
  nullable("liquidity", "string"),
  nullable("tick", "long"),
  text("price", "token1 per token0"),
  RETRACTS,
  ...STREAM,
  ...TIMES,
]);

export const PENDING_TRANSACTION = record("PendingTransaction", [
  text("chain"),
  text("tx_hash"),
  text("from"),
  nullable("to", "string", "null creates a contract"),
  long("nonce"),
  text("value", "wei"),
  text("gas_limit"),
  nullable("gas_price", "string", "wei; null where the two fees below are given"),
  nullable("max_fee_per_gas", "string"),
  nullable("max_priority_fee_per_gas", "string"),
  text("input", "0x and hexadecimal digits"),
  ...STREAM,
  ...TIMES,
]);

export const CONFIRMED_TRANSACTION = record("ConfirmedTransaction", [
  text("chain"),
  text("tx_hash"),
  typed("status", enumeration("Confirmation", CONFIRMATIONS)),
  nullable("block_number", "long", "null where the transaction is in no block"),
  nullable("block_hash", "string"),
  nullable("gas_used", "string"),
  nullable("effective_gas_price", "string", "wei"),
  nullable("replaced_by", "string"),
  ...STREAM,
  ...TIMES,
]);
