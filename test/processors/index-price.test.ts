import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { indexPrice } from "../../processors/indices/index-price.js";
import type { IndexSettings } from "../../processors/settings.js";
import type { IndexInput } from "../../schemas/messages.js";
import { big, ONE, text } from "./exact.js";
import { heartbeat, instrument, SECOND, START, trade } from "./market-ticks.js";
import { check } from "./seed.js";
import { codecs, IndexRig, messagesOf, onePartition, TaskRig } from "./task-rig.js";

const VENUES = ["a", "b", "c", "d", "e"];
const SYMBOLS = ["X/USD", "Y/USD"];
const NOW = 1_000_000_000;

const constituents = (weights: readonly number[]) =>
  VENUES.flatMap((exchange, at) =>
    SYMBOLS.map((symbol, nth) => ({ exchange, symbol, weight: `${weights[2 * at + nth]! / 10}` })),
  );

const price = fc.record({
  cents: fc.option(fc.integer({ min: 9_000, max: 11_500 }), { freq: 8 }),
  age: fc.oneof(
    { weight: 5, arbitrary: fc.nat(1000) },
    { weight: 1, arbitrary: fc.integer({ min: 5_001_000, max: 9_000_000 }) },
  ),
  down: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const prices = fc.array(price, { minLength: 10, maxLength: 10 });
const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 10, maxLength: 10 });
const parameters = (of: readonly number[]): IndexSettings => ({
  ...{ name: "I", gridMs: 1000, outlierBand: "0.05", staleAfterMs: 5000, minimumConstituents: 3, scale: 6 },
  constituents: constituents(of),
});

type Drawn = readonly { cents: number | null; age: number; down: boolean }[];
const inputsOf = (drawn: Drawn, now = NOW) =>
  drawn.map(({ cents, age, down }, at) => ({
    ...{ exchange: VENUES[at >> 1]!, symbol: SYMBOLS[at % 2]!, volume_24h: null },
    ...{ price: cents === null ? null : `${cents / 100}`, price_time: now - age, feed_down: down },
  }));

const median = (sorted: readonly bigint[]) => {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2n;
};

/** The index by the book: everything in one scale of 40 decimals. */
function plainIndex(drawn: Drawn, of: readonly number[]) {
  const all = drawn.map((one, at) => ({ ...one, price: big(`${(one.cents ?? 0) / 100}`), weight: BigInt(of[at]!) }));
  const fresh = all.filter(({ cents, age, down }) => cents !== null && !down && age <= 5_000_000);
  if (fresh.length === 0) return null;
  const middle = median(fresh.map((one) => one.price).toSorted((a, b) => (a < b ? -1 : 1)));
  const near = fresh.filter((one) => (one.price > middle ? one.price - middle : middle - one.price) * 20n <= middle);
  if (near.length < 3) return null;
  const total = near.reduce((sum, { weight }) => sum + weight, 0n);
  const weighted = near.reduce((sum, one) => sum + one.price * one.weight, 0n);
  const unit = (ONE / 10n ** 6n) * total;
  const [whole, rest] = [weighted / unit, weighted % unit];
  const up = rest * 2n > unit || (rest * 2n === unit && whole % 2n === 1n);
  return text((whole + (up ? 1n : 0n)) * (ONE / 10n ** 6n));
}

