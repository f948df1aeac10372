import { describe, expect, it } from "vitest";
import { BookFeed } from "../../ingest/book-feed.js";
import { RestShares, ShareSpent } from "../../ingest/rest-shares.js";
import type { Rest } from "../../ingest/venue.js";
import { BinanceBookSequence } from "../../ingest/venues/binance/sequence.js";
import type { DepthTick } from "../../schemas/ticks.js";

const MINUTE = 60_000;
const LIMIT = 6_000;

/** A venue whose requests are counted by minute and path, on a clock that the test moves. */
function countedRest() {
  const now = { ms: 0 };
  const weights = new Map<number, number>();
  const asked: { path: string; ms: number; retries: number | undefined }[] = [];
  const rest: Rest = {
    get: async (path, _query, weight, retries) => {
      const minute = Math.floor(now.ms / MINUTE);
      weights.set(minute, (weights.get(minute) ?? 0) + weight);
      asked.push({ path, ms: now.ms, retries });
      return { text: "", url: path };
    },
  };
  const shared = { rest, weightLimit: LIMIT, signal: new AbortController().signal, clock: () => now.ms };
  const inMinute = (minute: number, path?: string) =>
    asked.filter((one) => Math.floor(one.ms / MINUTE) === minute && (path === undefined || one.path === path)).length;
  return { now, weights, asked, shared, inMinute };
}

describe("shares of a venue's REST", () => {
  it("a market alone in trouble may take half of the weight, the first request beside it", async () => {
    const { now, asked, shared, weights } = countedRest();
    const rest = RestShares.ofSnapshots(shared).of("A");
    await rest.get("/depth", {}, 250);
    let refused = 0;
    for (let at = 0; at < 50; at++)
      await rest.get("/depth", {}, 250).catch((error) => {
        expect(error).toBeInstanceOf(ShareSpent);
        refused++;
      });
    expect(weights.get(0)).toBe(250 + LIMIT / 2);
    expect(refused).toBe(50 - LIMIT / 2 / 250);
    // the client itself tries the first again; what is asked for again anyway is not
    expect(asked.map(({ retries }) => retries)).toEqual([undefined, ...new Array(12).fill(0)]);
    now.ms += MINUTE;
    await rest.get("/depth", {}, 250);
  });

  it("many share that half out equally, and each has one while it lasts", async () => {
    const { now, shared, inMinute, weights } = countedRest();
    const shares = RestShares.ofSnapshots(shared);
    const names = Array.from({ length: 100 }, (_, at) => `M${at}`);
    for (let minute = 0; minute < 5; minute++) {
      now.ms = minute * MINUTE;
      for (let turn = 0; turn < 20; turn++) {
        for (const name of names)
          await shares
            .of(name)
            .get(name, {}, 20)
            .catch(() => {});
        now.ms += 1_000;
      }
    }
    // half of 6,000 by 100 is 30: one of 20 each
    for (let minute = 1; minute < 5; minute++) {
      expect(weights.get(minute)).toBe(100 * 20);
      for (const name of names) expect(inMinute(minute, name)).toBe(1);
    }
  });

  it("of a market that is refused on and on no request is taken for a first one", async () => {
    const { now, shared, weights } = countedRest();
    const shares = RestShares.ofSnapshots(shared);
    for (; now.ms < 30 * MINUTE; now.ms += 15_000)
      for (let at = 0; at < 500; at++)
        await shares
          .of(`M${at}`)
          .get("/depth", {}, 50)
          .catch(() => {});
    for (let minute = 1; minute < 30; minute++) expect(weights.get(minute)).toBe(LIMIT / 2);
  });

  it("back-fills wait for the next minute, and end with the feed", async () => {
    const { now, shared, weights } = countedRest();
    const ending = new AbortController();
    const rest = RestShares.ofBackfills({ ...shared, signal: ending.signal }).of("A");
    now.ms = MINUTE - 30;
    for (let at = 0; at < 180; at++) await rest.get("/trades", {}, 25);
    expect(weights.get(0)).toBe(0.75 * LIMIT);
    const later = rest.get("/trades", {}, 25);
    now.ms = MINUTE;
    await later;
    expect(weights.get(1)).toBe(25);
    for (let at = 0; at < 179; at++) await rest.get("/trades", {}, 25);
    const never = rest.get("/trades", {}, 25);
    ending.abort();
    await expect(never).rejects.toThrow();
  });

  it("books whose snapshots are behind or crossed leave a healthy one its own, for an hour", async () => {
    const { now, asked, shared, weights } = countedRest();
    const shares = RestShares.ofSnapshots(shared);
    const weight = 50;
    let id = 1_000;
    const tick = (symbol: string, action: DepthTick["action"], ids: number, crossed = false): DepthTick => ({
      ...{ kind: "depth", exchange: "binance", symbol, action, firstUpdateId: ids, updateId: ids },
      ...{ exchangeTime: now.ms * 1000, receiveTime: now.ms * 1000 },
      ...{ bids: [[crossed ? "12" : "10", String(ids)]], asks: [["11", "1"]] },
    });
    const answers: (() => void)[] = [];
    const feedOf = (symbol: string, answer: () => DepthTick) => {
      const feed: BookFeed = new BookFeed(
        new BinanceBookSequence(),
        () => {},
        () => {
          const got = shares.of(symbol).get(symbol, {}, weight);
          got.then(
            () => answers.push(() => feed.depth(answer())),
            () => {},
          );
        },
      );
      return feed;
    };
    const behind = Array.from({ length: 60 }, (_, at) => `BEHIND${at}`);
    const crossed = Array.from({ length: 60 }, (_, at) => `CROSSED${at}`);
    const feeds = new Map<string, BookFeed>();
    for (const symbol of behind)
      feeds.set(
        symbol,
        feedOf(symbol, () => tick(symbol, "snapshot", id - 500)),
      );
    for (const symbol of crossed)
      feeds.set(
        symbol,
        feedOf(symbol, () => tick(symbol, "snapshot", id, true)),
      );
    feeds.set(
      "WELL",
      feedOf("WELL", () => tick("WELL", "snapshot", id)),
    );
    const late: number[] = [];
    for (let second = 0; second < 3_600; second++) {
      now.ms = second * 1_000;
      id++;
      // every two minutes an update is lost of the healthy one
      const isLost = second % 120 === 60;
      for (const [symbol, feed] of feeds) {
        if (symbol !== "WELL" || !isLost) feed.depth(tick(symbol, "increment", id, symbol.startsWith("CROSSED")));
        feed.onTime(now.ms * 1_000);
      }
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      for (const answer of answers.splice(0)) answer();
      if (second > 1 && !feeds.get("WELL")!.isLive) late.push(second);
    }
    expect(late).toEqual([]);
    // the first, one for each update that was lost, and those without trouble
    expect(asked.filter(({ path }) => path === "WELL").length).toBeGreaterThan(30);
    for (const [minute, spent] of weights) if (minute > 0) expect(spent).toBeLessThanOrEqual(LIMIT / 2 + weight);
    // each in trouble goes on being asked for, at the longest pause
    const ofOne = asked.filter(({ path }) => path === "CROSSED0").map(({ ms }) => ms);
    expect(ofOne.length).toBeGreaterThan(20);
    const pauses = ofOne.slice(1).map((ms, at) => ms - ofOne[at]!);
    expect(Math.min(...pauses.slice(10))).toBeGreaterThanOrEqual(29_000);
    for (const symbol of [...behind, ...crossed]) expect(feeds.get(symbol)!.isLive).toBe(false);
  });
});
