import { crc32 } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { Simulator, type SimulatorOptions } from "../../../ingest/simulator/server.js";
import { getJson, StreamClient } from "./stream-client.js";

let simulator: Simulator | undefined;
const clients: StreamClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await simulator?.stop();
});

async function exchange(options: SimulatorOptions = {}) {
  simulator = await Simulator.start({ dialect: "kraken", symbols: ["BTC/USDT", "DOGE/USDT"], rate: 300, ...options });
  return simulator;
}

async function connect(): Promise<StreamClient> {
  const client = await StreamClient.open(simulator!.wsUrl);
  clients.push(client);
  return client;
}

const request = (method: string, channel: string, symbol: string[], more: object = {}, req_id = 7) => ({
  method,
  params: { channel, symbol, ...more },
  req_id,
});

/** Levels as texts, taken from the message by hand. */
function levelsOf(message: string, side: "bids" | "asks"): [string, string][] {
  const list = new RegExp(`"${side}":\\[([^\\]]*)\\]`).exec(message)?.[1] ?? "";
  return [...list.matchAll(/"price":([\d.]+),"qty":([\d.]+)/g)].map(([, price = "", qty = ""]) => [price, qty]);
}

test("a reader that keeps the best ten levels has the checksum of every update", async () => {
  const venue = await exchange();
  const client = await connect();
  client.send(request("subscribe", "book", ["BTC/USDT"], { depth: 10, snapshot: true }));
  const books = () => client.messages.filter((message) => message.startsWith('{"channel":"book"'));
  await client.until(() => books().length > 30);
  venue.pause();
  // What was sent before the answer has come with it.
  client.send({ method: "ping" });
  await client.until(() => client.messages.some((message) => message.includes("pong")));
  const sides = { asks: new Map<string, string>(), bids: new Map<string, string>() };
  const best = (side: "asks" | "bids") =>
    [...sides[side]].sort(([a], [b]) => (side === "asks" ? Number(a) - Number(b) : Number(b) - Number(a))).slice(0, 10);
  for (const [i, message] of books().entries()) {
    expect(message).toContain(`"type":"${i === 0 ? "snapshot" : "update"}"`);
    for (const side of ["asks", "bids"] as const) {
      for (const [price, qty] of levelsOf(message, side)) {
        if (/[1-9]/.test(qty)) sides[side].set(price, qty);
        else sides[side].delete(price);
      }
      sides[side] = new Map(best(side));
    }
    const digits = (text: string) => text.replace(".", "").replace(/^0+/, "");
    const text = [...best("asks"), ...best("bids")].map(([price, qty]) => digits(price) + digits(qty)).join("");
    expect(crc32(text)).toBe(Number(/"checksum":(\d+)/.exec(message)?.[1]));
  }
  const truth = venue.book("BTC/USDT");
  expect(best("asks")).toEqual(truth.asks.slice(0, 10));
  expect(best("bids")).toEqual(truth.bids.slice(0, 10));
});

test("requests are answered symbol by symbol, refusals with their reason; a heartbeat comes while nothing happens", async () => {
  const venue = await exchange({ paused: true });
  const client = await connect();
  const answers = () => client.messages.map((text) => JSON.parse(text)).filter(({ method }) => method !== undefined);
  client.send(request("subscribe", "trade", ["BTC/USDT", "FOO/BAR"], { snapshot: false }));
  client.send(request("subscribe", "book", ["BTC/USDT"], { depth: 11 }));
  client.send(request("subscribe", "trade", ["BTC/USDT"]));
  client.send({ method: "ping", req_id: 9 });
  await client.until(() => answers().length === 5);
  expect(answers()).toMatchObject([
    { method: "subscribe", req_id: 7, success: true, result: { channel: "trade", symbol: "BTC/USDT" } },
    { method: "subscribe", req_id: 7, success: false, symbol: "FOO/BAR", error: "Currency pair not supported FOO/BAR" },
    { success: false, error: "Subscription depth not supported" },
    { success: false, error: "Already subscribed" },
    { method: "pong", req_id: 9 },
  ]);
  await client.until(() => client.messages.includes('{"channel":"heartbeat"}'));
  venue.pause();
  expect(JSON.parse(client.messages[0]!)).toMatchObject({ channel: "status", data: [{ system: "online" }] });
});

test("REST: pairs by their older names, trades by time in pages, refusals with status 200", async () => {
  const venue = await exchange({ marketShare: 0.5 });
  await new Promise<void>((resolve) => {
    const poll = setInterval(() => {
      if (venue.trades("DOGE/USDT").length < 40) return;
      clearInterval(poll);
      resolve();
    }, 10);
  });
  venue.pause();
  const { result: pairs } = await getJson<{ result: Record<string, Record<string, unknown>> }>(
    `${venue.url}/0/public/AssetPairs`,
  );
  expect(pairs.XBTUSDT).toMatchObject({ wsname: "XBT/USDT", pair_decimals: 2, lot_decimals: 8, tick_size: "0.01" });
  const truth = venue.trades("DOGE/USDT");
  const found: number[] = [];
  let since = `${truth[0]!.time - 1}000000`;
  for (;;) {
    type Page = { result: { XDGUSDT: unknown[][]; last: string } };
    const url = `${venue.url}/0/public/Trades?pair=XDGUSDT&count=7&since=${since}`;
    const { result } = await getJson<Page>(url);
    found.push(...result.XDGUSDT.map((row) => Number(row[6])));
    if (result.XDGUSDT.length < 7) break;
    since = result.last;
  }
  expect(found).toEqual(truth.map(({ id }) => id));
  const unknown = await fetch(`${venue.url}/0/public/Trades?pair=FOO`);
  expect([unknown.status, await unknown.json()]).toEqual([200, { error: ["EQuery:Unknown asset pair"] }]);
  venue.restError({ status: 429 });
  const limited = await fetch(`${venue.url}/0/public/Time`);
  expect([limited.status, await limited.json()]).toEqual([200, { error: ["EGeneral:Too many requests"] }]);
});
