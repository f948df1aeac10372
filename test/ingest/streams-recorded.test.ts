import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { StreamKind } from "../../ingest/streams/stream.js";
import { StreamWatch } from "../../ingest/streams/stream-watch.js";
import { venueOf } from "../../ingest/venues/index.js";
import type { DepthTick, OracleTick, RawTick } from "../../schemas/ticks.js";
import { recording, recordings } from "../recordings.js";
import { cryptofeedFrames, hftbacktestFrames, lines, lookupOf } from "./recorded-frames.js";
import { lateAfter, quantiles, quote, randomOf, replay, SECOND, seed, trade } from "./stream-replay.js";

const CUTS = 100;
const PROMISED = 15 * SECOND;
/** Nothing is called late sooner. */
const LONG = 8 * SECOND;

/** µs of a recording's own clock. */
type Times = readonly number[];

/**
 * Late within the larger of 15 s and three times the 99.9 % gap, which is counted: 99.9 % of the gaps are not longer. Where
 * a gap of the healthy stream itself is longer than that, whoever is never wrong can not be that quick; there the 99.9 %
 * gap is by time: at 99.9 % of the instants the gap at hand is not longer.
 */
function bound(times: Times): number {
  const { byCount, byTime, longest } = quantiles(times);
  const counted = Math.max(PROMISED, 3 * byCount);
  return longest > counted ? Math.max(PROMISED, 3 * byTime) : counted;
}

/** How many ticks it takes until a stream is known: before that silence says nothing. */
function knownAt(times: Times, tickAt: (time: number) => RawTick): number {
  const watch = new StreamWatch();
  const { exchange, symbol, kind } = tickAt(times[0]!);
  const isKnown = () => watch.find(exchange, symbol, kind as StreamKind)?.patience !== Number.POSITIVE_INFINITY;
  return times.findIndex((time) => {
    watch.seen(tickAt(time));
    return isKnown();
  });
}

interface Walked {
  /** Gaps at whose end the stream was called late, s. */
  readonly holes: readonly number[];
  /** How long the longest of the cuts took to be called late, µs. */
  readonly worst: number;
}

/** Walks a stream's own time; cuts it at seeded instants on the way. */
function walk(times: Times, tickAt: (time: number) => RawTick): Walked {
  const { kind, symbol } = tickAt(times[0]!);
  const random = randomOf(seed);
  const known = knownAt(times, tickAt);
  const cuts = Array.from({ length: CUTS }, () => known + Math.ceil(random() * (times.length - known))).sort(
    (a, b) => a - b,
  );
  const watch = new StreamWatch();
  const holes: number[] = [];
  let worst = 0;
  let next = 0;
  for (let at = 0; at < times.length; at++) {
    // the silence that is judged is not learned: nothing but a tick changes what is known
    for (; cuts[next] === at; next++) worst = Math.max(worst, lateAfter(watch, times[at - 1]!, kind, symbol));
    const time = times[at]!;
    const gap = time - times[at - 1]!;
    // what is late at any instant of a gap is late at its end
    if (gap > LONG && watch.judge(time - 1).length > 0) holes.push(Math.round(gap / SECOND));
    watch.seen(tickAt(time));
  }
  for (; next < CUTS; next++) worst = Math.max(worst, lateAfter(watch, times.at(-1)!, kind, symbol));
  return { holes, worst };
}

function check(name: string, times: Times, tickAt: (time: number) => RawTick): void {
  const { holes, worst } = walk(times, tickAt);
  const most = bound(times);
  const { byCount, byTime, longest } = quantiles(times);
  const inSeconds = (micros: number) => (micros / SECOND).toFixed(1);
  console.info(
    `${name} (seed ${seed}): late after ${inSeconds(worst)} s at most, bound ${inSeconds(most)} s; 99.9 % gap`,
    `${inSeconds(byCount)} s by count, ${inSeconds(byTime)} s by time, longest ${inSeconds(longest)} s`,
  );
  expect(holes, name).toEqual([]);
  expect(worst, name).toBeLessThanOrEqual(most);
}

const depth = (receiveTime: number): DepthTick => ({
  ...{ kind: "depth", exchange: "x", symbol: "A/B", exchangeTime: receiveTime, receiveTime },
  ...{ action: "increment", firstUpdateId: 1, updateId: 1, bids: [], asks: [] },
});
const oracle = (receiveTime: number): RawTick =>
  ({ kind: "oracle", exchange: "x", symbol: "A/B", exchangeTime: receiveTime, receiveTime }) as OracleTick;
