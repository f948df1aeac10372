import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defaultPushSettings } from "../../push/settings.js";
import { TestClient } from "./client.js";
import { message } from "./messages.js";
import { type ServedBus, serveBus } from "./plant.js";

const settings = { bounds: { ...defaultPushSettings.bounds, bufferedBytes: 512 * 1024 } };
const filling = "x".repeat(1_000);
let served: ServedBus;
let slow: TestClient;
let quick: TestClient;

beforeEach(async () => {
  served = await serveBus(settings);
  slow = await TestClient.connect(served.webSocketUrl);
  quick = await TestClient.connect(served.webSocketUrl);
});

afterEach(async () => {
  slow.close();
  quick.close();
  await served.stop();
});

/** More than the system's own socket buffers and the hub's bound can hold. */
async function flood(channel: string, kind: "increment" | "value" | "event", from: number, count: number) {
  for (let sequence = from; sequence < from + count; sequence++) {
    await served.bus.publish([message(channel, sequence, kind, { filling, is_snapshot: false })]);
    if (sequence % 50 === 0) {
      await nextTurn();
      await quick.until(() => (quick.received.at(-1)?.sequence ?? 0) > sequence - 500);
    }
  }
}

const dropped = async (reason: string): Promise<number> => {
  const text = await served.metrics.registry.metrics();
  return Number(new RegExp(`tickplant_dropped_total\\{place="push",reason="${reason}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
};

test("a client that does not read its book is told and closed, and the others get everything meanwhile", async () => {
  const channel = "depth:BTC/USDT@binance";
  await served.bus.publish([message(channel, 1, "value", { is_snapshot: true })]);
  for (const client of [slow, quick]) {
    await client.answer({ op: "subscribe", id: 1, channels: [channel] });
    await client.find((received) => received.sequence === 1);
  }
  slow.socket.pause();
  await flood(channel, "increment", 2, 20_000);
  await quick.find((received) => received.sequence === 20_001);
  expect(quick.envelopes(channel)).toHaveLength(20_001);
  expect(await dropped("tp_slow_client")).toBe(1);
  slow.socket.resume();
  expect(await slow.untilClosed()).toEqual({ code: 4001, reason: "slow client" });
  expect(slow.received.at(-1)?.code).toBe("TP_SLOW_CLIENT");
  const sequences = slow.envelopes(channel).map((received) => received.sequence);
  expect(sequences).toEqual(sequences.map((_, at) => at + 1));
});

test("a client that reads its tickers slowly misses some, is told how many, and gets the newest", async () => {
  const channel = "ticker:BTC/USDT";
  for (const client of [slow, quick]) await client.answer({ op: "subscribe", id: 1, channels: [channel] });
  await served.bus.publish([message(channel, 1, "value")]);
  await slow.find((received) => received.sequence === 1);
  slow.socket.pause();
  await flood(channel, "value", 2, 20_000);
  await quick.find((received) => received.sequence === 20_001);
  slow.socket.resume();
  await slow.find((received) => received.sequence === 20_001);
  const told = slow.received.filter((received) => received.op === "conflated" && received.channel === channel);
  const missed = told.reduce((sum, received) => sum + (received.dropped ?? 0), 0);
  expect(missed).toBeGreaterThan(0);
  expect(await dropped("slow_client_conflated")).toBe(missed);
  const sequences = slow.envelopes(channel).map((received) => received.sequence as number);
  expect(sequences).toHaveLength(20_001 - missed);
  expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
  await served.bus.publish([message(channel, 20_002, "value")]);
  await slow.find((received) => received.sequence === 20_002);
});

test("a slow client's memory stays within its bound", async () => {
  const channel = "trade:BTC/USDT@binance";
  for (const client of [slow, quick]) await client.answer({ op: "subscribe", id: 1, channels: [channel] });
  slow.socket.pause();
  const before = process.memoryUsage().rss;
  await served.bus.publish(Array.from({ length: 60_000 }, (_, at) => message(channel, at + 1, "event", { filling })));
  expect(await dropped("tp_slow_client")).toBeGreaterThanOrEqual(1);
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024);
});