describe("an index", () => {
  test("equals a plain computation of the weighted average within the band around the median", () => {
    check(
      fc.property(prices, weights, (drawn, of) => {
        const expected = plainIndex(drawn, of);
        const result = indexPrice(inputsOf(drawn), NOW, parameters(of), { value: "7" });
        expect(result.value).toBe(expected ?? "7");
        expect(result.status).toBe(expected === null ? "degraded" : "live");
        for (const { included, reason, weight } of result.constituents) {
          expect(included).toBe(reason === "ok");
          if (!included) expect(weight).toBe("0");
        }
      }),
      400,
    );
  });

  test("is unavailable until there was a value, and tells of each constituent why", () => {
    const drawn = [
      { cents: 10_000, age: 0, down: false },
      { cents: null, age: 0, down: false },
      { cents: 10_000, age: 5_000_001, down: false },
      { cents: 10_000, age: 0, down: true },
      { cents: 20_000, age: 0, down: false },
      { cents: 10_000, age: 0, down: false },
    ];
    const result = indexPrice(inputsOf(drawn), NOW, parameters(Array(10).fill(10)), { value: null });
    expect(result).toMatchObject({ value: null, status: "unavailable" });
    const reasons = ["ok", "no_price", "stale", "feed_down", "outlier", "ok", ...Array(4).fill("no_price")];
    expect(result.constituents.map(({ reason }) => reason)).toEqual(reasons);
  });

  test("is the same however the records of its sources interleave, and each instant waits for all of them", () => {
    const settings = { ...onePartition, indices: [parameters(Array(10).fill(10))] };
    const partitionOf = (name: string) => (name === "Y/USD" ? 1 : 0);
    const rounds = fc.array(prices, { minLength: 1, maxLength: 12 });
    check(
      fc.property(rounds, fc.nat(3), fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (drawn, late, coins) => {
        const sources = SYMBOLS.map((symbol, partition) =>
          drawn.slice(partition === 1 ? late : 0).map((one, at): Uint8Array => {
            const instant = NOW + (at + (partition === 1 ? late : 0)) * 1_000_000;
            const input: IndexInput = {
              ...{ name: "I", source: `market.raw/${partition}`, log_time: instant, epoch: 1, sequence_num: at + 1 },
              prices: inputsOf(one, instant).filter((given) => given.symbol === symbol),
              receive_time: instant - partition,
            };
            return codecs["index.input"].encode(input);
          }),
        );
        const run = (order: readonly boolean[]) => {
          const queues = sources.map((source) => [...source]);
          const rig = new IndexRig(settings, partitionOf);
          for (const coin of order) {
            const next = queues[coin ? 1 : 0]!.shift();
            // each record comes twice: the second does nothing
            if (next !== undefined) rig.process([next, next]);
          }
          rig.process([...queues[0]!, ...queues[1]!]);
          return rig.outputs.map(({ json }) => json);
        };
        const one = run([]);
        expect(run(coins)).toEqual(one);
        expect(one).toHaveLength(Math.max(0, drawn.length - late));
        const rig = new IndexRig(settings, partitionOf).process(sources[0]!);
        expect(messagesOf(rig.outputs, "market.index")).toEqual([]);
      }),
      60,
    );
  });
});

describe("a band in per cent knows the tick", () => {
  const tiny = (all: readonly string[], tick: string | null, more: Partial<IndexSettings> = {}) => {
    const symbol = "X/USD";
    const settings: IndexSettings = {
      ...{ name: "I", gridMs: 1000, outlierBand: "0.05", staleAfterMs: 5000, minimumConstituents: 1, scale: 10 },
      constituents: all.map((_, at) => ({ exchange: VENUES[at]!, symbol, weight: "1" })),
      ...more,
    };
    const given = all.map((price, at) => ({
      ...{ exchange: VENUES[at]!, symbol, price, tick, volume_24h: null, price_time: NOW, feed_down: false },
    }));
    return indexPrice(given, NOW, settings, { value: null });
  };
  const reasons = (result: ReturnType<typeof tiny>) => result.constituents.map(({ reason }) => reason);

  test("a constituent one tick from the median counts, and one that is further does not", () => {
    const prices = ["0.00000002", "0.00000003", "0.00000002", "0.00000004"];
    expect(reasons(tiny(prices, "0.00000001"))).toEqual(["ok", "ok", "ok", "outlier"]);
    // as before where no tick is known
    expect(reasons(tiny(prices, null))).toEqual(["outlier", "outlier", "outlier", "outlier"]);
    expect(reasons(tiny(["100", "100", "100", "106"], "0.01"))).toEqual(["ok", "ok", "ok", "outlier"]);
  });

  test("a guard one tick from the value does not deviate", () => {
    const guards = [{ exchange: "e", symbol: "X/USD", maxDeviation: "0.02", staleAfterMs: 5000 }];
    const of = (price: string) => {
      const settings = {
        ...{ name: "I", gridMs: 1000, outlierBand: "0.05", staleAfterMs: 5000, minimumConstituents: 1, scale: 8 },
      };
      const common = { symbol: "X/USD", volume_24h: null, price_time: NOW, feed_down: false };
      const inputs = [
        { exchange: "a", ...common, price: "0.00000002", tick: "0.00000001" },
        { exchange: "e", ...common, price, tick: null },
      ];
      const constituents = [{ exchange: "a", symbol: "X/USD", weight: "1" }];
      return indexPrice(inputs, NOW, { ...settings, constituents, guards }, { value: null }).status;
    };
    expect(["0.000000021", "0.00000003", "0.000000031"].map(of)).toEqual(["live", "live", "deviates"]);
  });

  test("the tick comes with a market's price, in plain digits", () => {
    const indices = [
      {
        ...{ name: "I", gridMs: 1000, outlierBand: "0.05", staleAfterMs: 5000, minimumConstituents: 1, scale: 8 },
        constituents: [{ exchange: "binance", symbol: "BTC/USDT", weight: "1" }],
      },
    ];
    const rig = new TaskRig({ ...onePartition, indices }, false).take(
      instrument(START, { tickSize: "1e-8", lotSize: "1" }),
      trade(1, START, { price: "0.00000002" }),
      heartbeat(START + 2 * SECOND),
    );
    expect(rig.of("index.input").at(-1)!.prices).toMatchObject([{ price: "0.00000002", tick: "0.00000001" }]);
  });
});
