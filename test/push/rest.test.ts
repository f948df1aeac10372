import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { BusMessage } from "../../infra/bus/bus.js";
import type { HistoryRange, Store } from "../../infra/store/store.js";
import { inOrder } from "../../push/rest/trade-cursor.js";
import { defaultPushSettings } from "../../push/settings.js";
import type { Depth, Index, Instrument, Kline, Ticker, Trade } from "../../schemas/messages.js";
import { Market, start } from "./market.js";
import { message } from "./messages.js";
import { emptyStore, type ServedBus, serveBus } from "./plant.js";

const minute = 60_000_000;
let served: ServedBus;
let market: Market;
let history: Kline[] = [];
let stored: Trade[] = [];
let storeDown = false;
const asked: HistoryRange[] = [];

const within = ({ from = 0, to = Number.POSITIVE_INFINITY }: HistoryRange, time: number) => time >= from && time < to;
const store: Store = {
  ...emptyStore,
  klines: async (range) => {
    if (storeDown) throw new Error("connection refused");
    asked.push(range);
    return history.filter((kline) => within(range, kline.open_time)).slice(-range.limit);
  },
  trades: async (range) => {
    if (storeDown) throw new Error("connection refused");
    const isBefore = (trade: Trade) => range.before === undefined || inOrder(trade, range.before) < 0;
    return stored.filter((trade) => within(range, trade.timestamp) && isBefore(trade)).slice(-range.limit);
  },
};

beforeAll(async () => {
  served = await serveBus({}, store);
  market = new Market((messages: BusMessage[]) => served.bus.publish(messages));
  await market.open();
  for (let steps = 0; steps < 20; steps++) await market.step();
});

beforeEach(() => {
  history = [];
  stored = [];
  storeDown = false;
});

afterAll(() => served.stop());

async function get<Body>(path: string, expected = 200): Promise<Body> {
  const answer = await fetch(`${served.restUrl}${path}`);
  const body = await answer.text();
  expect(answer.status, `${path}: ${body}`).toBe(expected);
  expect(answer.headers.get("content-type")).toContain("application/json");
  return JSON.parse(body) as Body;
}

interface Fault {
  code: string;
  message: string;
  parameter?: string;
}

test("instruments and tickers come for all venues, some symbols or one venue", async () => {
  expect((await get<Instrument[]>("/v1/instruments")).map((each) => each.exchange)).toEqual(["binance", "kraken"]);
  const all = await get<Ticker[]>("/v1/tickers?symbols=BTC/USDT");
  expect(all.map((ticker) => ticker.exchange).sort()).toEqual(["aggregate", "binance", "kraken"]);
  const kraken = await get<Ticker[]>("/v1/tickers?exchange=kraken");
  expect(kraken.map((ticker) => ticker.exchange)).toEqual(["kraken"]);
  const one = await get<Ticker>("/v1/ticker?symbol=BTC/USDT");
  expect([one.exchange, one.last_price]).toEqual(["aggregate", market.last]);
});

test("a value's text is the very text that the bus carries", async () => {
  const data = { symbol: "ODD/USDT", exchange: "aggregate", last_price: "0.100000000000000000000000000001" };
  await served.bus.publish([message("ticker:ODD/USDT", 1, "value", data)]);
  const answer = await fetch(`${served.restUrl}/v1/ticker?symbol=ODD/USDT`);
  expect(await answer.text()).toBe(JSON.stringify(data));
});

