import { afterEach, beforeEach, expect, test } from "vitest";
import { Simulator } from "../../../ingest/simulator/server.js";
import { type DepthFrame, getJson, StreamClient, type TradeFrame } from "./stream-client.js";

let simulator: Simulator;
let client: StreamClient;
const depth = "btcusdt@depth@100ms";
const trade = "btcusdt@trade";

beforeEach(async () => {
  simulator = await Simulator.start({ seed: "faults", rate: 500, symbols: ["BTC/USDT", "ETH/USDT"] });
  client = await StreamClient.open(
    `${simulator.wsUrl}/stream?streams=${trade}/btcusdt@bookTicker/${depth}/ethusdt@trade`,
  );
});

afterEach(async () => {
  await client.close();
  await simulator.stop();
});

/** Waits for so many more frames of a stream. */
async function more(stream: string, count: number): Promise<void> {
  const before = client.of(stream).length;
  await client.until(() => client.of(stream).length >= before + count);
}

/** How often a depth frame does not follow the one before it. */
function holes(): number {
  const frames = client.of<DepthFrame>(depth);
  return frames.filter((frame, at) => at > 0 && frame.U !== frames[at - 1]!.u + 1).length;
}

const tradeIds = (stream = trade) => client.of<TradeFrame>(stream).map(({ t }) => t);
const steps = (ids: number[]) => ids.slice(1).map((id, at) => id - ids[at]!);
const counted = (name: string) => simulator.faults()[name as keyof ReturnType<Simulator["faults"]>];

test("a sequence gap leaves out one depth frame and nothing else", async () => {
  await more(depth, 3);
  expect(await simulator.sequenceGap({ symbol: "BTC/USDT" })).toBe(true);
  await more(depth, 5);
  expect(holes()).toBe(1);
  expect(new Set(steps(tradeIds()))).toEqual(new Set([1]));
  expect(counted("sequenceGap")).toBe(1);
});

test("a duplicate is the same trade twice", async () => {
  expect(await simulator.duplicate({ symbol: "BTCUSDT" })).toBe(true);
  await more(trade, 5);
  expect(steps(tradeIds()).filter((step) => step === 0)).toHaveLength(1);
  expect(counted("duplicate")).toBe(1);
});

test("out of order is two frames that changed places", async () => {
  await more(trade, 1);
  await more(depth, 1);
  expect(await simulator.outOfOrder({ symbol: "BTCUSDT", kind: "trade" })).toBe(true);
  await more(trade, 5);
  expect(steps(tradeIds()).filter((step) => step !== 1)).toEqual([2, -1, 2]);
  expect(await simulator.outOfOrder({ symbol: "BTCUSDT" })).toBe(true);
  await more(depth, 3);
  expect(holes()).toBe(3);
  expect(counted("outOfOrder")).toBe(2);
});

test("a frame held back to change places is not lost when the market pauses", async () => {
  const swapped = simulator.outOfOrder({ symbol: "BTCUSDT" });
  await more(depth, 1);
  simulator.pause();
  const { lastUpdateId } = simulator.book("BTCUSDT");
  await client.until(() => client.of(depth).some(({ u }) => u === lastUpdateId));
  simulator.resume();
  expect(await swapped).toBe(true);
});

