import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeTick } from "../../schemas/raw-batch-reader.js";
import type { RawTick } from "../../schemas/ticks.js";
import { formatUnits, parseUnits } from "../../schemas/units.js";
import { anyTick } from "../schemas/raw-ticks.js";
import {
  feed,
  HOUR,
  heartbeat,
  increment,
  instrument,
  MINUTE,
  quote,
  SECOND,
  START,
  snapshot,
  ticker,
  trade,
} from "./market-ticks.js";
import { check } from "./seed.js";
import { onePartition, recordsOf, TaskRig } from "./task-rig.js";

const T = START + HOUR;
const rigWith = (...ticks: RawTick[]) => new TaskRig(onePartition, false).take(instrument(START), ...ticks);

/** Shows one tick to a plant that knows the instrument, and answers why it was refused. */
function refusalOf(tick: RawTick, ...before: RawTick[]): string | undefined {
  const rig = rigWith(...before);
  const sofar = rig.refused.length;
  rig.take(tick);
  expect(rig.refused.length - sofar).toBeLessThanOrEqual(1);
  const letters = rig.of("market.dlq");
  expect(letters.map(({ reason }) => reason)).toEqual(rig.refused);
  if (rig.refused.length === sofar) return undefined;
  const letter = letters.at(-1)!;
  expect(decodeTick(letter.original)).toEqual(tick);
  expect(letter).toMatchObject({ topic: "market.raw", partition: 0, index: 0, exchange: tick.exchange });
  expect(letter.detail).not.toBe("");
  return letter.reason;
}

describe("a trade is refused", () => {
  test.each([
    ["not_positive", { price: "0" }],
    ["not_positive", { price: "-1" }],
    ["not_positive", { qty: "0" }],
    ["not_positive", { qty: "-0.5" }],
    ["not_positive", { price: "0.00" }],
    ["out_of_range", { price: "100.0000000000000000001" }],
    ["out_of_range", { price: "1e-19" }],
    ["out_of_range", { qty: "1.0000000000000000001" }],
    ["malformed", { price: "" }],
    ["malformed", { price: "." }],
    ["malformed", { price: "1.2.3" }],
    ["malformed", { price: "NaN" }],
    ["malformed", { qty: "Infinity" }],
    ["malformed", { qty: "0x10" }],
    ["malformed", { qty: "1,5" }],
    ["malformed", { qty: " 1" }],
    ["malformed", { qty: "１" }],
    ["malformed", { qty: "9".repeat(500) }],
    ["out_of_range", { qty: "1e38" }],
    ["out_of_range", { price: "1e999" }],
    ["out_of_range", { price: "9".repeat(60) }],
    ["from_the_future", { exchangeTime: T + 5 * SECOND + 1 }],
    ["too_old", { exchangeTime: T - 48 * HOUR - 1 }],
    ["unknown_instrument", { symbol: "ETH/USDT" }],
    ["unknown_instrument", { exchange: "kraken" }],
    ["bad_name", { exchange: "aggregate" }],
  ] as const)("as %s: %o", (reason, more) => {
    expect(refusalOf(trade(1, T, more))).toBe(reason);
  });

  test("as a duplicate when its id was taken in before, by number or by text", () => {
    expect(refusalOf(trade(7, T), trade(7, T))).toBe("duplicate");
    expect(refusalOf(trade(7, T), trade(7, T), trade(8, T))).toBe("duplicate");
    expect(refusalOf(trade("a-1", T), trade("a-1", T))).toBe("duplicate");
    expect(refusalOf(trade("007", T), trade("7", T))).toBeUndefined();
  });

  test("never for its age when it was back-filled, nor for the last moment of the tolerance", () => {
    expect(refusalOf(trade(1, T, { exchangeTime: T + 5 * SECOND }))).toBeUndefined();
    expect(refusalOf(trade(1, T, { exchangeTime: T - 48 * HOUR }))).toBeUndefined();
    const rig = rigWith(trade(1, T, { exchangeTime: T - 47 * HOUR, backfilled: true }));
    expect(rig.refused).toEqual([]);
    rig.take(trade(2, T, { exchangeTime: T - 49 * HOUR, backfilled: true }));
    // the trade is there; only K-lines are amended no more
    expect(rig.of("market.trade").map(({ trade_id }) => trade_id)).toEqual(["1", "2"]);
    expect(rig.refused).toEqual(["too_late"]);
  });

  test("not for how it is written: an exponent, a sign, zeros", () => {
    const rig = rigWith(trade(1, T, { price: "1e2", qty: "+01.500" }));
    expect(rig.of("market.trade")).toMatchObject([{ price: "100", qty: "1.5" }]);
  });

  test("not for being large: 38 digits before the point are a value", () => {
    const price = "9".repeat(38);
    expect(rigWith(trade(1, T, { price, qty: "1e20" })).of("market.trade")).toMatchObject([
      { price, qty: "100000000000000000000" },
    ]);
  });

  test("not for having no id: each of those is a trade", () => {
    expect(rigWith(trade("", T), trade("", T)).of("market.trade")).toHaveLength(2);
  });
});

