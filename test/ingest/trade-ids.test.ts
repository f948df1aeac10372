import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TradeIds } from "../../ingest/trade-ids.js";

describe("trade ids", () => {
  it("a jump opens a hole, late trades and back-filled ones close it", () => {
    const ids = new TradeIds();
    for (const id of ["10", "11", "15"]) ids.seen(id);
    expect(ids.missing).toEqual([{ first: 12, last: 14, since: 0 }]);
    ids.seen("13");
    expect(ids.missing).toEqual([
      { first: 12, last: 12, since: 0 },
      { first: 14, last: 14, since: 0 },
    ]);
    ids.filled("12");
    ids.filled("14");
    expect(ids.missing).toEqual([]);
  });

  it("after a loss all that may have come is missing, until a trade says where it ends", () => {
    const ids = new TradeIds();
    ids.seen("10");
    ids.lost();
    expect(ids.isMissing("11")).toBe(true);
    expect(ids.isMissing("9999")).toBe(true);
    ids.filled("11");
    ids.seen("14");
    expect(ids.missing).toEqual([{ first: 12, last: 13, since: 0 }]);
  });

  it("a hole tells when the last trade before it was", () => {
    const ids = new TradeIds();
    ids.seen("10", 1_000);
    ids.seen("14", 5_000);
    ids.lost();
    expect(ids.missing).toEqual([
      { first: 11, last: 13, since: 1_000 },
      { first: 15, last: Number.POSITIVE_INFINITY, since: 5_000 },
    ]);
    ids.seen("12", 3_000);
    expect(ids.missing.map(({ since }) => since)).toEqual([1_000, 1_000, 5_000]);
  });

  it("a loss in which nothing happened leaves nothing", () => {
    const ids = new TradeIds();
    ids.seen("10");
    ids.lost();
    expect(ids.settled(ids.ask())).toBe(0);
    ids.seen("11");
    expect(ids.missing).toEqual([]);
  });

  it("what a venue does not give is counted, what opened meanwhile stays", () => {
    const ids = new TradeIds();
    for (const id of ["1", "5"]) ids.seen(id);
    const asked = ids.ask();
    ids.seen("9");
    ids.filled("2");
    expect(ids.settled(asked)).toBe(2);
    expect(ids.missing).toEqual([{ first: 6, last: 8, since: 0 }]);
  });

  it("drops in a row are one hole, and text ids are left alone", () => {
    const ids = new TradeIds();
    ids.seen("a7");
    ids.seen("100");
    for (let id = 101; id <= 5_000; id++) ids.dropped(`${id}`);
    expect(ids.missing).toEqual([{ first: 101, last: 5_000, since: 0 }]);
    ids.seen("5001");
    expect(ids.missing).toHaveLength(1);
  });

  it("a second loss while the venue is asked keeps its hole, whether it is asked for then or not", () => {
    const ids = new TradeIds();
    ids.seen("10");
    ids.lost();
    ids.resumed();
    const asked = ids.ask();
    ids.filled("11");
    ids.lost();
    expect(ids.settled(asked)).toBe(0);
    expect(ids.missing).toEqual([{ first: 12, last: Number.POSITIVE_INFINITY, since: 0 }]);
    expect(ids.waitsForConnection).toBe(true);
    // asked while the connection is down: what comes before it is up again is not answered
    expect(ids.settled(ids.ask())).toBe(0);
    expect(ids.isMissing("12")).toBe(true);
    ids.resumed();
    expect(ids.waitsForConnection).toBe(false);
    expect(ids.settled(ids.ask())).toBe(0);
    expect(ids.missing).toEqual([]);
  });

  it("what opens within a hole without an end, while that is asked for, stays", () => {
    const ids = new TradeIds();
    ids.seen("10");
    ids.lost();
    ids.resumed();
    const asked = ids.ask();
    ids.filled("11");
    ids.seen("12");
    ids.seen("16");
    expect(ids.settled(asked)).toBe(0);
    expect(ids.missing).toEqual([{ first: 13, last: 15, since: 0 }]);
  });

  it("of very many holes none is given up", () => {
    const ids = new TradeIds();
    for (let id = 0; id <= 1_000; id += 2) ids.seen(`${id}`);
    for (let id = 1; id < 1_000; id += 2) expect(ids.isMissing(`${id}`)).toBe(true);
    expect(ids.missing.length).toBeLessThanOrEqual(64);
  });

  it("knows exactly the ids between the first and the newest that never came", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 1 }), (order) => {
        const ids = new TradeIds();
        for (const id of order) ids.seen(`${id}`);
        const first = order[0]!;
        const came = new Set(order);
        for (let id = first; id <= Math.max(...order); id++) expect(ids.isMissing(`${id}`)).toBe(!came.has(id));
      }),
    );
  });

  it("where ids only rise a jump is no hole, and a loss is fetched until an answer reaches beyond it", () => {
    const ids = new TradeIds(false);
    ids.seen("10", 1_000);
    ids.seen("14", 2_000);
    expect(ids.missing).toEqual([]);
    ids.lost();
    expect(ids.isOpenEnded).toBe(true);
    ids.filled("17");
    ids.answeredUpTo(17);
    expect(ids.missing).toEqual([{ first: 18, last: Number.POSITIVE_INFINITY, since: 2_000 }]);
    ids.seen("30", 3_000);
    const asked = ids.ask();
    expect(asked.holes).toEqual([{ first: 18, last: 29, since: 2_000 }]);
    expect(ids.isOpenEnded).toBe(false);
    ids.filled("22");
    ids.answeredUpTo(22);
    expect(ids.lacks(asked)).toBe(true);
    ids.filled("27");
    ids.answeredUpTo(30);
    expect(ids.lacks(asked)).toBe(false);
    expect(ids.missing).toEqual([]);
  });

  it("where ids only rise a hole that no answer reaches beyond counts once, and an open one stays", () => {
    const ids = new TradeIds(false);
    ids.seen("10");
    ids.lost();
    ids.seen("30");
    ids.lost();
    expect(ids.settled(ids.ask())).toBe(1);
    expect(ids.missing).toEqual([{ first: 31, last: Number.POSITIVE_INFINITY, since: 0 }]);
  });
});
