import fc from "fast-check";
import { expect, test } from "vitest";
import { OrderBook } from "../../processors/books/order-book.js";
import { type Units, unitsOf } from "../../schemas/units.js";
import { check } from "./seed.js";

const HUGE = 10n ** 20n;
const price = fc.integer({ min: 1, max: 60 });
const change = fc.record({
  bid: fc.boolean(),
  price: fc.oneof(
    { weight: 20, arbitrary: price },
    { weight: 1, arbitrary: price.map((n) => unitsOf(HUGE + BigInt(n))) },
  ),
  qty: fc.oneof(
    { weight: 20, arbitrary: fc.nat(3) },
    { weight: 1, arbitrary: fc.nat(9).map((n) => unitsOf(HUGE * BigInt(n))) },
  ),
});
type Step = { bid: boolean; price: Units; qty: Units } | { rescale: number } | "save" | "clear";

/** A map keeps the book; sorting it gives the sides, best first. */
function sides(map: ReadonlyMap<string, Units>) {
  const of = (side: string, sign: bigint) =>
    [...map]
      .filter(([key]) => key.startsWith(side))
      .map(([key, qty]) => [BigInt(key.slice(1)), BigInt(qty)] as const)
      .sort(([a], [b]) => (a * sign < b * sign ? 1 : -1));
  return [...of("b", 1n), ...of("a", -1n)];
}

test("a book equals a plain map, with safe and wide values, through changes of scale and of home", () => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 40, arbitrary: change },
    { weight: 1, arbitrary: fc.record({ rescale: fc.integer({ min: 0, max: 3 }) }) },
    { weight: 1, arbitrary: fc.constantFrom("save" as const, "clear" as const) },
  );
  check(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      let book = new OrderBook(0, 0);
      let map = new Map<string, Units>();
      let factor = 1n;
      for (const step of steps) {
        if (step === "clear") {
          book.clear();
          map.clear();
        } else if (step === "save") {
          const loaded = new OrderBook(0, 0);
          loaded.load(JSON.parse(JSON.stringify(book.save())));
          book = loaded;
        } else if ("rescale" in step) {
          const by = 10n ** BigInt(step.rescale);
          factor *= by;
          book.rescale(book.priceScale + step.rescale, book.qtyScale);
          map = new Map([...map].map(([key, qty]) => [`${key[0]}${BigInt(key.slice(1)) * by}`, qty]));
        } else {
          const at = unitsOf(BigInt(step.price) * factor);
          const key = `${step.bid ? "b" : "a"}${at}`;
          expect((step.bid ? book.bids : book.asks).set(at, step.qty)).toBe(map.get(key) ?? 0);
          if (step.qty === 0) map.delete(key);
          else map.set(key, step.qty);
        }
      }
      const { prices, quantities, bidCount } = book.levels();
      expect(Array.from(prices, (one, at) => [BigInt(one), BigInt(quantities[at]!)])).toEqual(sides(map));
      expect(bidCount).toBe([...map.keys()].filter((key) => key.startsWith("b")).length);
      for (const [key, qty] of map) {
        const side = key.startsWith("b") ? book.bids : book.asks;
        expect(side.at(unitsOf(BigInt(key.slice(1))))).toBe(qty);
      }
    }),
    150,
  );
});