describe("a trade that does not fit the instrument that is known is taken in and marked", () => {
  const shown = (...ticks: RawTick[]) => {
    const rig = rigWith(...ticks);
    expect(rig.refused).toEqual([]);
    const trades = rig.of("market.trade").map(({ price, qty, flags }) => [price, qty, flags]);
    return { trades, marked: rig.marked };
  };

  test("where it is finer than tick or lot", () => {
    const found = shown(
      trade(1, T, { price: "100.001" }),
      trade(2, T, { price: "1e-3" }),
      trade(3, T, { price: "100.01", qty: "1.0001" }),
      trade(4, T, { price: "100.00000001", qty: "0.000000000000000001" }),
    );
    expect(found.trades).toEqual([
      ["100.001", "1", ["off_tick"]],
      ["0.001", "1", ["off_tick", "price_band"]],
      ["100.01", "1.0001", ["off_lot"]],
      ["100.00000001", "0.000000000000000001", ["off_tick", "off_lot"]],
    ]);
    expect(found.marked).toEqual(["off_tick", "off_tick", "price_band", "off_lot", "off_tick", "off_lot"]);
  });

  test("by tick and lot sizes that are no powers of ten", () => {
    const sizes = instrument(START, { tickSize: "0.25", lotSize: "5" });
    const found = shown(
      sizes,
      trade(1, T, { price: "100.25", qty: "15" }),
      trade(2, T, { price: "100.2", qty: "15" }),
      trade(3, T, { price: "100.25", qty: "12" }),
    );
    expect(found.trades.map(([, , flags]) => flags)).toEqual([[], ["off_tick"], ["off_lot"]]);
  });

  test("in candles and tickers whole, at scales that grow and do not shrink, also after a restart", () => {
    const before = rigWith(trade(1, T, { price: "7.12" }), trade(2, T, { price: "7.125", qty: "0.55" }));
    const state = new Map(before.task.checkpoint().map(({ key, value }) => [key, value!]));
    const rig = new TaskRig(onePartition, false);
    rig.task.restore(state);
    const coarser = instrument(T, { tickSize: "0.1", lotSize: "1" });
    const last = [
      trade(3, T, { price: "7.1205" }),
      quote(T, { bidPrice: "7.119", askPrice: "7.1215", askQty: "0.00001" }),
    ];
    rig.process(recordsOf([coarser, ...last, heartbeat(T + 2 * MINUTE, [])], 1, "again"));
    expect(rig.refused).toEqual([]);
    const minute = rig
      .of("market.kline")
      .filter(({ exchange, interval, is_closed }) => exchange === "binance" && interval === "1m" && is_closed);
    expect(minute).toMatchObject([{ trade_count: 3, low: "7.12", high: "7.125", close: "7.1205", volume: "2.55" }]);
    const ticker = rig
      .of("market.ticker")
      .filter(({ exchange }) => exchange === "binance")
      .at(-1);
    expect(ticker).toMatchObject({ bid_price: "7.119", ask_price: "7.1215", ask_qty: "0.00001", last_price: "7.1205" });
  });

  test("whatever it is, as exact as it came", () => {
    const digits = (most: number) => fc.bigInt({ min: 1n, max: 10n ** BigInt(most) - 1n }).map(String);
    const decimals = fc.integer({ min: 0, max: 18 });
    const value = fc.tuple(digits(24), decimals).map(([units, scale]) => formatUnits(parseUnits(units, 0), scale));
    const size = decimals.map((scale) => formatUnits(1, scale));
    check(
      fc.property(fc.array(fc.tuple(value, value), { maxLength: 12 }), size, size, (values, tickSize, lotSize) => {
        const found = shown(
          instrument(START, { tickSize, lotSize }),
          ...values.map(([price, qty], at) => trade(at, T, { price, qty })),
        );
        expect(found.trades.map(([price, qty]) => [price, qty])).toEqual(values);
      }),
      50,
    );
  });
});

