import fc from "fast-check";
import type {
  Block,
  ConfirmedTransaction,
  LiquidityChange,
  PendingTransaction,
  PoolSync,
  Swap,
} from "../../schemas/dex-messages.js";
import type {
  DeadLetter,
  Depth,
  Index,
  IndexConstituent,
  IndexInput,
  IndexInputPrice,
  Kline,
  Level,
  Signal,
  SignalLeg,
  StateRecord,
  Ticker,
  Trade,
} from "../../schemas/messages.js";
import type { RawTickRecord } from "../../schemas/raw-tick-record.js";
import type { Topic } from "../../schemas/subjects.js";
import type { FeedState, IllStream } from "../../schemas/ticks.js";

/** The word for a TypeScript type, as the Avro schema must say it too. */
type WordOf<T> = [T] extends [boolean]
  ? "flag"
  : [T] extends [number]
    ? "long"
    : [T] extends [Uint8Array]
      ? "bytes"
      : [T] extends [Level[]] | [readonly Level[]]
        ? "levels"
        : [T] extends [string[]]
          ? "texts"
          : [T] extends [readonly object[]]
            ? "records"
            : [T] extends [string]
              ? string extends T
                ? "text"
                : `enum ${string}`
              : [T] extends [object]
                ? never
                : null extends T
                  ? `${WordOf<NonNullable<T>>}?`
                  : never;
type WordsOf<Message> = {
  readonly [Field in keyof Message]-?: null extends Message[Field]
    ? `${WordOf<NonNullable<Message[Field]>>}?`
    : WordOf<Message[Field]>;
};
export type Words = Readonly<Record<string, string>>;

const stream = { timestamp: "long", epoch: "long", sequence_num: "long" } as const;
const times = { log_time: "long", receive_time: "long" } as const;
const side = "enum buy sell";
const pool = { exchange: "text", pool: "text", symbol: "text" } as const;
const inChain = {
  chain: "text",
  block_number: "long",
  block_hash: "text",
  tx_hash: "text",
  log_index: "long",
} as const;

/** Field lists that the compiler holds to the TypeScript types and the test to the Avro schemas. */
export const FIELDS = {
  "market.trade": {
    ...{ symbol: "text", exchange: "text", trade_id: "text", price: "text", qty: "text", side, retracts: "text?" },
    ...{ first_trade_id: "long?", last_trade_id: "long?", flags: "texts" },
    ...stream,
    ...times,
  } satisfies WordsOf<Trade>,
  "market.ticker": {
    ...{ symbol: "text", exchange: "text", last_price: "text?", weighted_price: "text?", median_price: "text?" },
    ...{ bid_price: "text?", bid_qty: "text?", ask_price: "text?", ask_qty: "text?", venues: "texts?" },
    ...{ volume_24h: "text?", quote_volume_24h: "text?", open_24h: "text?", high_24h: "text?", low_24h: "text?" },
    ...stream,
    ...times,
  } satisfies WordsOf<Ticker>,
  "market.depth": {
    ...{ symbol: "text", exchange: "text", bids: "levels", asks: "levels", first_update_id: "long", update_id: "long" },
    ...{ is_snapshot: "flag", status: "enum live stale", reason: "text?", previous_sequence: "long" },
    ...stream,
    ...times,
  } satisfies WordsOf<Depth>,
  "market.kline": {
    ...{ symbol: "text", exchange: "text", interval: "text", open_time: "long", close_time: "long" },
    ...{ open: "text", high: "text", low: "text", close: "text", volume: "text", quote_volume: "text" },
    ...{ trade_count: "long", taker_buy_volume: "text", taker_buy_quote_volume: "text" },
    ...{ is_closed: "flag", revision: "long", flags: "texts" },
    ...stream,
    ...times,
  } satisfies WordsOf<Kline>,
  "market.index": {
    ...{ name: "text", value: "text?", status: "text", constituents: "records" },
    ...stream,
    ...times,
  } satisfies WordsOf<Index>,
  "index.input": {
    ...{ name: "text", source: "text", log_time: "long", epoch: "long", sequence_num: "long", prices: "records" },
    receive_time: "long",
  } satisfies WordsOf<IndexInput>,
  "signal.alpha": {
    ...{ signal_id: "text", strategy: "text", symbol: "text", legs: "records", expected_profit: "text" },
    ...stream,
    ...times,
  } satisfies WordsOf<Signal>,
  "market.dlq": {
    ...{ topic: "text", partition: "long", offset: "long", index: "long", exchange: "text", symbol: "text" },
    ...{ reason: "text", detail: "text", original: "bytes" },
    ...stream,
    ...times,
  } satisfies WordsOf<DeadLetter>,
  "plant.state": { value: "text" } satisfies WordsOf<StateRecord>,
  "market.raw": { session: "text", ticks: "records" },
  "block.new": {
    ...{ chain: "text", number: "long", hash: "text", parent_hash: "text", block_time: "long", transactions: "long" },
    ...{ gas_used: "text", gas_limit: "text", base_fee: "text?", retracts: "text?" },
    ...stream,
    ...times,
  } satisfies WordsOf<Block>,
  "swap.executed": {
    ...{ ...pool, ...inChain, sender: "text", recipient: "text", amount0: "text", amount1: "text", price: "text" },
    ...{ sqrt_price_x96: "text?", liquidity: "text?", tick: "long?", retracts: "text?" },
    ...stream,
    ...times,
  } satisfies WordsOf<Swap>,
  "liquidity.change": {
    ...{ ...pool, ...inChain, action: "enum mint burn collect", owner: "text", amount0: "text", amount1: "text" },
    ...{ liquidity: "text?", tick_lower: "long?", tick_upper: "long?", retracts: "text?" },
    ...stream,
    ...times,
  } satisfies WordsOf<LiquidityChange>,
  "pool.sync": {
    ...{ ...pool, ...inChain, reserve0: "text?", reserve1: "text?", sqrt_price_x96: "text?", liquidity: "text?" },
    ...{ tick: "long?", price: "text", retracts: "text?" },
    ...stream,
    ...times,
  } satisfies WordsOf<PoolSync>,
  "tx.pending": {
    ...{ chain: "text", tx_hash: "text", from: "text", to: "text?", nonce: "long", value: "text", gas_limit: "text" },
    ...{ gas_price: "text?", max_fee_per_gas: "text?", max_priority_fee_per_gas: "text?", input: "text" },
    ...stream,
    ...times,
  } satisfies WordsOf<PendingTransaction>,
  "tx.confirm": {
    ...{ chain: "text", tx_hash: "text", status: "enum success reverted dropped replaced", block_number: "long?" },
    ...{ block_hash: "text?", gas_used: "text?", effective_gas_price: "text?", replaced_by: "text?" },
    ...stream,
    ...times,
  } satisfies WordsOf<ConfirmedTransaction>,
} as const satisfies Record<Topic, Words>;

