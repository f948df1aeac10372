import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interval } from "../../schemas/kline-intervals.js";
import type { TradeTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { bruteCandles, newest, type PlainTrade, plainOf } from "./brute-candles.js";
import { heartbeat, instrument, MINUTE, SECOND, START, trade } from "./market-ticks.js";
import { check } from "./seed.js";
import { onePartition, recordsOf, TaskRig } from "./task-rig.js";

const settings = { ...onePartition, klineIntervals: ["1m", "5m"], priceBand: "0" };

interface Fills {
  readonly first: number;
  readonly lots: readonly number[];
  readonly price: string;
  readonly buy: boolean;
  readonly time: Micros;
  /** The sum's own number. */
  readonly own: number;
}

const lotsOf = (lots: number) => (lots / 1_000).toFixed(3);

function single(of: Fills, at: number): TradeTick {
  const { price, buy, time } = of;
  return trade(of.first + at, time, { price, qty: lotsOf(of.lots[at]!), side: buy ? "buy" : "sell" });
}

function sum({ own, first, lots, price, buy, time }: Fills): TradeTick {
  const qty = lotsOf(lots.reduce((total, lot) => total + lot, 0));
  const fills = { firstTradeId: first, lastTradeId: first + lots.length - 1 };
  return trade(own, time, { price, qty, side: buy ? "buy" : "sell", ...fills });
}

const group = fc.record({
  lots: fc.array(fc.integer({ min: 1, max: 9_999 }), { minLength: 1, maxLength: 6 }),
  cents: fc.integer({ min: 1, max: 99_999 }),
  buy: fc.boolean(),
  seconds: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 90 })),
  /** Ids that no market trade has: a liquidation's. */
  gap: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) }),
});
const segment = fc.record({
  sums: fc.boolean(),
  groups: fc.array(group, { minLength: 1, maxLength: 8 }),
  /** So many of the groups before it come again, in this segment's kind, as a back-fill that overlaps does. */
  again: fc.nat(5),
});

const plain = (of: Fills): PlainTrade[] =>
  of.lots.map((lot, at) => ({
    ...{ time: of.time, id: of.first + at, price: of.price, qty: lotsOf(lot), buy: of.buy },
  }));

describe("a plant whose trades come as sums, or one by one, in turns", () => {
  test("its K-lines hold each fill once, whatever comes again and whenever it was restored", () => {
    check(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (segments) => {
        let state = new Map<string, string>();
        const known: Fills[] = [];
        const outputs: TaskRig["outputs"] = [];
        let [id, own, time] = [9_000_000_000, 1_000_000, START];
        let repeats = 0;
        const refused: string[] = [];
        let offset = 0;
        for (const { sums, groups, again } of segments) {
          // a restart between the kinds
          const rig = new TaskRig(settings, false);
          rig.task.restore(state);
          const fresh = groups.map(({ lots, cents, buy, seconds, gap }): Fills => {
            const first = id + gap;
            id = first + lots.length;
            time += seconds * SECOND;
            own += 1;
            return { first, lots, price: (cents / 100).toFixed(2), buy, time, own };
          });
          const repeated = known.slice(known.length - again);
          const ticksOf = (of: Fills) => (sums ? [sum(of)] : of.lots.map((_, at) => single(of, at)));
          const old = repeated.flatMap(ticksOf).map((tick) => ({ ...tick, receiveTime: time, backfilled: true }));
          repeats += old.length;
          const records = recordsOf([instrument(time), ...old, ...fresh.flatMap(ticksOf)], 3, `s${offset}`);
          rig.process(records, offset);
          offset += records.length;
          for (const { key, value } of rig.task.checkpoint())
            value === null ? state.delete(key) : state.set(key, value);
          state = new Map(state);
          known.push(...fresh);
          outputs.push(...rig.outputs);
          refused.push(...rig.refused);
        }
        const last = new TaskRig(settings, false);
        last.task.restore(state);
        last.process(recordsOf([heartbeat(time + 7 * MINUTE)], 1, "end"), offset);
        last.outputs.unshift(...outputs);
        expect(refused.length).toBe(repeats);
        const klines = last.of("market.kline");
        for (const name of settings.klineIntervals) {
          const expected = bruteCandles(known.flatMap(plain), interval(name).openTime);
          const traded = [...newest(klines, "binance", name).values()].filter(({ trade_count }) => trade_count > 0);
          expect(traded.map(plainOf)).toEqual([...expected.values()]);
        }
      }),
      60,
    );
  });

  test("a sum that was taken in for a part is refused as such, and says how much; one of no order is malformed", () => {
    const of = (first: number, last: number) => trade(7, START, { firstTradeId: first, lastTradeId: last });
    const rig = new TaskRig(settings, false).take(
      instrument(START),
      trade(100, START),
      trade(101, START),
      of(101, 104),
      of(100, 101),
      of(102, 105),
      of(110, 109),
      of(0, 5_000_000),
    );
    const letters = rig.of("market.dlq").map(({ reason, detail }) => `${reason}: ${detail}`);
    expect(letters).toEqual([
      "overlap: 1 of the 4 trades that it sums were taken in before",
      "duplicate: the trades that it sums were taken in before",
      "malformed: a sum of trades 110 to 109",
      "malformed: a sum of trades 0 to 5000000",
    ]);
    expect(
      rig
        .of("market.trade")
        .map(({ trade_id, first_trade_id, last_trade_id }) => [trade_id, first_trade_id, last_trade_id]),
    ).toEqual([
      ["100", null, null],
      ["101", null, null],
      ["7", 102, 105],
    ]);
  });

  test("the channel's trade names the fills of a sum, and has no such fields otherwise", () => {
    const rig = new TaskRig(settings).take(
      instrument(START),
      trade(1, START),
      trade(9, START, { firstTradeId: 2, lastTradeId: 4 }),
    );
    const told = rig.messages
      .filter(({ channel }) => channel === "trade:BTC/USDT@binance")
      .map(({ payload }) => JSON.parse(String(payload)).data as Record<string, unknown>);
    expect(
      told.map(({ trade_id, first_trade_id, last_trade_id }) => [trade_id, first_trade_id, last_trade_id]),
    ).toEqual([
      ["1", undefined, undefined],
      ["9", 2, 4],
    ]);
  });
});
