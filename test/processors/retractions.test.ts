import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interval } from "../../schemas/kline-intervals.js";
import type { Kline } from "../../schemas/messages.js";
import type { RawTick, TradeTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { bruteCandles, newest, type PlainTrade, plainOf } from "./brute-candles.js";
import { HOUR, heartbeat, instrument, MINUTE, SECOND, START, trade } from "./market-ticks.js";
import { check } from "./seed.js";
import { onePartition, recordsOf, TaskRig } from "./task-rig.js";

const CHAIN = "uniswap-v3-500";
const settings = { ...onePartition, klineIntervals: ["1m", "5m", "1h", "1d"] };

const pool = (time: Micros, tickSize = "0.01") => instrument(time, { exchange: CHAIN, chain: "ethereum", tickSize });
const takenBack = (former: TradeTick, receiveTime: Micros): TradeTick => ({
  ...former,
  tradeId: `${former.tradeId}:retracted`,
  receiveTime,
  retracts: former.tradeId,
});

const step = fc.record({
  /** To the block's time, from that of the block before. */
  seconds: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 60, max: 600 })),
  /** Blocks that are taken back before it, newest first; some of them come back. */
  depth: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 5 }) }),
  back: fc.boolean(),
  trades: fc.array(fc.tuple(fc.integer({ min: 1, max: 99_999 }), fc.integer({ min: 1, max: 9_999 }), fc.boolean()), {
    maxLength: 4,
  }),
  other: fc.option(fc.integer({ min: 1, max: 99_999 })),
  finer: fc.boolean(),
});

/** A chain's blocks with their trades, as they come, are taken back and come again; and another venue's trades. */
const chainStory = fc.array(step, { minLength: 1, maxLength: 25 }).map((steps) => {
  const ticks: RawTick[] = [pool(START), instrument(START)];
  let blocks: { time: Micros; trades: TradeTick[] }[] = [{ time: START + HOUR, trades: [] }];
  const others: PlainTrade[] = [];
  let now = START + HOUR;
  for (const [at, { seconds, depth, back, trades, other, finer }] of steps.entries()) {
    now += seconds * SECOND;
    if (finer && at === 7) ticks.push(pool(now, "0.0001"));
    const dropped = depth === 0 ? [] : blocks.slice(1).slice(-depth);
    blocks = blocks.slice(0, blocks.length - dropped.length);
    for (const block of dropped.toReversed()) {
      for (const former of block.trades.toReversed()) ticks.push(takenBack(former, now));
    }
    // the chain changed its mind
    for (const block of back ? dropped.slice(0, 1) : []) {
      for (const former of block.trades) ticks.push({ ...former, receiveTime: now });
      blocks.push(block);
    }
    const time = blocks.at(-1)!.time + seconds * SECOND;
    now = Math.max(now, time);
    const fresh = trades.map(([cents, lots, buy], index) =>
      trade(`0xblock${at}:${index}`, now, {
        exchange: CHAIN,
        exchangeTime: time,
        price: (cents / 100).toFixed(2),
        qty: (lots / 1000).toFixed(3),
        side: buy ? "buy" : "sell",
      }),
    );
    ticks.push(...fresh);
    blocks.push({ time, trades: fresh });
    if (other === null) continue;
    const [price, qty] = [(other / 100).toFixed(2), "1"];
    ticks.push(trade(at, now, { price, qty }));
    others.push({ time: now, id: at, price, qty, buy: true });
  }
  const chain = blocks.flatMap(({ trades }) =>
    trades.map(({ exchangeTime, price, qty, side }): PlainTrade => {
      return { time: exchangeTime, id: -1, price, qty, buy: side === "buy" };
    }),
  );
  return { ticks, chain, others, end: now + 7 * MINUTE };
});

/** Those of the newest revision that have trades are those of the trades that are left, and the others are flat. */
function hold(klines: readonly Kline[], exchange: string, trades: readonly PlainTrade[]): void {
  for (const name of settings.klineIntervals) {
    const expected = bruteCandles(trades, interval(name).openTime);
    const last = newest(klines, exchange, name);
    const traded = [...last.values()].filter((kline) => kline.trade_count > 0);
    expect(traded.map(plainOf)).toEqual([...expected.values()]);
    let before: Kline | undefined;
    for (const kline of last.values()) {
      if (kline.trade_count === 0) {
        expect([kline.volume, kline.quote_volume, kline.taker_buy_volume]).toEqual(["0", "0", "0"]);
        expect([kline.high, kline.low, kline.close]).toEqual([kline.open, kline.open, kline.open]);
        if (before !== undefined) expect(kline.open).toBe(before.close);
      }
      if (before !== undefined || kline.trade_count > 0) before = kline;
    }
  }
}

