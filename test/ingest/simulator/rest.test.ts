import { readFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Simulator } from "../../../ingest/simulator/server.js";
import { recording } from "../../recordings.js";
import { getJson, StreamClient } from "./stream-client.js";

type Answers = Record<string, { query: string; data: unknown }[]>;
const recorded: Answers = JSON.parse(
  gunzipSync(readFileSync(recording("gocryptotrader/binance_public_rest.json.gz"))).toString(),
);

interface Info {
  symbols: { filters: { filterType: string; tickSize: string; stepSize: string }[] }[];
}
interface AggregateRow {
  a: number;
  f: number;
  l: number;
  q: string;
}

/** Field names of an object, of the first element of a list, or the count of a row. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) {
    const [first] = value;
    return Array.isArray(first) ? first.map((field) => typeof field) : shape(first);
  }
  return Object.keys(value as object).sort();
}

/** The newest recorded answer of a route that has something in it. */
function recordedShape(route: string, wanted: (query: string) => boolean = () => true): unknown {
  const answers = recorded[route]!.filter(({ query, data }) => {
    const refused = data === null || (typeof data === "object" && "code" in data);
    // The recorder's casing lost a field's name in some answers.
    return !refused && wanted(query) && !JSON.stringify(data).includes('"":');
  });
  return shape(answers.at(-1)!.data);
}

describe.each([
  ["spot", "/api/v3"],
  ["usdm", "/fapi/v1"],
] as const)("REST of the %s dialect", (dialect, api) => {
  let simulator: Simulator;
  let client: StreamClient;

  const get = <Shape>(path: string) => getJson<Shape>(`${simulator.url}${api}/${path}`);

  beforeAll(async () => {
    simulator = await Simulator.start({ dialect, seed: "rest", rate: 1000, keepTrades: "all" });
    client = await StreamClient.open(`${simulator.wsUrl}/stream?streams=btcusdt@trade`);
    await client.until(() => client.of("btcusdt@trade").length > 300);
    simulator.pause();
  });

  afterAll(async () => {
    await client.close();
    await simulator.stop();
  });

  test.each(["depth", "aggTrades", "klines", "trades", "ticker/24hr", "ticker/bookTicker"])(
    "/%s has the venue's fields",
    async (route) => {
      const params = route === "klines" ? "symbol=BTCUSDT&interval=1m" : "symbol=BTCUSDT";
      const bySymbol = (query: string) => query.includes("symbol=");
      const fields = recordedShape(`${api}/${route}`, route === "ticker/bookTicker" ? bySymbol : undefined);
      expect(shape(await get(`${route}?${params}`))).toEqual(fields);
    },
  );

  test("/exchangeInfo has the venue's fields for its symbols, with tick and lot sizes", async () => {
    const info = await get<Info>("exchangeInfo");
    const real = recorded[`${api}/exchangeInfo`]![0]!.data as { symbols: Record<string, unknown>[] };
    expect(shape(info)).toEqual(shape(real));
    const fields = shape(real.symbols[0]) as string[];
    expect(fields).toEqual(expect.arrayContaining(shape(info.symbols) as string[]));
    const filters = info.symbols[0]!.filters;
    const tick = filters.find(({ filterType }) => filterType === "PRICE_FILTER")!.tickSize;
    const lot = filters.find(({ filterType }) => filterType === "LOT_SIZE")!.stepSize;
    expect([tick, lot]).toEqual(dialect === "spot" ? ["0.01000000", "0.00001000"] : ["0.10", "0.001"]);
    expect((await get<Info>("exchangeInfo?symbol=ETHUSDT")).symbols).toHaveLength(1);
  });

  test("trades page by id without holes", async () => {
    const all = simulator.trades("BTC/USDT");
    const seen: number[] = [];
    for (let from = all[0]!.id; from <= all.at(-1)!.id; from += 100) {
      const page = await get<{ id: number }[]>(`historicalTrades?symbol=BTCUSDT&fromId=${from}&limit=100`);
      seen.push(...page.map(({ id }) => id));
    }
    expect(seen).toEqual(all.map(({ id }) => id));
  });

  test("aggregate trades hold every trade once, and their quantities add up", async () => {
    const aggregates: AggregateRow[] = [];
    const first = (await get<AggregateRow[]>("aggTrades?symbol=BTCUSDT&fromId=0&limit=1"))[0]!.a;
    for (let from = first; ; from += 50) {
      const page = await get<AggregateRow[]>(`aggTrades?symbol=BTCUSDT&fromId=${from}&limit=50`);
      aggregates.push(...page);
      if (page.length < 50) break;
    }
    const trades = simulator.trades("BTC/USDT");
    const units = (text: string) => BigInt(text.replace(".", ""));
    const covered = aggregates.flatMap(({ f, l }) => Array.from({ length: l - f + 1 }, (_, at) => f + at));
    expect(covered).toEqual(trades.map(({ id }) => id));
    const sum = (texts: string[]) => texts.reduce((total, text) => total + units(text), 0n);
    expect(sum(aggregates.map(({ q }) => q))).toBe(sum(trades.map(({ qty }) => qty)));
  });

  test("K-lines equal a plain exact loop over all trades", async () => {
    for (const interval of ["1m", "5m", "1d"] as const) {
      const lengthMs = { "1m": 60_000, "5m": 300_000, "1d": 86_400_000 }[interval];
      expect(await get(`klines?symbol=BTCUSDT&interval=${interval}&limit=1000`)).toEqual(
        plainKlines(simulator.trades("BTC/USDT"), lengthMs),
      );
      expect(simulator.klines("BTCUSDT", interval)).toEqual(plainKlines(simulator.trades("BTC/USDT"), lengthMs));
    }
  });

  test("a wrong symbol, parameter or interval gets the venue's error code", async () => {
    const codes: unknown[] = [];
    for (const path of [
      "depth?symbol=NOPE",
      "depth",
      "klines?symbol=BTCUSDT&interval=7m",
      "trades?symbol=BTCUSDT&limit=x",
    ]) {
      const answer = await fetch(`${simulator.url}${api}/${path}`);
      expect(answer.status).toBe(400);
      codes.push(((await answer.json()) as { code: number }).code);
    }
    expect(codes).toEqual([-1121, -1102, -1120, -1100]);
  });
});

