import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Store } from "../../infra/store/store.js";
import { StoreRefused } from "../../infra/store/store-errors.js";
import type { DeadLetter, Depth, Index, Kline, Signal, Ticker, Trade } from "../../schemas/messages.js";

export const minute = 60_000_000;
export const start = 1_762_795_380_000_000;
const times = { log_time: start + 30, receive_time: start + 20 };

export function trade(exchange: string, sequence: number, change: Partial<Trade> = {}): Trade {
  return {
    symbol: "BTC/USDT",
    exchange,
    trade_id: String(1000 + sequence),
    price: `${60_000 + (sequence % 7)}.25`,
    qty: "0.001",
    side: sequence % 2 === 0 ? "buy" : "sell",
    timestamp: start + sequence * 1000,
    epoch: 1,
    sequence_num: sequence,
    retracts: null,
    flags: [],
    ...times,
    ...change,
  };
}

export function kline(exchange: string, change: Partial<Kline> = {}): Kline {
  return {
    symbol: "BTC/USDT",
    exchange,
    interval: "1m",
    open_time: start,
    close_time: start + minute - 1,
    open: "1",
    high: "2",
    low: "0.5",
    close: "1.5",
    volume: "10",
    quote_volume: "12.5",
    trade_count: 4,
    taker_buy_volume: "5",
    taker_buy_quote_volume: "6.25",
    is_closed: false,
    revision: 1,
    flags: [],
    timestamp: start + 1,
    epoch: 1,
    sequence_num: 1,
    ...times,
    ...change,
  };
}

/** Text of any decimal of at most 38 digits, canonical. */
function decimals(maxScale: number): fc.Arbitrary<string> {
  return fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }), fc.integer({ min: 0, max: maxScale }), fc.boolean())
    .map(([digits, scale, negative]) => {
      const text = digits.toString().padStart(scale + 1, "0");
      const whole = text.slice(0, text.length - scale);
      const decimals = text.slice(text.length - scale).replace(/0+$/, "");
      const sign = negative && digits !== 0n ? "-" : "";
      return sign + (decimals === "" ? whole : `${whole}.${decimals}`);
    });
}

const anyText = fc.string({ unit: "grapheme", maxLength: 12 });
const everything = { numRuns: 30 };
const all = { exchange: "", symbol: "BTC/USDT", limit: 100_000 };

/** A view's row with the exact texts in place of what is calculated with, which has to be the nearest number. */
function exactly(row: Record<string, unknown> = {}): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    const text = row[`${name}_text`];
    if (name.endsWith("_text")) continue;
    if (text !== undefined) expect(value).toEqual(numbersOf(text));
    out[name] = text === undefined ? value : text;
  }
  return out;
}

const numeric = new Set(["price", "qty", "weight"]);
function numbersOf(text: unknown): unknown {
  if (!Array.isArray(text)) return text === null ? null : Number(text);
  return text.map((one: Record<string, unknown>) =>
    Object.fromEntries(
      Object.entries(one).map(([name, field]) => [name, numeric.has(name) ? numbersOf(field) : field]),
    ),
  );
}