describe("trades that are taken back", () => {
  test("leave the K-lines of the trades that are left, in every interval, beside other venues' too", () => {
    check(
      fc.property(chainStory, fc.integer({ min: 1, max: 5 }), ({ ticks, chain, others, end }, size) => {
        const rig = new TaskRig({ ...settings, priceBand: "0" }, false).process(
          recordsOf([...ticks, heartbeat(end)], size),
        );
        expect(rig.refused).toEqual([]);
        const klines = rig.of("market.kline");
        hold(klines, CHAIN, chain);
        hold(klines, "binance", others);
        hold(klines, "aggregate", [...chain, ...others]);
      }),
      150,
    );
  });

  test("leave the ticker at the last trade that is left", () => {
    check(
      fc.property(chainStory, ({ ticks, chain, end }) => {
        const rig = new TaskRig({ ...settings, emissionMs: 0, longKlineEmissionMs: 0 }, false).process(
          recordsOf([...ticks, heartbeat(end)]),
        );
        const last = rig.of("market.ticker").findLast(({ exchange }) => exchange === CHAIN);
        const newestTrade = chain.toSorted((a, b) => a.time - b.time).at(-1);
        expect(last === undefined ? null : last.last_price).toBe(
          newestTrade ? String(Number(newestTrade.price)) : null,
        );
      }),
      60,
    );
  });

  test("go out on the trades' stream naming what they take back", () => {
    const first = trade("0xa:1", START + SECOND, { exchange: CHAIN, price: "2000" });
    const rig = new TaskRig(settings).take(pool(START), first, takenBack(first, START + 2 * SECOND));
    expect(rig.of("market.trade")).toMatchObject([
      { trade_id: "0xa:1", retracts: null, sequence_num: 1 },
      { trade_id: "0xa:1:retracted", retracts: "0xa:1", price: "2000", qty: "1", sequence_num: 2 },
    ]);
    const published = rig.messages.filter(({ channel }) => channel === `trade:BTC/USDT@${CHAIN}`);
    expect(published.map(({ payload }) => JSON.parse(payload).data.retracts)).toEqual([null, "0xa:1"]);
  });

  test("are taken back once, and only where the market lies on a chain", () => {
    const first = trade("0xa:1", START + SECOND, { exchange: CHAIN });
    const plain = trade("7", START + SECOND);
    const rig = new TaskRig(settings).take(
      pool(START),
      instrument(START),
      first,
      takenBack(first, START + 2 * SECOND),
      takenBack(first, START + 3 * SECOND),
      plain,
      takenBack(plain, START + 3 * SECOND),
    );
    expect(rig.refused).toEqual(["duplicate", "not_retractable"]);
    expect(rig.of("market.trade")).toHaveLength(3);
  });

  test("may not be taken back an hour later: the retraction is refused, and the K-line stays", () => {
    const first = trade("0xa:1", START + SECOND, { exchange: CHAIN });
    const rig = new TaskRig(settings).take(pool(START), first, takenBack(first, START + 2 * HOUR));
    expect(rig.refused).toEqual(["too_late"]);
    const minute = newest(rig.of("market.kline"), CHAIN, "1m").get(START)!;
    expect(minute).toMatchObject({ trade_count: 1, volume: "1" });
  });

  test("a price that jumps is no error on a chain: its contract has traded there", () => {
    const rig = new TaskRig(settings).take(
      pool(START),
      trade("0xa:1", START + SECOND, { exchange: CHAIN, price: "100" }),
      trade("0xa:2", START + SECOND, { exchange: CHAIN, price: "900" }),
    );
    expect(rig.refused).toEqual([]);
  });

  test("give the same outputs when the task is killed at any record and restored from any checkpoint", () => {
    const cuts = fc.array(fc.tuple(fc.nat(20), fc.nat(6)), { minLength: 1, maxLength: 5 });
    check(
      fc.property(chainStory, cuts, ({ ticks, end }, pieces) => {
        const records = recordsOf([...ticks, heartbeat(end)], 2);
        const bytes = (rig: TaskRig) => rig.outputs.map(({ topic, json }) => `${topic} ${json}`);
        const undisturbed = new Set(bytes(new TaskRig(settings).process(records)));
        const all = new Set<string>();
        const state = new Map<string, string>();
        let position = 0;
        for (const [kept, lost] of [...pieces, [records.length, 0] as const]) {
          const rig = new TaskRig(settings);
          rig.task.restore(state);
          const saved = Math.min(records.length, position + kept);
          rig.process(records.slice(position, saved), position);
          for (const { key, value } of rig.task.checkpoint()) {
            if (value === null) state.delete(key);
            else state.set(key, value);
          }
          rig.process(records.slice(saved, saved + lost), saved);
          for (const output of bytes(rig)) all.add(output);
          if (state.size > 0) position = saved;
        }
        expect([...all].sort()).toEqual([...undisturbed].sort());
      }),
      40,
    );
  });
});