test("a request that makes no sense is refused, and the next is answered", async () => {
  const simulator = await Simulator.start({ seed: "sense" });
  try {
    const statuses: number[] = [];
    for (const path of ["//", "/api/v3/exchangeInfo?symbols=[", "/api/v3/nope", "/api/v3/ping"]) {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        request({ port: simulator.port, host: "127.0.0.1", path }, resolve).on("error", reject).end();
      });
      answer.resume();
      statuses.push(answer.statusCode!);
    }
    expect(statuses).toEqual([400, 400, 404, 200]);
  } finally {
    await simulator.stop();
  }
});

test("the used weight is told, and beyond the limit requests are refused with 429", async () => {
  const simulator = await Simulator.start({ seed: "weight", weightLimit: 110 });
  const ask = async () => {
    const answer = await fetch(`${simulator.url}/api/v3/depth?symbol=BTCUSDT&limit=1000`);
    return { answer, used: Number(answer.headers.get("x-mbx-used-weight-1m")), body: (await answer.json()) as object };
  };
  try {
    let last = await ask();
    expect(last.used).toBe(50);
    // A minute may end in between, so up to six.
    for (let more = 0; more < 5 && last.answer.status === 200; more++) last = await ask();
    expect(last.answer.status).toBe(429);
    expect(last.body).toMatchObject({ code: -1003 });
    expect(Number(last.answer.headers.get("retry-after"))).toBeGreaterThan(0);
  } finally {
    await simulator.stop();
  }
});

/** Candles by the book: digits as BigInt, one trade after the other. */
function plainKlines(trades: ReturnType<Simulator["trades"]>, lengthMs: number): unknown[] {
  const digits = (text: string) => text.split(".")[1]?.length ?? 0;
  const { price, qty } = trades[0]!;
  const write = (units: bigint, decimals: number) => {
    const text = units.toString().padStart(decimals + 1, "0");
    return decimals === 0 ? text : `${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
  };
  const units = (text: string) => BigInt(text.replace(".", ""));
  const rows = new Map<number, { prices: bigint[]; qty: bigint; amount: bigint; buy: bigint; buyAmount: bigint }>();
  for (const trade of trades) {
    const openTime = Math.floor(trade.time / lengthMs) * lengthMs;
    const row = rows.get(openTime) ?? { prices: [], qty: 0n, amount: 0n, buy: 0n, buyAmount: 0n };
    rows.set(openTime, row);
    const amount = units(trade.price) * units(trade.qty);
    row.prices.push(units(trade.price));
    row.qty += units(trade.qty);
    row.amount += amount;
    if (trade.side === "buy") row.buy += units(trade.qty);
    if (trade.side === "buy") row.buyAmount += amount;
  }
  const amountText = (amount: bigint) => {
    // The venue writes at most 8 decimals; what is cut off are zeros.
    return write(amount, digits(price) + digits(qty)).replace(/(\.\d{8})0+$/, "$1");
  };
  return [...rows].map(([openTime, row]) => {
    const sorted = row.prices.toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0));
    return [
      openTime,
      write(row.prices[0]!, digits(price)),
      write(sorted.at(-1)!, digits(price)),
      write(sorted[0]!, digits(price)),
      write(row.prices.at(-1)!, digits(price)),
      write(row.qty, digits(qty)),
      openTime + lengthMs - 1,
      amountText(row.amount),
      row.prices.length,
      write(row.buy, digits(qty)),
      amountText(row.buyAmount),
      "0",
    ];
  });
}
