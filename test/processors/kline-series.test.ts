import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interval, intervalNames } from "../../schemas/kline-intervals.js";
import type { Kline } from "../../schemas/messages.js";
import type { RawTick, TradeTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { bruteCandles, newest, type PlainTrade, plainOf } from "./brute-candles.js";
import { feed, HOUR, heartbeat, instrument, MINUTE, SECOND, START, trade } from "./market-ticks.js";
import { check } from "./seed.js";
import { onePartition, recordsOf, TaskRig } from "./task-rig.js";

const LATE = 48 * HOUR;
const GRACE = SECOND;

/** Arrivals: how long after the one before, how late, at what price. */
const arrival = fc.record({
  pause: fc.oneof(fc.nat(90 * SECOND), fc.nat(3 * SECOND), fc.nat(2 * HOUR)),
  late: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: -1_500_000, max: 5 * SECOND }) },
    { weight: 2, arbitrary: fc.nat(10 * MINUTE) },
    { weight: 1, arbitrary: fc.nat(LATE + HOUR) },
  ),
  cents: fc.integer({ min: 1, max: 100_000 }),
  lots: fc.integer({ min: 1, max: 5_000_000 }),
  buy: fc.boolean(),
  /** Instead of a new trade, that of so many before once more. */
  again: fc.option(fc.nat(5), { freq: 8 }),
  sameTime: fc.boolean(),
});

interface Story {
  readonly ticks: RawTick[];
  /** Those that count. */
  readonly trades: PlainTrade[];
  readonly end: Micros;
}

function storyOf(
  arrivals: readonly (typeof arrival extends fc.Arbitrary<infer T> ? T : never)[],
  ids: number[],
): Story {
  const ticks: RawTick[] = [instrument(START)];
  const trades: PlainTrade[] = [];
  const sent: TradeTick[] = [];
  let now = START + 72 * HOUR;
  let exchangeTime = now;
  for (const [at, { pause, late, cents, lots, buy, again, sameTime }] of arrivals.entries()) {
    now += pause;
    const repeated = again === null ? undefined : sent.at(-1 - again);
    if (repeated !== undefined) {
      ticks.push({ ...repeated, receiveTime: now });
      continue;
    }
    if (!sameTime) exchangeTime = now - late;
    if (exchangeTime > now + 5 * SECOND) exchangeTime = now;
    const price = (cents / 100).toFixed(2);
    const qty = (lots / 1000).toFixed(3);
    const id = ids[at % ids.length]! * 1000 + at;
    const tick = trade(id, now, { exchangeTime, price, qty, side: buy ? "buy" : "sell" });
    ticks.push(tick);
    if (now - exchangeTime > LATE) continue;
    sent.push(tick);
    trades.push({ time: exchangeTime, id, price, qty, buy });
  }
  return { ticks, trades, end: now + 5 * MINUTE };
}

function flat(before: Kline, open_time: Micros) {
  const { close } = before;
  return {
    ...{ open_time, open: close, high: close, low: close, close, volume: "0", quote_volume: "0" },
    ...{ trade_count: 0, taker_buy_volume: "0", taker_buy_quote_volume: "0" },
  };
}

