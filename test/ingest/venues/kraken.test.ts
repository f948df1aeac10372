import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Rest, UnreadableFrame, VenueSettingsInvalid } from "../../../ingest/venue.js";
import { venueOf } from "../../../ingest/venues/index.js";
import { KrakenBookSequence } from "../../../ingest/venues/kraken/sequence.js";
import type { DepthTick, InstrumentTick, RawTick } from "../../../schemas/ticks.js";
import { recording } from "../../recordings.js";
import { instrument, lookupOf } from "../recorded-frames.js";

const venue = venueOf("kraken");

function read(text: string, url?: string) {
  const ticks: RawTick[] = [];
  const origin = url === undefined ? { socket: "market-1" } : { url };
  const note = venue.read({ text, receiveTime: 1_000_000, origin }, lookupOf("kraken"), (tick) => ticks.push(tick));
  return { ticks, note };
}

/** The worked example of the venue's guide to the checksum, as it stands on the wire. */
const levels = (prices: readonly string[]) => `[${prices.map((level) => `{${level}}`).join(",")}]`;
const asks = levels([
  '"price":45285.2,"qty":0.00100000',
  '"price":45286.4,"qty":1.54571953',
  '"price":45286.6,"qty":1.54571109',
  '"price":45289.6,"qty":1.54560911',
  '"price":45290.2,"qty":0.15890660',
  '"price":45291.8,"qty":1.54553491',
  '"price":45294.7,"qty":0.04454749',
  '"price":45296.1,"qty":0.35380000',
  '"price":45297.5,"qty":0.09945542',
  '"price":45299.5,"qty":0.18772827',
]);
const bids = levels([
  '"price":45283.5,"qty":0.10000000',
  '"price":45283.4,"qty":1.54582015',
  '"price":45282.1,"qty":0.10000000',
  '"price":45281.0,"qty":0.10000000',
  '"price":45280.3,"qty":1.54592586',
  '"price":45279.0,"qty":0.07990000',
  '"price":45277.6,"qty":0.03310103',
  '"price":45277.5,"qty":0.30000000',
  '"price":45277.3,"qty":1.54602737',
  '"price":45276.6,"qty":0.15445238',
]);
const documented = `{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":${bids},"asks":${asks},"checksum":3310070434}]}`;
const btcUsd: InstrumentTick = {
  ...instrument("kraken", "BTC/USD", "BTC/USD"),
  tickSize: "0.1",
  lotSize: "0.00000001",
};

describe("Kraken's pairs", () => {
  const pair = (more: object) => ({
    ...{ wsname: "XBT/USD", pair_decimals: 1, lot_decimals: 8, tick_size: "0.1", status: "online", ...more },
  });

  it.each([[0], [1]])(
    "are those of the venue whose streams the socket has, whatever else is listed (order %i)",
    async (order) => {
      const listed = [
        ["XXBTZUSD", pair({ execution_venue: "international" })],
        ["XBTUSD.BTNL", pair({ execution_venue: "bitnomial_exchange", pair_decimals: 2, tick_size: "0.25" })],
      ];
      const asked: object[] = [];
      const rest: Rest = {
        get: async (path, query) => {
          asked.push({ path, query });
          const result = Object.fromEntries(order === 0 ? listed : listed.toReversed());
          return { text: JSON.stringify({ error: [], result }), url: `https://api.kraken.com${path}` };
        },
      };
      const found = await venue.instruments(rest, 5);
      expect(asked).toEqual([{ path: "/0/public/AssetPairs", query: { execution_venue: "international" } }]);
      expect(found).toMatchObject([{ symbol: "BTC/USD", tickSize: "0.1", nativeId: "BTC/USD" }]);
    },
  );

  it("recordings before there were several have no such field", async () => {
    const text = JSON.stringify({ error: [], result: { XXBTZUSD: pair({}) } });
    const rest: Rest = { get: async (path) => ({ text, url: `https://api.kraken.com${path}` }) };
    expect(await venue.instruments(rest, 5)).toHaveLength(1);
  });
});

describe("Kraken's checksum", () => {
  it("is that of the venue's own worked example, from the texts of its JSON numbers", () => {
    const { ticks } = read(documented);
    const [snapshot] = ticks as DepthTick[];
    expect(snapshot?.bids[3]).toEqual(["45281.0", "0.10000000"]);
    expect(new KrakenBookSequence(10).snapshot(snapshot!)).toBe("apply");
    expect(new KrakenBookSequence(10, btcUsd).snapshot(snapshot!)).toBe("apply");
  });

  it("goes by the instrument's decimals where zeros at the end are left out", () => {
    const short = documented.replace(/(\.\d*?[1-9])0+(?=[,}])|\.0+(?=[,}])/g, "$1");
    const [snapshot] = read(short).ticks as DepthTick[];
    expect(snapshot?.bids[3]).toEqual(["45281", "0.1"]);
    expect(new KrakenBookSequence(10, btcUsd).snapshot(snapshot!)).toBe("apply");
    expect(new KrakenBookSequence(10).snapshot(snapshot!)).toBe("mismatch");
  });

  it("differs when one digit of one of twenty levels is another", () => {
    const [snapshot] = read(documented).ticks as DepthTick[];
    for (const side of ["bids", "asks"] as const) {
      for (let at = 0; at < 10; at++) {
        const spoilt = snapshot![side].map((level, i) => (i === at ? ([level[0], `${level[1]}1`] as const) : level));
        expect(new KrakenBookSequence(10).snapshot({ ...snapshot!, [side]: spoilt })).toBe("mismatch");
      }
    }
  });
});

