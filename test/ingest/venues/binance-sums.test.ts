import { describe, expect, it } from "vitest";
import type { Frame, FrameNote, Rest, TradePoint } from "../../../ingest/venue.js";
import { venueOf } from "../../../ingest/venues/index.js";
import type { RawTick } from "../../../schemas/ticks.js";
import { instrument, lookupOf } from "../recorded-frames.js";

function read(id: string, frame: Partial<Frame> & { text: string }): { ticks: RawTick[]; note: FrameNote | undefined } {
  const ticks: RawTick[] = [];
  const whole = { receiveTime: 1_000_000, origin: { socket: "market-1" }, ...frame };
  const note = venueOf(id).read(whole, lookupOf(id), (tick) => ticks.push(tick));
  return { ticks, note };
}

const combined = (stream: string, data: object) => JSON.stringify({ stream, data });
const want = {
  instrument: instrument("binanceusdm", "BTC/USDT:USDT", "BTCUSDT"),
  kinds: ["trade", "quote", "ticker", "depth"] as const,
};
const streamsOf = (id: string, settings = {}) =>
  venueOf(id, settings)
    .connections([want])
    .map(({ url, streams }) => [url, ...streams!.map(({ name }) => name)]);

describe("which streams futures are asked for, as Binance's notice of 2026-04-23 has them", () => {
  it("USD-M: aggregate trades under /market, the book under /public", () => {
    expect(streamsOf("binanceusdm")).toEqual([
      ["wss://fstream.binance.com/market/stream", "btcusdt@aggTrade", "btcusdt@ticker"],
      ["wss://fstream.binance.com/public/stream", "btcusdt@bookTicker", "btcusdt@depth@100ms"],
    ]);
  });

  it("USD-M's single trades, as a setting, under /public", () => {
    expect(streamsOf("binanceusdm", { tradeStream: "trade" })).toEqual([
      ["wss://fstream.binance.com/market/stream", "btcusdt@ticker"],
      ["wss://fstream.binance.com/public/stream", "btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms"],
    ]);
  });

  it("COIN-M: aggregate trades, all under one address; spot: each trade", () => {
    const [coinm, ...others] = streamsOf("binancecoinm");
    expect([coinm![0], coinm![1], others.length]).toEqual(["wss://dstream.binance.com/stream", "btcusdt@aggTrade", 0]);
    expect(streamsOf("binance")[0]).toContain("btcusdt@trade");
  });

  it("a base with a query keeps it", () => {
    const [plan] = streamsOf("binance", { wsUrl: "wss://stream.binance.com:9443/?timeUnit=MICROSECOND" });
    expect(plan![0]).toBe("wss://stream.binance.com:9443/stream?timeUnit=MICROSECOND");
  });

  it("USD-M and COIN-M spend one weight, spot its own, and so does an address of one's own", () => {
    const pools = ["binanceusdm", "binancecoinm", "binance"].map((id) => venueOf(id).weightPool);
    expect(pools).toEqual(["binance futures", "binance futures", undefined]);
    expect(venueOf("binanceusdm", { restUrl: "http://127.0.0.1:1" }).weightPool).toBeUndefined();
  });
});

describe("reading sums of trades", () => {
  const sum = {
    e: "aggTrade",
    E: 9,
    s: "BTCUSDT",
    a: 5933014,
    p: "0.001",
    q: "100",
    nq: "60",
    f: 100,
    l: 105,
    m: true,
  };

  it("all of the quantity, RPI fills too, and the ids of the first and the last fill", () => {
    const { ticks } = read("binanceusdm", { text: combined("btcusdt@aggTrade", { ...sum, T: 7, st: 1 }) });
    const fills = { tradeId: "5933014", firstTradeId: 100, lastTradeId: 105 };
    expect(ticks).toMatchObject([{ kind: "trade", price: "0.001", qty: "100", side: "sell", ...fills }]);
  });

  it.each([{ f: undefined }, { l: undefined }, { f: 106 }, { f: "100" }])("%o is no sum", (more) => {
    expect(() => read("binanceusdm", { text: JSON.stringify({ ...sum, ...more }) })).toThrow(/first and last/);
  });

  it("REST's, too", () => {
    const list = [{ a: 7, p: "1.0", q: "2", nq: "1", f: 10, l: 12, T: 1_785_000_000_000, m: false }];
    const url = "https://fapi.binance.com/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=7";
    expect(read("binanceusdm", { text: JSON.stringify(list), origin: { url } }).ticks).toMatchObject([
      { tradeId: "7", qty: "2", firstTradeId: 10, lastTradeId: 12, backfilled: true },
    ]);
  });
});

