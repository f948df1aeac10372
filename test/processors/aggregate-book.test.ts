import fc from "fast-check";
import { expect, test } from "vitest";
import type { Depth } from "../../schemas/messages.js";
import { big, text } from "./exact.js";
import { marketStory } from "./market-story.js";
import { increment, instrument, MINUTE, START, snapshot } from "./market-ticks.js";
import { check } from "./seed.js";
import { onePartition, recordsOf, TaskRig } from "./task-rig.js";

type Side = Map<string, bigint>;

class Reader {
  readonly bids: Side = new Map();
  readonly asks: Side = new Map();
  live = false;

  take({ is_snapshot, status, bids, asks }: Depth): void {
    this.live = status === "live";
    if (is_snapshot || !this.live) {
      // the venue's book is no more; the aggregate says itself which levels went
      if (is_snapshot || bids.length + asks.length === 0) {
        this.bids.clear();
        this.asks.clear();
      }
    }
    for (const [levels, side] of [
      [bids, this.bids],
      [asks, this.asks],
    ] as const) {
      for (const [price, qty] of levels) {
        if (qty === "0") side.delete(price);
        else side.set(price, big(qty));
      }
    }
  }
}

const show = (side: Side) => [...side].map(([price, qty]) => `${price} ${text(qty)}`).sort();

function sum(readers: Iterable<Reader>, of: (reader: Reader) => Side): Side {
  const total: Side = new Map();
  for (const reader of readers) {
    if (reader.live) for (const [price, qty] of of(reader)) total.set(price, (total.get(price) ?? 0n) + qty);
  }
  return total;
}

test("the aggregate equals the sum of the venues' live books at every emission", () => {
  check(
    fc.property(marketStory, (ticks) => {
      const rig = new TaskRig(onePartition, false).process(recordsOf(ticks, 5));
      const venues = new Map<string, Reader>();
      const aggregate = new Reader();
      for (const depth of rig.of("market.depth")) {
        if (depth.exchange !== "aggregate") {
          const reader = venues.get(depth.exchange) ?? new Reader();
          venues.set(depth.exchange, reader);
          reader.take(depth);
          continue;
        }
        aggregate.take(depth);
        expect(show(aggregate.bids)).toEqual(show(sum(venues.values(), ({ bids }) => bids)));
        expect(show(aggregate.asks)).toEqual(show(sum(venues.values(), ({ asks }) => asks)));
        expect(depth.status).toBe([...venues.values()].some(({ live }) => live) ? "live" : "stale");
      }
    }),
    60,
  );
});

test("the last state is never lost: what was waiting comes within the emission time", () => {
  const steps = fc.array(fc.tuple(fc.nat(150_000), fc.integer({ min: 1, max: 9 }), fc.nat(3)), { minLength: 1 });
  check(
    fc.property(steps, (changes) => {
      let now = START;
      const ticks = changes.map(([pause, price, qty], at) => {
        now += pause;
        return increment(now, at + 2, [[`${price}`, `${qty}`]], []);
      });
      const first = snapshot(START, 1, [["1", "1"]], [["100", "1"]]);
      const rig = new TaskRig(onePartition, false).take(instrument(), first, ...ticks);
      rig.take({ ...increment(now + MINUTE, 0, [], []), kind: "heartbeat", feeds: [] } as never);
      const [venue, total] = [new Reader(), new Reader()];
      const times: number[] = [];
      for (const depth of rig.of("market.depth")) {
        (depth.exchange === "aggregate" ? total : venue).take(depth);
        if (depth.exchange === "aggregate") times.push(depth.timestamp);
      }
      expect(show(total.bids)).toEqual(show(venue.bids));
      expect(times[0]).toBe(START);
      times.forEach((time, at) => {
        if (at > 0) expect(time - times[at - 1]!).toBeGreaterThanOrEqual(100_000);
      });
    }),
    60,
  );
});

test("an aggregate that is crossed says so", () => {
  const rig = new TaskRig(onePartition, false).take(
    instrument(START),
    instrument(START, { exchange: "kraken" }),
    snapshot(START, 1, [["100", "1"]], [["101", "1"]]),
    snapshot(START + MINUTE, 1, [["102", "1"]], [["103", "1"]], { exchange: "kraken" }),
  );
  const last = rig.of("market.depth").at(-1)!;
  expect(last).toMatchObject({ exchange: "aggregate", status: "live", reason: "crossed" });
});

test("inverse contracts stay out of the aggregate", () => {
  const rig = new TaskRig(onePartition, false).take(
    instrument(START, { contractType: "inverse", contractSize: "100" }),
    snapshot(START, 1, [["100", "1"]], [["101", "1"]]),
  );
  expect(rig.of("market.depth").map(({ exchange }) => exchange)).toEqual(["binance"]);
});