test("garbage comes in three forms, before a good frame, and loses nothing", async () => {
  for (const form of ["not_json", "truncated", "wrong_shape"] as const) {
    expect(await simulator.garbage({ symbol: "BTCUSDT", kind: "trade", form })).toBe(true);
  }
  await more(trade, 5);
  const broken = client.messages.filter((message) => {
    try {
      return typeof JSON.parse(message).data.E === "string";
    } catch {
      return true;
    }
  });
  expect(broken).toHaveLength(3);
  expect(broken[1]).toMatch(/^\{"stream":"btcusdt@trade","data":\{/);
  const ids = client.of(trade).flatMap(({ t }) => (typeof t === "number" ? [t as number] : []));
  expect(new Set(steps(ids))).toEqual(new Set([1]));
  expect(counted("garbage")).toBe(3);
});

test("after a stall all that was missed comes in order, or none of it", async () => {
  await more(trade, 2);
  await simulator.stall({ symbol: "BTCUSDT", ms: 500, afterwards: "all" });
  await more(depth, 3);
  expect(holes()).toBe(0);
  expect(new Set(steps(tradeIds()))).toEqual(new Set([1]));

  const stalled = simulator.stall({ symbol: "BTCUSDT", ms: 500, afterwards: "none" });
  const before = client.of(trade).length;
  const others = client.of("ethusdt@trade").length;
  await stalled;
  expect(client.of("ethusdt@trade").length).toBeGreaterThan(others);
  await more(depth, 3);
  expect(holes()).toBe(1);
  expect(client.of(trade).length).toBeGreaterThan(before);
  expect(Math.max(...steps(tradeIds()))).toBeGreaterThan(1);
  expect(simulator.withheld).toBeGreaterThan(0);
  expect(counted("stall")).toBe(2);
});

test("a disconnect comes without a close frame, and REST has the trades of the time between", async () => {
  await more(trade, 3);
  expect(simulator.disconnect({ symbol: "BTCUSDT" })).toBe(1);
  await client.until(() => client.closedWith !== undefined);
  expect(client.closedWith).toBe(1006);
  const last = tradeIds().at(-1)!;

  const again = await StreamClient.open(`${simulator.wsUrl}/stream?streams=${trade}`);
  await again.until(() => again.of(trade).length > 0);
  const next = again.of<TradeFrame>(trade)[0]!.t;
  const query = `symbol=BTCUSDT&fromId=${last + 1}&limit=1000`;
  const missed = await getJson<{ id: number }[]>(`${simulator.url}/api/v3/historicalTrades?${query}`);
  expect(missed[0]!.id).toBe(last + 1);
  expect(missed.some(({ id }) => id === next)).toBe(true);
  expect(counted("disconnect")).toBe(1);
  await again.close();
});

test("serverShutdown is announced in Binance's words, then the connection is closed", async () => {
  expect(simulator.serverShutdown({ closeAfterMs: 100 })).toBe(1);
  const event = await client.next((frame) => frame.e === "serverShutdown");
  expect(Object.keys(event)).toEqual(["e", "E"]);
  await client.until(() => client.closedWith !== undefined);
  expect(client.closedWith).toBe(1001);
  expect(counted("serverShutdown")).toBe(1);
});

test("REST errors are given to the next requests and to no others", async () => {
  simulator.restError({ status: 500, count: 2 });
  simulator.restError({ status: 429 });
  const statuses: number[] = [];
  for (let request = 0; request < 4; request++) {
    const answer = await fetch(`${simulator.url}/api/v3/depth?symbol=BTCUSDT`);
    statuses.push(answer.status);
    if (answer.status === 429) expect(answer.headers.get("retry-after")).toBe("1");
    await answer.text();
  }
  expect(statuses).toEqual([500, 500, 429, 200]);
  expect(counted("restError")).toBe(3);
});

test("every fault can be called over HTTP, and a wrong call says what is right", async () => {
  const post = async (path: string) => await fetch(`${simulator.url}/simulator/${path}`, { method: "POST" });
  for (const name of ["sequenceGap", "duplicate", "outOfOrder", "garbage", "stall?ms=50"]) {
    const separator = name.includes("?") ? "&" : "?";
    expect((await post(`faults/${name}${separator}symbol=BTC/USDT`)).status).toBe(200);
  }
  await post("faults/restError?status=418");
  expect((await fetch(`${simulator.url}/api/v3/ping`)).status).toBe(418);
  const spoiled = ["sequenceGap", "duplicate", "outOfOrder", "garbage"];
  await client.until(() => spoiled.every((name) => counted(name) === 1));
  await post("faults/disconnect");
  await client.until(() => client.closedWith !== undefined);
  const counts = await getJson<object>(`${simulator.url}/simulator/faults`);
  expect(counts).toEqual({
    sequenceGap: 1,
    checksum: 0,
    duplicate: 1,
    outOfOrder: 1,
    garbage: 1,
    stall: 1,
    disconnect: 1,
    serverShutdown: 0,
    restError: 1,
  });
  expect((await post("faults/earthquake")).status).toBe(400);
  const refused = await post("faults/garbage?symbol=NOPE");
  expect(await refused.json()).toMatchObject({ code: "TP_SIMULATOR_NO_MARKET" });
  expect((await post("nonsense")).status).toBe(404);
});
