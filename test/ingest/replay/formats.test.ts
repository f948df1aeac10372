import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { recording } from "../../recordings.js";
import { collect, temporaryFolder } from "./collected.js";

/** The file as lines, without any of the code under test. */
function plainLines(file: string): string[] {
  return gunzipSync(readFileSync(file)).toString("utf8").split("\n").slice(0, -1);
}

const hftbacktestFiles = [
  ["binance", "spot/btcusdt_20240808.gz"],
  ["binance", "spot/btcusdt_20240809.gz"],
  ["binanceusdm", "usdm/btcusdt_20240808.gz"],
  ["binanceusdm", "usdm/ethusdt_20240808.gz"],
  ["binanceusdm", "history/usdm_ethusdt_20240718.gz"],
  ["binanceusdm", "history/usdm_ethusdt_20240719.gz"],
  ["binancecoinm", "cm/btcusd_perp_20240808.gz"],
  ["binancecoinm", "cm/btcusd_perp_20240809.gz"],
  ["binancecoinm", "cm/ethusd_perp_20240808.gz"],
  ["binancecoinm", "cm/ethusd_perp_20240809.gz"],
  ["hyperliquid", "hyperliquid/btcusd_20250126.gz"],
];

const cryptofeedFiles = [
  ["BINANCE", "binance"],
  ["BINANCE_FUTURES", "binanceusdm"],
  ["BITFLYER", "bitflyer"],
  ["BITSTAMP", "bitstamp"],
  ["BYBIT.shared-symbols", "bybit"],
  ["COINBASE", "coinbase"],
  ["CRYPTO.COM", "cryptocom"],
  ["DERIBIT", "deribit"],
  ["GATEIO", "gate"],
  ["HUOBI", "htx"],
  ["KRAKEN.shared-symbols", "kraken"],
  ["KUCOIN", "kucoin"],
  ["OKX.shared-symbols", "okx"],
  ["PHEMEX", "phemex"],
  ["POLONIEX", "poloniex"],
  ["UPBIT", "upbit"],
] as const;

describe("hftbacktest", () => {
  it.each(hftbacktestFiles)(
    "%s %s: every line is a frame, its text untouched, its time in whole µs",
    async (venue, name) => {
      const file = recording(`hftbacktest/${name}`);
      const lines = plainLines(file);
      const found = await collect(file, { venue });
      expect(found.format).toBe("hftbacktest");
      expect(found.badLines).toEqual([]);
      expect(found.frames).toHaveLength(lines.length);
      const expected = lines.map((line) => `${line.slice(0, 16)} ${line.slice(20)}`).sort();
      expect(found.frames.map(({ frame }) => `${frame.receiveTime} ${frame.text}`).sort()).toEqual(expected);
      expect(new Set(found.frames.map((frame) => frame.venue))).toEqual(new Set([venue]));
    },
  );

  it.each(hftbacktestFiles)("%s %s: a snapshot is an answer of REST about the file's symbol", async (venue, name) => {
    const file = recording(`hftbacktest/${name}`);
    const snapshots = plainLines(file).filter((line) => line.includes('"lastUpdateId"'));
    const answers = (await collect(file, { venue })).frames.filter(({ frame }) => "url" in frame.origin);
    expect(answers).toHaveLength(snapshots.length);
    const symbol = /([a-z]+(?:_perp)?)_\d{8}\.gz$/.exec(name)?.[1]?.toUpperCase();
    for (const { frame } of answers) expect(frame.origin).toEqual({ url: `https://recording/depth?symbol=${symbol}` });
  });
});

