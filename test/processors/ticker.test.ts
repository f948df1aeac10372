import fc from "fast-check";
import { expect, test } from "vitest";
import {
  feed,
  heartbeat,
  increment,
  instrument,
  MINUTE,
  quote,
  SECOND,
  START,
  snapshot,
  ticker,
  trade,
} from "./market-ticks.js";
import { check } from "./seed.js";
import { onePartition, TaskRig } from "./task-rig.js";

const both = [instrument(START), instrument(START, { exchange: "kraken", tickSize: "0.1" })];
const latest = (rig: TaskRig, exchange: string) =>
  rig
    .of("market.ticker")
    .filter((one) => one.exchange === exchange)
    .at(-1)!;

test("the first change leaves at once, then at most one in 100 ms of log time, and the last state always", () => {
  check(
    fc.property(fc.array(fc.nat(250_000), { minLength: 1, maxLength: 60 }), (pauses) => {
      let now = START;
      const trades = pauses.map((pause, at) => {
        now += pause;
        return trade(at, now, { price: `${1000 + at}` });
      });
      const rig = new TaskRig(onePartition, false).take(instrument(), ...trades, heartbeat(now + SECOND));
      for (const exchange of ["binance", "aggregate"]) {
        const all = rig.of("market.ticker").filter((one) => one.exchange === exchange);
        expect(all[0]!.timestamp).toBe(trades[0]!.exchangeTime);
        expect(all.at(-1)!.last_price).toBe(trades.at(-1)!.price);
        // one every 100 ms from the first change to 100 ms after the last, both ends included
        const bound = 2 + Math.floor((now - trades[0]!.receiveTime) / 100_000);
        expect(all.length).toBeLessThanOrEqual(bound);
        expect(all.map(({ sequence_num }) => sequence_num)).toEqual(all.map((_, at) => at + 1));
      }
    }),
    60,
  );
});

test("without conflation every change leaves", () => {
  const settings = { ...onePartition, emissionMs: 0 };
  const rig = new TaskRig(settings, false).take(instrument(), ...[1, 2, 3].map((id) => trade(id, START)));
  expect(rig.of("market.ticker").filter(({ exchange }) => exchange === "binance")).toHaveLength(3);
});

test("the aggregate weights last prices by 24 h volume and takes the median of the mids", () => {
  const rig = new TaskRig(onePartition, false).take(
    ...both,
    trade(1, START, { price: "100" }),
    ticker(START, { volume24h: "3" }),
    quote(START, { bidPrice: "99", askPrice: "100" }),
    trade(1, START + 1, { exchange: "kraken", price: "104" }),
    ticker(START + 1, { exchange: "kraken", volume24h: "1", lastPrice: "104" }),
    quote(START + 1, { exchange: "kraken", bidPrice: "100.1", askPrice: "101.1", askQty: "7" }),
    heartbeat(START + SECOND),
  );
  expect(latest(rig, "aggregate")).toMatchObject({
    ...{ bid_price: "100.1", bid_qty: "1", ask_price: "100", ask_qty: "2", last_price: "104" },
    // (100·3 + 104·1) / 4; mids 99.5 and 100.6
    ...{ volume_24h: "4", weighted_price: "101", median_price: "100.05", venues: ["binance", "kraken"] },
  });
});

test("a venue whose feed is down, or that was not heard of for a minute, does not count", () => {
  const quotes = [quote(START), quote(START, { exchange: "kraken", bidPrice: "90", askPrice: "100.5" })];
  const rig = new TaskRig(onePartition, false).take(...both, ...quotes, heartbeat(START + SECOND));
  expect(latest(rig, "aggregate").venues).toEqual(["binance", "kraken"]);
  rig.take(heartbeat(START + 2 * SECOND, [feed(false, START, "kraken")]), heartbeat(START + 3 * SECOND));
  expect(latest(rig, "aggregate").venues).toEqual(["binance"]);
  rig.take(
    quote(START + 62 * SECOND, { exchange: "kraken", bidPrice: "90", askPrice: "100.5" }),
    heartbeat(START + 63 * SECOND),
  );
  expect(latest(rig, "aggregate").venues).toEqual([]);
});

test("where a venue does not quote, the top of its live book does", () => {
  const book = snapshot(START, 1, [["99.5", "2"]], [["101", "3"]]);
  const rig = new TaskRig(onePartition, false).take(instrument(), book, heartbeat(START + SECOND));
  expect(latest(rig, "binance")).toMatchObject({ bid_price: "99.5", bid_qty: "2", ask_price: "101", ask_qty: "3" });
  rig.take(increment(START + 2 * SECOND, 5, [], []), heartbeat(START + 3 * SECOND));
  expect(latest(rig, "binance")).toMatchObject({ bid_price: null, ask_price: null });
});

test("volume_24h is the venue's own, else null until 24 hours are covered, then the sum of the minutes", () => {
  const trades = Array.from({ length: 26 }, (_, hour) =>
    trade(hour, START + hour * 60 * MINUTE, { qty: `${hour + 1}` }),
  );
  const rig = new TaskRig(onePartition, false).take(instrument(), ...trades.slice(0, 24));
  expect(latest(rig, "binance").volume_24h).toBeNull();
  rig.take(trades[24]!, heartbeat(trades[24]!.receiveTime + SECOND));
  // hours 1 to 24: the first minute is past
  expect(latest(rig, "binance")).toMatchObject({
    volume_24h: `${(25 * 26) / 2 - 1}`,
    quote_volume_24h: `${((25 * 26) / 2 - 1) * 100}`,
  });
  rig.take(ticker(trades[24]!.receiveTime + MINUTE, { volume24h: "7.50" }));
  expect(latest(rig, "binance").volume_24h).toBe("7.5");
});

test("a late trade does not change the last price", () => {
  const late = trade(2, START + SECOND, { exchangeTime: START - SECOND, price: "90" });
  const rig = new TaskRig(onePartition, false).take(instrument(), trade(1, START), late, heartbeat(START + 2 * SECOND));
  expect(latest(rig, "binance").last_price).toBe("100");
});

test("before its first trade the venue's own last price serves", () => {
  const rig = new TaskRig(onePartition, false).take(instrument(), ticker(START, { lastPrice: "101.50" }));
  expect(latest(rig, "binance").last_price).toBe("101.5");
});
