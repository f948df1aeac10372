import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { BookFeed } from "../../../ingest/book-feed.js";
import { type Frame, type FrameNote, type Rest, UnreadableFrame } from "../../../ingest/venue.js";
import { venueOf } from "../../../ingest/venues/index.js";
import type { DepthTick, RawTick, TradeTick } from "../../../schemas/ticks.js";
import { recording } from "../../recordings.js";
import { instrument, lookupOf } from "../recorded-frames.js";

function gunzippedJson(name: string): unknown {
  return JSON.parse(gunzipSync(readFileSync(recording(name))).toString("utf8"));
}

function read(id: string, frame: Partial<Frame> & { text: string }): { ticks: RawTick[]; note: FrameNote | undefined } {
  const ticks: RawTick[] = [];
  const whole = { receiveTime: 1_000_000, origin: { socket: "market-1" }, ...frame };
  const note = venueOf(id).read(whole, lookupOf(id), (tick) => ticks.push(tick));
  return { ticks, note };
}

interface TardisCase {
  readonly localTimestamp: string;
  readonly message: { stream: string; data: Record<string, unknown> };
  readonly expected: readonly Record<string, unknown>[];
}

/** What tardis-node makes of a message, in the words of a tick; floats are compared as floats. */
function inTardisWords(tick: RawTick): Record<string, unknown> | undefined {
  const base = { symbol: tick.symbol };
  switch (tick.kind) {
    case "trade":
      return {
        ...base,
        type: "trade",
        id: tick.tradeId,
        price: Number(tick.price),
        amount: Number(tick.qty),
        side: tick.side,
      };
    case "quote":
      return {
        ...base,
        type: "book_ticker",
        bidPrice: Number(tick.bidPrice),
        bidAmount: Number(tick.bidQty),
        askPrice: Number(tick.askPrice),
        askAmount: Number(tick.askQty),
      };
    case "ticker":
      return { ...base, type: "derivative_ticker", lastPrice: Number(tick.lastPrice) };
    case "depth": {
      const levels = (side: readonly (readonly [string, string])[]) =>
        side.map(([price, qty]) => ({ price: Number(price), amount: Number(qty) }));
      const isSnapshot = tick.action === "snapshot";
      return { ...base, type: "book_change", isSnapshot, bids: levels(tick.bids), asks: levels(tick.asks) };
    }
    default:
      return undefined;
  }
}

describe("Binance frames as tardis-node maps them", () => {
  const cases = gunzippedJson("tardis-node/raw-to-normalised.json.gz") as Record<string, readonly TardisCase[]>;
  /** Messages that tardis-node makes nothing of, or something that we do not take in. */
  const apart = (message: TardisCase["message"], theirs: Record<string, unknown> | undefined) =>
    theirs === undefined || /markPrice|openInterest|forceOrder/.test(message.stream) || message.data.pu === 687690832;

  it.each([
    ["binance", "binance", 7],
    ["binance-futures", "binanceusdm", 5],
  ])("%s", (name, id, count) => {
    let compared = 0;
    const books = new Map<string, { feed: BookFeed; published: DepthTick[] }>();
    for (const { message, expected, localTimestamp } of cases[name]!) {
      const theirs = expected[0];
      // An old aggTrade of theirs has no id at all.
      if (message.data.e === "aggTrade") continue;
      const { ticks } = read(id, { text: JSON.stringify(message), receiveTime: Date.parse(localTimestamp) * 1_000 });
      const tick = ticks[0];
      const before = tick?.kind === "depth" ? publish(books, id, tick) : 0;
      if (apart(message, theirs)) continue;
      const published = books.get(tick!.symbol)?.published ?? [];
      // Their snapshot has the increments in it that were kept for it; in the log these follow it.
      if (theirs!.isSnapshot === true) expect(bookOf(published)).toEqual(bookOfTardis(theirs!));
      else if (tick!.kind === "depth") expect(theirs).toMatchObject(inTardisWords(published[before]!)!);
      else expect(theirs).toMatchObject(inTardisWords(tick!)!);
      if (theirs!.type === "trade") expect(tick!.exchangeTime).toBe(Date.parse(String(theirs!.timestamp)) * 1_000);
      compared += 1;
    }
    expect(compared).toBe(count);
  });

  /** @returns how many ticks its book had published before */
  function publish(
    books: Map<string, { feed: BookFeed; published: DepthTick[] }>,
    id: string,
    tick: DepthTick,
  ): number {
    let book = books.get(tick.symbol);
    if (book === undefined) {
      const published: DepthTick[] = [];
      book = { feed: new BookFeed(venueOf(id).sequence(), (out) => published.push(out as DepthTick)), published };
      books.set(tick.symbol, book);
    }
    const before = book.published.length;
    book.feed.depth(tick);
    return before;
  }

  function bookOf(published: readonly DepthTick[]) {
    const fold = (side: (tick: DepthTick) => readonly (readonly [string, string])[]) =>
      new Map(published.flatMap(side).map(([price, qty]) => [Number(price), Number(qty)]));
    return { bids: fold((tick) => tick.bids), asks: fold((tick) => tick.asks) };
  }

  function bookOfTardis(theirs: Record<string, unknown>) {
    const fold = (side: unknown) =>
      new Map((side as { price: number; amount: number }[]).map(({ price, amount }) => [price, amount]));
    return { bids: fold(theirs.bids), asks: fold(theirs.asks) };
  }
});

