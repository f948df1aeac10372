import fc from "fast-check";
import { expect, test } from "vitest";
import { numericId, TradeIds } from "../../processors/cleaning/trade-ids.js";
import { check } from "./seed.js";

test("numeric ids are taken once each, in any order, as a set would, also after a restart", () => {
  const ids = fc.array(fc.oneof(fc.nat(60), fc.nat(100_000)), { maxLength: 300 });
  check(
    fc.property(ids, fc.nat(300), (all, restart) => {
      let held = new TradeIds();
      const seen = new Set<number>();
      for (const [at, id] of all.entries()) {
        if (at === restart) {
          const again = new TradeIds();
          again.load(JSON.parse(JSON.stringify(held.save())));
          held = again;
        }
        expect(held.hasNumber(id)).toBe(seen.has(id));
        expect(held.takeNumber(id)).toBe(!seen.has(id));
        seen.add(id);
      }
    }),
    300,
  );
});

test("what is held stays bounded; an id that was forgotten counts as seen", () => {
  const held = new TradeIds();
  for (let id = 0; id < 10_000; id += 2) held.takeNumber(id);
  expect(held.save().missing.length).toBeLessThanOrEqual(2000);
  expect(held.takeNumber(1)).toBe(false);
  expect(held.takeNumber(9_997)).toBe(true);
  for (let id = 0; id < 25_000; id++) expect(held.takeText(`t${id}`)).toBe(true);
  expect(held.save().texts).toHaveLength(20_000);
  expect(held.takeText("t24999")).toBe(false);
});

test("only canonical digits that a number holds exactly are a number", () => {
  const read = (text: string) => numericId(Buffer.from(`x${text}x`), 1, 1 + Buffer.byteLength(text));
  check(
    fc.property(fc.nat(Number.MAX_SAFE_INTEGER), (id) => {
      expect(read(String(id))).toBe(id < 1e15 ? id : -1);
    }),
  );
  expect(["", "00", "01", "1a", "-1", "1.0", "１", "9".repeat(16)].map(read)).toEqual(Array(8).fill(-1));
  expect(read("0")).toBe(0);
});

test("sums of trades stand for all ids from first to last, in any order, as a set would", () => {
  const range = fc.tuple(fc.oneof(fc.nat(60), fc.nat(2_000)), fc.nat(8));
  check(
    fc.property(fc.array(range, { maxLength: 300 }), (all) => {
      const held = new TradeIds();
      const seen = new Set<number>();
      for (const [first, more] of all) {
        const ids = Array.from({ length: more + 1 }, (_, at) => first + at);
        const unseen = ids.filter((id) => !seen.has(id));
        expect(held.unseen(first, first + more)).toBe(unseen.length);
        if (unseen.length < ids.length) {
          // what is left is taken one by one
          for (const id of unseen) expect(held.takeNumber(id)).toBe(true);
        } else held.takeRange(first, first + more);
        for (const id of ids) seen.add(id);
      }
      for (let id = 0; id < 2_100; id++) expect(held.hasNumber(id)).toBe(seen.has(id));
      const flat = held.save().missing;
      expect(flat).toEqual(flat.toSorted((a, b) => a - b));
    }),
    200,
  );
});