test("what nobody can ask for, or read, spoils no list", async () => {
  const data = { symbol: "GOOD/USDT", exchange: "binance", last_price: "1", tick_size: "1" };
  const kinds = ["ticker", "instrument", "index", "feed", "kline", "nonsense"];
  const names = [
    "币安人生/USDT@x y",
    "A%41@b",
    "-",
    "@",
    "",
    "a@B",
    "é".normalize("NFD"),
    "x".repeat(400),
    "\u0000",
    "{}",
    "A,B@c",
  ];
  for (const kind of kinds) {
    await served.bus.publish(names.map((name) => message(`${kind}:${name}`, 1, "value", data)));
    const garbage = ["hello", '{"channel":"other","epoch":1,"sequence":1,"data":{}}', ""];
    await served.bus.publish(
      garbage.map((payload, at) => ({ ...message(`${kind}:G${at}@binance`, 1, "value"), payload })),
    );
  }
  await served.bus.publish([
    message("ticker:GOOD/USDT@binance", 1, "value", data),
    message("instrument:GOOD/USDT@binance", 1, "value", data),
  ]);
  // the list is made anew after a moment
  await expect.poll(async () => JSON.stringify(await get("/v1/tickers"))).toContain("GOOD/USDT");
  for (const path of ["tickers", "instruments", "indices", "feeds", "info"]) {
    const response = await fetch(`${served.restUrl}/v1/${path}`);
    expect(response.status, path).toBe(200);
    expect(await response.text(), path).not.toMatch(/hello|"other"|G0/);
  }
  expect(await get<Instrument[]>("/v1/instruments?symbols=GOOD/USDT")).toEqual([data]);
});

test("a name in any script or escaped is asked for as it is spelled; another spelling is answered with the right one", async () => {
  for (const symbol of ["币安人生/USDT", "A%40B/USD%E2%82%AE0", "$PAC+X&Y*/USDT"]) {
    const data = { symbol, exchange: "aggregate", last_price: "1" };
    await served.bus.publish([message(`ticker:${symbol}`, 1, "value", data)]);
    const answer = await fetch(`${served.restUrl}/v1/ticker?${new URLSearchParams({ symbol })}`);
    expect(await answer.json()).toEqual(data);
    const list = `${served.restUrl}/v1/tickers?${new URLSearchParams({ symbols: symbol })}`;
    await expect.poll(async () => (await fetch(list)).status).toBe(200);
  }
  for (const [symbol, hint] of [
    ["A@B/USDT", "A%40B/USDT"],
    ["A B/USDT", "A%20B/USDT"],
    ["e\u0301/USDT", "é/USDT"],
    ["A%41/USDT", "A%2541/USDT"],
  ]) {
    const answer = await fetch(`${served.restUrl}/v1/ticker?${new URLSearchParams({ symbol: symbol! })}`);
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { code: "TP_PARAMETER_INVALID", parameter: "symbol", message: expect.stringContaining(hint!) },
    ]);
  }
});

test("depth is the full book with the increments since, best prices first", async () => {
  const channel = "depth:BOOK/USDT@binance";
  const head = { symbol: "BOOK/USDT", exchange: "binance", status: "live" };
  const bids = [
    ["100", "1"],
    ["99.5", "2"],
    ["9.5", "3"],
  ];
  const asks = [
    ["100.5", "1"],
    ["101", "4"],
    ["1000", "5"],
  ];
  await served.bus.publish([
    message(channel, 1, "value", { ...head, bids, asks, is_snapshot: true, update_id: 10 }),
    message(channel, 2, "increment", { ...head, bids: [["100", "0"]], asks: [["100.25", "7"]], update_id: 11 }),
    message(channel, 3, "increment", { ...head, bids: [["99.75", "8"]], asks: [["101", "9"]], update_id: 12 }),
  ]);
  const book = await get<Depth>("/v1/depth?symbol=BOOK/USDT&exchange=binance");
  expect(book.bids).toEqual([
    ["99.75", "8"],
    ["99.5", "2"],
    ["9.5", "3"],
  ]);
  expect(book.asks).toEqual([
    ["100.25", "7"],
    ["100.5", "1"],
    ["101", "9"],
    ["1000", "5"],
  ]);
  expect([book.update_id, book.is_snapshot]).toEqual([12, true]);
  const top = await get<Depth>("/v1/depth?symbol=BOOK/USDT&exchange=binance&limit=1");
  expect([top.bids, top.asks]).toEqual([[["99.75", "8"]], [["100.25", "7"]]]);
  expect(await get<Depth[]>("/v1/depth?symbols=BTC/USDT&limit=3")).toHaveLength(1);
});

