import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BinanceBookSequence } from "../../../ingest/venues/binance/sequence.js";
import type { DepthTick } from "../../../schemas/ticks.js";

type Update = Pick<DepthTick, "firstUpdateId" | "updateId" | "previousUpdateId">;

function tick(action: "snapshot" | "increment", update: Update): DepthTick {
  const common = { kind: "depth", exchange: "binance", symbol: "BTC/USDT", exchangeTime: 0, receiveTime: 0 } as const;
  return { ...common, action, bids: [], asks: [], ...update };
}

const snapshotAt = (updateId: number) => tick("snapshot", { firstUpdateId: updateId, updateId });

/** A venue's stream: spot's ids run on, futures' ids have holes and name the id before. */
const streams = fc
  .record({
    futures: fc.boolean(),
    start: fc.integer({ min: 1, max: 2 ** 40 }),
    events: fc.array(fc.record({ hole: fc.nat(50), length: fc.nat(20) }), { minLength: 3, maxLength: 30 }),
  })
  .map(({ futures, start, events }) => {
    let last = start;
    const updates = events.map(({ hole, length }): Update => {
      const previous = last;
      const first = previous + 1 + (futures ? hole : 0);
      last = first + length;
      return { firstUpdateId: first, updateId: last, ...(futures && { previousUpdateId: previous }) };
    });
    return { futures, start, updates };
  });

const apply = (sequence: BinanceBookSequence, updates: readonly Update[]) =>
  updates.map((update) => sequence.next(tick("increment", update)));

describe("Binance's rule for books", () => {
  it("a whole stream applies after a snapshot at any id, but for what the snapshot contains", () => {
    fc.assert(
      fc.property(streams, fc.nat(), ({ futures, start, updates }, at) => {
        const end = updates.at(-1)!.updateId;
        const id = start + (at % (end - start + 1));
        const sequence = new BinanceBookSequence();
        sequence.snapshot(snapshotAt(id));
        // futures: the first event has U <= lastUpdateId <= u
        const wanted = updates.map(({ updateId }) =>
          updateId < id || (updateId === id && !futures) ? "skip" : "apply",
        );
        expect(apply(sequence, updates)).toEqual(wanted);
      }),
    );
  });

  it("futures: an update that ends at the snapshot's id counts once, whichever came before or comes again", () => {
    const stream = [
      { firstUpdateId: 91, updateId: 94, previousUpdateId: 90 },
      { firstUpdateId: 95, updateId: 100, previousUpdateId: 94 },
      { firstUpdateId: 105, updateId: 110, previousUpdateId: 100 },
    ] as const;
    const of = (...updates: Update[]) => {
      const sequence = new BinanceBookSequence();
      sequence.snapshot(snapshotAt(100));
      return apply(sequence, updates);
    };
    const [older, atId, later] = stream;
    expect(of(older, atId, later)).toEqual(["skip", "apply", "apply"]);
    expect(of(atId, atId, later, atId)).toEqual(["apply", "skip", "apply", "skip"]);
    expect(of(later, atId)).toEqual(["apply", "skip"]);
    expect(of({ firstUpdateId: 95, updateId: 100 }, { firstUpdateId: 101, updateId: 102 })).toEqual(["skip", "apply"]);
  });

  it("a dropped update is noticed by the very next one", () => {
    fc.assert(
      fc.property(streams, fc.nat(), ({ start, updates }, at) => {
        const dropped = 1 + (at % (updates.length - 2));
        const sequence = new BinanceBookSequence();
        sequence.snapshot(snapshotAt(start));
        expect(apply(sequence, updates.slice(0, dropped))).not.toContain("gap");
        expect(apply(sequence, [updates[dropped + 1]!])).toEqual(["gap"]);
      }),
    );
  });

  it("an update that comes again is skipped, and does no harm", () => {
    fc.assert(
      fc.property(streams, fc.nat(), fc.nat(), ({ start, updates }, at, back) => {
        const now = at % updates.length;
        const again = back % (now + 1);
        const sequence = new BinanceBookSequence();
        sequence.snapshot(snapshotAt(start));
        apply(sequence, updates.slice(0, now + 1));
        expect(apply(sequence, [updates[again]!])).toEqual(["skip"]);
        expect(apply(sequence, updates.slice(now + 1))).not.toContain("gap");
      }),
    );
  });

  it("updates that change places are noticed", () => {
    fc.assert(
      fc.property(streams, fc.nat(), ({ futures, start, updates }, at) => {
        const first = at % (updates.length - 1);
        const mixed = [...updates];
        [mixed[first], mixed[first + 1]] = [mixed[first + 1]!, mixed[first]!];
        const sequence = new BinanceBookSequence();
        // With a snapshot before the first event, futures can not tell its hole from the venue's: start one later.
        if (futures && first === 0) return;
        sequence.snapshot(snapshotAt(start));
        expect(apply(sequence, mixed)[first]).toBe("gap");
      }),
    );
  });

  it("a snapshot that is older than the first event is a gap, and so is an event before any snapshot", () => {
    fc.assert(
      fc.property(streams, fc.integer({ min: 1, max: 1000 }), ({ start, updates }, older) => {
        const sequence = new BinanceBookSequence();
        expect(apply(sequence, [updates[0]!])).toEqual(["gap"]);
        sequence.snapshot(snapshotAt(Math.max(0, start - older)));
        expect(apply(sequence, [updates[0]!])).toEqual(["gap"]);
      }),
    );
  });

  it("two sockets of one stream, cut at different ids, make one book without a gap", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 5 }),
        (start, cuts) => {
          const cut = (lengths: readonly number[]) => {
            let last = start;
            return lengths.map((length): Update => {
              const first = last + 1;
              last = last + length;
              return { firstUpdateId: first, updateId: last };
            });
          };
          const both = [...cut(cuts), ...cut([...cuts].reverse())].sort((a, b) => a.updateId - b.updateId);
          const sequence = new BinanceBookSequence();
          sequence.snapshot(snapshotAt(start));
          expect(apply(sequence, both)).not.toContain("gap");
        },
      ),
    );
  });
});
