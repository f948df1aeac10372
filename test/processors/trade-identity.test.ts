import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FillContent } from "../../processors/cleaning/recent-fills.js";
import { ANOTHER, contentHash, NEW, NEW_RUN, REPEAT, TradeIdentity } from "../../processors/cleaning/trade-identity.js";
import type { TradeTick } from "../../schemas/ticks.js";
import { parseUnits } from "../../schemas/units.js";
import { HOUR, instrument, SECOND, START, trade } from "./market-ticks.js";
import { check } from "./seed.js";
import { onePartition, recordsOf, TaskRig } from "./task-rig.js";

const T = START + HOUR;

const content = (hash: number, time: number, more: Partial<FillContent> = {}): FillContent => ({
  ...{ hash, time, isTimed: true, isFetched: false },
  ...more,
});

/** Trades by [id, hash, seconds after T]; answers what each was taken for. */
function taken(trades: readonly (readonly [id: number, hash: number, at: number])[], held = new TradeIdentity()) {
  return trades.map(([id, hash, at]) => held.takeNumber(id, id, id, content(hash, T + at * SECOND)));
}

describe("ids that begin again", () => {
  test("are a new run with the third in a row that is later, and none is lost, whatever the old ids were", () => {
    const old = Array.from({ length: 400 }, (_, n) => [n + 1, n, n] as const);
    const again = Array.from({ length: 500 }, (_, n) => [n + 1, 1_000 + n, 1_000 + n] as const);
    const held = new TradeIdentity();
    expect(taken(old, held)).toEqual(old.map(() => NEW));
    const found = taken(again, held);
    expect(found.filter((one) => one === REPEAT)).toEqual([]);
    expect(found.indexOf(NEW_RUN)).toBe(2);
    expect(found.filter((one) => one === NEW_RUN)).toHaveLength(1);
    expect(found.slice(400)).toEqual(Array(100).fill(NEW));
    // repeats of both runs
    expect(taken(again.slice(-100), held)).toEqual(Array(100).fill(REPEAT));
    expect(taken(old.slice(-50), held)).toEqual(Array(50).fill(REPEAT));
  });

  test("by the same prices are told by their times alone", () => {
    const held = new TradeIdentity();
    taken(
      [
        [1, 7, 0],
        [2, 7, 1],
        [3, 7, 2],
      ],
      held,
    );
    expect(
      taken(
        [
          [1, 7, 100],
          [2, 7, 101],
          [3, 7, 102],
          [4, 7, 103],
        ],
        held,
      ),
    ).toEqual([ANOTHER, ANOTHER, NEW_RUN, NEW]);
  });

  test("after an interruption are one with the first", () => {
    const held = new TradeIdentity();
    taken(
      [
        [1, 1, 0],
        [2, 2, 1],
        [3, 3, 2],
      ],
      held,
    );
    held.interrupted();
    expect(
      taken(
        [
          [1, 4, 100],
          [2, 5, 101],
          [3, 6, 102],
          [4, 7, 103],
        ],
        held,
      ),
    ).toEqual([NEW_RUN, ANOTHER, ANOTHER, NEW]);
  });

  test("are none for one stray repeat, nor for a history that comes again, however long, after an interruption too", () => {
    const old = Array.from({ length: 300 }, (_, n) => [n + 1, n, n] as const);
    const held = new TradeIdentity();
    taken(old, held);
    expect(taken([[7, 6, 6]], held)).toEqual([REPEAT]);
    held.interrupted();
    expect(taken(old, held)).toEqual(old.map(() => REPEAT));
    expect(taken([[301, 1, 400]], held)).toEqual([NEW]);
  });

  test("leave late and fetched trades of the new run to be taken, and those of the old one refused", () => {
    const held = new TradeIdentity();
    taken(
      Array.from({ length: 300 }, (_, n) => [n + 1, n, n] as const),
      held,
    );
    taken(
      [
        [1, 901, 1_000],
        [2, 902, 1_001],
        [3, 903, 1_002],
        [6, 906, 1_005],
      ],
      held,
    );
    const fetched = (id: number, at: number) =>
      held.takeNumber(id, id, id, content(900 + id, T + at * SECOND, { isFetched: true }));
    expect([fetched(4, 1_003), fetched(5, 1_004), fetched(5, 1_004)]).toEqual([NEW, NEW, REPEAT]);
    expect(
      taken(
        [
          [100, 99, 99],
          [299, 298, 298],
        ],
        held,
      ),
    ).toEqual([REPEAT, REPEAT]);
    expect(taken([[7, 907, 1_006]], held)).toEqual([NEW]);
  });

  test("without times are noticed after a hundred in a row, and refused no longer", () => {
    const held = new TradeIdentity();
    taken(
      Array.from({ length: 1_000 }, (_, n) => [n + 1, n, n] as const),
      held,
    );
    const found = Array.from({ length: 300 }, (_, n) =>
      held.takeNumber(n + 1, n + 1, n + 1, content(5_000 + n, T + HOUR + n, { isTimed: false })),
    );
    expect(found.indexOf(NEW_RUN)).toBe(99);
    expect(found.slice(100)).not.toContain(REPEAT);
  });
});