const kline = (openTime: number, revision: number, close: string, closed: boolean, epoch = 1): Kline =>
  ({
    symbol: "K/USDT",
    exchange: "aggregate",
    interval: "1m",
    open_time: openTime,
    revision,
    close,
    is_closed: closed,
    epoch,
  }) as Kline;

test("K-lines are history and what the bus has beyond it, each open time once, the highest revision", async () => {
  const open = start - (start % minute);
  const at = (minutes: number) => open + minutes * minute;
  history = [kline(at(0), 5, "1", true), kline(at(1), 4, "2", true), kline(at(2), 2, "old", false)];
  await served.bus.publish([
    message("kline:K/USDT:1m", 1, "value", kline(at(2), 6, "3", true)),
    message("kline:K/USDT:1m", 2, "value", kline(at(3), 1, "4", false)),
    message("kline:K/USDT:1m", 3, "value", kline(at(1), 3, "stale", true)),
  ]);
  const closes = async (more: string) =>
    (await get<Kline[]>(`/v1/klines?symbol=K/USDT&interval=1m${more}`)).map((each) => each.close);
  expect(await closes("")).toEqual(["1", "2", "3", "4"]);
  expect(await closes("&limit=2")).toEqual(["3", "4"]);
  expect(await closes(`&from=${at(1)}&to=${at(3)}`)).toEqual(["2", "3"]);
  expect(asked.at(-1)).toMatchObject({ exchange: "aggregate", from: at(1), to: at(3), limit: 500 });
});

test("trades are history and the newest of the bus, each once and in order", async () => {
  const trade = (sequence: number): Trade =>
    ({ symbol: "T/USDT", exchange: "binance", epoch: 1, sequence_num: sequence, timestamp: start + sequence }) as Trade;
  stored = [1, 2, 3].map(trade);
  await served.bus.publish([3, 4].map((n) => message("trade:T/USDT@binance", n, "event", trade(n))));
  const path = "/v1/trades?symbol=T/USDT&exchange=binance";
  expect((await get<Trade[]>(path)).map((each) => each.sequence_num)).toEqual([1, 2, 3, 4]);
  expect((await get<Trade[]>(`${path}&limit=2`)).map((each) => each.sequence_num)).toEqual([3, 4]);
  expect((await get<Trade[]>(`${path}&from=${start + 2}&to=${start + 4}`)).map((each) => each.sequence_num)).toEqual([
    2, 3,
  ]);
});

test("indices come with their constituents, feeds with their connections", async () => {
  const [index] = await get<Index[]>("/v1/indices?name=BTC-USD");
  expect(index?.constituents.map((each) => each.reason)).toEqual(["ok", "ok", "feed_down"]);
  expect(await get<object[]>("/v1/feeds")).toHaveLength(2);
});