describe("reading Binance", () => {
  it("keeps the venue's texts and ids, and its time of the trade", () => {
    const text =
      '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}';
    expect(read("binance", { text }).ticks).toEqual([
      {
        kind: "trade",
        exchange: "binance",
        symbol: "BTCUSDT",
        exchangeTime: 1_723_161_255_342_000,
        receiveTime: 1_000_000,
        tradeId: "3735683259",
        price: "61837.63000000",
        qty: "0.02000000",
        side: "sell",
      },
    ]);
  });

  it("spot's bookTicker has no time: the receive time stands for it", () => {
    const text = '{"u":5,"s":"BTCUSDT","b":"1.0","B":"2","a":"1.1","A":"3"}';
    expect(read("binance", { text }).ticks).toMatchObject([{ kind: "quote", exchangeTime: 1_000_000, updateId: 5 }]);
  });

  it.each(["INSURANCE_FUND", "ADL", "NA"])("a futures trade marked %s is none of the market", (mark) => {
    const text = `{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"0","q":"0","X":"${mark}","m":true}`;
    expect(read("binanceusdm", { text })).toEqual({ ticks: [], note: "refused" });
  });

  it("COIN-M's volume stays contracts, and its base volume is not taken for quote", () => {
    const text = '{"e":"24hrTicker","E":1,"s":"BTCUSD_PERP","ps":"BTCUSD","c":"100.0","v":"500","q":"5"}';
    const [tick] = read("binancecoinm", { text }).ticks;
    expect(tick).toMatchObject({ kind: "ticker", volume24h: "500" });
    expect(tick).not.toHaveProperty("quoteVolume24h");
  });

  it.each([
    ['{"result":null,"id":0}', "ignored"],
    ['{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT","k":{}}}', "ignored"],
    ['{"stream":"btcusdt@depth20@100ms","data":{"lastUpdateId":1,"bids":[],"asks":[]}}', "ignored"],
    ['{"e":"serverShutdown","E":1770123456789}', "shutdown"],
    ['{"stream":"btcusdt@trade","data":{"e":"serverShutdown","E":1}}', "shutdown"],
  ])("%s gives no tick, but the note %s", (text, note) => {
    expect(read("binance", { text })).toEqual({ ticks: [], note });
  });

  it.each([
    ['{"result":null,"id":3}', { subscription: "3" }],
    ['{"error":{"code":2,"msg":"no such stream"},"id":3}', { subscription: "3", refusal: "no such stream (code 2)" }],
    [
      '{"code":-1121,"msg":"Invalid symbol.","id":1001}',
      { subscription: "1001", refusal: "Invalid symbol. (code -1121)" },
    ],
  ])("%s answers a subscription", (text, note) => {
    expect(read("binance", { text })).toEqual({ ticks: [], note });
  });

  it.each([
    "",
    "garbage",
    "null",
    "17",
    '"text"',
    "{}",
    "[]]",
    '{"e":5}',
    '{"e":"trade"}',
    '{"e":"trade","t":1,"s":"BTCUSDT","p":1.5,"q":"1","m":true}',
    '{"e":"trade","t":1,"s":"BTCUSDT","p":"1.5","q":"1"}',
    '{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"1","B":"1","a":"1"}',
    '{"e":"depthUpdate","s":"BTCUSDT","U":1,"u":2,"b":[["1"]],"a":[]}',
    '{"e":"depthUpdate","s":"BTCUSDT","U":1,"u":2,"b":[null],"a":[]}',
    '{"e":"depthUpdate","s":"BTCUSDT","U":1,"u":2,"b":{},"a":[]}',
    '{"e":"depthUpdate","s":"BTCUSDT","U":1.5,"u":2,"b":[],"a":[]}',
    '{"e":"24hrTicker","s":"BTCUSDT"}',
    '{"lastUpdateId":1,"bids":[],"asks":[]}',
    '{"error":{"code":2,"msg":"Invalid request"}}',
    '{"stream":"x","data":null}',
    '{"stream":"btcusdt@depth@100ms","data":{"e":"depth","E":"yesterday"}}',
  ])("%s is unreadable and says so", (text) => {
    const ticks: RawTick[] = [];
    const frame = { text, receiveTime: 1, origin: { socket: "market-1" } };
    expect(() => venueOf("binance").read(frame, lookupOf("binance"), (tick) => ticks.push(tick))).toThrow(
      UnreadableFrame,
    );
    expect(ticks).toEqual([]);
  });

  it("a symbol that is no instrument is unreadable", () => {
    const text = '{"u":5,"s":"BTCUSDT","b":"1.0","B":"2","a":"1.1","A":"3"}';
    const frame = { text, receiveTime: 1, origin: { socket: "market-1" } };
    expect(() => venueOf("binance").read(frame, { byNativeId: () => undefined }, () => {})).toThrow(
      "no instrument BTCUSDT",
    );
  });
});

