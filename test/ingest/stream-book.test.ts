import { describe, expect, it } from "vitest";
import { BookFeed, bookFeedDefaults } from "../../ingest/book-feed.js";
import { OkxBookSequence } from "../../ingest/venues/okx/sequence.js";
import type { DepthTick } from "../../schemas/ticks.js";

const second = 1_000_000;

function depth(previous: number, id: number, time = id * 1_000, own: Partial<DepthTick> = {}): DepthTick {
  return {
    kind: "depth",
    exchange: "okx",
    symbol: "BTC/USDT",
    exchangeTime: time,
    receiveTime: time,
    action: previous < 0 ? "snapshot" : "increment",
    firstUpdateId: previous < 0 ? id : previous + 1,
    updateId: id,
    ...(previous >= 0 && { previousUpdateId: previous }),
    bids: [[`${id}`, "1"]],
    asks: [],
    ...own,
  };
}

function feedOf() {
  const published: DepthTick[] = [];
  const asked: number[] = [];
  const feed = new BookFeed(
    new OkxBookSequence(),
    (tick) => published.push(tick as DepthTick),
    () => asked.push(published.length),
    { ...bookFeedDefaults, inStream: true, snapshotEvery: 300 * second, retryAfter: 5 * second },
  );
  const story = () => published.map((tick) => `${tick.action} ${tick.reason ?? tick.updateId}`);
  return { feed, published, asked, story };
}

const at = (receiveTime: number) => ({ exchange: "okx", symbol: "BTC/USDT", receiveTime });

describe("a book whose snapshots come on the stream", () => {
  it("begins with the snapshot, without asking; what comes before it is not of it", () => {
    const { feed, story, asked } = feedOf();
    feed.reconnected(0);
    feed.depth(depth(5, 6), 1);
    feed.depth(depth(-1, 10), 1);
    feed.depth(depth(10, 12), 1);
    feed.onTime(100 * second);
    expect(story()).toEqual(["snapshot 10", "increment 12"]);
    expect(asked).toEqual([]);
    expect(feed.isLive).toBe(true);
  });

  it("a gap, and a checksum of another book, ask for a new subscription; its snapshot may have a lower id", () => {
    const { feed, story, asked } = feedOf();
    feed.depth(depth(-1, 10), 1);
    feed.depth(depth(11, 12), 1);
    expect(feed.isLive).toBe(false);
    expect(asked).toHaveLength(1);
    feed.depth(depth(12, 13), 1);
    feed.depth(depth(-1, 3, 20_000), 1);
    feed.depth(depth(3, 4, 20 * second, { checksum: 1 }), 1);
    expect(story()).toEqual(["snapshot 10", "gap sequence_gap", "snapshot 3", "gap checksum_mismatch"]);
    expect(asked).toHaveLength(2);
  });

  it("asks not oftener than the venue may be asked, and again when there is no answer", () => {
    const { feed, asked } = feedOf();
    feed.depth(depth(-1, 10, 0), 1);
    feed.depth(depth(11, 12, second), 1);
    feed.depth(depth(-1, 20, 2 * second, { checksum: 7 }), 1);
    feed.depth(depth(-1, 21, 3 * second), 1);
    feed.depth(depth(99, 100, 4 * second), 1);
    expect(asked).toHaveLength(1);
    feed.onTime(5 * second);
    expect(asked).toHaveLength(1);
    feed.onTime(6 * second);
    expect(asked).toHaveLength(2);
    feed.onTime(11 * second);
    expect(asked).toHaveLength(3);
  });

  it("is shown anew every 5 minutes from what is kept of it, without asking", () => {
    const { feed, published, asked } = feedOf();
    feed.depth(depth(-1, 10, 0), 1);
    feed.depth(depth(10, 12, second), 1);
    feed.onTime(299 * second);
    expect(published).toHaveLength(2);
    feed.onTime(301 * second);
    expect(published[2]).toMatchObject({
      action: "snapshot",
      updateId: 12,
      exchangeTime: second,
      receiveTime: 301 * second,
      bids: [
        ["12", "1"],
        ["10", "1"],
      ],
    });
    feed.depth(depth(12, 15, 302 * second), 1);
    expect(published[3]).toMatchObject({ action: "increment", updateId: 15 });
    expect(asked).toEqual([]);
  });

  it("in a planned reconnect moves to the new socket with its snapshot, without a gap", () => {
    const { feed, story } = feedOf();
    feed.depth(depth(-1, 10), 1);
    feed.depth(depth(10, 11), 1);
    feed.depth(depth(-1, 12), 2);
    feed.depth(depth(11, 12), 1);
    feed.depth(depth(12, 14), 2);
    feed.depth(depth(12, 14), 1);
    feed.lineGone(1, at(20_000));
    feed.depth(depth(14, 15), 2);
    expect(story()).toEqual(["snapshot 10", "increment 11", "snapshot 12", "increment 14", "increment 15"]);
  });

  it("is subscribed anew where the socket goes that it belongs to", () => {
    const { feed, story, asked } = feedOf();
    feed.depth(depth(-1, 10), 1);
    feed.depth(depth(-1, 12), 2);
    feed.lineGone(2, at(20_000));
    expect(story().at(-1)).toBe("gap reconnect");
    expect(asked).toHaveLength(1);
    feed.depth(depth(-1, 13), 1);
    expect(feed.isLive).toBe(true);
  });

  it("a snapshot that comes before the last answer to the subscriptions is the book", () => {
    const { feed, story, asked } = feedOf();
    feed.depth(depth(-1, 10), 1);
    feed.disconnected(at(20_000));
    feed.depth(depth(-1, 30), 2);
    feed.reconnected(31_000);
    feed.depth(depth(30, 31), 2);
    feed.onTime(100 * second);
    expect(story()).toEqual(["snapshot 10", "gap reconnect", "snapshot 30", "increment 31"]);
    expect(asked).toEqual([]);
  });

  it("after ticks of ours were dropped is shown anew from what is kept of it, without asking", () => {
    const { feed, published, asked } = feedOf();
    feed.depth(depth(-1, 10), 1);
    feed.depth(depth(10, 12), 1);
    feed.interrupt("dropped", at(20_000), true);
    expect(published.at(-1)).toMatchObject({ action: "snapshot", updateId: 12, receiveTime: 20_000 });
    expect(feed.isLive).toBe(true);
    feed.depth(depth(12, 13), 1);
    expect(published.at(-1)).toMatchObject({ action: "increment", updateId: 13 });
    expect(asked).toEqual([]);
  });
});
