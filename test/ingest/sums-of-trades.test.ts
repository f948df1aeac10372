import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLogger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import { backfill } from "../../ingest/backfill.js";
import { knownTradeOf, TradeProgress } from "../../ingest/progress.js";
import { RestClient } from "../../ingest/rest-client.js";
import type { AggregateText, TradeText } from "../../ingest/simulator/inspection.js";
import { Simulator } from "../../ingest/simulator/server.js";
import { TradeIds } from "../../ingest/trade-ids.js";
import { venueOf } from "../../ingest/venues/index.js";
import type { TradeTick } from "../../schemas/ticks.js";
import { until } from "./live-rig.js";
import { instrument, lookupOf } from "./recorded-frames.js";

const trade = (tradeId: string, exchangeTime: number, more: Partial<TradeTick> = {}): TradeTick => ({
  ...{ kind: "trade", exchange: "binanceusdm", symbol: "BTC/USDT:USDT", exchangeTime, receiveTime: exchangeTime },
  ...{ tradeId, price: "1", qty: "1", side: "buy", ...more },
});
const sum = (own: number, firstTradeId: number, lastTradeId: number, time = own) =>
  trade(String(own), time, { firstTradeId, lastTradeId });
const open = Number.POSITIVE_INFINITY;

describe("what is missing of sums of trades", () => {
  it("goes by the fills, and by the sums' own numbers", () => {
    const ids = new TradeIds();
    ids.seenSum(sum(5, 100, 103));
    // a liquidation's fill lies between two neighbours
    ids.seenSum(sum(6, 105, 106));
    expect(ids.missing).toEqual([]);
    // numbers that jump over nothing
    ids.seenSum(sum(9, 107, 108));
    expect(ids.missing).toEqual([]);
    ids.seenSum(sum(12, 120, 121));
    expect(ids.missing).toEqual([{ first: 109, last: 119, since: 9, aggregate: 9 }]);
    ids.filledRange(109, 112);
    ids.seenSum(sum(11, 115, 119));
    expect(ids.missing).toEqual([{ first: 113, last: 114, since: 9, aggregate: 9 }]);
  });

  it("after a loss nothing is missing where the next sum is the last one's neighbour", () => {
    const ids = new TradeIds();
    ids.seenSum(sum(5, 100, 103));
    ids.lost();
    expect(ids.missing).toEqual([{ first: 104, last: open, since: 5, aggregate: 5 }]);
    ids.seenSum(sum(6, 105, 106));
    expect(ids.missing).toEqual([]);
    ids.lost();
    ids.seenSum(sum(8, 110, 110));
    expect(ids.missing).toEqual([{ first: 107, last: 109, since: 6, aggregate: 6 }]);
  });

  it("a sum that was dropped is missing, also where the connection is lost after it", () => {
    const ids = new TradeIds();
    ids.seenSum(sum(5, 100, 103));
    ids.droppedSum(sum(6, 104, 106));
    ids.lost();
    ids.seenSum(sum(7, 107, 107));
    expect(ids.missing).toEqual([{ first: 104, last: 106, since: 5, aggregate: 5 }]);
  });

  it("goes on from single trades to sums and back", () => {
    const ids = new TradeIds();
    ids.seen("100", 1);
    ids.seenSum(sum(5, 101, 103));
    expect(ids.missing).toEqual([]);
    ids.seen("104", 6);
    ids.seenSum(sum(9, 108, 109));
    expect(ids.missing).toEqual([{ first: 105, last: 107, since: 6 }]);
  });

  it("is what a set would say, whatever is dropped, lost and fetched", () => {
    const step = fc.record({
      fills: fc.integer({ min: 1, max: 5 }),
      gap: fc.constantFrom(0, 0, 0, 2),
      fate: fc.constantFrom("seen", "seen", "dropped", "unseen"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ids = new TradeIds();
        ids.seenSum(sum(1, 1, 1));
        const absent = new Set<number>();
        let [next, own] = [2, 1];
        for (const { fills, gap, fate } of steps) {
          own += 1;
          const first = next + gap;
          next = first + fills;
          if (fate === "seen") ids.seenSum(sum(own, first, next - 1));
          else if (fate === "dropped") ids.droppedSum(sum(own, first, next - 1));
          else ids.lost();
          if (fate !== "seen") for (let id = first; id < next; id++) absent.add(id);
        }
        ids.seenSum(sum(own + 1, next, next));
        for (const id of absent) expect(ids.isMissing(String(id))).toBe(true);
        for (let id = 1; id <= next; id++) ids.filledRange(id, id);
        expect(ids.missing).toEqual([]);
      }),
    );
  });
});