describe("the price band", () => {
  const at = (id: number, price: string) => trade(id, T, { price });
  const flagged = (rig: TaskRig) =>
    rig
      .of("market.trade")
      .filter(({ flags }) => flags.includes("price_band"))
      .map(({ trade_id }) => trade_id);
  const minutes = (rig: TaskRig) => {
    rig.take(heartbeat(T + 2 * MINUTE));
    const closed = rig.of("market.kline").filter(({ interval, is_closed }) => interval === "1m" && is_closed);
    const of = (venue: string) => closed.find(({ exchange }) => exchange === venue);
    return { own: of("binance"), all: of("aggregate") };
  };

  test.each([
    ["120.01", true],
    ["79.99", true],
    ["120", false],
    ["80", false],
  ])("of a fifth after 100: is %s beyond it? %s", (price, isBeyond) => {
    const rig = rigWith(at(1, "100"), at(2, price));
    expect(rig.refused).toEqual([]);
    expect(flagged(rig)).toEqual(isBeyond ? ["2"] : []);
    expect(rig.marked).toEqual(isBeyond ? ["price_band"] : []);
  });

  test("withholds nothing from the venue's own candle, tape and ticker; aggregates leave the print out", () => {
    const rig = rigWith(at(1, "100"), at(2, "250"), at(3, "101"));
    expect(rig.of("market.trade").map(({ trade_id }) => trade_id)).toEqual(["1", "2", "3"]);
    const { own, all } = minutes(rig);
    expect(own).toMatchObject({ trade_count: 3, high: "250", low: "100", close: "101", volume: "3" });
    expect(all).toMatchObject({ trade_count: 2, high: "101", low: "100", close: "101", volume: "2" });
    const lone = rigWith(at(1, "100"), at(2, "250")).take(heartbeat(T + SECOND, [feed(true, START)]));
    const newest = (venue: string) =>
      lone
        .of("market.ticker")
        .filter(({ exchange }) => exchange === venue)
        .at(-1);
    expect(newest("binance")).toMatchObject({ last_price: "250" });
    expect(newest("aggregate")).toMatchObject({ last_price: "100" });
  });

  test("takes the new level with the fifth price that agrees, and keeps it", () => {
    const prices = ["100", "200", "210", "190", "200", "201", "205"];
    const rig = rigWith(...prices.map((price, n) => at(n + 1, price)));
    expect(flagged(rig)).toEqual(["2", "3", "4", "5"]);
    const { own, all } = minutes(rig);
    expect(own).toMatchObject({ trade_count: 7, high: "210" });
    expect(all).toMatchObject({ trade_count: 3, high: "205" });
  });

  test("is not moved by errors that do not agree; a market that trades at two levels is whole in its own candle", () => {
    const wild = rigWith(at(1, "100"), ...[1, 9, 500, 9000, 2, 700].map((price, n) => at(2 + n, String(price))));
    expect(flagged(wild)).toHaveLength(6);
    const mixed = Array.from({ length: 12 }, (_, n) => at(n + 2, n % 2 === 0 ? "900" : "101"));
    const rig = rigWith(at(1, "100"), ...mixed);
    expect(flagged(rig)).toHaveLength(6);
    const { own, all } = minutes(rig);
    expect(own).toMatchObject({ trade_count: 13, high: "900", low: "100" });
    expect(all).toMatchObject({ trade_count: 7, high: "101" });
  });

  test("is not moved by repeats of a trade that was taken in", () => {
    const before = Array.from({ length: 6 }, () => at(1, "100"));
    const rig = rigWith(at(1, "100"), at(2, "119"), at(3, "140"), ...before, at(4, "141"));
    expect(rig.refused).toEqual(Array(6).fill("duplicate"));
    expect(flagged(rig)).toEqual([]);
  });

  test("of 0 flags nothing", () => {
    const rig = new TaskRig({ ...onePartition, priceBand: "0" }, false).take(instrument(), at(1, "1"), at(2, "90000"));
    expect([rig.refused, flagged(rig)]).toEqual([[], []]);
  });

  test("is never narrower than one tick: a market of few ticks moves by one, not by half", () => {
    const tiny = instrument(START, { tickSize: "0.00000001", lotSize: "1" });
    const prices = ["0.00000002", "0.00000003", "0.00000002", "0.00000001", "0.00000002"];
    const rig = rigWith(tiny, ...prices.map((price, n) => at(n + 1, price)));
    expect(flagged(rig)).toEqual([]);
    rig.take(at(9, "0.00000004"));
    expect(flagged(rig)).toEqual(["9"]);
    const quotes = [quote(T, { bidPrice: "0.00000002", askPrice: "0.00000003" })];
    const moved = quote(T + SECOND, { bidPrice: "0.00000003", askPrice: "0.00000004" });
    expect(rigWith(tiny, ...quotes, moved).marked).toEqual([]);
  });

  test("holds for quotes by side: the venue's own ticker shows them, aggregates keep the ones before", () => {
    const far = quote(T + SECOND, { bidPrice: "1", askPrice: "100.01" });
    const rig = rigWith(quote(T), far).take(heartbeat(T + 2 * SECOND, [feed(true, START)]));
    expect([rig.refused, rig.marked]).toEqual([[], ["price_band"]]);
    const newest = (venue: string) =>
      rig
        .of("market.ticker")
        .filter(({ exchange }) => exchange === venue)
        .at(-1);
    expect(newest("binance")).toMatchObject({ bid_price: "1", ask_price: "100.01" });
    expect(newest("aggregate")).toMatchObject({ bid_price: "99.99", ask_price: "100.01" });
  });
});

