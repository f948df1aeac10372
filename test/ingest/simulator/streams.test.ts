import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { Simulator, type SimulatorOptions } from "../../../ingest/simulator/server.js";
import { recording } from "../../recordings.js";
import {
  type DepthFrame,
  getJson,
  type QuoteFrame,
  type SnapshotBody,
  StreamClient,
  type TradeFrame,
} from "./stream-client.js";

const running: { stop(): Promise<void> }[] = [];

async function start(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await Simulator.start({ seed: "streams", rate: 300, ...options });
  running.push(simulator);
  return simulator;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.stop()));
});

/** The first recorded payload of each kind, and of every one its field names in order. */
async function recordedFields(file: string): Promise<Map<string, string[]>> {
  const fields = new Map<string, string[]>();
  const stream = createReadStream(recording(file)).pipe(createGunzip());
  for await (const line of createInterface({ input: stream })) {
    const frame = JSON.parse(line.slice(line.indexOf(" ") + 1));
    const kind = frame.stream?.split("@")[1] ?? "snapshot";
    if (!fields.has(kind)) fields.set(kind, Object.keys(frame.data ?? frame));
    if (fields.size === 4) break;
  }
  stream.destroy();
  return fields;
}

describe.each([
  ["spot", "hftbacktest/spot/btcusdt_20240808.gz", "/api/v3"],
  ["usdm", "hftbacktest/usdm/btcusdt_20240808.gz", "/fapi/v1"],
] as const)("the %s dialect", (dialect, file, api) => {
  test("sends frames and snapshots with the fields that the venue sends, in its order", async () => {
    const simulator = await start({ dialect });
    const client = await StreamClient.open(
      `${simulator.wsUrl}/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms`,
    );
    const fields = await recordedFields(file);
    for (const channel of ["trade", "bookTicker", "depth@100ms"]) {
      const stream = `btcusdt@${channel}`;
      await client.until(() => client.of(stream).length > 0);
      expect(Object.keys(client.of(stream)[0]!)).toEqual(fields.get(channel.split("@")[0]!));
    }
    const snapshot = await getJson<SnapshotBody>(`${simulator.url}${api}/depth?symbol=BTCUSDT&limit=1000`);
    expect(Object.keys(snapshot)).toEqual(fields.get("snapshot"));
  });

  test("a client that follows the documented rule ends with the simulator's book, trades and best prices", async () => {
    const simulator = await start({ dialect, symbols: ["BTC/USDT", "ETH/USDT"] });
    const streams = ["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms"];
    const client = await StreamClient.open(`${simulator.wsUrl}/stream?streams=${streams.join("/")}`);
    await client.until(() => client.of("btcusdt@depth@100ms").length > 3);
    const snapshot = await getJson<SnapshotBody>(`${simulator.url}${api}/depth?symbol=BTCUSDT&limit=1000`);
    await client.until(() => client.of("btcusdt@depth@100ms").length > 20);
    simulator.pause();
    const book = simulator.book("BTC/USDT");
    await client.until(() => client.of<DepthFrame>("btcusdt@depth@100ms").at(-1)?.u === book.lastUpdateId);

    const bids = new Map(snapshot.bids);
    const asks = new Map(snapshot.asks);
    for (const frame of client.of<DepthFrame>("btcusdt@depth@100ms")) {
      if (frame.u <= snapshot.lastUpdateId) continue;
      for (const [side, levels] of [
        [bids, frame.b],
        [asks, frame.a],
      ] as const) {
        for (const [price, qty] of levels) {
          if (Number(qty) === 0) side.delete(price);
          else side.set(price, qty);
        }
      }
    }
    expect(bids).toEqual(new Map(book.bids));
    expect(asks).toEqual(new Map(book.asks));
    const quote = client.of<QuoteFrame>("btcusdt@bookTicker").at(-1)!;
    expect([quote.b, quote.B, quote.a, quote.A]).toEqual([...book.bids[0]!, ...book.asks[0]!]);
    const seen = client.of<TradeFrame>("btcusdt@trade").map((trade) => [trade.t, trade.p, trade.q, trade.T]);
    const held = simulator.trades("BTC/USDT").map(({ id, price, qty, time }) => [id, price, qty, time]);
    expect(seen.length).toBeGreaterThan(10);
    expect(seen).toEqual(held.slice(-seen.length));
  });
});

test("who connects to a market that has not opened yet misses no trade", async () => {
  const simulator = await start({ paused: true, symbols: ["BTC/USDT"], keepTrades: "all" });
  const client = await StreamClient.open(`${simulator.wsUrl}/stream?streams=btcusdt@trade`);
  expect(simulator.trades("BTCUSDT")).toEqual([]);
  simulator.resume();
  await client.until(() => client.of("btcusdt@trade").length > 10);
  expect(client.of<TradeFrame>("btcusdt@trade")[0]!.t).toBe(simulator.trades("BTCUSDT")[0]!.id);
});

test("subscriptions are taken, listed and given back by control frames", async () => {
  const simulator = await start();
  const client = await StreamClient.open(`${simulator.wsUrl}/stream`);
  const params = ["ethusdt@trade", "ethusdt@bookTicker"];
  expect(await client.ask({ method: "SUBSCRIBE", params, id: 1 })).toEqual({ result: null, id: 1 });
  await client.until(() => client.of("ethusdt@trade").length > 0);
  expect(await client.ask({ method: "LIST_SUBSCRIPTIONS", id: 2 })).toEqual({ result: params, id: 2 });
  const gone = { method: "UNSUBSCRIBE", params: ["ethusdt@trade"], id: 3 };
  expect(await client.ask(gone)).toEqual({ result: null, id: 3 });
  expect(await client.ask({ method: "LIST_SUBSCRIPTIONS", id: 4 })).toEqual({ result: ["ethusdt@bookTicker"], id: 4 });
  await client.close();
});