/** The same for records inside the messages, by the field that holds them. */
export const NESTED = {
  constituents: {
    ...{ exchange: "text", symbol: "text", price: "text?", weight: "text", included: "flag", reason: "text" },
  } satisfies WordsOf<IndexConstituent>,
  prices: {
    ...{ exchange: "text", symbol: "text", price: "text?", volume_24h: "text?", price_time: "long", feed_down: "flag" },
    tick: "text?",
  } satisfies WordsOf<IndexInputPrice>,
  legs: { exchange: "text", side, price: "text", qty: "text" } satisfies WordsOf<SignalLeg>,
  feeds: { exchange: "text", feed: "text", connected: "flag", since: "long" } satisfies WordsOf<FeedState>,
  ill: {
    ...{ exchange: "text", feed: "text", symbol: "text", kind: "text", how: "text", since: "long" },
  } satisfies WordsOf<IllStream>,
  ticks: {
    ...{ kind: "enum trade quote ticker depth oracle instrument heartbeat", exchange: "text", symbol: "text" },
    ...{ number: "long", exchange_time: "long", receive_time: "long", price: "text?", qty: "text?", trade_id: "text?" },
    ...{ side: "enum buy sell?", backfilled: "flag?", retracts: "text?", bid_price: "text?", bid_qty: "text?" },
    ...{ ask_price: "text?", ask_qty: "text?", update_id: "long?", action: "enum snapshot increment gap?" },
    ...{ first_update_id: "long?", previous_update_id: "long?", bids: "levels?", asks: "levels?", part: "long?" },
    ...{ parts: "long?", checksum: "long?", reason: "text?", last_price: "text?", open_24h: "text?" },
    ...{ high_24h: "text?", low_24h: "text?", volume_24h: "text?", quote_volume_24h: "text?", confidence: "text?" },
    ...{ round_id: "text?", native_id: "text?", status: "text?", contract_type: "text?", base: "text?" },
    ...{ quote: "text?", tick_size: "text?", lot_size: "text?", contract_size: "text?", inferred: "flag?" },
    ...{ chain: "text?" },
    ...{ feeds: "records?", end: "flag?", ill: "records?", first_trade_id: "long?", last_trade_id: "long?" },
  } satisfies WordsOf<RawTickRecord>,
} as const satisfies Record<string, Words>;

const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("61837.63", "BTC/USDT", "", "x".repeat(9000)));

function valuesOf(field: string, word: string): fc.Arbitrary<unknown> {
  if (word.endsWith("?")) return fc.option(valuesOf(field, word.slice(0, -1)), { nil: null });
  if (word.startsWith("enum ")) return fc.constantFrom(...word.split(" ").slice(1));
  switch (word) {
    case "text":
      return text;
    case "long":
      return fc.integer({ min: -(2 ** 45), max: 2 ** 52 });
    case "flag":
      return fc.boolean();
    case "bytes":
      return fc.uint8Array();
    case "texts":
      return fc.array(text);
    case "levels":
      return fc.array(fc.tuple(text, text));
    case "records":
      return fc.array(messageOf(NESTED[field as keyof typeof NESTED]), { maxLength: 4 });
    default:
      throw new Error(`${word} has no values`);
  }
}

/** Any message with these fields. */
export function messageOf(fields: Words): fc.Arbitrary<Record<string, unknown>> {
  const model = Object.fromEntries(Object.entries(fields).map(([field, word]) => [field, valuesOf(field, word)]));
  return fc.record(model, { noNullPrototype: true });
}