describe("ids that have no order, as Hyperliquid's, which are hashes of 50 bits", () => {
  const drawn = fc.record({ id: fc.nat(2 ** 50 - 1), later: fc.oneof(fc.constant(0), fc.nat(3)), hash: fc.nat(9) });

  test("lose no trade and double none, however many there are, also when a part comes again after an interruption or a restart", () => {
    const stories = fc.array(drawn, { minLength: 2_500, maxLength: 3_000, size: "max" });
    check(
      fc.property(stories, fc.integer({ min: 30, max: 2_400 }), fc.nat(100), fc.boolean(), (all, at, back, restart) => {
        let held = new TradeIdentity();
        let ms = 0;
        const seen = new Set<number>();
        const trades = all.flatMap(({ id, later, hash }) => {
          if (seen.has(id)) return [];
          seen.add(id);
          ms += later;
          return [[id, hash, ms / 1_000] as const];
        });
        expect(taken(trades.slice(0, at), held)).not.toContain(REPEAT);
        if (restart) {
          const again = new TradeIdentity();
          again.load(JSON.parse(JSON.stringify(held.save())));
          held = again;
        }
        held.interrupted();
        const history = trades.slice(Math.max(0, at - back), at);
        expect(taken(history, held)).toEqual(history.map(() => REPEAT));
        expect(taken(trades.slice(at), held)).not.toContain(REPEAT);
        // far behind what is remembered with its content
        const former = trades.slice(-1_000, -500);
        expect(taken(former, held)).toEqual(former.map(() => REPEAT));
      }),
      20,
    );
  });
});

describe("two trades of one id", () => {
  test.each([
    ["price", { price: "100.01" }],
    ["quantity", { qty: "2" }],
    ["side", { side: "sell" }],
    ["time by more than it is written with", { exchangeTime: T + SECOND + 2_000 }],
  ] as const)("that differ in %s are two, marked and counted, by number and by text", (_what, more) => {
    for (const id of ["7", "a-7", "28401410141904220"]) {
      const rig = new TaskRig(onePartition, false).take(instrument(), trade(id, T), trade(id, T + SECOND, more));
      expect(rig.refused).toEqual([]);
      expect(rig.of("market.trade").map(({ flags }) => flags)).toEqual([[], ["id_again"]]);
      expect(rig.marked).toEqual(["id_again"]);
    }
  });

  test("are one in whatever form it comes, at whatever scale", () => {
    const rig = new TaskRig(onePartition, false).take(
      instrument(),
      trade(7, T, { price: "100.10", qty: "1.0" }),
      instrument(T, { tickSize: "0.0001" }),
      trade(7, T, { price: "1.001e2", qty: "1" }),
    );
    expect(rig.refused).toEqual(["duplicate"]);
  });

  test("a hash is that of the value, whatever its scale", () => {
    const decimal = fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 20n }), fc.nat(18));
    check(
      fc.property(decimal, decimal, fc.nat(6), fc.nat(6), fc.boolean(), ([p, ps], [q, qs], more, most, buy) => {
        const at = (price: number, qty: number) =>
          contentHash(
            parseUnits(`${p}e-${ps}`, ps + price),
            ps + price,
            parseUnits(`${q}e-${qs}`, qs + qty),
            qs + qty,
            buy,
          );
        expect(at(more, most)).toBe(at(0, 0));
      }),
    );
  });
});