/** What every store has to hold, whatever answers behind it. Each test has a venue of its own. */
export function storeContract(name: string, open: () => Promise<{ store: Store; close(): Promise<void> }>): void {
  describe(`store contract: ${name}`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
      await store.migrate();
    });
    afterAll(async () => {
      await opened.close();
    });

    it("answers a ping", async () => {
      expect(await store.ping()).toBe(true);
    });

    it("migrating again changes nothing", async () => {
      const before = await store.query("SELECT * FROM schema_migrations ORDER BY number");
      await store.migrate();
      expect(await store.query("SELECT * FROM schema_migrations ORDER BY number")).toEqual(before);
      expect(before.length).toBeGreaterThan(0);
    });

    it("trades of the aggregate are those of all venues, by time", async () => {
      const symbol = "TAPE/USDT";
      const trades = ["first", "second", "third"].map((exchange, at) => ({ ...trade(exchange, at + 1), symbol }));
      await store.insert("market.trade", trades);
      const tape = await store.trades({ exchange: "aggregate", symbol, limit: 2 });
      expect(tape.map(({ exchange }) => exchange)).toEqual(["second", "third"]);
    });

    it("pages of trades before a trade bring each once, though many share an instant", async () => {
      const symbol = "PAGES/USDT";
      const all = ["first", "second", "third"].flatMap((exchange) =>
        Array.from({ length: 20 }, (_, n) => ({
          ...trade(exchange, n + 1),
          symbol,
          timestamp: trade(exchange, 1).timestamp,
        })),
      );
      await store.insert("market.trade", all);
      const found: Trade[] = [];
      for (let page = await store.trades({ exchange: "aggregate", symbol, limit: 7 }); page.length > 0; ) {
        found.unshift(...page);
        page = await store.trades({ exchange: "aggregate", symbol, limit: 7, before: page[0]! });
      }
      const key = (each: Trade) => `${each.epoch} ${String(each.sequence_num).padStart(3, "0")} ${each.exchange}`;
      expect(found.map(key)).toEqual(all.map(key).sort());
    });

    it("the same trades inserted again, in the same and in other batches, are there once", async () => {
      const trades = Array.from({ length: 1000 }, (_, index) => trade("repeats", index + 1));
      await store.insert("market.trade", trades);
      await store.insert("market.trade", trades);
      for (const size of [1, 333, 999]) {
        for (let at = 0; at < (size === 1 ? 5 : trades.length); at += size) {
          await store.insert("market.trade", trades.slice(at, at + size));
        }
      }
      expect(await store.trades({ ...all, exchange: "repeats" })).toEqual(trades);
      const [sum] = await store.query<{ rows: number; amount: number; exact: string }>(
        `SELECT count() AS rows, sum(price * qty) AS amount,
          sum(toDecimal256(price_text, 24) * toDecimal256(qty_text, 24)) AS exact FROM trades WHERE exchange = 'repeats'`,
      );
      const units = trades.reduce((total, { price }) => total + BigInt(price.replace(".", "")), 0n);
      const exact = `${units / 100_000n}.${units % 100_000n}`.replace(/0+$/, "");
      expect(sum).toEqual({ rows: 1000, amount: expect.closeTo(Number(exact), 8), exact });
    });

    it("a K-line is its newest revision, whatever the order of arrival, and the newest epoch counts before", async () => {
      const wanted = kline("revised", { epoch: 2, revision: 2, close: "1.9", sequence_num: 7 });
      const others = [
        kline("revised"),
        kline("revised", { revision: 3, close: "1.7" }),
        kline("revised", { revision: 2, close: "1.6" }),
        kline("revised", { epoch: 2, revision: 1, close: "1.8" }),
      ];
      await store.insert("market.kline", [wanted, ...others.slice(0, 2)]);
      await store.insert("market.kline", others.slice(2));
      expect(await store.klines({ ...all, exchange: "revised", interval: "1m" })).toEqual([wanted]);
    });

    it("prices of up to 38 digits come back as they were", async () => {
      let sequence = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(decimals(24), decimals(24)), { minLength: 1 }), async (pairs) => {
          const trades = pairs.map(([price, qty]) => trade("exact", ++sequence, { price, qty }));
          await store.insert("market.trade", trades);
          const from = trades[0]?.timestamp ?? 0;
          expect(await store.trades({ ...all, exchange: "exact", from })).toEqual(trades);
        }),
        everything,
      );
    });

    it("amounts of up to 38 digits come back as they were", async () => {
      let count = 0;
      await fc.assert(
        fc.asyncProperty(decimals(24), decimals(36), async (volume, amount) => {
          const open_time = start + ++count * minute;
          const one = kline("exact", {
            open_time,
            volume,
            quote_volume: amount,
            taker_buy_quote_volume: amount,
            flags: ["amended"],
          });
          await store.insert("market.kline", [one]);
          expect(await store.klines({ ...all, exchange: "exact", interval: "1m", from: open_time })).toEqual([one]);
        }),
        everything,
      );
    });

    it.each([
      ["more decimals than the column keeps", { price: `0.${"0".repeat(24)}1` }],
      ["more digits than the column keeps", { price: "9".repeat(53) }],
      ["an exponent", { qty: "1e-30" }],
      ["no number", { price: "NaN" }],
      ["an empty text", { qty: "" }],
      ["a time before 1970", { timestamp: -1 }],
      ["a number that is not exact", { sequence_num: 2 ** 53 }],
    ])("%s is refused with its row, never rounded", async (_, change) => {
      const batch = [trade("refused", 1), trade("refused", 2, change), trade("refused", 3)];
      const error = await store.insert("market.trade", batch).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(StoreRefused);
      expect(error).toMatchObject({ code: "TP_STORE_REFUSED", row: 1 });
      expect(await store.trades({ ...all, exchange: "refused" })).toEqual([]);
    });

    it("what stands of trades is those that no retraction took back, and those that came again after it", async () => {
      const of = (sequence: number, trade_id: string, retracts: string | null = null) =>
        trade("chain", sequence, { symbol: "WETH/USDC", trade_id, retracts });
      const stream = [
        ...[of(1, "0xa:1"), of(2, "0xa:2"), of(3, "0xb:1"), of(4, "0xb:1:retracted", "0xb:1")],
        ...[of(5, "0xa:2:retracted", "0xa:2"), of(6, "0xa:2"), of(7, "0xc:1")],
      ];
      await store.insert("market.trade", stream);
      // a repeat takes nothing back that came again
      await store.insert("market.trade", stream.slice(2, 5));
      const other = trade("elsewhere", 8, { symbol: "WETH/USDC", trade_id: "0xb:1" });
      await store.insert("market.trade", [other]);
      const standing = await store.query<{ exchange: string; trade_id: string; sequence_num: number }>(
        "SELECT exchange, trade_id, sequence_num FROM standing_trades WHERE symbol = 'WETH/USDC' ORDER BY sequence_num",
      );
      expect(standing.map((row) => [row.exchange, row.trade_id, Number(row.sequence_num)])).toEqual([
        ["chain", "0xa:1", 1],
        ["chain", "0xa:2", 6],
        ["chain", "0xc:1", 7],
        ["elsewhere", "0xb:1", 8],
      ]);
      expect(await store.trades({ exchange: "chain", symbol: "WETH/USDC", limit: 10 })).toEqual(stream);
    });

    it("a sum of trades comes back with its first and last fill, any other without", async () => {
      const fills = { first_trade_id: 9_007_199_254_740_000, last_trade_id: 9_007_199_254_740_005 };
      const stream = [trade("sums", 1), trade("sums", 2, fills)];
      await store.insert("market.trade", stream);
      expect(await store.trades({ exchange: "sums", symbol: "BTC/USDT", limit: 10 })).toEqual(stream);
      const standing = await store.query<{ first_trade_id: number | null }>(
        "SELECT first_trade_id FROM standing_trades WHERE exchange = 'sums' ORDER BY sequence_num",
      );
      expect(standing.map(({ first_trade_id: first }) => first && Number(first))).toEqual([null, fills.first_trade_id]);
    });

    it("any text comes back as it was", async () => {
      let sequence = 0;
      await fc.assert(
        fc.asyncProperty(anyText, anyText, fc.option(anyText), async (symbol, trade_id, retracts) => {
          const one = trade("texts", ++sequence, { symbol, trade_id, retracts });
          await store.insert("market.trade", [one]);
          const from = one.timestamp;
          expect(await store.trades({ exchange: "texts", symbol, from, limit: 10 })).toEqual([one]);
          const flagged = kline("texts", { symbol, flags: [trade_id, "feed_down"] });
          await store.insert("market.kline", [flagged]);
          const found = await store.klines({ exchange: "texts", symbol, interval: "1m", limit: 1 });
          expect(found[0]?.flags).toEqual(flagged.flags);
        }),
        everything,
      );
    });

    it("a range is half open, gives the newest of it and answers the oldest first", async () => {
      const trades = Array.from({ length: 10 }, (_, index) => trade("ranges", index));
      await store.insert("market.trade", trades);
      const range = { exchange: "ranges", symbol: "BTC/USDT", limit: 3 };
      expect(await store.trades(range)).toEqual(trades.slice(7));
      const [from, to] = [trades[2]?.timestamp ?? 0, trades[4]?.timestamp ?? 0];
      expect(await store.trades({ ...range, from, to })).toEqual(trades.slice(2, 4));
      const klines = [0, 1, 2, 3].map((index) => kline("ranges", { open_time: start + index * minute }));
      await store.insert("market.kline", klines);
      const wanted = { ...range, interval: "1m", from: start, to: start + 3 * minute, limit: 2 };
      expect(await store.klines(wanted)).toEqual(klines.slice(1, 3));
    });

    it("a batch may span a thousand days", async () => {
      const trades = Array.from({ length: 1000 }, (_, day) =>
        trade("years", day + 1, { timestamp: start - (999 - day) * 1440 * minute }),
      );
      await store.insert("market.trade", trades);
      expect(await store.trades({ ...all, exchange: "years" })).toEqual(trades);
    });

    it("tickers, depth, index values, signals and dead letters keep every field", async () => {
      const stream = { timestamp: start, epoch: 3, sequence_num: 9, ...times };
      const ticker: Ticker = {
        ...{ symbol: "BTC/USDT", exchange: "fields", bid_price: "1.5", bid_qty: "2", ask_price: null, ask_qty: null },
        ...{ last_price: "1.6", volume_24h: "1000000000000000", quote_volume_24h: "0.0000000000000001" },
        ...{ open_24h: null, high_24h: null, low_24h: null, weighted_price: "1.55", median_price: null },
        ...{ venues: ["binance", "okx"], ...stream },
      };
      const depth: Depth = {
        ...{
          symbol: "BTC/USDT",
          exchange: "fields",
          bids: [
            ["1.5", "2"],
            ["1.4", "0"],
          ],
          asks: [],
        },
        ...{ first_update_id: 1, update_id: 2, is_snapshot: true, status: "stale", reason: "sequence_gap" },
        ...{ ...stream, previous_sequence: 8 },
      };
      const index: Index = {
        ...{ name: "BTC", value: "61000.5", status: "live", ...stream },
        constituents: [
          { exchange: "it's", symbol: "BTC/USDT", price: "1", weight: "0.5", included: true, reason: "ok" },
          { exchange: "b", symbol: "BTC/USDT", price: null, weight: "0", included: false, reason: "no_price" },
        ],
      };
      const signal: Signal = {
        ...{ signal_id: "s1", strategy: "arbitrage", symbol: "BTC/USDT", expected_profit: "-0.01", ...stream },
        legs: [{ exchange: "a", side: "buy", price: "1", qty: "2" }],
      };
      const original = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      const letter: DeadLetter = {
        ...{ topic: "market.raw", partition: 3, offset: 7, index: 2, exchange: "fields", symbol: "BTC/USDT" },
        ...{ reason: "off_tick", detail: "price 1.23\n", original, ...stream },
      };
      await store.insert("market.ticker", [ticker]);
      await store.insert("market.depth", [depth]);
      await store.insert("market.index", [index]);
      await store.insert("signal.alpha", [signal]);
      await store.insert("market.dlq", [letter]);
      const one = async (view: string, where: string): Promise<unknown> => {
        const bytes = view === "dead_letters" ? ", hex(original) AS original" : "";
        const [row] = await store.query<Record<string, unknown>>(
          `SELECT * EXCEPT (sent_at) REPLACE (toUnixTimestamp64Micro(timestamp) AS timestamp,
            toUnixTimestamp64Micro(log_time) AS log_time, toUnixTimestamp64Micro(receive_time) AS receive_time${bytes}) FROM ${view} WHERE ${where}`,
        );
        return exactly(row);
      };
      const pairs = depth.bids.map(([price, qty]) => ({ price, qty }));
      expect(await one("tickers", "exchange = 'fields'")).toEqual(ticker);
      expect(await one("depth", "exchange = 'fields'")).toEqual({ ...depth, bids: pairs });
      expect(await one("index_values", "name = 'BTC'")).toEqual(index);
      expect(await one("signals", "signal_id = 's1'")).toEqual(signal);
      const hex = Buffer.from(original).toString("hex").toUpperCase();
      expect(await one("dead_letters", "exchange = 'fields'")).toEqual({ ...letter, original: hex });
    });

    it("a query takes bound parameters and a bad one gives the engine's own words", async () => {
      const rows = await store.query("SELECT {a:UInt8} + 1 AS b, {c:String} AS c", {
        a: 4,
        c: "x'; DROP TABLE trades",
      });
      expect(rows).toEqual([{ b: 5, c: "x'; DROP TABLE trades" }]);
      const error = await store.query("SELECT nothing FROM trades").catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: "TP_STORE_REFUSED" });
      expect(String(error)).toContain("UNKNOWN_IDENTIFIER");
    });
  });
}