interface RestCase {
  readonly query: string;
  readonly data: unknown;
}

describe("Binance's REST answers", () => {
  const recorded = gunzippedJson("gocryptotrader/binance_public_rest.json.gz") as Record<string, readonly RestCase[]>;
  const answering = (path: string): Rest => ({
    async get(asked) {
      expect(asked).toBe(path);
      return { text: JSON.stringify(recorded[path]![0]!.data), url: `https://rest${asked}` };
    },
  });

  it.each([
    [
      "binance",
      "/api/v3/exchangeInfo",
      "BTC/USDT",
      { nativeId: "BTCUSDT", tickSize: "0.01000000", contractType: "spot" },
    ],
    [
      "binanceusdm",
      "/fapi/v1/exchangeInfo",
      "BTC/USDT:USDT",
      { nativeId: "BTCUSDT", tickSize: "0.10", contractType: "linear" },
    ],
    [
      "binancecoinm",
      "/dapi/v1/exchangeInfo",
      "BTC/USD:BTC",
      { nativeId: "BTCUSD_PERP", tickSize: "0.1", lotSize: "1", contractSize: "100", contractType: "inverse" },
    ],
  ])("%s: instruments as ccxt names them", async (id, path, symbol, expected) => {
    const instruments = await venueOf(id).instruments(answering(path), 5);
    expect(instruments.length).toBeGreaterThan(20);
    expect(instruments.find((found) => found.symbol === symbol)).toMatchObject({ ...expected, receiveTime: 5 });
    expect(new Set(instruments.map((found) => found.symbol)).size).toBe(instruments.length);
    for (const { tickSize, lotSize } of instruments)
      expect(`${tickSize} ${lotSize}`).toMatch(/^\d+(\.\d+)? \d+(\.\d+)?$/);
  });

  it("dated futures carry their day of delivery", async () => {
    const line = gunzipSync(readFileSync(recording("cryptofeed/v3/BINANCE_FUTURES.jsonl.gz")))
      .toString()
      .split("\n")[1]!;
    const text = (JSON.parse(line) as { data: string }).data;
    const rest: Rest = { get: async () => ({ text, url: "https://fapi.binance.com/fapi/v1/exchangeInfo" }) };
    const symbols = (await venueOf("binanceusdm").instruments(rest, 5)).map(({ symbol }) => symbol);
    expect(symbols).toContain("BTC/USDT:USDT");
    expect(symbols).toContain("BTC/USDT:USDT-210924");
  });

  it.each([
    ["binance", "/api/v3/trades", "id"],
    ["binance", "/api/v3/aggTrades", "a"],
    ["binanceusdm", "/fapi/v1/trades", "id"],
    ["binanceusdm", "/fapi/v1/aggTrades", "a"],
    ["binancecoinm", "/dapi/v1/trades", "id"],
  ])("%s %s: back-filled trades", (id, path, idField) => {
    const { query, data } = recorded[path]![0]!;
    const { ticks } = read(id, { text: JSON.stringify(data), origin: { url: `https://rest${path}?${query}` } });
    const list = data as Record<string, unknown>[];
    expect(ticks).toHaveLength(list.length);
    const symbol = /symbol=(\w+)/.exec(query)![1];
    for (const [i, tick] of (ticks as TradeTick[]).entries()) {
      expect(tick).toMatchObject({ kind: "trade", symbol, tradeId: String(list[i]![idField]), backfilled: true });
      expect(tick.side).toBe((list[i]!.isBuyerMaker ?? list[i]!.m) ? "sell" : "buy");
    }
  });

  it.each([
    ["binance", "/api/v3/depth"],
    ["binanceusdm", "/fapi/v1/depth"],
    ["binancecoinm", "/dapi/v1/depth"],
  ])("%s %s: a snapshot, whose symbol the URL tells", (id, path) => {
    const { query, data } = recorded[path]![0]!;
    const { ticks } = read(id, { text: JSON.stringify(data), origin: { url: `https://rest${path}?${query}` } });
    const { lastUpdateId, bids } = data as { lastUpdateId: number; bids: string[][] };
    expect(ticks).toMatchObject([{ kind: "depth", action: "snapshot", updateId: lastUpdateId, bids }]);
  });
});