describe("Kraken's book", () => {
  const tick = (action: "snapshot" | "increment", own: Partial<DepthTick>): DepthTick => ({
    kind: "depth",
    exchange: "kraken",
    symbol: "BTC/USD",
    exchangeTime: 0,
    receiveTime: 0,
    action,
    firstUpdateId: 0,
    updateId: 0,
    bids: [],
    asks: [],
    ...own,
  });

  it("what falls out of the subscribed depth is published as removed", () => {
    const sequence = new KrakenBookSequence(3);
    const asks = ["3", "4", "5"].map((price) => [price, "1"] as const);
    expect(sequence.next(tick("increment", {}))).toBe("gap");
    sequence.snapshot(tick("snapshot", { asks, bids: [["1", "1"]] }));
    const inserted = tick("increment", { asks: [["3.5", "2"]] });
    expect(sequence.next(inserted)).toEqual({ ...inserted, asks: [...inserted.asks, ["5", "0"]] });
    expect(sequence.next(tick("increment", { asks: [["3", "0"]] }))).toBe("apply");
    expect(sequence.next(tick("increment", { asks: [["9", "1"]] }))).toBe("apply");
    expect(sequence.book()).toEqual({
      bids: [["1", "1"]],
      asks: ["3.5", "4", "9"].map((p) => [p, p === "3.5" ? "2" : "1"]),
    });
  });
});

describe("reading Kraken", () => {
  it("keeps every digit of a number, and turns exponents into plain text", () => {
    const text =
      '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":12345678901234567890.10,"qty":0.10000000000000000555,"ord_type":"limit","trade_id":9007199254740993,"timestamp":"2023-10-06T17:35:55.440295Z"},{"symbol":"BTC/USD","side":"buy","price":1e-7,"qty":2.5E+3,"ord_type":"market","trade_id":2,"timestamp":"2023-10-06T17:35:55Z"}]}';
    expect(read(text).ticks).toMatchObject([
      {
        price: "12345678901234567890.10",
        qty: "0.10000000000000000555",
        tradeId: "9007199254740993",
        side: "sell",
        exchangeTime: Date.parse("2023-10-06T17:35:55Z") * 1000 + 440_295,
      },
      { price: "0.0000001", qty: "2500", side: "buy", exchangeTime: Date.parse("2023-10-06T17:35:55Z") * 1000 },
    ]);
  });

  it("a ticker is the best prices and the statistics of the day", () => {
    const text =
      '{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.20,"bid_qty":2.5,"ask":105944.30,"ask_qty":3.2,"last":105899.40,"volume":163.28908096,"vwap":105904.39279,"low":104711.00,"high":106613.10,"change":250.00,"change_pct":0.24}]}';
    expect(read(text).ticks).toEqual([
      {
        kind: "quote",
        exchange: "kraken",
        symbol: "BTC/USD",
        exchangeTime: 1_000_000,
        receiveTime: 1_000_000,
        bidPrice: "105944.20",
        bidQty: "2.5",
        askPrice: "105944.30",
        askQty: "3.2",
      },
      {
        kind: "ticker",
        exchange: "kraken",
        symbol: "BTC/USD",
        exchangeTime: 1_000_000,
        receiveTime: 1_000_000,
        lastPrice: "105899.40",
        high24h: "106613.10",
        low24h: "104711.00",
        volume24h: "163.28908096",
      },
    ]);
  });

  it("answers to subscriptions say which, refusals by the request's id", () => {
    const accepted =
      '{"method":"subscribe","req_id":3,"result":{"channel":"book","depth":1000,"snapshot":true,"symbol":"BTC/USD"},"success":true,"time_in":"2023-10-06T17:35:55.440295Z","time_out":"2023-10-06T17:35:55.440295Z"}';
    expect(read(accepted).note).toEqual({ subscription: "book BTC/USD" });
    const refused =
      '{"error":"Currency pair not supported FOO/BAR","method":"subscribe","req_id":1,"success":false,"symbol":"FOO/BAR"}';
    expect(read(refused).note).toEqual({
      subscription: "trade FOO/BAR",
      refusal: "Currency pair not supported FOO/BAR",
    });
    for (const text of [
      '{"channel":"heartbeat"}',
      '{"method":"unsubscribe","success":true}',
      '{"event":"heartbeat"}',
    ]) {
      expect(read(text)).toEqual({ ticks: [], note: "ignored" });
    }
  });

  it.each([
    "",
    "null",
    "[]",
    "{}",
    '{"channel":"book","type":"update"}',
    '{"channel":"book","type":"update","data":[null]}',
    '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":"x","qty":1}],"asks":[]}]}',
    '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[],"asks":[],"checksum":"none"}]}',
    '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"up","price":1,"qty":1,"trade_id":1}]}',
    '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":-1,"qty":1,"trade_id":1,"timestamp":"2023-10-06T17:35:55Z"}]}',
    '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":1,"qty":1,"trade_id":1,"timestamp":"yesterday"}]}',
    '[0,[["1","1","x","b","l",""]],"trade","XBT/USD"]',
    '[0,"trade"]',
  ])("%s is unreadable", (text) => {
    expect(() => read(text)).toThrow(UnreadableFrame);
  });

  it("a frame whose second entry is broken gives nothing of the first", () => {
    const good =
      '{"symbol":"BTC/USD","side":"buy","price":1,"qty":1,"trade_id":1,"timestamp":"2023-10-06T17:35:55.440295Z"}';
    const ticks: RawTick[] = [];
    const text = `{"channel":"trade","type":"update","data":[${good},{}]}`;
    const frame = { text, receiveTime: 1, origin: { socket: "market-1" } };
    expect(() => venue.read(frame, lookupOf("kraken"), (tick) => ticks.push(tick))).toThrow(UnreadableFrame);
    expect(ticks).toEqual([]);
  });
});

