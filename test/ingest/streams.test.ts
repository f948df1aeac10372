import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { GapHistory } from "../../ingest/streams/gap-history.js";
import { StreamWatch } from "../../ingest/streams/stream-watch.js";
import { venueOf } from "../../ingest/venues/index.js";
import type { QuoteTick, RawTick, TradeTick } from "../../schemas/ticks.js";
import { recording, recordings } from "../recordings.js";
import { cryptofeedFrames, hftbacktestFrames, lines, lookupOf } from "./recorded-frames.js";

const seed = Number(process.env.TICKPLANT_SEED ?? 20260101);
const SECOND = 1_000_000;

/** Numerical Recipes' generator: the same seed gives the same instants. */
function randomOf(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const quote = (receiveTime: number, price = "1"): QuoteTick => ({
  ...{ kind: "quote", exchange: "x", symbol: "A/B", exchangeTime: receiveTime, receiveTime },
  ...{ bidPrice: price, bidQty: "1", askPrice: "2", askQty: "1" },
});
const trade = (receiveTime: number): TradeTick => ({
  ...{ kind: "trade", exchange: "x", symbol: "A/B", exchangeTime: receiveTime, receiveTime },
  ...{ tradeId: `${receiveTime}`, price: "1", qty: "1", side: "buy" },
});
const ticker = (receiveTime: number, lastPrice: string): RawTick => ({
  ...{ kind: "ticker", exchange: "x", symbol: "A/B", exchangeTime: receiveTime, receiveTime, lastPrice },
});

/** Shows ticks and, ten times a second of their own time, asks who is late. @returns all that was ever said */
function replay(ticks: readonly RawTick[], watch = new StreamWatch()) {
  const said: string[] = [];
  let asked = ticks[0]?.receiveTime ?? 0;
  const judge = (until: number) => {
    // in a long silence once a second is enough
    const step = until - asked > 60 * SECOND ? SECOND : SECOND / 10;
    for (; asked < until; asked += step) {
      for (const { kind, symbol, how, since } of watch.judge(asked)) {
        said.push(`${kind} ${symbol} ${how} at ${asked}, ${(asked - since) / SECOND} s`);
      }
    }
  };
  for (const tick of ticks) {
    judge(tick.receiveTime);
    watch.seen(tick);
  }
  return { said, watch };
}

/** @returns µs after the cut until the stream is called late */
function lateAfter(watch: StreamWatch, cut: number, kind: string, symbol: string): number {
  for (let now = cut; now < cut + 86_400 * SECOND; now += SECOND / 4) {
    if (watch.judge(now).some((one) => one.kind === kind && one.symbol === symbol)) return now - cut;
  }
  return Number.POSITIVE_INFINITY;
}

function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]!);
}

/** 99.9 % of the gaps are not longer; at 99.9 % of the instants the gap at hand is not. Plainly, by sorting. */
function quantiles(times: readonly number[]): { byCount: number; byTime: number } {
  const sorted = gapsOf(times).sort((a, b) => a - b);
  const total = sorted.reduce((sum, gap) => sum + gap, 0);
  let passed = 0;
  const byTime = sorted.findLast((gap) => {
    passed += gap;
    return passed > total / 1000;
  });
  return { byCount: sorted[Math.ceil(sorted.length * 0.999) - 1] ?? 0, byTime: byTime ?? 0 };
}

function quotesOf(file: string): QuoteTick[] {
  return lines(`qubx/quotes/${file}`)
    .slice(1)
    .map((line) => quote(Date.parse(`${line.slice(0, line.indexOf(",")).replace(" ", "T")}Z`) * 1000));
}

