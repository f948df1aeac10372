import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextBook } from "../../ingest/text-book.js";
import type { DepthTick, LevelText } from "../../schemas/ticks.js";

const tick = (action: "snapshot" | "increment", bids: LevelText[], asks: LevelText[]): DepthTick => ({
  kind: "depth",
  exchange: "x",
  symbol: "A/B",
  exchangeTime: 0,
  receiveTime: 0,
  action,
  firstUpdateId: 0,
  updateId: 0,
  bids,
  asks,
});

/** A price as venues write it: with or without zeros at the end, below and above one, with digits beyond a float's. */
const price = fc
  .tuple(fc.integer({ min: 0, max: 1200 }), fc.integer({ min: 0, max: 99 }), fc.constantFrom("", "0", "000"))
  .map(([whole, cents, zeros]) => `${whole}.00000000000000000${String(cents).padStart(2, "0")}${zeros}`);
const level = fc.tuple(price, fc.constantFrom("0", "0.000", "1", "2.50"));

/** Exact order of two such prices, as integers. */
const unitsOf = (text: string) => {
  const [whole = "", fraction = ""] = text.split(".");
  return BigInt(whole + fraction.padEnd(25, "0"));
};

describe("a book of texts", () => {
  it("is, whatever comes, the levels of a plain map in exact order", () => {
    fc.assert(
      fc.property(fc.array(level), fc.array(fc.array(level)), (start, changes) => {
        const book = new TextBook();
        const plain = new Map<bigint, LevelText>();
        const set = (levels: readonly LevelText[]) => {
          for (const one of levels) {
            if (/[1-9]/.test(one[1])) plain.set(unitsOf(one[0]), one);
            else plain.delete(unitsOf(one[0]));
          }
        };
        book.take(tick("snapshot", start, start));
        set(start);
        for (const change of changes) {
          book.take(tick("increment", change, change));
          set(change);
        }
        const sorted = [...plain].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
        expect(book.levels).toEqual({ asks: sorted, bids: sorted.toReversed() });
      }),
    );
  });

  it("a snapshot replaces it, and trimming gives what is beyond", () => {
    const book = new TextBook();
    book.take(tick("snapshot", [["1", "1"]], [["2", "1"]]));
    book.take(
      tick(
        "snapshot",
        [],
        ["5", "3", "4"].map((text): LevelText => [text, "1"]),
      ),
    );
    expect(book.levels.bids).toEqual([]);
    expect(book.asks.trim(2)).toEqual([["5", "1"]]);
    book.take(tick("increment", [], [["5.0", "7"]]));
    expect(book.levels.asks).toEqual([
      ["3", "1"],
      ["4", "1"],
      ["5.0", "7"],
    ]);
  });
});
