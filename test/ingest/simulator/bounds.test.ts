import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Simulator } from "../../../ingest/simulator/server.js";

let simulator: Simulator;

beforeAll(async () => {
  simulator = await Simulator.start({ symbols: ["BTC/USDT"], paused: true });
});
afterAll(() => simulator.stop());

const post = async (path: string): Promise<[number, string]> => {
  const answer = await fetch(`${simulator.url}/simulator/${path}`, { method: "POST" });
  return [answer.status, await answer.text()];
};

test("faults that wait are bounded, and what is beyond is refused in words", async () => {
  let refused: string | undefined;
  let taken = 0;
  for (; refused === undefined && taken < 3_000; taken++) {
    const [status, text] = await post("faults/garbage?symbol=BTCUSDT&kind=kline");
    if (status === 400) refused = text;
  }
  expect(refused).toContain("1000 that wait at a time");
  expect(simulator.pendingFaults).toBe(1_000);
});

test.each([
  ["faults/restError?count=999999999999999", "up to 1000000"],
  ["faults/restError?status=200", "400 to 599"],
  ["faults/restError?status=99999", "up to 599"],
  ["faults/stall?ms=999999999999999", "up to 3600000"],
  ["faults/serverShutdown?ms=99999999999", "up to 3600000"],
  ["faults/restError?count=Infinity", "a whole number"],
  ["faults/restError?count=1e9", "a whole number"],
  ["faults/restError?count=-1", "a whole number"],
])("%s is refused", async (path, words) => {
  const other = await Simulator.start({ symbols: ["BTC/USDT"], paused: true });
  const answer = await fetch(`${other.url}/simulator/${path}`, { method: "POST" });
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(words)]);
  expect(other.pendingFaults).toBe(0);
  await other.stop();
});

test("failures of many requests cost no more memory than of one", async () => {
  const other = await Simulator.start({ symbols: ["BTC/USDT"], paused: true });
  other.restError({ status: 500, count: 1_000_000 });
  other.restError({ status: 500, count: 1 });
  other.restError({ status: 503, count: 2 });
  expect(other.pendingFaults).toBe(2);
  const statuses = [];
  for (let at = 0; at < 3; at++) statuses.push((await fetch(`${other.url}/api/v3/ping`)).status);
  expect(statuses).toEqual([500, 500, 500]);
  await other.stop();
});

test("candles of a long quiet time are bounded, the newest of them", async () => {
  const other = await Simulator.start({ symbols: ["BTC/USDT"], rate: 2_000 });
  await expect.poll(() => other.trades("BTC/USDT").length, { timeout: 20_000 }).toBeGreaterThan(0);
  other.pause();
  const answer = await fetch(`${other.url}/simulator/klines?symbol=BTCUSDT&interval=1m&until=999999999999999`);
  const rows = (await answer.json()) as [number, ...string[]][];
  expect(rows.length).toBeLessThanOrEqual(20_100);
  expect(rows.at(-1)![0]).toBe(999999999999999 - (999999999999999 % 60_000));
  const times = rows.slice(-20_000).map(([time]) => time);
  expect(times.every((time, at) => at === 0 || time - times[at - 1]! === 60_000)).toBe(true);
  await other.stop();
});

test.each([
  ["spot", "/ws", '{"method":"SUBSCRIBE","params":[null,{"a":1},[]]}'],
  ["spot", "/ws", '{"method":{},"params":7}'],
  ["okx", "/ws/v5/public", '{"op":"subscribe","args":[null]}'],
  ["okx", "/ws/v5/public", '{"op":"subscribe","args":[7,"x",{}]}'],
  ["kraken", "/v2", '{"method":"subscribe","params":null}'],
  ["kraken", "/v2", '{"method":"subscribe","params":{"channel":"trade","symbol":7}}'],
  ["kraken", "/v2", "null"],
] as const)("%s: a message of an unknown form (%s) ends at most its own connection", async (dialect, path, text) => {
  const other = await Simulator.start({ dialect, symbols: ["BTC/USDT"], paused: true });
  const socket = new WebSocket(`ws://127.0.0.1:${other.port}${path}`);
  await new Promise((resolve) => socket.once("open", resolve));
  const answered = new Promise((resolve) => {
    socket.once("message", resolve);
    socket.once("close", resolve);
  });
  socket.send(text);
  await answered;
  socket.terminate();
  expect((await fetch(`${other.url}/simulator/status`)).status).toBe(200);
  await other.stop();
});
