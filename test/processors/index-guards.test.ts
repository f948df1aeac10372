import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { indexPrice } from "../../processors/indices/index-price.js";
import type { IndexSettings } from "../../processors/settings.js";
import type { Index } from "../../schemas/messages.js";
import type { FeedState, OracleTick, RawTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { big } from "./exact.js";
import { heartbeat, instrument, quote, SECOND, START } from "./market-ticks.js";
import { check } from "./seed.js";
import { messagesOf, onePartition, plant, recordsOf, TaskRig } from "./task-rig.js";

const oracle = (time: Micros, price: string, more: Partial<OracleTick> = {}): OracleTick => ({
  ...{ kind: "oracle", exchange: "chainlink", symbol: "BTC/USD", exchangeTime: time, receiveTime: time, price },
  ...more,
});

const settings: IndexSettings = {
  ...{ name: "BTC", gridMs: 1000, outlierBand: "0.1", staleAfterMs: 30_000, minimumConstituents: 1, scale: 6 },
  constituents: [{ exchange: "binance", symbol: "BTC/USDT", weight: "1" }],
  guards: [{ exchange: "chainlink", symbol: "BTC/USD", maxDeviation: "0.02", staleAfterMs: 3_900_000 }],
};

describe("a guard", () => {
  test("marks what differs from it by more than its share, exactly", () => {
    const cents = fc.integer({ min: 1, max: 10_000_000 });
    // near the edge, too
    const pair = fc.oneof(
      fc.tuple(cents, cents),
      fc
        .tuple(fc.integer({ min: 1, max: 90_000 }), fc.integer({ min: -1, max: 1 }))
        .map(([n, by]) => [n * 102 + by, n * 100]),
    );
    check(
      fc.property(pair, ([value, guard]) => {
        const input = (exchange: string, symbol: string, price: number) => ({
          ...{ exchange, symbol, price: `${price / 100}`, volume_24h: null, price_time: 1_000, feed_down: false },
        });
        const prices = [input("binance", "BTC/USDT", value!), input("chainlink", "BTC/USD", guard!)];
        const { status, constituents, value: text } = indexPrice(prices, 1_000, settings, { value: null });
        expect(big(text!)).toBe(big(`${value! / 100}`));
        const isFar = Math.abs(value! - guard!) * 100 > guard! * 2;
        expect(status).toBe(isFar ? "deviates" : "live");
        expect(constituents.at(-1)).toEqual({
          ...{ exchange: "chainlink", symbol: "BTC/USD", price: `${guard! / 100}`, weight: "0", included: false },
          reason: isFar ? "guard_deviates" : "guard",
        });
      }),
      300,
    );
  });

  test.each([
    ["no price", { price: null }, "guard_no_price"],
    ["a feed that is down", { feed_down: true }, "guard_feed_down"],
    ["a price that is too old", { price_time: 99_999 }, "guard_stale"],
  ])("with %s leaves the index unguarded, and the value as it is", (_what, fields, reason) => {
    const now = 3_900_000_000 + 100_000;
    const common = { volume_24h: null, feed_down: false, price: "100" };
    const prices = [
      { ...common, exchange: "binance", symbol: "BTC/USDT", price_time: now },
      { ...common, exchange: "chainlink", symbol: "BTC/USD", price_time: 100_000, ...fields },
    ];
    const result = indexPrice(prices, now, settings, { value: null });
    expect(result).toMatchObject({ value: "100", status: "unguarded" });
    expect(result.constituents.at(-1)).toMatchObject({ reason, included: false, weight: "0" });
    prices[1] = { ...common, exchange: "chainlink", symbol: "BTC/USD", price_time: 100_000 };
    expect(indexPrice(prices, now, settings, { value: null }).status).toBe("live");
  });

  test("says nothing of a value that is held for want of constituents", () => {
    const prices = [
      { exchange: "chainlink", symbol: "BTC/USD", price: "50", volume_24h: null, price_time: 1, feed_down: false },
    ];
    expect(indexPrice(prices, 1, settings, { value: "100" })).toMatchObject({ value: "100", status: "degraded" });
    expect(indexPrice(prices, 1, settings, { value: null })).toMatchObject({ status: "unavailable" });
  });
});

describe("oracle ticks, through all processors", () => {
  const bid = (time: Micros) => quote(time, { bidPrice: "99.99", askPrice: "100.01" });
  const beat = (time: Micros, feeds: FeedState[] = []) => heartbeat(time, feeds);

  /** Index values by second, of ticks whatever their partitions. */
  function values(ticks: readonly RawTick[], indices: readonly IndexSettings[], partitions = 12): Index[] {
    const outputs: { topic: string; json: string }[] = [];
    const whole = plant(({ topic, json }) => outputs.push({ topic, json }), { ...onePartition, partitions, indices });
    for (const tick of ticks) whole.publish(tick);
    return outputs.filter(({ topic }) => topic === "market.index").map(({ json }) => JSON.parse(json) as Index);
  }

  const seconds = (count: number, each: (time: Micros, second: number) => RawTick[]): RawTick[] => [
    instrument(START),
    ...Array.from({ length: count }, (_, second) => each(START + second * SECOND, second)).flat(),
  ];

  test("guard an index from another partition: it is marked while it deviates, and when the oracle falls silent", () => {
    const guards = [{ ...settings.guards![0]!, staleAfterMs: 5_000 }];
    const prices: Record<number, string> = { 2: "100", 4: "97.9", 6: "101.5" };
    const ticks = seconds(16, (time, second) => [
      beat(time),
      bid(time),
      ...(prices[second] === undefined ? [] : [oracle(time, prices[second])]),
    ]);
    const found = values(ticks, [{ ...settings, guards }]);
    const byTime = found.map(({ timestamp, status }) => [(timestamp - START) / SECOND, status]);
    // a value of an instant stands for all before it
    const expected = (second: number) =>
      second <= 2 ? "unguarded" : second > 4 && second <= 6 ? "deviates" : second <= 11 ? "live" : "unguarded";
    expect(byTime).toEqual(byTime.map(([second]) => [second, expected(second as number)]));
    expect(new Set(byTime.map(([, status]) => status))).toEqual(new Set(["unguarded", "live", "deviates"]));
    for (const { value } of found) expect(value).toBe("100");
  });

  test("are constituents like any other, with a staleness of their own", () => {
    const constituents = [
      { exchange: "binance", symbol: "BTC/USDT", weight: "1" },
      { exchange: "chainlink", symbol: "BTC/USD", weight: "1", staleAfterMs: 60_000 },
    ];
    const index = { ...settings, staleAfterMs: 2_000, constituents, guards: [] };
    const ticks = seconds(100, (time, second) => [
      beat(time),
      bid(time),
      // given half a minute before it came
      ...(second === 0 ? [oracle(time, "102", { exchangeTime: time - 30 * SECOND })] : []),
    ]);
    const found = values(ticks, [index]);
    const at = (second: number) => found.find(({ timestamp }) => timestamp === START + second * SECOND)!;
    expect(at(30)).toMatchObject({ value: "101", status: "live" });
    expect(at(31)).toMatchObject({ value: "100" });
    expect(at(31).constituents[1]).toMatchObject({ price: "102", included: false, reason: "stale" });
  });

  test("are refused with their reason when they are no prices", () => {
    const rig = new TaskRig(onePartition);
    rig.take(
      oracle(START, "0"),
      oracle(START, "-1"),
      oracle(START, "abc"),
      oracle(START, "0.1234567890123456789"),
      oracle(START, "1", { exchangeTime: START + 6 * SECOND }),
      oracle(START, "1", { symbol: "BTC USD" }),
      oracle(START, "1", { exchange: "aggregate" }),
    );
    const reasons = [
      "not_positive",
      "not_positive",
      "malformed",
      "out_of_range",
      "from_the_future",
      "bad_name",
      "bad_name",
    ];
    expect(rig.refused).toEqual(reasons);
    expect(rig.of("market.dlq").map(({ reason }) => reason)).toEqual(reasons);
  });

  test("are remembered over a restart, the last of the log even if it was given earlier", () => {
    const indices = [settings];
    const before = new TaskRig({ ...onePartition, indices });
    before.take(oracle(START, "100"), oracle(START, "99", { exchangeTime: START - SECOND }));
    const state = new Map(
      before.task.checkpoint().flatMap(({ key, value }) => (value === null ? [] : [[key, value] as const])),
    );
    const after = new TaskRig({ ...onePartition, indices });
    const offset = after.task.restore(state)!;
    after.process(recordsOf([beat(START + 2 * SECOND)], 1, "later"), offset);
    const inputs = messagesOf(after.outputs, "index.input").flatMap(({ prices }) => prices);
    expect(inputs).toContainEqual(
      expect.objectContaining({ exchange: "chainlink", price: "99", price_time: START - SECOND }),
    );
  });
});
