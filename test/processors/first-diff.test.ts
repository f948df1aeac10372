import fc from "fast-check";
import { expect, test } from "vitest";
import { BookFeed } from "../../ingest/book-feed.js";
import { venueOf } from "../../ingest/venues/index.js";
import type { DepthTick, RawTick } from "../../schemas/ticks.js";
import { instrument, SECOND, START } from "./market-ticks.js";
import { check } from "./seed.js";
import { onePartition, TaskRig } from "./task-rig.js";

/** A venue's book over time: each event's levels, and the book as it stood after it. */
const stories = fc.record({
  futures: fc.boolean(),
  events: fc.array(fc.record({ hole: fc.nat(9), length: fc.nat(5), level: fc.nat(3), lots: fc.nat(50) }), {
    minLength: 2,
    maxLength: 12,
  }),
  /** Where the snapshot's id lies, and which events came before it did. */
  at: fc.nat(),
  before: fc.nat(),
  /** The snapshot is without the event that ends at its id. */
  without: fc.boolean(),
});

/**
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/How-to-manage-a-local-order-book-correctly
 * (drop u < lastUpdateId) and, for spot, …/binance-spot-api-docs/web-socket-streams (drop u <= lastUpdateId)
 */
test("the first diff after a snapshot is the venue's, from the frames to the book that clients get", () => {
  check(
    fc.property(stories, ({ futures, events, at, before, without }) => {
      const exchange = futures ? "binanceusdm" : "binance";
      const base = { kind: "depth", exchange, symbol: "BTC/USDT" } as const;
      let last = 1_000;
      const updates = events.map(({ hole, length, level, lots }, index) => {
        const previous = last;
        const firstUpdateId = previous + 1 + (futures ? hole : 0);
        last = firstUpdateId + length;
        // as far apart as the stream's are
        const time = START + (index * SECOND) / 10;
        const times = { exchangeTime: time, receiveTime: time };
        const bids = [[`${100 - level}`, `${lots}`]] as [string, string][];
        const ids = { firstUpdateId, updateId: last, ...(futures && { previousUpdateId: previous }) };
        return { ...base, ...times, action: "increment", ...ids, bids, asks: [] } as DepthTick;
      });
      const snapshotId = updates[at % updates.length]!.updateId;
      // what the venue has seen at its snapshot's id; futures may lack what ends there
      const seen = updates.filter(
        ({ updateId }) => updateId < snapshotId || (updateId === snapshotId && !(futures && without)),
      );
      const fold = (some: readonly DepthTick[]) => {
        const book = new Map([["90", "1"]]);
        for (const { bids } of some) {
          for (const [price, qty] of bids) qty === "0" ? book.delete(price) : book.set(price, qty);
        }
        return book;
      };
      const published: RawTick[] = [];
      const feed = new BookFeed(venueOf(exchange).sequence(), (tick) => published.push(tick));
      const receiveTime = START + 30 * SECOND;
      const early = before % (updates.length + 1);
      for (const update of updates.slice(0, early)) feed.depth(update);
      feed.depth({
        ...base,
        ...{
          exchangeTime: receiveTime,
          receiveTime,
          action: "snapshot",
          firstUpdateId: snapshotId,
          updateId: snapshotId,
        },
        bids: [...fold(seen)] as [string, string][],
        asks: [["200", "1"]],
      });
      for (const update of updates.slice(early)) feed.depth({ ...update, receiveTime });
      const rig = new TaskRig(onePartition, false).take(
        instrument(START, { exchange, lotSize: "1", tickSize: "1" }),
        ...published,
      );
      const book = new Map<string, string>();
      for (const depth of rig.of("market.depth").filter((one) => one.exchange === exchange)) {
        expect(depth.status === "stale" ? depth.reason : "live").toBe("live");
        if (depth.is_snapshot) book.clear();
        for (const [price, qty] of depth.bids) qty === "0" ? book.delete(price) : book.set(price, qty);
      }
      const sorted = (side: Map<string, string>) => [...side].sort(([a], [b]) => Number(b) - Number(a));
      expect(sorted(book)).toEqual(sorted(fold(updates)));
    }),
    300,
  );
});