/** The law for one stream of K-lines. */
function hold(klines: readonly Kline[], exchange: string, name: string, { trades, end }: Story): void {
  const length = interval(name);
  const stream = klines.filter((kline) => kline.exchange === exchange && kline.interval === name);
  const expected = bruteCandles(trades, length.openTime);
  const last = newest(klines, exchange, name);
  expect([...expected.keys()].filter((openTime) => !last.has(openTime))).toEqual([]);

  let before: Kline | undefined;
  for (const kline of last.values()) {
    const withTrades = expected.get(kline.open_time);
    expect(plainOf(kline)).toEqual(withTrades ?? flat(before!, kline.open_time));
    // no hole between the first and the last
    if (before !== undefined) expect(kline.open_time).toBe(length.nextOpen(before.open_time));
    expect(kline.close_time).toBe(length.nextOpen(kline.open_time) - 1);
    expect(kline.is_closed).toBe(length.nextOpen(kline.open_time) + GRACE <= end);
    before = kline;
  }
  const first = [...last.keys()][0]!;
  const lastClosed = length.openTime(length.openTime(end - GRACE) - 1);
  expect([...last.keys()].at(-1)!).toBeGreaterThanOrEqual(Math.max(first, lastClosed));

  const revisions = new Map<Micros, Kline>();
  for (const [at, kline] of stream.entries()) {
    const former = revisions.get(kline.open_time);
    expect(kline.revision).toBe((former?.revision ?? 0) + 1);
    if (former?.is_closed) expect(kline).toMatchObject({ is_closed: true, flags: ["amended"] });
    else expect(kline.flags).toEqual([]);
    if (kline.is_closed) expect(kline.timestamp).toBeGreaterThanOrEqual(length.nextOpen(kline.open_time) + GRACE);
    expect(kline.sequence_num).toBe(at + 1);
    revisions.set(kline.open_time, kline);
  }
}

