import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { RefusedText } from "../../../ingest/replay/replay-source.js";
import type { HeartbeatTick } from "../../../schemas/ticks.js";
import { recording } from "../../recordings.js";
import { ofKind, replayed, temporaryFolder } from "./collected.js";

const pairs = [
  ["binance", "BTC/USDT", ["spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"]],
  ["binanceusdm", "ETH/USDT:USDT", ["history/usdm_ethusdt_20240718.gz", "history/usdm_ethusdt_20240719.gz"]],
  ["binancecoinm", "BTC/USD:BTC", ["cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"]],
  ["binancecoinm", "ETH/USD:ETH", ["cm/ethusd_perp_20240808.gz", "cm/ethusd_perp_20240809.gz"]],
] as const;

const spot = ["spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"].map((name) => recording(`hftbacktest/${name}`));

function textOf(file: string): string {
  return gunzipSync(readFileSync(file)).toString("utf8");
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

describe("files that continue each other", () => {
  it.each(pairs)("%s %s: one book without a gap, every quote and every trade", async (venue, symbol, names) => {
    const files = names.map((name) => recording(`hftbacktest/${name}`));
    const { ticks, report } = await replayed({ files, venue });
    const text = files.map(textOf).join("");
    expect(ofKind(ticks, "quote")).toHaveLength(count(text, /@bookTicker"/g));
    // Futures say of some trades that they are none of the market (X other than MARKET).
    const market = count(text, /"e":"trade"/g) - count(text, /"X":"(?!MARKET)[A-Z]+"/g);
    expect(ofKind(ticks, "trade")).toHaveLength(market);
    const depth = ofKind(ticks, "depth");
    expect(depth.filter(({ action }) => action === "gap")).toEqual([]);
    expect(depth.filter(({ action }) => action === "snapshot")).toHaveLength(1);
    // All but the updates that the snapshot contains already: on futures one that ends with it counts, on spot it does not.
    const oldest = (depth[0]?.updateId ?? 0) + (venue === "binance" ? 1 : 0);
    const newer = [...text.matchAll(/"e":"depthUpdate"[^[]*?"u":(\d+)/g)].filter((found) => Number(found[1]) >= oldest);
    expect(depth.filter(({ action }) => action === "increment")).toHaveLength(newer.length);
    expect(new Set(ticks.map((tick) => tick.symbol))).toEqual(new Set(["", symbol]));
    expect(report).toMatchObject({ files: 2, problemCount: 0, warnings: [] });
  });

  it("the second file alone has no snapshot, and that is said", async () => {
    const { ticks, report } = await replayed({ files: [spot[1]!], venue: "binance" });
    expect(ofKind(ticks, "depth")).toEqual([]);
    expect(report.warnings).toEqual([expect.stringContaining("BTC/USDT@binance: no snapshot")]);
    expect(ofKind(ticks, "trade").length).toBeGreaterThan(10_000);
  });

  it("cryptofeed: four books, instruments as the venue lists them, none inferred", async () => {
    const { ticks, report } = await replayed({ files: [recording("cryptofeed/v3/BINANCE_FUTURES.jsonl.gz")] });
    const instruments = ofKind(ticks, "instrument");
    expect(instruments.map(({ symbol, inferred }) => `${symbol} ${inferred ?? false}`).sort()).toEqual([
      "AKRO/USDT:USDT false",
      "CTK/USDT:USDT false",
      "KEEP/USDT:USDT false",
      "SUSHI/USDT:USDT false",
    ]);
    expect(ofKind(ticks, "depth").filter(({ action }) => action === "gap")).toEqual([]);
    expect(ofKind(ticks, "depth").filter(({ action }) => action === "snapshot")).toHaveLength(4);
    // its connections stand one after the other
    const warnings = [
      expect.stringMatching(/runs backwards in time, 8 records .* from line 7 on, by up to 2\.103854 s/),
    ];
    expect(report).toMatchObject({ problemCount: 0, warnings, notes: { ignored: 67 } });
  });
});

describe("time", () => {
  it("hftbacktest's microseconds are read as its nanoseconds are", async () => {
    const lines = textOf(recording("hftbacktest/cm/btcusd_perp_20240808.gz")).trimEnd().split("\n").slice(0, 3_000);
    const given = async (name: string, text: readonly string[]) => {
      const file = folder.path(name);
      writeFileSync(file, text.join("\n"));
      return replayed({ files: [file], venue: "binancecoinm" });
    };
    const nanoseconds = await given("ns", lines);
    const microseconds = await given(
      "us",
      lines.map((line) => line.replace(/^(\d{16})\d{3} /, "$1 ")),
    );
    expect(microseconds.report.problemCount).toBe(0);
    expect(nanoseconds.ticks.length).toBeGreaterThan(2_000);
    expect(microseconds.ticks).toEqual(nanoseconds.ticks);
  });

  it("every 250 ms of recorded time has its heartbeat, all of them with the venue connected since the first frame", async () => {
    const { ticks, report } = await replayed({ files: spot, venue: "binance" });
    const beats = ofKind(ticks, "heartbeat");
    let beat = 0;
    for (const tick of ticks) {
      if (tick.kind === "heartbeat") {
        expect(tick.receiveTime).toBeGreaterThan(beat);
        beat = tick.receiveTime;
      } else expect(tick.receiveTime - beat).toBeLessThanOrEqual(250_000);
    }
    for (const { feeds } of beats) {
      expect(feeds).toEqual([{ exchange: "binance", feed: "recording", connected: true, since: report.firstTime }]);
    }
    expect(ticks[0]).toMatchObject({ kind: "heartbeat", receiveTime: 1723161253937085 });
  });

  it("ends at the next full minute and the grace, with the only end record", async () => {
    const { ticks, report } = await replayed({ files: spot, venue: "binance" });
    const ends = ofKind(ticks, "heartbeat").filter(({ end }) => end === true);
    expect(ends).toHaveLength(1);
    expect(ticks.at(-1)).toBe(ends[0]);
    expect(report.lastTime).toBe(1723161904535092);
    expect(ends[0]?.receiveTime).toBe(Date.parse("2024-08-09T00:06:01Z") * 1000);
    const grace = await replayed({ files: spot, venue: "binance", graceMs: 2500 });
    expect(grace.report.endTime).toBe(Date.parse("2024-08-09T00:06:02.500Z") * 1000);
  });

  it("--until leaves out what is later and ends there", async () => {
    const until = Date.parse("2024-08-08T23:58:00Z") * 1000;
    const { ticks, report } = await replayed({ files: spot, venue: "binance", until });
    expect(ticks.at(-1)).toMatchObject({ kind: "heartbeat", end: true, receiveTime: until });
    expect(Math.max(...ticks.map(({ receiveTime }) => receiveTime))).toBe(until);
    const lines = spot.map(textOf).join("").split("\n").slice(0, -1);
    expect(report.afterUntil).toBe(lines.filter((line) => Number(line.slice(0, 16)) > until).length);
    expect(report.frames + report.afterUntil).toBe(lines.length);
  });

  it("a quiet stretch has its last heartbeat before the next tick; for people, all of them", async () => {
    const trade = (seconds: number) =>
      JSON.stringify({
        kind: "trade",
        exchange: "kraken",
        symbol: "BTC/USDT",
        trade_id: `${seconds}`,
        price: "1",
        qty: "1",
        side: "buy",
        receive_time: 1762795420_000000 + seconds * 1e6,
      });
    const file = folder.path("quiet.ndjson");
    writeFileSync(file, `${trade(0)}\n${trade(100.6)}\n`);
    const times = (ticks: HeartbeatTick[]) => ticks.map(({ receiveTime }) => (receiveTime - 1762795420_000000) / 1e6);
    const { ticks } = await replayed({ files: [file] });
    expect(times(ofKind(ticks, "heartbeat"))).toEqual([0, 100.5, 141]);
    expect(ticks.map(({ kind }) => kind)).toEqual([
      "heartbeat",
      "instrument",
      "trade",
      "heartbeat",
      "trade",
      "heartbeat",
    ]);
    const every = times(ofKind((await replayed({ files: [file], everyHeartbeat: true })).ticks, "heartbeat"));
    expect(every).toHaveLength(404);
    expect(every.slice(0, 4)).toEqual([0, 0.25, 0.5, 0.75]);
  });

  it("receive times that go back are passed on as they are", async () => {
    const { ticks } = await replayed({ files: [recording("cryptofeed/v3/BINANCE.jsonl.gz")] });
    const receive = ticks.filter(({ kind }) => kind !== "heartbeat").map(({ receiveTime }) => receiveTime);
    expect(receive.some((time, index) => index > 0 && time < receive[index - 1]!)).toBe(true);
    const beats = ofKind(ticks, "heartbeat").map(({ receiveTime }) => receiveTime);
    expect(beats).toEqual([...beats].sort((a, b) => a - b));
  });
});

const folder = temporaryFolder();

describe("what can not be read", () => {
  it("is counted, told with file and line, and does not stop the rest", async () => {
    const lines = textOf(spot[0]!).split("\n").slice(0, 2000);
    lines[100] = "rubbish";
    lines[200] = `${lines[200]!.slice(0, 60)}`;
    lines[300] =
      '1723161254087896568 {"stream":"zzz@trade","data":{"e":"trade","s":"ZZZ","t":1,"p":"1","q":"1","m":true}}';
    const file = folder.path("bad.gz");
    writeFileSync(file, gzipSync(lines.join("\r\n")));
    const refused: string[] = [];
    const onRefused = ({ venue, reason, text }: RefusedText) => refused.push(`${venue} ${reason} ${text}`);
    const { ticks, report } = await replayed({ files: [file], venue: "binance", onRefused });
    expect(refused).toEqual([
      "binance unreadable_line rubbish",
      `binance unreadable_frame ${lines[200]!.slice(20)}`,
      `binance unreadable_frame ${lines[300]!.slice(20)}`,
    ]);
    expect(report.problemCount).toBe(3);
    expect(report.problems.map(({ line }) => line)).toEqual([101, 201, 301]);
    expect(report.problems[0]).toEqual({ file, line: 101, why: "expected `<receive time in ns or µs> <json>`" });
    expect(ticks.length).toBeGreaterThan(1900);
    expect(report.lines).toBe(2000);
  });

  it("an empty file among others has nothing to tell, and is named", async () => {
    const empty = folder.path("empty.gz");
    writeFileSync(empty, "");
    const alone = await replayed({ files: [spot[0]!], venue: "binance" });
    const { ticks, report } = await replayed({ files: [empty, spot[0]!], venue: "binance" });
    expect(report.warnings).toContain(`${empty}: is empty`);
    expect(ticks).toEqual(alone.ticks);
    expect((await replayed({ files: [empty] })).ticks).toEqual([]);
  });

  it("a recorder's file that was cut short is replayed up to there", async () => {
    const file = folder.path("cut.gz");
    const bytes = readFileSync(spot[0]!);
    writeFileSync(file, bytes.subarray(0, bytes.length / 2));
    const { ticks, report } = await replayed({ files: [file, spot[1]!], venue: "binance" });
    expect(report.problemCount).toBe(0);
    expect(report.warnings[0]).toMatch(/cut\.gz.*ends early/);
    // The rest of the first file is missing: the book says so, and no snapshot comes any more.
    expect(ofKind(ticks, "depth").filter(({ action }) => action === "gap")).toHaveLength(1);
    expect(report.warnings[1]).toMatch(/BTC\/USDT@binance: no snapshot/);
  });

  it("a missing file, an unknown venue and an unsaid one are errors before any tick", async () => {
    const start = (options: Parameters<typeof replayed>[0]) => replayed(options);
    await expect(start({ files: [spot[0]!, folder.path("no.gz")], venue: "binance" })).rejects.toMatchObject({
      code: "TP_RECORDING_UNREADABLE",
    });
    await expect(start({ files: spot, venue: "nowhere" })).rejects.toMatchObject({ code: "TP_REPLAY_VENUE_UNKNOWN" });
    await expect(start({ files: spot })).rejects.toMatchObject({ code: "TP_REPLAY_VENUE_UNSAID" });
    await expect(start({ files: spot, format: "csv" })).rejects.toThrow('no format "csv"');
  });
});

it("the same files give the same ticks", async () => {
  const [one, two] = [
    await replayed({ files: spot, venue: "binance" }),
    await replayed({ files: spot, venue: "binance" }),
  ];
  expect(JSON.stringify(one.ticks)).toBe(JSON.stringify(two.ticks));
});