describe("asking Kraken", () => {
  const want = ["BTC/USD", "DOGE/USD"].map((symbol) => ({
    instrument: instrument("kraken", symbol, symbol),
    kinds: ["trade", "quote", "ticker", "depth"] as const,
  }));

  it("subscribes to a channel once, in batches, and waits for each answer", () => {
    const many = Array.from({ length: 120 }, (_, i) => ({
      ...want[0]!,
      instrument: instrument("kraken", `A${i}/USD`, `A${i}/USD`),
    }));
    const plans = venue.connections(many);
    expect(plans.map(({ answers }) => answers?.length)).toEqual([300, 60]);
    const requests = plans[0]!.hello.map((frame) => JSON.parse(frame));
    expect(requests.map(({ params }) => [params.channel, params.symbol.length])).toEqual([
      ["trade", 50],
      ["trade", 50],
      ["ticker", 50],
      ["ticker", 50],
      ["book", 50],
      ["book", 50],
    ]);
    expect(venue.connections(want)[0]).toMatchObject({ url: "wss://ws.kraken.com/v2", name: "market-1" });
    expect(venue.resubscribe?.(want[0]!.instrument).map((frame) => JSON.parse(frame))).toEqual([
      { method: "unsubscribe", params: { channel: "book", symbol: ["BTC/USD"], depth: 1000 }, req_id: 3 },
      { method: "subscribe", params: { channel: "book", symbol: ["BTC/USD"], depth: 1000, snapshot: true }, req_id: 3 },
    ]);
  });

  it("back-fills by time with the recorded answer, ids and texts the venue's own", async () => {
    const text = gunzipSync(readFileSync(recording("nautilus_trader/kraken/http_trades.part.json.gz"))).toString(
      "utf8",
    );
    const asked: Readonly<Record<string, string>>[] = [];
    const rest: Rest = {
      get: async (path, query) => {
        asked.push(query);
        return { text, url: `https://api.kraken.com${path}?${new URLSearchParams(query)}` };
      },
    };
    const market = instrument("kraken", "BTC/USDT", "BTC/USDT");
    const from = { tradeId: "10218207", exchangeTime: 1_762_795_433_971_744 };
    const pages = (await venue.tradesSince?.(rest, market, from)) ?? [];
    expect(asked).toEqual([{ pair: "XBTUSDT", count: "1000", since: "1762795433971743999" }]);
    const { ticks } = read(pages[0]!.text, pages[0]!.url);
    expect(ticks).toHaveLength(459);
    expect(ticks[0]).toEqual({
      kind: "trade",
      exchange: "kraken",
      symbol: "BTC/USDT",
      exchangeTime: 1_762_795_433_971_744,
      receiveTime: 1_000_000,
      tradeId: "10218208",
      price: "105433.60000",
      qty: "0.00027625",
      side: "buy",
      backfilled: true,
    });
    await venue.tradesSince?.(rest, market, { tradeId: "1", exchangeTime: 0 });
    expect(asked[1]).toEqual({ pair: "XBTUSDT", count: "1000" });
  });

  it("an answer that is an error is unreadable, and wrong settings are named", () => {
    expect(() => read('{"error":["EGeneral:Too many requests"]}', "https://api.kraken.com/0/public/Trades")).toThrow(
      UnreadableFrame,
    );
    expect(() => venueOf("kraken", { bookDepth: 50 })).toThrow(VenueSettingsInvalid);
    expect(() => venueOf("kraken", { url: "wss://elsewhere" })).toThrow(/url/);
  });
});