describe("K-lines", () => {
  test("equal a brute force over any order of arrival, with late trades up to 48 hours and repeats", () => {
    const ids = fc.array(fc.nat(99), { minLength: 1, maxLength: 5 });
    check(
      fc.property(fc.array(arrival, { minLength: 1, maxLength: 40 }), ids, (arrivals, order) => {
        const story = storyOf(arrivals, order);
        if (story.trades.length === 0) return;
        const settings = { ...onePartition, priceBand: "0", klineIntervals: ["1m", "15m", "1d"] };
        const rig = new TaskRig(settings, false);
        rig.process(recordsOf([...story.ticks, heartbeat(story.end)], 3));
        const klines = rig.of("market.kline");
        for (const exchange of ["binance", "aggregate"]) {
          for (const name of settings.klineIntervals) hold(klines, exchange, name, story);
        }
      }),
      40,
    );
  });

  test("in intervals that do not nest are right too, and only those that were asked for come", () => {
    const short = fc.array(
      arrival.map((one) => ({ ...one, pause: one.pause % (10 * MINUTE), late: one.late % MINUTE })),
      { minLength: 1, maxLength: 30 },
    );
    check(
      fc.property(short, (arrivals) => {
        const story = storyOf(arrivals, [1]);
        const settings = { ...onePartition, priceBand: "0", klineIntervals: ["5m", "3m"] };
        const rig = new TaskRig(settings, false);
        rig.process(recordsOf([...story.ticks, heartbeat(story.end)], 100));
        const klines = rig.of("market.kline");
        expect(new Set(klines.map((kline) => kline.interval))).toEqual(new Set(["3m", "5m"]));
        for (const name of settings.klineIntervals) hold(klines, "binance", name, story);
      }),
      30,
    );
  });

  test("leave at the first change at once, then at most once in 100 ms of log time, those above a minute in a second", () => {
    const gaps = fc.array(fc.nat(250_000), { minLength: 1, maxLength: 60 });
    const apart = { "1s": 100_000, "1m": 100_000, "3m": 1_000_000, "1d": 1_000_000 } as const;
    check(
      fc.property(gaps, (pauses) => {
        let now = START + SECOND;
        const trades = pauses.map((pause, at) => {
          now += pause;
          return trade(at, now, { price: `${100 + at}` });
        });
        const rig = new TaskRig({ ...onePartition, klineIntervals: Object.keys(apart) }, false);
        rig.process(recordsOf([instrument(START), ...trades, heartbeat(now + 2 * SECOND)]));
        for (const [name, gap] of Object.entries(apart)) {
          const of = rig.of("market.kline").filter((kline) => kline.exchange === "binance" && kline.interval === name);
          const open = of.filter((kline) => !kline.is_closed);
          expect(open[0]!.timestamp).toBe(trades[0]!.receiveTime);
          if (name === "1s") continue;
          open.forEach((kline, at) => {
            if (at > 0) expect(kline.timestamp - open[at - 1]!.timestamp).toBeGreaterThanOrEqual(gap);
            // nothing is shown that was shown before
            if (at > 0) expect(kline.trade_count).toBeGreaterThan(open[at - 1]!.trade_count);
          });
          expect(open.at(-1)!.trade_count).toBe(trades.length);
        }
      }),
    );
  });

  test("are not flagged while the feed is up, and flagged while it is down, starts late or goes silent", () => {
    const beats = (from: Micros, to: Micros, connected: boolean, since: Micros) => {
      const found: RawTick[] = [];
      for (let time = from; time < to; time += SECOND) found.push(heartbeat(time, [feed(connected, since)]));
      return found;
    };
    const minute = (n: number) => START + n * MINUTE;
    const ticks: RawTick[] = [
      ...[instrument(START), ...beats(minute(0), minute(2.5), true, minute(0) - 1)],
      ...beats(minute(2.5), minute(3.5), false, minute(2.5)),
      ...beats(minute(3.5), minute(5) + 30 * SECOND, true, minute(3.5)),
      // silence: two seconds after the last heartbeat the feed counts as dead
      ...beats(minute(7) + 30 * SECOND, minute(10) + 2 * SECOND, true, minute(7) + 30 * SECOND),
    ];
    ticks.splice(3, 0, trade(1, minute(0) + SECOND));
    const rig = new TaskRig({ ...onePartition, klineIntervals: ["1m", "5m"] }, false);
    rig.process(recordsOf(ticks));
    const klines = rig.of("market.kline");
    for (const exchange of ["binance", "aggregate"]) {
      const flags = (name: string) => [...newest(klines, exchange, name).values()].map((kline) => kline.flags);
      const down = ["feed_down"];
      expect(flags("1m")).toEqual([[], [], down, down, [], down, down, down, [], []]);
      expect(flags("5m")).toEqual([down, down]);
    }
  });

  test("of a quiet time are not flagged when a heartbeat says that the connection stood all along", () => {
    const rig = new TaskRig({ ...onePartition, klineIntervals: ["1m"] }, false);
    const ticks = [instrument(START), heartbeat(START, [feed(true, 0)]), trade(1, START + SECOND)];
    rig.process(recordsOf([...ticks, heartbeat(START + 5 * MINUTE, [feed(true, 0)])]));
    const flags = () => [...newest(rig.of("market.kline"), "binance", "1m").values()].map((kline) => kline.flags);
    expect(flags()).toEqual([[], [], [], []]);
    // connected since later: it was down in between, though nobody said so then
    rig.take(heartbeat(START + 8 * MINUTE, [feed(true, START + 7 * MINUTE)]));
    expect(flags().slice(4)).toEqual([[], ["feed_down"], ["feed_down"]]);
  });

  test("of an interval that began before the feed did are flagged", () => {
    const ticks: RawTick[] = [instrument(START), heartbeat(START + 3 * MINUTE, [feed(true, START + 3 * MINUTE)])];
    for (let time = START + 3 * MINUTE; time < START + 6 * MINUTE; time += SECOND) {
      ticks.push(heartbeat(time, [feed(true, START + 3 * MINUTE)]));
    }
    ticks.splice(20, 0, trade(1, START + 3 * MINUTE + 18 * SECOND));
    const rig = new TaskRig({ ...onePartition, klineIntervals: ["1m", "5m"] }, false).process(recordsOf(ticks));
    const klines = rig.of("market.kline");
    expect(newest(klines, "binance", "1m").get(START + 3 * MINUTE)!.flags).toEqual([]);
    expect(newest(klines, "binance", "5m").get(START)!.flags).toEqual(["feed_down"]);
  });

  test("go on counting revisions where a checkpoint lay between a late trade and what it changed", () => {
    const settings = { ...onePartition, klineIntervals: ["1m"] };
    const late = (id: number, now: Micros) => trade(id, now, { exchangeTime: START + SECOND });
    const pause = START + 5 * MINUTE;
    const state = new Map<string, string | null>();
    const save = (rig: TaskRig) => {
      for (const { key, value } of rig.task.checkpoint()) state.set(key, value);
    };
    const before = new TaskRig(settings, false).take(
      instrument(START),
      trade(1, START + SECOND),
      heartbeat(pause),
      late(2, pause + SECOND),
      // shown once more, but not yet
      late(3, pause + SECOND + 1_000),
    );
    save(before);
    before.take(heartbeat(pause + 2 * SECOND));
    save(before);
    const restored = new TaskRig(settings, false);
    const position = restored.task.restore(
      new Map([...state].filter((entry): entry is [string, string] => entry[1] !== null)),
    );
    const rest = recordsOf([late(4, pause + 3 * SECOND), heartbeat(pause + 4 * SECOND)], 1, "after");
    restored.process(rest, position!);
    const revisions = (rig: TaskRig) =>
      rig.of("market.kline").flatMap(({ exchange, open_time, trade_count, revision }) => {
        return exchange === "binance" && open_time === START ? [[trade_count, revision]] : [];
      });
    expect([...revisions(before), ...revisions(restored)]).toEqual([
      [1, 1],
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
    ]);
  });

  test("go on from a state of before long ones were shown more seldom: what waited is shown in every interval", () => {
    const settings = { ...onePartition, klineIntervals: ["1m", "1h"] };
    const before = new TaskRig(settings, false).take(
      instrument(START),
      trade(1, START + SECOND),
      // not shown yet
      trade(2, START + SECOND + 1_000),
    );
    const state = new Map<string, string>();
    for (const { key, value } of before.task.checkpoint()) {
      if (value !== null) state.set(key, value.replaceAll(/,"longEmission":\[[^\]]*\]/g, "").replaceAll(",6]", ",1]"));
    }
    expect([...state.values()].join("")).not.toMatch(/longEmission|,6\]/);
    const restored = new TaskRig(settings, false);
    const position = restored.task.restore(state);
    restored.process(recordsOf([heartbeat(START + 2 * SECOND)], 1, "after"), position!);
    const shown = restored.of("market.kline").filter(({ exchange }) => exchange === "binance");
    expect(shown.map(({ interval, trade_count }) => [interval, trade_count])).toEqual([
      ["1m", 2],
      ["1h", 2],
    ]);
  });

  test("take no trade older than 48 hours: it goes to the dead letters", () => {
    const now = START + 100 * HOUR;
    const rig = new TaskRig(onePartition, false).take(
      instrument(now),
      trade(1, now),
      trade(2, now, { exchangeTime: now - LATE - 1, backfilled: true }),
      trade(3, now, { exchangeTime: now - LATE, backfilled: true }),
    );
    expect(rig.refused).toEqual(["too_late"]);
    expect(rig.of("market.dlq").map(({ reason }) => reason)).toEqual(["too_late"]);
  });
});

describe("an interval", () => {
  test.each(intervalNames)(
    "%s opens where the one before it ends, at a whole number of UTC days or a part of one",
    (name) => {
      const length = interval(name);
      check(
        fc.property(fc.integer({ min: 1_000_000_000_000_000, max: 4_000_000_000_000_000 }), (time) => {
          const openTime = length.openTime(time);
          const next = length.nextOpen(openTime);
          expect(openTime).toBeLessThanOrEqual(time);
          expect(next).toBeGreaterThan(time);
          expect(length.openTime(openTime)).toBe(openTime);
          expect(length.openTime(next - 1)).toBe(openTime);
          expect(length.openTime(next)).toBe(next);
          const opened = new Date(openTime / 1000);
          if (name === "1w") expect(opened.getUTCDay()).toBe(1);
          if (name === "1M") expect(opened.getUTCDate()).toBe(1);
          if (/[dwM]/.test(name)) expect(openTime % (24 * HOUR)).toBe(0);
        }),
        50,
      );
    },
  );
});
