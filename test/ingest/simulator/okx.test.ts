import { crc32 } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { Simulator, type SimulatorOptions } from "../../../ingest/simulator/server.js";
import { getJson, StreamClient } from "./stream-client.js";

interface BookMessage {
  readonly arg: { readonly channel: string; readonly instId: string };
  readonly action?: string;
  readonly data: readonly {
    readonly asks: readonly string[][];
    readonly bids: readonly string[][];
    readonly checksum: number;
    readonly seqId: number;
    readonly prevSeqId: number;
  }[];
}

let simulator: Simulator | undefined;
const clients: StreamClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await simulator?.stop();
});

async function exchange(options: SimulatorOptions = {}) {
  simulator = await Simulator.start({ dialect: "okx", symbols: ["BTC/USDT"], rate: 300, ...options });
  return simulator;
}

async function connect(path: string): Promise<StreamClient> {
  const client = await StreamClient.open(`${simulator!.wsUrl}${path}`);
  clients.push(client);
  return client;
}

const subscribe = (channel: string, instId = "BTC-USDT") => ({ op: "subscribe", args: [{ channel, instId }] });

const booksOf = (client: StreamClient): BookMessage[] =>
  client.messages
    .filter((text) => text.startsWith("{"))
    .map((text) => JSON.parse(text) as BookMessage)
    .filter(({ arg, data }) => arg?.channel === "books" && data);

test("a book is a snapshot, then updates that name each other, with the checksum of the book that they make", async () => {
  const venue = await exchange();
  const client = await connect("/public");
  client.send(subscribe("books"));
  await client.until(() => booksOf(client).length > 20);
  venue.pause();
  // What was sent before the answer has come with it.
  client.send("ping");
  await client.until(() => client.messages.includes("pong"));
  const sides = { asks: new Map<string, string>(), bids: new Map<string, string>() };
  let last = -1;
  for (const { action, data } of booksOf(client)) {
    const [entry] = data;
    expect(action).toBe(last === -1 ? "snapshot" : "update");
    expect(entry!.prevSeqId).toBe(last);
    last = entry!.seqId;
    for (const side of ["asks", "bids"] as const) {
      for (const [price = "", qty = ""] of entry![side]) {
        if (qty === "0") sides[side].delete(price);
        else sides[side].set(price, qty);
      }
    }
    const asks = [...sides.asks].sort(([a], [b]) => Number(a) - Number(b)).slice(0, 25);
    const bids = [...sides.bids].sort(([a], [b]) => Number(b) - Number(a)).slice(0, 25);
    const text = bids.flatMap((bid, i) => [...bid, ...(asks[i] ?? [])]).join(":");
    expect(crc32(text) | 0).toBe(entry!.checksum);
  }
  const truth = venue.book("BTC/USDT");
  expect(new Map(truth.bids)).toEqual(sides.bids);
  expect(new Map(truth.asks)).toEqual(sides.asks);
});

test("trades-all brings each trade, trades those of one taker at one price with their count; REST has the same", async () => {
  const venue = await exchange({ marketShare: 0.5 });
  const [market, business] = [await connect("/public"), await connect("/business")];
  market.send(subscribe("trades"));
  business.send(subscribe("trades-all"));
  const entries = (client: StreamClient) =>
    client.messages.flatMap((text) => (JSON.parse(text).data ?? []) as Record<string, string>[]);
  await market.until(() => entries(market).some(({ count }) => Number(count) > 1));
  await business.until(() => entries(business).length >= 8);
  venue.pause();
  await business.until(() => entries(business).at(-1)?.tradeId === String(venue.trades("BTC/USDT").at(-1)!.id));
  const all = entries(business);
  const ids = all.map(({ tradeId }) => Number(tradeId));
  expect(ids.filter((id, i) => i > 0 && id !== ids[i - 1]! + 1)).toEqual([]);
  const summed = entries(market).find(({ count }) => Number(count) > 1)!;
  const parts = all.filter(
    ({ tradeId }) =>
      Number(tradeId) <= Number(summed.tradeId) && Number(tradeId) > Number(summed.tradeId) - Number(summed.count),
  );
  expect(parts.length).toBe(Number(summed.count));
  expect(parts.reduce((sum, { sz }) => sum + Number(sz), 0)).toBeCloseTo(Number(summed.sz), 8);
  const newest = await getJson<{ data: Record<string, string>[] }>(
    `${venue.url}/api/v5/market/trades?instId=BTC-USDT&limit=5`,
  );
  expect(newest.data).toEqual(all.slice(-5).reverse());
  const url = `${venue.url}/api/v5/market/history-trades?instId=BTC-USDT&type=1&after=${newest.data.at(-1)!.tradeId}&limit=3`;
  expect((await getJson<{ data: unknown[] }>(url)).data).toEqual(all.slice(-8, -5).reverse());
});

test("what is not there is refused in the venue's words, ping is answered, and too many requests end the connection", async () => {
  await exchange({ limits: { maxMessagesPerHour: 4 } });
  const client = await connect("/public");
  client.send(subscribe("trades-all"));
  client.send(subscribe("books", "FOO-BAR"));
  client.send("ping");
  await client.until(() => client.messages.length === 3);
  const [wrongUrl, unknown] = client.messages.map((text) => (text.startsWith("{") ? JSON.parse(text) : text));
  expect(wrongUrl).toMatchObject({ event: "error", code: "60018" });
  expect(unknown.msg).toContain("channel:books,instId:FOO-BAR doesn't exist");
  expect(client.messages[2]).toBe("pong");
  client.send("{");
  await client.until(() => client.messages.length === 4);
  client.send("ping");
  await client.until(() => client.closedWith !== undefined);
  expect(simulator!.closed).toEqual({ messages: 1 });
});

test("a connection on which nothing happens is closed", async () => {
  await exchange({ limits: { idleMs: 100 } });
  const client = await connect("/public");
  await client.until(() => client.closedWith !== undefined);
  expect(simulator!.closed).toEqual({ idle: 1 });
});