describe("a quote", () => {
  test.each([
    ["crossed", { bidPrice: "100.01" }],
    ["crossed", { bidPrice: "100.02" }],
    ["not_positive", { bidQty: "-1" }],
    ["out_of_range", { askPrice: "100.0100000000000000001" }],
    ["out_of_range", { askQty: "1e-19" }],
    ["malformed", { askPrice: "x" }],
    ["from_the_future", { exchangeTime: T + 6 * SECOND }],
  ] as const)("is refused as %s: %o", (reason, more) => {
    expect(refusalOf(quote(T, more))).toBe(reason);
  });

  test("older than the last one by its id is a duplicate, until the book begins anew", () => {
    expect(refusalOf(quote(T, { updateId: 4 }), quote(T, { updateId: 5 }))).toBe("duplicate");
    const anew = snapshot(T, 1, [["99", "1"]], [["101", "1"]]);
    expect(refusalOf(quote(T, { updateId: 4 }), quote(T, { updateId: 5 }), anew)).toBeUndefined();
  });

  test("may have one side only", () => {
    const rig = rigWith(quote(T, { askPrice: "", askQty: "" }));
    expect(rig.of("market.ticker")[0]).toMatchObject({ bid_price: "99.99", ask_price: null, ask_qty: null });
  });
});

describe("a depth event that is refused", () => {
  test.each([
    ["malformed", { bids: [["x", "1"]] }],
    ["out_of_range", { asks: [["101.0000000000000000001", "1"]] }],
    ["out_of_range", { asks: [["101", "1e-19"]] }],
    ["not_positive", { asks: [["0", "1"]] }],
    ["not_positive", { asks: [["101", "-1"]] }],
    ["from_the_future", { exchangeTime: T + 6 * SECOND }],
  ] as const)("as %s leaves the book stale until its next snapshot", (reason, more) => {
    const first = snapshot(T, 10, [["99", "1"]], [["101", "1"]]);
    const bad = increment(T, 11, [], [], more as never);
    expect(refusalOf(bad, first)).toBe(reason);
    const rig = rigWith(first, bad, increment(T, 12, [["99", "2"]], []), { ...first, updateId: 13 });
    const depths = rig.of("market.depth").filter(({ exchange }) => exchange === "binance");
    expect(depths.map(({ status, reason: why, update_id }) => [status, why, update_id])).toEqual([
      ["live", null, 10],
      ["stale", "refused", 11],
      ["live", null, 13],
    ]);
  });
});

describe("levels finer than today's tick and lot", () => {
  test("are taken exactly, as a book holds orders from before its tick became coarser", () => {
    const first = snapshot(T, 10, [["99", "1"]], [["101.00125", "0.00005"]]);
    const later = increment(T, 11, [["98.5", "2"]], [["101.00125", "0"]]);
    const rig = rigWith(first, later);
    expect(rig.of("market.dlq")).toEqual([]);
    const depths = rig.of("market.depth").filter(({ exchange }) => exchange === "binance");
    expect(depths.map(({ bids, asks, status }) => [bids, asks, status])).toEqual([
      [[["99", "1"]], [["101.00125", "0.00005"]], "live"],
      [[["98.5", "2"]], [["101.00125", "0"]], "live"],
    ]);
  });

  test("leave trades marked by the tick", () => {
    const first = snapshot(T, 10, [["99", "1"]], [["101.00125", "1"]]);
    expect(rigWith(first, trade(1, T, { price: "100.001" })).marked).toEqual(["off_tick"]);
  });
});

