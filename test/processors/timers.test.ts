import fc from "fast-check";
import { expect, test } from "vitest";
import { Timers } from "../../processors/task/timers.js";
import { check } from "./seed.js";

test("fire in the order of due time, operator and key, each slot for its newest due time only", () => {
  const set = fc.record({ slot: fc.nat(7), due: fc.nat(20), clear: fc.boolean() });
  check(
    fc.property(fc.array(set, { maxLength: 80 }), fc.array(fc.nat(25), { maxLength: 6 }), (sets, nows) => {
      const timers = new Timers();
      const fired: string[] = [];
      const slots = Array.from({ length: 8 }, (_, at) =>
        timers.slot(at >> 1, at % 2 === 0 ? "a" : "b", (due) => fired.push(`${due} ${at}`)),
      );
      const dues = new Map<number, number>();
      const expected: string[] = [];
      const share = Math.ceil(sets.length / (nows.length + 1));
      for (const [round, now] of [...nows, 100].entries()) {
        for (const { slot, due, clear } of sets.slice(round * share, (round + 1) * share)) {
          if (clear && due % 4 === 0) {
            timers.clear(slots[slot]!);
            dues.delete(slot);
          } else {
            timers.set(slots[slot]!, due);
            dues.set(slot, due);
          }
        }
        const due = [...dues].filter(([, time]) => time <= now).sort(([a, s], [b, t]) => s - t || a - b);
        for (const [slot, time] of due) {
          expected.push(`${time} ${slot}`);
          dues.delete(slot);
        }
        timers.fire(now, () => {});
        expect(fired).toEqual(expected);
      }
    }),
    300,
  );
});

test("what fires may set timers that are due too, and they take their turn", () => {
  const timers = new Timers();
  const fired: number[] = [];
  const clock: number[] = [];
  const slot = timers.slot(0, "x", (due) => {
    fired.push(due);
    if (due < 50) timers.set(slot, due + 10);
  });
  timers.set(slot, 10);
  timers.fire(35, (due) => clock.push(due));
  expect(fired).toEqual([10, 20, 30]);
  expect(clock).toEqual(fired);
  expect(timers.next).toBe(40);
});