test("bad parameters are named", async () => {
  const cases: [string, string][] = [
    ["/v1/ticker", "symbol"],
    ["/v1/ticker?symbol=BTC%20USDT", "symbol"],
    ["/v1/ticker?symbol=BTC/USDT&exchange=BINANCE", "exchange"],
    ["/v1/ticker?symbol=BTC/USDT&exchnge=binance", "exchnge"],
    ["/v1/depth", "symbol"],
    ["/v1/depth?symbol=BTC/USDT&symbols=BTC/USDT", "symbol"],
    ["/v1/depth?symbol=BTC/USDT&limit=0", "limit"],
    ["/v1/klines?symbol=BTC/USDT", "interval"],
    ["/v1/klines?symbol=BTC/USDT&interval=1y", "interval"],
    ["/v1/klines?symbol=BTC/USDT&interval=1m&limit=1001", "limit"],
    ["/v1/klines?symbol=BTC/USDT&interval=1m&from=yesterday", "from"],
    ["/v1/klines?symbol=BTC/USDT&interval=7 m", "interval"],
    [`/v1/klines?symbol=BTC/USDT&interval=1m&from=${start}&to=${start}`, "to"],
    ["/v1/klines?symbol=BTC/USDT&interval=1m&from=1764000000", "from"],
    ["/v1/klines?symbol=BTC/USDT&interval=1m&to=1764000000000", "to"],
    ["/v1/trades?symbol=BTC/USDT&from=1764000000000000000", "from"],
    ["/v1/trades?symbol=BTC/USDT&from=-5", "from"],
    ["/v1/trades?symbol=BTC/USDT&from=2026-02-30", "from"],
    ["/v1/trades?symbol=BTC/USDT&to=1764000000x", "to"],
    ["/v1/trades?symbol=BTC/USDT&cursor=1.2.3", "cursor"],
    ["/v1/trades?symbol=BTC/USDT&cursor=9999999999999999.1.1.binance", "cursor"],
    ["/v1/trades?symbol=BTC/USDT&limit=1e9", "limit"],
  ];
  for (const [path, parameter] of cases) {
    const fault = await get<Fault>(path, 400);
    expect([path, fault.code, fault.parameter]).toEqual([path, "TP_PARAMETER_INVALID", parameter]);
  }
});

test("what is not there is 404 with a code, and never an empty success", async () => {
  const cases: [string, string][] = [
    ["/v1/nothing", "TP_PATH_UNKNOWN"],
    ["/v1/ticker?symbol=NOPE/USDT", "TP_SYMBOL_UNKNOWN"],
    ["/v1/ticker?symbol=BTC/USDT&exchange=okx", "TP_SYMBOL_UNKNOWN"],
    ["/v1/tickers?symbols=BTC/USDT,NOPE/USDT", "TP_SYMBOL_UNKNOWN"],
    ["/v1/depth?symbols=BTC/USDT,NOPE/USDT", "TP_SYMBOL_UNKNOWN"],
    ["/v1/klines?symbol=NOPE/USDT&interval=1m", "TP_SYMBOL_UNKNOWN"],
    ["/v1/trades?symbol=NOPE/USDT", "TP_SYMBOL_UNKNOWN"],
    ["/v1/indices?name=NOPE", "TP_INDEX_UNKNOWN"],
  ];
  for (const [path, code] of cases) expect([path, (await get<Fault>(path, 404)).code]).toEqual([path, code]);
  expect(await get<Kline[]>("/v1/klines?symbol=BTC/USDT&interval=4h")).toEqual([]);
});

test("an interval that nobody makes is refused by naming those that are made", async () => {
  const fault = await get<Fault>("/v1/klines?symbol=BTC/USDT&interval=7m", 404);
  expect(fault).toMatchObject({ code: "TP_INTERVAL_UNKNOWN", parameter: "interval" });
  expect(fault.message).toContain("1m, 5m, 15m, 1h, 4h, 1d");
  history = [kline(start, 1, "7", true)];
  expect(await get<Kline[]>("/v1/klines?symbol=BTC/USDT&interval=7m")).toHaveLength(1);
});

test("times come as µs, as ISO or with their unit", async () => {
  const spellings = [
    "2026-11-18T11:07:00Z",
    "2026-11-18 12:07+01:00",
    "1795000020s",
    "1795000020000ms",
    "1795000020000000us",
  ];
  for (const from of [...spellings, "1795000020000000", "1795000020000000000ns"]) {
    await get<Kline[]>(`/v1/klines?symbol=BTC/USDT&interval=1m&from=${encodeURIComponent(from)}`);
    expect([from, asked.at(-1)?.from]).toEqual([from, 1_795_000_020_000_000]);
  }
});