const filesOf = (folder: string) => readdirSync(recording(folder)).filter((name) => name.endsWith(".gz"));
const column = (name: string, at: number) =>
  lines(name)
    .slice(1)
    .map((line) => line.split(",")[at]!);
const utc = (text: string) => Date.parse(`${text.replace(" ", "T")}Z`) * 1000;

it.each(filesOf("qubx/quotes"))("a day of recorded quotes, %s: never late, and in time when cut", (file) => {
  const times = column(`qubx/quotes/${file}`, 0).map(utc);
  expect(times.length).toBeGreaterThan(40_000);
  check(file, times, (time) => quote(time));
});

describe("Binance as hftbacktest recorded it, each stream by itself: never late, and in time when cut", () => {
  const kinds: Readonly<Record<string, (time: number) => RawTick>> = {
    trade: (time) => trade(time),
    bookTicker: (time) => quote(time),
    depth,
  };
  const folders = ["spot", "usdm", "cm", "history"];
  it.each(folders.flatMap((folder) => filesOf(`hftbacktest/${folder}`).map((file) => `${folder}/${file}`)))(
    "%s",
    (file) => {
      const streams = new Map<string, number[]>();
      for (const line of lines(`hftbacktest/${file}`)) {
        const stream = /^\d+ \{"stream":"\w+@(\w+)/.exec(line)?.[1];
        if (stream === undefined) continue;
        const times = streams.get(stream) ?? [];
        streams.set(stream, times);
        times.push(Math.floor(Number(line.slice(0, line.indexOf(" "))) / 1000));
      }
      expect([...streams.keys()].sort()).toEqual(["bookTicker", "depth", "trade"]);
      for (const [stream, times] of streams) check(`${file} ${stream}`, times, kinds[stream]!);
    },
  );
});

it("trades of 93 minutes with two holes of the recorder: late in these alone, and in time when cut", () => {
  const times = column("qubx/trades/BTCUSDT.trades.csv.gz", 0).map((text) => Math.floor(Number(text) / 1000));
  const { holes, worst } = walk(times, (time) => trade(time));
  expect(holes).toEqual([870, 83]);
  expect(worst).toBeLessThanOrEqual(PROMISED);
});

it("oracles' rounds of 275 days and pools' swaps of twelve hours: never late, and in time when cut", () => {
  for (const file of filesOf("ape-chainlink-fetcher")) {
    const updates = column(`ape-chainlink-fetcher/${file}`, 4).map((text) => Number(text) * SECOND);
    check(
      file,
      updates.filter((time) => time > 0).sort((a, b) => a - b),
      oracle,
    );
  }
  for (const file of filesOf("demeter-fetch").filter((name) => name.includes(".raw."))) {
    check(file, column(`demeter-fetch/${file}`, 1).map(utc), (time) => trade(time));
  }
});

describe("recordings at their own pace, read by the connectors", () => {
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
    let connections = 0;
    const look = (name: string, times: number[]) => {
      connections += 1;
      expect(replay(times.map((time) => quote(time))).said, name).toEqual([]);
    };
    for (const file of readdirSync(`${recordings}/cryptofeed/v3`).filter((name) => name.endsWith(".gz"))) {
      const times = new Map<string, number[]>();
      for (const { receiveTime, origin } of cryptofeedFrames(`cryptofeed/v3/${file}`)) {
        if (!("socket" in origin)) continue;
        times.set(origin.socket, [...(times.get(origin.socket) ?? []), receiveTime]);
      }
      for (const [name, one] of times) look(`${file} ${name}`, one);
    }
    for (const file of filesOf("cryptofeed/v2raw").filter((name) => name.includes(".ws."))) {
      look(
        file,
        lines(`cryptofeed/v2raw/${file}`).map((line) => Math.round(Number.parseFloat(line) * SECOND)),
      );
    }
    const hyperliquid = lines("hftbacktest/hyperliquid/btcusd_20250126.gz");
    look(
      "hyperliquid",
      hyperliquid.map((line) => Math.floor(Number(line.slice(0, line.indexOf(" "))) / 1000)),
    );
    expect(connections).toBeGreaterThan(18);
  });
});
