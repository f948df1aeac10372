import { afterEach, describe, expect, it } from "vitest";
import { createLogger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import { backfill } from "../../ingest/backfill.js";
import { Publisher } from "../../ingest/publisher.js";
import { RestFailed } from "../../ingest/rest-client.js";
import { TradeIds } from "../../ingest/trade-ids.js";
import type { Venue } from "../../ingest/venue.js";
import type { TradeTick } from "../../schemas/ticks.js";
import { GatedLog } from "./gated-log.js";
import { instrument } from "./recorded-frames.js";

const logger = createLogger({ level: "silent" });
const base = { kind: "trade", exchange: "binance", symbol: "BTC/USDT", exchangeTime: 1, receiveTime: 1 } as const;
const trade = (id: number): TradeTick => ({ ...base, tradeId: `${id}`, price: "1", qty: "1", side: "buy" });

let abort: AbortController;
afterEach(() => abort.abort());

/** A venue that has trades, or answers otherwise for a while; a real publisher over a log that can hang. */
function rig(has: readonly number[], maxTicks = 10) {
  abort = new AbortController();
  const log = new GatedLog(1);
  const metrics = new Metrics();
  const publisher = new Publisher({ log: log.port, schemaId: 1, session: "s", metrics, logger, maxTicks });
  const ids = new TradeIds();
  const asked: number[] = [];
  let answer = (first: number): readonly number[] => has.filter((id) => id >= first);
  const venue = {
    tradesSince: async (_rest: unknown, _instrument: unknown, { tradeId }: { tradeId: string }) => {
      asked.push(Number(tradeId) + 1);
      return [{ text: JSON.stringify(answer(Number(tradeId) + 1)), url: "" }];
    },
  } as unknown as Venue;
  const run = () =>
    backfill({
      venue,
      rest: { get: () => Promise.reject(new Error("nobody asks")) },
      instrument: instrument("binance", "BTC/USDT", "BTCUSDT"),
      ids,
      read: ({ text }, take) => {
        for (const id of JSON.parse(text) as number[]) take(trade(id));
      },
      publish: (tick) => publisher.publish({ ...tick, backfilled: true }),
      room: () => publisher.room(),
      metrics,
      logger,
      signal: abort.signal,
      pauses: { baseMs: 1, capMs: 2 },
    });
  return {
    log,
    ids,
    asked,
    publisher,
    run,
    answers: (given: typeof answer) => {
      answer = given;
    },
    published: () => log.ticks().map((tick) => Number((tick as TradeTick).tradeId)),
    absent: async () =>
      (await metrics.dropped.get()).values.find(({ labels }) => labels.reason === "not_at_venue")?.value ?? 0,
    dropped: async () =>
      (await metrics.dropped.get()).values.filter(({ labels, value }) => labels.place === "publisher" && value > 0),
  };
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);

describe("back-fill", () => {
  it("of far more trades than the buffer holds, while the log hangs, publishes all of them, once", async () => {
    const { log, ids, run, published, absent, dropped, asked } = rig(upTo(500));
    ids.seen("1");
    ids.seen("500");
    log.hang();
    const done = run();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(ids.missing).not.toEqual([]);
    log.goOn();
    await done;
    await expect.poll(() => published().length).toBe(498);
    expect(published()).toEqual(upTo(499).slice(1));
    expect(await dropped()).toEqual([]);
    expect([await absent(), asked]).toEqual([0, [2]]);
  });

  it("waits for a buffer that live ticks fill, which uses up no attempt", async () => {
    const { log, ids, run, publisher, absent, asked } = rig(upTo(30), 4);
    ids.seen("1");
    ids.seen("30");
    log.hang();
    const live = () => {
      for (let id = 1_000; publisher.publish(trade(id)); ) id++;
    };
    live();
    const done = run();
    for (let round = 0; round < 20; round++) {
      log.goOn();
      log.hang();
      live();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    log.goOn();
    await done;
    expect(ids.missing).toEqual([]);
    expect([await absent(), asked.length]).toEqual([0, 1]);
  });

  it("goes on asking a venue that does not answer: only answers count as not there", async () => {
    const { ids, run, published, absent, answers, asked } = rig([]);
    ids.seen("1");
    ids.seen("5");
    answers((first) => {
      if (asked.length <= 12) throw new RestFailed("url", "503", 503);
      return [2, 3, 4].filter((id) => id >= first);
    });
    await run();
    await expect.poll(() => published()).toEqual([2, 3, 4]);
    expect([await absent(), asked.length]).toEqual([0, 13]);
  });

  it("counts what the venue leaves out of several answers, and what lies beyond them only when it was asked for", async () => {
    const { ids, run, absent, answers, asked } = rig([]);
    for (const id of ["1", "5", "9"]) ids.seen(id);
    // pages of two: 6 to 8 are never in the answers about 2 to 4
    answers((first) => (first <= 4 ? [4, 5] : [7, 8]).filter((id) => id >= first));
    await run();
    expect(ids.missing).toEqual([]);
    expect(await absent()).toBe(3);
    expect(asked.filter((first) => first === 2).length).toBeGreaterThanOrEqual(5);
    expect(asked).toContain(6);
  });

  it("does not give up while answers bring some of what is missing", async () => {
    const { ids, run, published, absent, answers } = rig([]);
    ids.seen("1");
    ids.seen("100");
    answers((first) => [first, first + 1].filter((id) => id < 100));
    await run();
    await expect.poll(() => published().length).toBe(98);
    expect(await absent()).toBe(0);
  });

  it("a second loss while it runs keeps its hole for when the connection is up", async () => {
    const { ids, run, published, absent, answers } = rig([]);
    ids.seen("1");
    ids.lost();
    ids.resumed();
    answers((first) => {
      // the connection breaks while the venue answers
      if (first === 2) ids.lost();
      return [2, 3].filter((id) => id >= first);
    });
    await run();
    expect(ids.missing).toEqual([{ first: 4, last: Number.POSITIVE_INFINITY, since: 0 }]);
    answers((first) => [4, 5].filter((id) => id >= first));
    ids.resumed();
    await run();
    await expect.poll(() => published()).toEqual([2, 3, 4, 5]);
    expect([ids.missing, await absent()]).toEqual([[], 0]);
  });

  it("ends with the feed, whatever it waits for", async () => {
    const { log, ids, run } = rig(upTo(500));
    ids.seen("1");
    ids.seen("500");
    log.hang();
    const done = run();
    await new Promise((resolve) => setTimeout(resolve, 20));
    abort.abort();
    log.goOn();
    await done;
    expect(ids.missing.length).toBeGreaterThan(0);
  });
});