describe("cryptofeed", () => {
  it.each(cryptofeedFiles)("%s: what was received and answered comes out as frames of %s", async (name, venue) => {
    const file = recording(`cryptofeed/v3/${name}.jsonl.gz`);
    const lines = plainLines(file);
    const count = (what: string) => lines.filter((line) => line.startsWith(`{"t":"${what}"`)).length;
    const found = await collect(file);
    expect(found.format).toBe("cryptofeed");
    expect(found.badLines).toEqual([]);
    expect(found.frames.filter(({ frame }) => "url" in frame.origin)).toHaveLength(count("http"));
    expect(found.frames.filter(({ frame }) => "socket" in frame.origin)).toHaveLength(count("recv"));
    expect(found.connections).toHaveLength(count("connect"));
    expect(new Set(found.frames.map((frame) => frame.venue))).toEqual(new Set([venue]));
    for (const { frame } of found.frames) {
      expect(Number.isSafeInteger(frame.receiveTime)).toBe(true);
      expect(frame.receiveTime).toBeGreaterThan(1.6e15);
    }
  });

  it.each(["HUOBI", "UPBIT"])("%s: binary frames come out as the JSON they hold", async (name) => {
    const file = recording(`cryptofeed/v3/${name}.jsonl.gz`);
    const binary = plainLines(file).filter((line) => line.includes('"b64":'));
    expect(binary.length).toBeGreaterThan(100);
    const received = (await collect(file)).frames.filter(({ frame }) => "socket" in frame.origin);
    expect(received).toHaveLength(binary.length);
    for (const { frame } of received) expect(typeof JSON.parse(frame.text)).toBe("object");
  });

  it("the venue of the header can be overruled", async () => {
    const found = await collect(recording("cryptofeed/v3/BINANCE.jsonl.gz"), { venue: "binanceus" });
    expect(new Set(found.frames.map((frame) => frame.venue))).toEqual(new Set(["binanceus"]));
  });
});

describe("cryptofeed-v2", () => {
  it.each([
    ["BITMEX.0", "bitmex"],
    ["BITMEX.ws.1.0", "bitmex"],
    ["BITTREX.0", "bittrex"],
    ["BITTREX.http.0.0", "bittrex"],
    ["BITTREX.ws.1.0", "bittrex"],
    ["DYDX.0", "dydx"],
    ["DYDX.ws.1.0", "dydx"],
  ])("%s: answers and received frames, what was sent left out", async (name, venue) => {
    const file = recording(`cryptofeed/v2raw/${name}.gz`);
    const lines = gunzipSync(readFileSync(file)).toString("utf8").split("\n");
    const found = await collect(file, { venue });
    expect(found.format).toBe("cryptofeed-v2");
    expect(found.badLines).toEqual([]);
    const received = lines.filter((line) => /^\d+\.\d+: /.test(line)).length;
    const answered = lines.filter((line) => / -> \d+(\.\d+)?: /.test(line.slice(0, 300))).length;
    expect(found.frames).toHaveLength(received + answered);
    expect(received + answered).toBeGreaterThan(0);
  });
});

describe("a format that nobody named", () => {
  const folder = temporaryFolder();

  it.each([
    ["# tickplant recording 1\n", "tickplant"],
    ['1723161253937085768 {"stream":"x"}\n', "hftbacktest"],
    ['1723161253937085 {"stream":"x"}\n', "hftbacktest"],
    ['{"t":"header","exchange":"BINANCE"}\n', "cryptofeed"],
    ['1626993367.875267: {"info":"hello"}\n', "cryptofeed-v2"],
    ['{"kind":"trade","exchange":"kraken","symbol":"BTC/USDT"}\n', "ticks"],
    ['rubbish\n\n{ "symbol": "A/B", "kind": "oracle" }\n', "ticks"],
  ])("%j is %s", async (text, format) => {
    writeFileSync(folder.path("recording"), text);
    expect((await collect(folder.path("recording"), { venue: "x" })).format).toBe(format);
  });

  it("and that nothing tells is refused with the names of all formats", async () => {
    writeFileSync(folder.path("recording"), "open,high,low,close\n1,2,3,4\n");
    await expect(collect(folder.path("recording"))).rejects.toMatchObject({
      code: "TP_RECORDING_UNREADABLE",
      message: expect.stringMatching(/no known format.*hftbacktest/s),
    });
    await expect(collect(folder.path("missing"))).rejects.toThrow("can not be opened");
  });
});
