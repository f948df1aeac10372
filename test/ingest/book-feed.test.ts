import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BookFeed, bookFeedDefaults, snapshotParts } from "../../ingest/book-feed.js";
import { BinanceBookSequence } from "../../ingest/venues/binance/sequence.js";
import type { DepthTick, LevelText } from "../../schemas/ticks.js";
import { bookOf } from "./live-rig.js";

const common = { kind: "depth", exchange: "binance", symbol: "BTC/USDT" } as const;

/** A venue's book: every update sets one level; the truth is kept at every id. */
class VenueBook {
  readonly increments: DepthTick[] = [];
  private readonly at: Map<number, Map<string, string>> = new Map([[0, new Map()]]);
  private id = 0;

  change(price: number, qty: number): DepthTick {
    const levels = new Map(this.at.get(this.id));
    this.id += 1;
    if (qty === 0) levels.delete(`${price}.5`);
    else levels.set(`${price}.5`, `${qty}`);
    this.at.set(this.id, levels);
    const time = this.id * 100_000;
    const bids: LevelText[] = [[`${price}.5`, `${qty}`]];
    const ids = { firstUpdateId: this.id, updateId: this.id };
    const tick: DepthTick = {
      ...common,
      exchangeTime: time,
      receiveTime: time,
      action: "increment",
      ...ids,
      bids,
      asks: [],
    };
    this.increments.push(tick);
    return tick;
  }

  levels(id = this.id): ReadonlyMap<string, string> {
    return this.at.get(id)!;
  }

  snapshot(id = this.id, receiveTime = this.id * 100_000): DepthTick {
    const bids = [...this.levels(id)].sort(([a], [b]) => Number(b) - Number(a));
    const ids = { firstUpdateId: id, updateId: id };
    return { ...common, exchangeTime: receiveTime, receiveTime, action: "snapshot", ...ids, bids, asks: [] };
  }
}

function feedOf(options: Partial<typeof bookFeedDefaults> = {}, hidesLoss = false) {
  const published: DepthTick[] = [];
  const requests: number[] = [];
  const feed = new BookFeed(
    Object.assign(new BinanceBookSequence(), { hidesLoss }),
    (tick) => published.push(tick as DepthTick),
    () => requests.push(published.length),
    { ...bookFeedDefaults, ...options },
  );
  const story = () => published.map((tick) => `${tick.action} ${tick.reason ?? tick.updateId}`);
  return { feed, published, requests, story };
}