/** Fills of events as a venue has them: some ids are those of several fills, each with another content. */
const fills = fc
  .array(
    fc.record({
      step: fc.nat(2),
      later: fc.integer({ min: 0, max: 3_000_000 }),
      price: fc.integer({ min: 1, max: 3 }),
      qty: fc.integer({ min: 1, max: 3 }),
      buy: fc.boolean(),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((drawn) => {
    let [id, time] = [1_000, T];
    const seen = new Set<string>();
    return drawn.flatMap(({ step, later, price, qty, buy }) => {
      id += step;
      // the fills of one event have one time
      if (step > 0) time += later;
      const name = `${id} ${price} ${qty} ${buy}`;
      if (seen.has(name)) return [];
      seen.add(name);
      return [{ id, time, price: `${100 + price}`, qty: `${qty}`, side: buy ? ("buy" as const) : ("sell" as const) }];
    });
  });

/** µs, ms and s, cut or rounded. */
const forms = [
  (time: number) => time,
  (time: number) => time - (time % 1_000),
  (time: number) => Math.round(time / 1_000) * 1_000,
  (time: number) => time - (time % 1_000_000),
];

test("any interleaving of live, repeated and back-filled copies, with times in s, ms and µs, gives each fill once", () => {
  const copy = fc.record({ delay: fc.nat(60), form: fc.nat(forms.length - 1), isFetched: fc.boolean() });
  const texts = fc.constantFrom(
    (id: number) => `${id}`,
    (id: number) => `event-${id}`,
    (id: number) => `${id}0000000000000`,
  );
  check(
    fc.property(
      fills,
      fc.array(fc.array(copy, { maxLength: 3 }), { minLength: 40, maxLength: 40 }),
      texts,
      fc.nat(200),
      (all, copies, name, restart) => {
        const ticks: { at: number; tick: TradeTick }[] = [];
        for (const [n, fill] of all.entries()) {
          const mine = [{ delay: 0, form: 0, isFetched: false }, ...copies[n]!];
          for (const { delay, form, isFetched } of mine) {
            const exchangeTime = forms[form]!(fill.time);
            const { price, qty, side } = fill;
            // received some time after, by another clock
            const receiveTime = T + 200 * SECOND + n * 1_001;
            const backfilled = isFetched ? { backfilled: true } : {};
            ticks.push({
              at: n + delay,
              tick: trade(name(fill.id), 0, { price, qty, side, exchangeTime, receiveTime, ...backfilled }),
            });
          }
        }
        ticks.sort((a, b) => a.at - b.at);
        let rig = new TaskRig(onePartition, false).take(instrument());
        const shown: string[] = [];
        const show = () =>
          shown.push(
            ...rig.of("market.trade").map(({ trade_id, price, qty, side }) => `${trade_id} ${price} ${qty} ${side}`),
          );
        for (const [at, { tick }] of ticks.entries()) {
          if (at === restart) {
            const state = new Map(rig.task.checkpoint().map(({ key, value }) => [key, value!]));
            show();
            rig = new TaskRig(onePartition, false);
            rig.task.restore(state);
          }
          rig.process(recordsOf([tick], 1, `s${at}`));
        }
        show();
        const wanted = all.map(({ id, price, qty, side }) => `${name(id)} ${price} ${qty} ${side}`);
        expect(shown.sort()).toEqual(wanted.sort());
      },
    ),
    150,
  );
});