describe("what looks like the book's or the tape's and is not", () => {
  const update = { e: "depthUpdate", E: 9, T: 8, s: "BTCUSDT", U: 157, u: 160, pu: 149, b: [["1", "2"]], a: [] };

  it.each([
    ["btcusdt@rpiDepth@500ms", "ignored", 0],
    ["btcusdt@depth20@100ms", "ignored", 0],
    ["btcusdt@depth5", "ignored", 0],
    ["btcusdt@depth@100ms", undefined, 1],
    ["btcusdt@depth@500ms", undefined, 1],
    ["btcusdt@depth", undefined, 1],
  ])("%s", (stream, note, count) => {
    const found = read("binanceusdm", { text: combined(stream, update) });
    expect([found.note, found.ticks.length]).toEqual([note, count]);
  });

  it.each(["rpiDepth?symbol=BTCUSDT&limit=1000", "depth?symbol=BTCUSDT&limit=1000"])("REST's %s", (path) => {
    const text = '{"lastUpdateId":5,"E":9,"T":8,"bids":[["1","2"]],"asks":[]}';
    const { ticks } = read("binanceusdm", { text, origin: { url: `https://fapi.binance.com/fapi/v1/${path}` } });
    expect(ticks).toHaveLength(path.startsWith("rpi") ? 0 : 1);
  });

  it("block trades are agreed beside the book", () => {
    const trade = { id: 582, price: "0.052", qty: "5838", time: 1_772_506_983_321, isBuyerMaker: true };
    const url = "https://api.binance.com/api/v3/historicalBlockTrades?symbol=BNBBTC&fromId=582";
    expect(read("binance", { text: JSON.stringify([trade]), origin: { url } })).toEqual({ ticks: [], note: "ignored" });
    const live = combined("bnbbtc@blockTrade", { e: "blockTrade", E: 9, s: "BNBBTC", t: 582, p: "1", q: "1", T: 9 });
    expect(read("binance", { text: live })).toEqual({ ticks: [], note: "ignored" });
  });
});

describe("times in µs (timeUnit=MICROSECOND) are what they are", () => {
  const micros = 1_785_000_000_123_456;
  const ms = Math.floor(micros / 1_000);
  it.each([
    [ms, ms * 1_000],
    [micros, micros],
  ])("%i", (time, exchangeTime) => {
    const live = { e: "trade", E: time, s: "BTCUSDT", t: 1, p: "1", q: "1", T: time, m: true };
    const book = { e: "depthUpdate", E: time, s: "BTCUSDT", U: 1, u: 2, b: [], a: [] };
    const day = { e: "24hrTicker", E: time, s: "BTCUSDT", c: "1" };
    const list = [{ id: 1, price: "1", qty: "1", time, isBuyerMaker: true }];
    const origin = { url: "https://api.binance.com/api/v3/historicalTrades?symbol=BTCUSDT" };
    const frames = [{ text: JSON.stringify(live) }, { text: JSON.stringify(book) }, { text: JSON.stringify(day) }];
    for (const frame of [...frames, { text: JSON.stringify(list), origin }]) {
      expect(read("binance", frame).ticks).toMatchObject([{ exchangeTime }]);
    }
  });
});

describe("which trades are asked for after one", () => {
  async function asked(from: TradePoint, settings = {}, answer = (_: URL): unknown[] => []) {
    const urls: string[] = [];
    const rest: Rest = {
      get: async (path, query) => {
        const url = `https://x${path}?${new URLSearchParams(query)}`;
        urls.push(url.slice("https://x/fapi/v1/".length));
        return { text: JSON.stringify(answer(new URL(url))), url };
      },
    };
    await venueOf("binanceusdm", settings).tradesSince!(rest, want.instrument, from);
    return urls;
  }
  const of = (query: string) => `aggTrades?symbol=BTCUSDT&${query}limit=1000`;

  it("sums by their own number, page by page", async () => {
    const page = (url: URL) => {
      const from = Number(url.searchParams.get("fromId"));
      return Array.from({ length: from === 8 ? 1_000 : 3 }, (_, at) => ({ a: from + at }));
    };
    expect(await asked({ tradeId: "105", exchangeTime: 9_000_000, aggregate: 7 }, {}, page)).toEqual([
      of("fromId=8&"),
      of("fromId=1008&"),
    ]);
  });

  it("by time where the trades before came one by one; the newest where no time is known", async () => {
    expect(await asked({ tradeId: "105", exchangeTime: 1_785_000_000_123_999 })).toEqual([
      of("startTime=1785000000123&"),
    ]);
    expect(await asked({ tradeId: "105", exchangeTime: 0 })).toEqual([of("")]);
  });

  it("single trades by the last fill's id", async () => {
    const from = { tradeId: "105", exchangeTime: 9, aggregate: 7 };
    expect(await asked(from, { tradeStream: "trade" })).toEqual([
      "historicalTrades?symbol=BTCUSDT&fromId=106&limit=1000",
    ]);
  });
});