describe("a session that goes on after another", () => {
  it.each([
    ["with sums, after single trades: asked for by time", "aggTrade", false],
    ["with sums, after sums: asked for by number", "aggTrade", true],
    ["with single trades, after sums: asked for by the last fill", "trade", true],
  ] as const)("%s", async (_, tradeStream, afterSum) => {
    const simulator = await Simulator.start({ dialect: "usdm", symbols: ["BTC/USDT"], rate: 500, keepTrades: "all" });
    try {
      await until(() => simulator.aggregateTrades("BTCUSDT").length > 60, "trades");
      simulator.pause();
      const sums = simulator.aggregateTrades("BTCUSDT");
      const last = sums[20]!;
      const venue = venueOf("binanceusdm", { restUrl: simulator.url, wsUrl: simulator.wsUrl, tradeStream });
      const logger = createLogger({ level: "silent" });
      const ids = new TradeIds();
      const aggregate = afterSum ? { aggregate: last.id } : {};
      ids.goOnAfter({ id: last.lastId, exchangeTime: last.time * 1_000, ...aggregate });
      ids.resumed();
      const published: TradeTick[] = [];
      const asked: string[] = [];
      const rest = new RestClient({ baseUrl: venue.restUrl, weightLimit: 2_400, logger });
      const known = instrument("binanceusdm", "BTC/USDT:USDT", "BTCUSDT");
      await backfill({
        ...{ venue, rest, ids, logger, instrument: known, metrics: new Metrics() },
        read: ({ text, url }, take) => {
          asked.push(new URL(url).search);
          const frame = { text, receiveTime: 1, origin: { url } };
          venue.read(frame, lookupOf("binanceusdm", [known]), (tick) => tick.kind === "trade" && take(tick));
        },
        publish: (tick) => published.push(tick) > 0,
        room: async () => {},
        signal: new AbortController().signal,
      });
      rest.close();
      const expected = tradeStream === "trade" ? simulator.trades("BTCUSDT") : sums;
      const lastOf = (one: TradeText | AggregateText) => ("lastId" in one ? one.lastId : one.id);
      const fresh = expected.filter((one) => lastOf(one) > last.lastId);
      expect(published.map(({ tradeId, price, qty }) => [tradeId, price, qty])).toEqual(
        fresh.map(({ id, price, qty }) => [String(id), price, qty]),
      );
      const by =
        tradeStream === "trade" ? `fromId=${last.lastId + 1}` : afterSum ? `fromId=${last.id + 1}` : "startTime";
      expect(asked[0]).toContain(by);
    } finally {
      await simulator.stop();
    }
  });
});

describe("progress of sums, for whoever goes on", () => {
  it("is the last fill with its time and the sum's number; of what is missing that before it", () => {
    const progress = new TradeProgress();
    const of = (missing?: Parameters<TradeProgress["text"]>[2]) =>
      knownTradeOf(progress.text("binanceusdm", "BTC/USDT:USDT", missing));
    expect(of()).toBeUndefined();
    progress.write(progress.line(sum(5, 100, 103, 7)));
    expect(of()).toEqual({ id: 103, exchangeTime: 7, aggregate: 5 });
    expect(of([{ first: 90, last: 95, since: 3, aggregate: 2 }])).toEqual({ id: 89, exchangeTime: 3, aggregate: 2 });
    const late = { ...sum(3, 91, 92, 4), backfilled: true };
    const line = progress.line(late);
    expect(of()).toEqual({ id: 90, exchangeTime: 4, aggregate: 2 });
    progress.write(line);
    expect(of()).toEqual({ id: 103, exchangeTime: 7, aggregate: 5 });
    progress.write(progress.line(trade("104", 9)));
    expect(of()).toEqual({ id: 104, exchangeTime: 9 });
  });

  it("earlier versions wrote an id alone", () => {
    expect(knownTradeOf("104")).toEqual({ id: 104, exchangeTime: 0 });
    expect(["", "x", "0xab 5"].map((text) => knownTradeOf(text))).toEqual([undefined, undefined, undefined]);
  });
});