describe("an instrument", () => {
  test.each([
    ["malformed", { tickSize: "abc" }],
    ["malformed", { tickSize: "0" }],
    ["malformed", { lotSize: "-1" }],
    ["malformed", { lotSize: "1e-300" }],
    ["malformed", { contractSize: "" }],
    ["bad_name", { exchange: "aggregate" }],
    ["bad_name", { symbol: "BTC USDT" }],
    ["bad_name", { symbol: "BTC/USDT@kraken" }],
    ["bad_name", { exchange: "a@b" }],
    ["bad_name", { symbol: `${"X".repeat(65)}` }],
  ] as const)("is refused as %s, and the one before stays in force: %o", (reason, more) => {
    expect(refusalOf(instrument(T, more))).toBe(reason);
    const rig = rigWith(instrument(T, more), trade(1, T, { price: "100.01", qty: "0.001" }));
    expect(rig.of("market.trade")).toMatchObject([{ price: "100.01", qty: "0.001" }]);
    // what was refused is not in the state either
    const state = new Map(rig.task.checkpoint().map(({ key, value }) => [key, value!]));
    const again = new TaskRig(onePartition, false);
    again.task.restore(state);
    expect(again.process(recordsOf([trade(2, T)], 1, "again")).refused).toEqual([]);
  });
});

describe("a ticker", () => {
  test("whose last price is finer than the tick is shown as it is", () => {
    const rig = rigWith(ticker(T, { lastPrice: "100.00125" }));
    expect(rig.refused).toEqual([]);
    expect(rig.of("market.ticker")[0]).toMatchObject({ last_price: "100.00125" });
  });

  test("whose statistics are no decimals is refused as malformed", () => {
    expect(refusalOf(ticker(T, { volume24h: "many" }))).toBe("malformed");
    expect(refusalOf(ticker(T, { lastPrice: "?" }))).toBe("malformed");
  });
});

describe("a record", () => {
  test("of a batch that was sent twice counts once", () => {
    const records = recordsOf([instrument(START), trade(1, T), trade("", T), trade("", T)], 2);
    const rig = new TaskRig(onePartition, false);
    rig.process([...records, ...records, records[1]!]);
    expect(rig.of("market.trade")).toHaveLength(3);
    expect(rig.refused).toEqual(Array(6).fill("repeated_batch"));
  });

  test("of garbage never throws and goes to the dead letters whole", () => {
    const good = recordsOf([instrument(START), trade(1, T), heartbeat(T, [feed(true, T)])], 3)[0]!;
    check(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(good.length), fc.nat(255), (bytes, at, byte) => {
        const rig = new TaskRig(onePartition, false);
        rig.process([bytes, new Uint8Array([...good.subarray(0, 5), ...bytes])]);
        const cut = good.slice(0, at);
        const flipped = good.slice();
        // behind the head lie times, whose leap by centuries is another matter
        flipped[at % 8] = byte;
        rig.process([cut, flipped]);
        const unreadable = rig.of("market.dlq").filter(({ reason }) => reason === "unreadable_record");
        expect(unreadable.length).toBeGreaterThanOrEqual(1);
        expect(Buffer.from(unreadable[0]!.original).equals(bytes)).toBe(true);
        expect(unreadable[0]!.index).toBe(-1);
      }),
      100,
    );
  });

  test("of any ticks at all never throws; each tick is taken in or refused with a reason", () => {
    const near = fc.integer({ min: T, max: T + 90 * SECOND });
    const ticks = fc.array(fc.tuple(anyTick, near), { minLength: 1, maxLength: 20 });
    check(
      fc.property(ticks, (drawn) => {
        const rig = new TaskRig(onePartition, false);
        const some = drawn.map(([tick, time]) => ({ ...tick, receiveTime: time }) as RawTick);
        rig.process(recordsOf([instrument(START), ...some, instrument(START), trade(1, T)], 3));
        expect(rig.of("market.dlq").map(({ reason }) => reason)).toEqual(rig.refused);
      }),
      100,
    );
  });
});