describe("symbols in any script", () => {
  const nativeIds = ["币安人生USDT", "这是测试币456", "A&B+C USDT", "%E5USDT", "ДОГ#?USDT"];
  const found = nativeIds.map((nativeId, at) => instrument("binance", `S${at}/USDT`, nativeId));
  const lookup = { byNativeId: (id: string) => found.find(({ nativeId }) => nativeId === id) };
  const venue = venueOf("binance");

  it.each(found)("$nativeId is found in the URLs that it was asked by", async (wanted) => {
    const urls: string[] = [];
    const rest: Rest = {
      get: async (path, query) => {
        urls.push(`https://api.binance.com${path}?${new URLSearchParams(query)}`);
        return { text: "[]", url: urls.at(-1)! };
      },
    };
    await venue.snapshot!(rest, wanted);
    await venue.tradesSince!(rest, wanted, { tradeId: "1", exchangeTime: 0 });
    const texts = [
      '{"lastUpdateId":1,"bids":[],"asks":[]}',
      '[{"id":2,"price":"1","qty":"1","time":1,"isBuyerMaker":true}]',
    ];
    for (const [at, url] of urls.entries()) {
      const ticks: RawTick[] = [];
      const frame = { text: texts[at]!, receiveTime: 1, origin: { url } };
      venue.read(frame, lookup, (tick) => ticks.push(tick));
      expect(ticks).toMatchObject([{ symbol: wanted.symbol }]);
    }
  });

  it("an entry of exchangeInfo that can not be read or named spoils no other", async () => {
    const market = (more: object) => ({
      symbol: "X",
      status: "TRADING",
      baseAsset: "币安人生",
      quoteAsset: "USDT",
      filters: [
        { filterType: "PRICE_FILTER", tickSize: "0.1" },
        { filterType: "LOT_SIZE", stepSize: "1" },
      ],
      ...more,
    });
    const symbols = [
      market({ symbol: "币安人生USDT" }),
      market({ symbol: "币安人生USDT_2" }),
      { symbol: 5 },
      null,
      market({ baseAsset: "\ud83d" }),
      market({ baseAsset: "" }),
      market({ baseAsset: "x".repeat(100) }),
      market({ baseAsset: "A@B" }),
    ];
    const rest: Rest = { get: async (_path, _query) => ({ text: JSON.stringify({ symbols }), url: "https://x/y" }) };
    const read = await venue.instruments(rest, 1);
    expect(read.map(({ nativeId, symbol }) => [nativeId, symbol])).toEqual([
      ["币安人生USDT", "币安人生/USDT"],
      ["X", "A%40B/USDT"],
    ]);
  });
});