/** The garbage collector, which a process has to ask for. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

describe("a day of recorded quotes", () => {
  it.each(readdirSync(recording("qubx/quotes")).filter((name) => name.endsWith(".gz")))(
    "%s: never late; cut at any instant it is late in time",
    (file) => {
      const ticks = quotesOf(file);
      expect(ticks.length).toBeGreaterThan(40_000);
      const { said } = replay(ticks);
      expect(said).toEqual([]);
      const { byCount, byTime } = quantiles(ticks.map(({ receiveTime }) => receiveTime));
      const random = randomOf(seed);
      const cuts = Array.from({ length: 100 }, () => 100 + Math.floor(random() * (ticks.length - 100)));
      const watch = new StreamWatch();
      const answers: number[] = [];
      let at = 0;
      for (const cut of cuts.sort((a, b) => a - b)) {
        for (; at < cut; at++) watch.seen(ticks[at]!);
        // the silence that is judged is not learned: nothing but a tick changes what is known
        answers.push(lateAfter(watch, ticks[cut - 1]!.receiveTime, "quote", "A/B"));
      }
      const worst = Math.max(...answers) / SECOND;
      console.info(
        `${file} (seed ${seed}): late after ${worst} s at most, median ${(answers.sort((a, b) => a - b)[50]! / SECOND).toFixed(1)} s;`,
        `99.9 % gap ${byCount / SECOND} s by count, ${byTime / SECOND} s by time`,
      );
      // where long gaps come rarely but regularly, only their share of the time shows them
      expect(worst).toBeLessThanOrEqual(Math.max(15, (3 * Math.max(byCount, byTime)) / SECOND));
    },
    120_000,
  );
});

describe("recordings at their own pace", () => {
  const heard = (id: string, frames: readonly Parameters<ReturnType<typeof venueOf>["read"]>[0][]) => {
    const venue = venueOf(id);
    const lookup = lookupOf(id);
    const ticks: RawTick[] = [];
    for (const frame of frames) {
      if ("socket" in frame.origin) venue.read(frame, lookup, (tick) => ticks.push(tick));
    }
    return ticks;
  };

  it.each([
    ["binance", "BINANCE"],
    ["binanceusdm", "BINANCE_FUTURES"],
    ["okx", "OKX.shared-symbols"],
    ["bitstamp", "BITSTAMP"],
  ])("%s as cryptofeed recorded it: no stream is late", (id, file) => {
    const ticks = heard(id, cryptofeedFrames(`cryptofeed/v3/${file}.jsonl.gz`));
    const { said, watch } = replay(ticks);
    expect(said).toEqual([]);
    expect(watch.size).toBeGreaterThan(3);
  });

  it("ten minutes of Binance: none is late, and each of those that are known is soon late when cut", () => {
    const ticks = heard("binance", hftbacktestFrames("hftbacktest/spot/btcusdt_20240808.gz", "BTCUSDT"));
    const { said, watch } = replay(ticks);
    expect(said).toEqual([]);
    const end = ticks.at(-1)!.receiveTime;
    for (const kind of ["trade", "quote", "depth"] as const) {
      expect(lateAfter(watch, end, kind, "BTCUSDT") / SECOND, kind).toBeLessThanOrEqual(15);
    }
  });

  it("every connection of every other recording, frame by frame: none is late", () => {
    const files = readdirSync(`${recordings}/cryptofeed/v3`).filter((name) => name.endsWith(".gz"));
    let connections = 0;
    for (const file of files) {
      const times = new Map<string, number[]>();
      for (const { receiveTime, origin } of cryptofeedFrames(`cryptofeed/v3/${file}`)) {
        if (!("socket" in origin)) continue;
        times.set(origin.socket, [...(times.get(origin.socket) ?? []), receiveTime]);
      }
      for (const [name, one] of times) {
        connections += 1;
        expect(replay(one.map((time) => quote(time))).said, `${file} ${name}`).toEqual([]);
      }
    }
    expect(connections).toBeGreaterThan(15);
  });
});

describe("a stream", () => {
  const every = (gap: number, count: number, from = 1_000_000_000) =>
    Array.from({ length: count }, (_, i) => from + Math.round(i * gap * SECOND));

  it("of five ticks a second is late within 15 s, and well again with the next tick", () => {
    const times = every(0.2, 100);
    const { watch } = replay(times.map((time) => quote(time)));
    const end = times.at(-1)!;
    const after = lateAfter(watch, end, "quote", "A/B");
    expect(after / SECOND).toBeLessThanOrEqual(13);
    watch.seen(quote(end + after + 1));
    expect(watch.judge(end + after + 2)).toEqual([]);
  });

  it("of trades that says nothing while its ticker moves is late, whatever its history; a quiet market is not", () => {
    const watch = new StreamWatch();
    watch.expect("x", "A/B", "trade", SECOND);
    watch.expect("x", "A/B", "ticker", SECOND);
    for (const time of every(30, 5, SECOND)) watch.seen(trade(time));
    let now = 200 * SECOND;
    for (let i = 0; i < 600; i++, now += SECOND) watch.seen(ticker(now, "100"));
    expect(watch.judge(now).filter(({ kind }) => kind === "trade")).toEqual([]);
    for (let i = 0; i < 14; i++, now += SECOND) watch.seen(ticker(now, `${i}`));
    expect(watch.judge(now)).toMatchObject([
      { kind: "trade", how: "stalled", reason: "no trade of A/B at x while its ticker moved 14 times" },
    ]);
  });

  it("that was acknowledged and never spoke is said to be silent; trades only with a witness", () => {
    const watch = new StreamWatch();
    for (const kind of ["trade", "depth"] as const) watch.expect("x", "A/B", kind, SECOND);
    watch.expect("x", "C/D", "trade", SECOND);
    expect(watch.judge(59 * SECOND)).toEqual([]);
    expect(watch.judge(62 * SECOND).map(({ kind, symbol, how }) => [kind, symbol, how])).toEqual([
      ["trade", "A/B", "silent"],
      ["depth", "A/B", "silent"],
    ]);
  });

  it("whose connection is away is not judged, and what it was like is known after that", () => {
    const { watch } = replay(every(1, 300).map((time) => quote(time)));
    const end = every(1, 300).at(-1)!;
    watch.down("x", "A/B", "quote");
    expect(watch.judge(end + 3_600 * SECOND)).toEqual([]);
    watch.expect("x", "A/B", "quote", end + 3_600 * SECOND);
    expect(watch.judge(end + 3_605 * SECOND)).toEqual([]);
    expect(watch.judge(end + 3_620 * SECOND)).toMatchObject([{ kind: "quote", how: "silent" }]);
  });

  it("comes rarer while its market goes on: it is slow; with its market it is not", () => {
    const both = (gap: number) => {
      const fast = every(0.5, 2_000).flatMap((time) => [quote(time), trade(time + 1)]);
      const from = fast.at(-1)!.receiveTime;
      const slow = every(8, 100, from + SECOND).map((time) => trade(time));
      const others = every(gap, 800 / gap, from + SECOND).map((time) => quote(time));
      return [...fast, ...[...slow, ...others].sort((a, b) => a.receiveTime - b.receiveTime)];
    };
    const apart = replay(both(0.5)).watch;
    expect(apart.judge(both(0.5).at(-1)!.receiveTime)).toMatchObject([{ kind: "trade", how: "slow" }]);
    const together = replay(both(8));
    expect(together.watch.judge(both(8).at(-1)!.receiveTime)).toEqual([]);
  });

  it("a night that falls slowly is no stall", () => {
    const ticks: RawTick[] = [];
    let now = SECOND;
    const random = randomOf(seed);
    for (let hour = 0; hour < 24; hour++) {
      // from one a second to one in 15 s and back
      const mean = hour < 12 ? 1 + 14 * (hour / 12) ** 2 : 1 + 14 * ((24 - hour) / 12) ** 2;
      for (const end = now + 3_600 * SECOND; now < end; now += Math.round(-Math.log(1 - random()) * mean * SECOND)) {
        ticks.push(quote(now));
      }
    }
    expect(replay(ticks).said).toEqual([]);
  }, 60_000);
});

it("quantiles of the history are those of the gaps, within a twentieth", () => {
  const random = randomOf(seed);
  const times = [0];
  for (let i = 0; i < 50_000; i++) times.push(times.at(-1)! + 110_000 + Math.round(random() ** 12 * 20 * SECOND));
  const history = new GapHistory();
  const stream = history.add();
  for (const gap of gapsOf(times)) history.record(stream, gap);
  const truth = quantiles(times);
  const { byCount, byTime, gaps } = history.summary(stream);
  expect(gaps).toBe(50_000);
  for (const [found, exact] of [
    [byCount, truth.byCount],
    [byTime, truth.byTime],
  ] as const) {
    expect(found / exact).toBeGreaterThan(0.95);
    expect(found / exact).toBeLessThan(1.05);
  }
});

it("10,000 streams take less than 20 MB and 1 % of a core at a tick a second each", () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `S${i}/USDT`);
  const ticks = names.map((symbol) => ({ ...quote(0), symbol }));
  const collect = collector();
  collect();
  const before = process.memoryUsage();
  const watch = new StreamWatch();
  const seconds = 60;
  const start = process.cpuUsage();
  for (let second = 1; second <= seconds; second++) {
    const now = second * SECOND;
    for (const tick of ticks) {
      (tick as { receiveTime: number }).receiveTime = now;
      watch.seen(tick);
    }
    watch.judge(now);
    watch.judge(now + SECOND / 2);
  }
  const { user, system } = process.cpuUsage(start);
  collect();
  const after = process.memoryUsage();
  const megabytes = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / 2 ** 20;
  const share = (user + system) / 1e6 / seconds;
  console.info(`10,000 streams: ${megabytes.toFixed(1)} MB, ${(share * 100).toFixed(2)} % of a core`);
  expect(watch.size).toBe(10_000);
  expect(megabytes).toBeLessThan(20);
  // a tenth of a percent is usual; other tests run beside this one
  expect(share).toBeLessThan(0.05);
});
