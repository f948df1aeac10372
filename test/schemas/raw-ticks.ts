import fc from "fast-check";
import type { RawTick } from "../../schemas/ticks.js";

/** avsc's largest long is one less than the largest safe integer. */
const safe = fc.maxSafeNat().map((value) => Math.min(value, Number.MAX_SAFE_INTEGER - 1));
const decimal = fc.oneof(fc.stringMatching(/^\d{1,9}(\.\d{1,8})?$/), fc.constant("1e-7"), fc.constant(""));
const name = fc.oneof(
  fc.constantFrom("binance", "kraken", "BTC/USDT", "BTC/USDT:USDT", ""),
  fc.string({ unit: "grapheme", maxLength: 90 }),
);
const id = fc.oneof(fc.nat().map(String), name);
const time = fc.oneof(safe, fc.integer({ min: 1_762_000_000_000_000, max: 1_763_000_000_000_000 }));
const long = fc.oneof(safe, fc.nat(), fc.nat(200));
const base = { exchange: name, symbol: name, exchangeTime: time, receiveTime: time };
const levels = fc.array(fc.tuple(decimal, decimal), { maxLength: 70 });

function tickOf<Kind extends RawTick["kind"]>(
  kind: Kind,
  required: Record<string, fc.Arbitrary<unknown>>,
  optional: Record<string, fc.Arbitrary<unknown>> = {},
): fc.Arbitrary<RawTick> {
  const model = { kind: fc.constant(kind), ...base, ...required, ...optional };
  const requiredKeys = Object.keys({ kind, ...base, ...required });
  return fc.record(model, {
    requiredKeys: requiredKeys as never,
    noNullPrototype: true,
  }) as unknown as fc.Arbitrary<RawTick>;
}

const feed = fc.record({ exchange: name, feed: name, connected: fc.boolean(), since: time }, { noNullPrototype: true });

const ill = fc.record(
  { exchange: name, feed: name, symbol: name, kind: name, how: name, since: time },
  { noNullPrototype: true },
);

/** Ticks of every kind, with and without what is optional, in names beyond ASCII too. */
export const anyTick: fc.Arbitrary<RawTick> = fc.oneof(
  tickOf(
    "trade",
    { tradeId: id, price: decimal, qty: decimal, side: fc.constantFrom("buy", "sell") },
    { backfilled: fc.boolean(), retracts: id, firstTradeId: fc.nat(), lastTradeId: long },
  ),
  tickOf("quote", { bidPrice: decimal, bidQty: decimal, askPrice: decimal, askQty: decimal }, { updateId: long }),
  tickOf(
    "ticker",
    { lastPrice: decimal },
    { open24h: decimal, high24h: decimal, low24h: decimal, volume24h: decimal, quoteVolume24h: decimal },
  ),
  tickOf(
    "depth",
    {
      action: fc.constantFrom("snapshot", "increment", "gap"),
      firstUpdateId: long,
      updateId: long,
      bids: levels,
      asks: levels,
    },
    { previousUpdateId: long, part: fc.nat(9), parts: fc.nat(9), checksum: fc.integer(), reason: name },
  ),
  tickOf("oracle", { price: decimal }, { confidence: decimal, roundId: id }),
  tickOf(
    "instrument",
    {
      nativeId: name,
      status: fc.constantFrom("trading", "halted", "delisted"),
      contractType: fc.constantFrom("spot", "linear", "inverse"),
      base: name,
      quote: name,
      tickSize: decimal,
      lotSize: decimal,
      contractSize: decimal,
    },
    { inferred: fc.boolean() },
  ),
  tickOf(
    "heartbeat",
    { feeds: fc.array(feed, { maxLength: 5 }) },
    { end: fc.boolean(), ill: fc.array(ill, { maxLength: 5 }) },
  ),
);