describe("what Binance is asked", () => {
  const want = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      instrument: instrument("binance", `A${i}/USDT`, `A${i}USDT`),
      kinds: ["trade", "quote", "ticker", "depth"] as const,
    }));

  it("streams of all kinds, at most 200 a frame and 800 a connection", () => {
    const plans = venueOf("binance").connections(want(300));
    const streams = plans.map((plan) =>
      plan.hello.map((frame) => (JSON.parse(frame) as { method: string; params: string[] }).params),
    );
    expect(streams.flat().every((params) => params.length <= 200)).toBe(true);
    expect(streams.map((frames) => frames.flat().length)).toEqual([800, 400]);
    for (const id of ["binanceusdm", "binancecoinm"]) {
      const futures = venueOf(id).connections(want(300));
      const sizes = futures.map((plan) => plan.streams!.length);
      expect(Math.max(...sizes), id).toBe(200);
      expect(
        sizes.reduce((sum, size) => sum + size, 0),
        id,
      ).toBe(1_200);
    }
    expect(streams[0]![0]!.slice(0, 4)).toEqual([
      "a0usdt@trade",
      "a0usdt@bookTicker",
      "a0usdt@ticker",
      "a0usdt@depth@100ms",
    ]);
    expect(plans.every((plan) => 1_000 / plan.sendIntervalMs < 5 && plan.maxAgeMs < 86_400_000)).toBe(true);
    expect(new Set(plans.map((plan) => plan.name)).size).toBe(2);
  });

  it("USD-M: the book's streams and the others by their own addresses, or all by the one that was set", () => {
    const [market, book] = venueOf("binanceusdm").connections(want(1));
    expect([market!.url, book!.url]).toEqual([
      "wss://fstream.binance.com/market/stream",
      "wss://fstream.binance.com/public/stream",
    ]);
    expect([market!.subscriptions[0]!.kinds, book!.subscriptions[0]!.kinds]).toEqual([
      ["trade", "ticker"],
      ["quote", "depth"],
    ]);
    const simulated = venueOf("binanceusdm", { wsUrl: "ws://127.0.0.1:9201" }).connections(want(1));
    expect(simulated.map((plan) => plan.url)).toEqual(["ws://127.0.0.1:9201/stream"]);
  });

  it("wrong settings and unknown venues are named", () => {
    expect(() => venueOf("binance", { wsUrl: "http://x" })).toThrow(/wsUrl/);
    expect(() => venueOf("binance", { colour: "red" })).toThrow(/colour/);
    expect(() => venueOf("mtgox")).toThrow(/no venue "mtgox"/);
  });
});