test("an unknown stream, symbol or method is answered with an error, and the rest of a request counts", async () => {
  const simulator = await start({ limits: { maxMessagesPerSecond: 100 } });
  const client = await StreamClient.open(`${simulator.wsUrl}/ws`);
  for (const name of ["nopeusdt@trade", "btcusdt@nope", "BTCUSDT@trade", "btcusdt@depth@7ms", "btcusdt@kline_7m"]) {
    const answer = await client.ask({ method: "SUBSCRIBE", params: [name, "btcusdt@trade"], id: 1 });
    expect(answer).toMatchObject({ code: 2, id: 1 });
    client.messages.length = 0;
  }
  expect(await client.ask({ method: "LIST_SUBSCRIPTIONS", id: 2 })).toEqual({ result: ["btcusdt@trade"], id: 2 });
  expect(await client.ask({ method: "DANCE", id: 3 })).toMatchObject({ code: 2, id: 3 });
  client.send("{nonsense");
  await client.next((frame) => frame.code === 3);
});

test("a raw connection gets payloads without the combined envelope, until it asks for it", async () => {
  const simulator = await start();
  const client = await StreamClient.open(`${simulator.wsUrl}/ws/btcusdt@trade`);
  await client.next((frame) => frame.e === "trade" && frame.s === "BTCUSDT");
  expect(await client.ask({ method: "GET_PROPERTY", params: ["combined"], id: 1 })).toEqual({ result: false, id: 1 });
  await client.ask({ method: "SET_PROPERTY", params: ["combined", true], id: 2 });
  await client.next((frame) => frame.stream === "btcusdt@trade");
});

test("24 h statistics and K-lines come every second and agree with REST", async () => {
  const simulator = await start();
  const client = await StreamClient.open(`${simulator.wsUrl}/stream?streams=btcusdt@ticker/btcusdt@kline_1m`);
  await client.until(() => client.of("btcusdt@ticker").length > 0 && client.of("btcusdt@kline_1m").length > 0);
  client.messages.length = 0;
  simulator.pause();
  await client.until(() => client.of("btcusdt@ticker").length > 0 && client.of("btcusdt@kline_1m").length > 0);
  const ticker = client.of("btcusdt@ticker").at(-1)!;
  const { k } = client.of<{ k: Record<string, unknown> }>("btcusdt@kline_1m").at(-1)!;
  const day = await getJson<Record<string, unknown>>(`${simulator.url}/api/v3/ticker/24hr?symbol=BTCUSDT`);
  expect([ticker.e, ticker.c, ticker.v, ticker.q, ticker.n]).toEqual([
    "24hrTicker",
    day.lastPrice,
    day.volume,
    day.quoteVolume,
    day.count,
  ]);
  const rows = await getJson<unknown[][]>(`${simulator.url}/api/v3/klines?symbol=BTCUSDT&interval=1m`);
  expect([k.t, k.o, k.h, k.l, k.c, k.v, k.T, k.q, k.n, k.V, k.Q, k.B]).toEqual(rows.at(-1));
});

describe("a connection is ended by the server", () => {
  test("when it sends more messages than allowed", async () => {
    const simulator = await start({ limits: { maxMessagesPerSecond: 5 } });
    const client = await StreamClient.open(`${simulator.wsUrl}/ws`);
    for (let id = 1; id <= 20; id++) client.send({ method: "LIST_SUBSCRIPTIONS", id });
    await client.until(() => client.closedWith !== undefined);
    expect(client.closedWith).toBe(1008);
    expect(simulator.closed.messages).toBe(1);
  });

  test("when it does not answer pings, while one that does stays", async () => {
    const simulator = await start({ limits: { pingIntervalMs: 250, pongTimeoutMs: 100 } });
    const quiet = await StreamClient.open(`${simulator.wsUrl}/ws`, { autoPong: false });
    const good = await StreamClient.open(`${simulator.wsUrl}/ws`);
    await quiet.until(() => quiet.closedWith !== undefined);
    expect(simulator.closed.pong).toBe(1);
    expect(good.closedWith).toBeUndefined();
  });

  test("when its time is up", async () => {
    const simulator = await start({ limits: { lifetimeMs: 200 } });
    const client = await StreamClient.open(`${simulator.wsUrl}/ws/btcusdt@trade`);
    await client.until(() => client.closedWith !== undefined);
    expect(simulator.closed.lifetime).toBe(1);
  });

  test("when its URL names more streams than allowed, and a request for too many is refused", async () => {
    const simulator = await start({ limits: { maxStreams: 2 } });
    const streams = "btcusdt@trade/btcusdt@ticker/btcusdt@bookTicker";
    const client = await StreamClient.open(`${simulator.wsUrl}/stream?streams=${streams}`);
    await client.until(() => client.closedWith !== undefined);
    const other = await StreamClient.open(`${simulator.wsUrl}/stream`);
    const answer = await other.ask({ method: "SUBSCRIBE", params: streams.split("/"), id: 9 });
    expect(answer).toMatchObject({ code: 2, id: 9 });
  });

  test("when the path is not one of the venue's", async () => {
    const simulator = await start();
    await expect(StreamClient.open(`${simulator.wsUrl}/nonsense`)).rejects.toThrow("404");
  });
});