test("paging by cursor brings every trade once, however many share an instant", async () => {
  const exchanges = ["binance", "kraken", "okx"];
  stored = exchanges.flatMap((exchange, at) =>
    Array.from(
      { length: 40 },
      (_, n) =>
        ({
          symbol: "P/USDT",
          exchange,
          epoch: 1 + (at % 2),
          sequence_num: n + 1,
          timestamp: start + (n >> 4),
        }) as Trade,
    ),
  );
  stored.sort(inOrder);
  const pages: Trade[][] = [];
  let path: string | null = "/v1/trades?symbol=P/USDT&limit=7";
  while (path !== null) {
    const answer: Response = await fetch(`${served.restUrl}${path}`);
    expect(answer.status).toBe(200);
    pages.unshift((await answer.json()) as Trade[]);
    const next = /^<(.+)>; rel="next"$/.exec(answer.headers.get("link") ?? "");
    expect(answer.headers.has("x-next-cursor")).toBe(next !== null);
    path = next === null ? null : (next[1] as string);
  }
  expect(pages.length).toBe(18);
  expect(pages.flat()).toEqual(stored);
});

test("without its store, history is 503 and what is now still answers", async () => {
  storeDown = true;
  expect((await get<Fault>("/v1/klines?symbol=BTC/USDT&interval=1m", 503)).code).toBe("TP_HISTORY_UNAVAILABLE");
  expect((await get<Fault>("/v1/trades?symbol=BTC/USDT", 503)).code).toBe("TP_HISTORY_UNAVAILABLE");
  await get<Ticker>("/v1/ticker?symbol=BTC/USDT");
});

test("an address that asks too often gets 429, but health still answers", async () => {
  const busy = await serveBus({ rateLimit: { ...defaultPushSettings.rateLimit, requestsPerMinute: 3 } });
  const ask = async (path: string) => {
    const answer = await fetch(`${busy.restUrl}${path}`);
    return [answer.status, ((await answer.json()) as Fault).code];
  };
  for (let times = 0; times < 3; times++) expect((await ask("/v1/tickers"))[0]).toBe(200);
  expect(await ask("/v1/tickers")).toEqual([429, "TP_RATE_LIMITED"]);
  expect((await ask("/livez"))[0]).toBe(200);
  await busy.stop();
});

test("the OpenAPI description names every path and every message, and its references resolve", async () => {
  interface OpenApi {
    openapi: string;
    paths: Record<string, { get: { parameters?: { name: string }[]; responses: Record<string, unknown> } }>;
    components: { schemas: Record<string, unknown> };
  }
  const description = await get<OpenApi>("/openapi.json");
  expect(description.openapi).toBe("3.1.0");
  const paths = ["instruments", "tickers", "ticker", "depth", "klines", "trades", "indices", "feeds", "info"];
  expect(Object.keys(description.paths).sort()).toEqual(
    [...paths.map((path) => `/v1/${path}`), "/livez", "/readyz", "/metrics"].sort(),
  );
  const names = description.paths["/v1/klines"]?.get.parameters?.map((parameter) => parameter.name);
  expect(names?.sort()).toEqual(["exchange", "from", "interval", "limit", "symbol", "to"]);
  for (const [, name] of JSON.stringify(description).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
    expect(description.components.schemas).toHaveProperty([name as string]);
  }
  expect(JSON.stringify(description)).not.toMatch(/"\$ref":"(?!#\/components)/);
});

test("the browsable description and the page need nothing from elsewhere", async () => {
  for (const path of ["/docs/", "/", "/main.js", "/style.css"]) {
    const text = await (await fetch(`${served.restUrl}${path}`)).text();
    expect(text, path).not.toMatch(/(src|href)="https?:|@import|from "https?:/);
  }
  expect((await fetch(`${served.restUrl}/lightweight-charts.js`)).status).toBe(200);
  expect((await fetch(`${served.restUrl}/../package.json`)).status).toBe(404);
});

test("health, readiness and metrics answer", async () => {
  await get("/livez");
  expect(await get("/readyz")).toEqual({ ready: true, reasons: [] });
  const metrics = await fetch(`${served.restUrl}/metrics`);
  expect(await metrics.text()).toContain("tickplant_rest_requests_total");
});
