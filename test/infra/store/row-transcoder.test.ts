import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { rowTexts } from "../../../infra/store/row-text.js";
import { RowTranscoder } from "../../../infra/store/row-transcoder.js";
import { type Codecs, openCodecs } from "../../../schemas/codec.js";
import { EmbeddedRegistry } from "../../../schemas/embedded-registry.js";
import type { Depth, Kline, Level, Ticker, Trade } from "../../../schemas/messages.js";

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const plainText = fc.string({ unit: fc.constantFrom("a", "Z", "/", "é", "\\", "\t", "\n"), maxLength: 8 });
const sentAt = 1_762_795_380_123_456;
const largest = 9_007_199_254_740_990;
const micros = fc.nat({ max: largest });
/** Longs that avsc writes rightly: beyond -2^52 it loses the sign. */
const number = fc.integer({ min: -(2 ** 52), max: largest });
const decimal = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.option(fc.stringMatching(/^\d{1,24}$/)))
  .map(([minus, whole, decimals]) => `${minus ? "-" : ""}${whole}${decimals === null ? "" : `.${decimals}`}`);
const maybe = fc.option(decimal);
const level = fc.tuple(decimal, decimal) as fc.Arbitrary<Level>;
const stream = { timestamp: micros, epoch: number, sequence_num: number, log_time: micros, receive_time: micros };

const trades: fc.Arbitrary<Trade> = fc.record({
  ...{ symbol: text, exchange: text, trade_id: text, price: decimal, qty: decimal },
  ...{ side: fc.constantFrom("buy" as const, "sell" as const), ...stream, retracts: fc.option(text) },
  ...{ first_trade_id: fc.option(number), last_trade_id: fc.option(number), flags: fc.array(plainText) },
}) as fc.Arbitrary<Trade>;
const tickers: fc.Arbitrary<Ticker> = fc.record({
  ...{ symbol: text, exchange: text, bid_price: maybe, bid_qty: maybe, ask_price: maybe, ask_qty: maybe },
  ...{ last_price: maybe, volume_24h: maybe, quote_volume_24h: maybe, open_24h: maybe, high_24h: maybe },
  ...{ low_24h: maybe, weighted_price: maybe, median_price: maybe, venues: fc.option(fc.array(plainText)), ...stream },
});
const depths: fc.Arbitrary<Depth> = fc.record({
  ...{ symbol: text, exchange: text, bids: fc.array(level), asks: fc.array(level), first_update_id: number },
  ...{ update_id: number, is_snapshot: fc.boolean(), status: fc.constantFrom("live" as const, "stale" as const) },
  ...{ reason: fc.option(text), ...stream, previous_sequence: number },
});
const klines: fc.Arbitrary<Kline> = fc.record({
  ...{ symbol: text, exchange: text, interval: text, open_time: micros, close_time: micros, open: decimal },
  ...{ high: decimal, low: decimal, close: decimal, volume: decimal, quote_volume: decimal, trade_count: number },
  ...{ taker_buy_volume: decimal, taker_buy_quote_volume: decimal, is_closed: fc.boolean(), revision: number },
  ...{ flags: fc.array(plainText), ...stream },
});

describe("rows straight from records", () => {
  let codecs: Codecs;
  beforeAll(async () => {
    codecs = await openCodecs(new EmbeddedRegistry());
  });

  const check = <Topic extends "market.trade" | "market.ticker" | "market.depth" | "market.kline">(
    topic: Topic,
    messages: fc.Arbitrary<Parameters<(typeof rowTexts)[Topic]["row"]>[0]>,
  ): void => {
    const codec = codecs[topic] as { schemaId: number; encode(message: unknown): Uint8Array };
    const row = rowTexts[topic].row as (message: unknown, sentAt: number) => string;
    fc.assert(
      fc.property(fc.array(messages, { minLength: 1, maxLength: 5 }), (list) => {
        const rows = new RowTranscoder(topic, codec.schemaId);
        for (const message of list) expect(rows.append(codec.encode(message), sentAt)).toBe(true);
        expect(rows.take().toString()).toBe(list.map((message) => row(message, sentAt)).join(""));
      }),
    );
  };

  it("trades are what their messages give", () => check("market.trade", trades));
  it("tickers are what their messages give", () => check("market.ticker", tickers));
  it("depth is what its messages give", () => check("market.depth", depths));
  it("K-lines are what their messages give", () => check("market.kline", klines));

  it("a cut or changed record gives nothing or a whole row, and never more", () => {
    const codec = codecs["market.trade"];
    fc.assert(
      fc.property(trades, fc.nat(), fc.nat({ max: 255 }), fc.boolean(), (message, place, byte, cut) => {
        const value = Buffer.from(codec.encode(message));
        const at = place % value.length;
        if (!cut) value[at] = byte;
        const rows = new RowTranscoder("market.trade", codec.schemaId);
        const taken = rows.append(cut ? value.subarray(0, at) : value, sentAt);
        const out = rows.take().toString("latin1");
        expect(out === "" ? 0 : out.split("\t").length).toBe(taken ? 16 : 0);
      }),
    );
  });

  it("another schema, a value that does not fit and a quoted name are left to the slow way", () => {
    const trade = fc.sample(trades, 1)[0]!;
    const rows = new RowTranscoder("market.trade", codecs["market.trade"].schemaId);
    expect(rows.append(codecs["market.trade"].encode({ ...trade, price: `0.${"1".repeat(25)}` }), sentAt)).toBe(false);
    expect(rows.append(codecs["market.trade"].encode({ ...trade, price: "1e5" }), sentAt)).toBe(false);
    expect(rows.append(codecs["market.trade"].encode({ ...trade, timestamp: -1 }), sentAt)).toBe(false);
    expect(new RowTranscoder("market.trade", 77).append(codecs["market.trade"].encode(trade), sentAt)).toBe(false);
    const kline = fc.sample(klines, 1)[0]!;
    const others = new RowTranscoder("market.kline", codecs["market.kline"].schemaId);
    expect(others.append(codecs["market.kline"].encode({ ...kline, flags: ["it's"] }), sentAt)).toBe(false);
    expect(rows.length + others.length).toBe(0);
  });
});