describe("book feed", () => {
  it("keeps increments until a snapshot is there, then publishes it with those that follow", () => {
    const venue = new VenueBook();
    const { feed, story, requests } = feedOf();
    for (let i = 1; i <= 4; i++) feed.depth(venue.change(i, 1));
    expect(story()).toEqual([]);
    expect(requests).toHaveLength(1);
    feed.depth(venue.snapshot(2));
    feed.depth(venue.change(9, 1));
    expect(story()).toEqual(["snapshot 2", "increment 3", "increment 4", "increment 5"]);
    expect(feed.isLive).toBe(true);
  });

  it("a snapshot older than all that is kept is not used, and another asked for a little later", () => {
    const venue = new VenueBook();
    const { feed, story, requests } = feedOf();
    const old = venue.snapshot(0);
    venue.change(1, 1);
    feed.depth(venue.change(2, 1));
    feed.depth(old);
    expect(story()).toEqual([]);
    expect(requests).toHaveLength(1);
    feed.onTime(old.receiveTime + bookFeedDefaults.retrySoon);
    expect(requests).toHaveLength(2);
    feed.depth(venue.snapshot());
    expect(story()).toEqual(["snapshot 2"]);
  });

  it("at a gap says so at once, asks for a snapshot, and goes on from there", () => {
    const venue = new VenueBook();
    const { feed, published, story, requests } = feedOf();
    feed.depth(venue.snapshot());
    feed.depth(venue.change(1, 1));
    venue.change(2, 1);
    feed.depth(venue.change(3, 1));
    expect(story()).toEqual(["snapshot 0", "increment 1", "gap sequence_gap"]);
    expect(feed.isLive).toBe(false);
    expect(requests).toHaveLength(1);
    feed.depth(venue.change(4, 1));
    feed.depth(venue.snapshot(3));
    expect(story().slice(3)).toEqual(["snapshot 3", "increment 4"]);
    expect(bookOf(published).bids).toEqual(venue.levels());
  });

  it("an update that comes twice goes out once", () => {
    const venue = new VenueBook();
    const { feed, story } = feedOf();
    feed.depth(venue.snapshot());
    const once = venue.change(1, 1);
    feed.depth(once);
    feed.depth(once);
    expect(story()).toEqual(["snapshot 0", "increment 1"]);
  });

  it("while disconnected uses no snapshot; when connected again asks for one", () => {
    const venue = new VenueBook();
    const { feed, story, requests } = feedOf();
    feed.depth(venue.snapshot());
    feed.disconnected({ ...common, receiveTime: 5 });
    feed.depth(venue.snapshot());
    feed.onTime(10_000_000_000);
    expect(story()).toEqual(["snapshot 0", "gap reconnect"]);
    feed.reconnected(10_000_000_001);
    expect(requests).toHaveLength(0);
    feed.depth(venue.change(1, 1));
    expect(requests).toHaveLength(1);
    feed.depth(venue.snapshot());
    expect(feed.isLive).toBe(true);
  });

  it("where nothing numbers the updates, one after a snapshot of a quiet market has another asked for", () => {
    const venue = new VenueBook();
    for (const hidesLoss of [false, true]) {
      const { feed, story, requests } = feedOf({}, hidesLoss);
      feed.reconnected(0);
      feed.onTime(bookFeedDefaults.retryAfter);
      feed.depth(venue.snapshot());
      expect(requests).toHaveLength(1);
      feed.depth(venue.change(1, 1));
      feed.depth(venue.change(2, 1));
      expect(requests).toHaveLength(hidesLoss ? 2 : 1);
      feed.depth(venue.snapshot());
      expect(story().map((told) => told.split(" ")[0])).toEqual(["snapshot", "increment", "increment", "snapshot"]);
      expect(feed.isLive).toBe(true);
    }
  });

  it("repeats a request that is not answered, and snapshots a right book every so often", () => {
    const { feed, requests } = feedOf();
    const venue = new VenueBook();
    feed.reconnected(0);
    feed.onTime(bookFeedDefaults.retryAfter - 1);
    expect(requests).toHaveLength(0);
    feed.onTime(bookFeedDefaults.retryAfter);
    expect(requests).toHaveLength(1);
    feed.onTime(2 * bookFeedDefaults.retryAfter);
    expect(requests).toHaveLength(2);
    feed.depth(venue.snapshot(0, 3_000_000));
    feed.onTime(3_000_000 + bookFeedDefaults.snapshotEvery - 1);
    expect(requests).toHaveLength(2);
    feed.onTime(3_000_000 + bookFeedDefaults.snapshotEvery);
    expect(requests).toHaveLength(3);
  });

  it("a gap that the log has already is not said twice", () => {
    const { feed, story, requests } = feedOf();
    const venue = new VenueBook();
    feed.depth(venue.snapshot());
    feed.depth(venue.change(1, 1));
    feed.interrupt("dropped", { ...common, receiveTime: 5 }, true);
    expect(story()).toEqual(["snapshot 0", "increment 1"]);
    expect(feed.isLive).toBe(false);
    expect(requests).toHaveLength(1);
  });

  it("what is kept has a bound; beyond it the snapshot that comes is too old", () => {
    const venue = new VenueBook();
    const { feed, story } = feedOf({ maxBuffered: 10 });
    for (let i = 0; i < 100; i++) feed.depth(venue.change(i, 1));
    feed.depth(venue.snapshot(50));
    expect(story()).toEqual([]);
    feed.depth(venue.snapshot(95));
    expect(story()).toHaveLength(6);
  });

  it("splits a large snapshot into numbered parts that make the same book", () => {
    const venue = new VenueBook();
    for (let i = 0; i < 25; i++) venue.change(i, i + 1);
    const parts = snapshotParts(venue.snapshot(), 10);
    expect(parts.map(({ part, parts: of, bids }) => [part, of, bids.length])).toEqual([
      [0, 3, 10],
      [1, 3, 10],
      [2, 3, 5],
    ]);
    expect(bookOf(parts).bids).toEqual(venue.levels());
  });

  describe("a book that is crossed", () => {
    const at = (id: number, bids: LevelText[], asks: LevelText[], action: "increment" | "snapshot" = "increment") => ({
      ...{ ...common, action, firstUpdateId: id, updateId: id, bids, asks },
      ...{ exchangeTime: id * 100_000, receiveTime: id * 100_000 },
    });
    const begun = () => {
      const parts = feedOf();
      parts.feed.depth(at(50, [["8.00", "1"]], [["8.10", "1"]], "snapshot"));
      return parts;
    };

    it("by one update goes out, is not right, and a snapshot is asked for at once", () => {
      const { feed, story, requests } = begun();
      feed.depth(at(51, [["8.20", "1"]], []));
      expect(requests).toEqual([2]);
      expect(feed.isLive).toBe(false);
      feed.depth(at(52, [["8.01", "1"]], []));
      expect(story()).toEqual(["snapshot 50", "increment 51", "increment 52"]);
      feed.depth(at(52, [["8.01", "1"]], [["8.10", "1"]], "snapshot"));
      expect(story().at(-1)).toBe("snapshot 52");
      expect(feed.isLive).toBe(true);
      expect(requests).toHaveLength(1);
    });

    it("at equal prices, too, and by either side", () => {
      for (const crossing of [at(51, [["8.1", "1"]], []), at(51, [], [["8.000", "1"]])]) {
        const { feed, requests } = begun();
        feed.depth(crossing);
        expect(requests).toHaveLength(1);
        expect(feed.isLive).toBe(false);
      }
    });

    it("and no more by the next update is right again by itself; the snapshot that was asked for may come", () => {
      const { feed, story, requests } = begun();
      feed.depth(at(51, [["8.20", "1"]], []));
      feed.depth(at(52, [["8.20", "0"]], []));
      expect(feed.isLive).toBe(true);
      feed.depth(at(53, [["8.01", "4"]], []));
      // taken before the update that crossed it
      feed.depth(at(50, [["8.00", "1"]], [["8.10", "1"]], "snapshot"));
      expect(story()).toEqual(["snapshot 50", "increment 51", "increment 52", "increment 53", "snapshot 53"]);
      expect(requests).toHaveLength(1);
      expect(feed.isLive).toBe(true);
    });

    it("by the venue's own word is asked for ever more rarely, and others' words end it", () => {
      const { feed, requests, published } = begun();
      const asked: number[] = [];
      let seen = 0;
      for (let id = 51; id < 51 + 3_000; id++) {
        // each answer of the venue is as crossed as its stream
        if (requests.length > seen) {
          seen = requests.length;
          asked.push(id / 10);
          feed.depth(at(id, [["8.20", "1"]], [["8.10", "1"]], "snapshot"));
        } else feed.depth(at(id, [["8.20", String(1 + (id % 9))]], []));
        feed.onTime(id * 100_000);
      }
      const pauses = asked.slice(1).map((time, which) => time - asked[which]!);
      // five minutes, with 30 s between the last
      expect(asked.length).toBeLessThan(20);
      for (const [which, pause] of pauses.entries()) {
        if (which > 3) expect(pause).toBeGreaterThanOrEqual(Math.min(30, pauses[which - 1]!) - 0.2);
      }
      expect(Math.max(...pauses)).toBeGreaterThan(29);
      expect(published.filter(({ action }) => action === "gap")).toEqual([]);
      feed.depth(at(4_000, [["8.00", "1"]], [["8.10", "1"]], "snapshot"));
      expect(feed.isLive).toBe(true);
      const before = requests.length;
      for (let id = 4_001; id < 4_600; id++) {
        feed.depth(at(id, [["8.01", String(id)]], []));
        feed.onTime(id * 100_000);
      }
      expect(requests).toHaveLength(before);
    });

    it("and parts before its pause is over is not asked for", () => {
      const { feed, requests } = begun();
      let id = 51;
      for (; requests.length < 5; id++) {
        feed.depth(at(id, [["8.20", "1"]], [["8.10", "1"]], "snapshot"));
        feed.onTime(id * 100_000);
      }
      feed.depth(at(id, [["8.00", "1"]], [["8.10", "1"]], "snapshot"));
      feed.depth(at(id + 1, [["8.20", "1"]], []));
      feed.depth(at(id + 2, [["8.20", "0"]], []));
      feed.onTime((id + 500) * 100_000);
      expect(requests).toHaveLength(5);
      expect(feed.isLive).toBe(true);
    });
  });

  it("futures: a fresh snapshot is brought up to an update that ends at its own id", () => {
    const published: DepthTick[] = [];
    const feed = new BookFeed(new BinanceBookSequence(), (tick) => published.push(tick as DepthTick));
    const of = (action: DepthTick["action"], ids: Partial<DepthTick>, bids: LevelText[]): DepthTick => ({
      ...{ ...common, action, exchangeTime: 1, receiveTime: 1, firstUpdateId: 100, updateId: 100, asks: [["16", "1"]] },
      ...{ ...ids, bids },
    });
    feed.depth(of("snapshot", {}, [["15.060", "716"]]));
    feed.onTime(bookFeedDefaults.snapshotEvery + 10);
    feed.depth(of("increment", { firstUpdateId: 95, previousUpdateId: 94 }, [["15.060", "817"]]));
    feed.depth(of("snapshot", {}, [["15.060", "716"]]));
    expect(published.map(({ action, updateId, bids }) => [action, updateId, bids])).toEqual([
      ["snapshot", 100, [["15.060", "716"]]],
      ["increment", 100, [["15.060", "817"]]],
      ["snapshot", 100, [["15.060", "817"]]],
    ]);
  });

  it("whatever is dropped, doubled or delayed, a book that is live equals the venue's at its id", () => {
    const change = fc.record({ price: fc.nat(6), qty: fc.nat(3) });
    const fault = fc.constantFrom("none", "none", "none", "drop", "double", "swap", "snapshot", "old snapshot");
    fc.assert(
      fc.property(fc.array(fc.tuple(change, fault), { maxLength: 80 }), (steps) => {
        const venue = new VenueBook();
        const { feed, published } = feedOf({ maxBuffered: 20, levelsPerPart: 3 });
        let held: DepthTick | undefined;
        for (const [{ price, qty }, what] of steps) {
          const tick = venue.change(price, qty);
          if (what === "swap" && held === undefined) {
            held = tick;
            continue;
          }
          if (what !== "drop") feed.depth(tick);
          if (what === "double") feed.depth(tick);
          if (held !== undefined) feed.depth(held);
          held = undefined;
          if (what === "snapshot") feed.depth(venue.snapshot());
          if (what === "old snapshot") {
            feed.onTime(tick.receiveTime + 10 * bookFeedDefaults.snapshotEvery);
            feed.depth(venue.snapshot(Math.max(0, tick.updateId - 3), tick.receiveTime));
          }
          const book = bookOf(published);
          expect(book.live).toBe(feed.isLive);
          if (book.live) expect(book.bids).toEqual(venue.levels(published.at(-1)!.updateId));
        }
        const ids = published.filter((entry) => entry.action === "increment").map((entry) => entry.updateId);
        expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
      }),
      { numRuns: 500 },
    );
  });

  it("a fresh snapshot that is behind the stream is brought up to it, from what came since it was asked for", () => {
    const venue = new VenueBook();
    const { feed, published, story } = feedOf();
    feed.depth(venue.snapshot());
    feed.depth(venue.change(1, 1));
    feed.onTime(bookFeedDefaults.snapshotEvery);
    feed.depth(venue.change(2, 1));
    feed.depth(venue.change(10, 7));
    feed.depth(venue.change(1, 0));
    feed.depth(venue.snapshot(2));
    expect(story().at(-1)).toBe("snapshot 4");
    const bids = published.at(-1)!.bids;
    expect(bids).toEqual([
      ["10.5", "7"],
      ["2.5", "1"],
    ]);
    expect(new Map(bids)).toEqual(venue.levels());
  });

  it("a venue whose REST is always behind the stream still gives its fresh snapshot: what came meanwhile is kept", () => {
    const venue = new VenueBook();
    const { feed, story } = feedOf();
    feed.depth(venue.snapshot());
    for (let i = 0; i < 4; i++) feed.depth(venue.change(i, 1));
    feed.onTime(bookFeedDefaults.snapshotEvery);
    for (const behind of [2, 3, 5]) {
      feed.depth(venue.change(5, behind));
      feed.depth(venue.snapshot(behind));
      expect(feed.isLive).toBe(true);
    }
    expect(story().at(-1)).toBe("snapshot 7");
  });
});
