import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { IngestAnswer } from "../ingest/endpoint/endpoint-rig.js";
import { TestClient } from "../push/client.js";
import { Cluster } from "./cluster-rig.js";
import { freePort, PlantProcess, temporaryFolder, testConfig, until } from "./plant-process.js";

const key = "a-key-for-this-test-alone";
const endpoint = { keys: [{ name: "desk", key, exchanges: ["desk"] }] };

interface Rig {
  /** Where `POST /v1/ingest` is, and where REST is. */
  readonly ingestUrl: string;
  readonly restUrl: string;
  readonly webSocketUrl: string;
  stop(): Promise<void>;
}

async function embeddedRig(): Promise<Rig> {
  const folders = await temporaryFolder();
  const config = testConfig({ dataFolder: join(folders.folder, "data"), ingest: { endpoint } });
  const plant = await PlantProcess.start(config);
  const { restUrl, webSocketUrl } = await plant.running();
  return {
    ingestUrl: restUrl,
    restUrl,
    webSocketUrl,
    async stop() {
      await plant.kill();
      await folders.remove();
    },
  };
}

async function clusterRig(): Promise<Rig> {
  const port = await freePort();
  const cluster = await Cluster.start({ ingest: { endpoint: { ...endpoint, port } } });
  await cluster.role("process");
  await cluster.role("ingest");
  const push = await cluster.role("push");
  return {
    ingestUrl: `http://127.0.0.1:${port}`,
    ...cluster.urls(push),
    stop: () => cluster.stop(),
  };
}

const second = 1_000_000;

describe.each([
  ["embedded", embeddedRig],
  ["by the ingest role of a cluster", clusterRig],
] as const)("ticks that are posted, %s", (_name, start) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await start();
  }, 300_000);
  afterAll(() => rig.stop());

  const post = async (lines: readonly object[]) => {
    const response = await fetch(`${rig.ingestUrl}/v1/ingest`, {
      method: "POST",
      body: lines.map((line) => JSON.stringify(line)).join("\n"),
      headers: { authorization: `Bearer ${key}`, "content-type": "application/x-ndjson" },
    });
    return { status: response.status, body: (await response.json()) as IngestAnswer["body"] };
  };
  const get = async <Answer>(path: string): Promise<Answer> =>
    (await (await fetch(`${rig.restUrl}${path}`)).json()) as Answer;

  it("become trades, books and tickers as any venue's, and a repeat doubles nothing", async () => {
    const base = { exchange: "desk", symbol: "BTC/USDT", exchange_time: Date.now() * 1000 - second };
    const trade = { ...base, kind: "trade", side: "buy" };
    const first = [
      { ...base, kind: "depth", is_snapshot: true, update_id: 1, bids: [["99.5", "1"]], asks: [["100.5", "2"]] },
      { ...base, kind: "quote", bid_price: "99.5", bid_qty: "1", ask_price: "100.5", ask_qty: "2" },
      { ...trade, trade_id: "1", price: "100.25", qty: "0.5" },
      { ...trade, trade_id: "2", price: "100", qty: "1.25" },
      { ...trade, trade_id: "3", price: "0", qty: "1" },
    ];
    const answer = await post(first);
    expect(answer).toEqual({
      status: 200,
      body: { accepted: 4, refused: [{ line: 5, reason: "not_positive", detail: "price" }] },
    });
    expect((await post(first)).body).toEqual(answer.body);
    expect((await post([{ ...trade, trade_id: "4", price: "101", qty: "2" }])).status).toBe(200);
    const kline = await until(async () => {
      const found = await get<{ trade_count: number }[]>(
        "/v1/klines?symbol=BTC/USDT&exchange=desk&interval=1d&limit=1",
      );
      return Array.isArray(found) && found[0]?.trade_count === 3 && found[0];
    }, "a K-line of three trades");
    expect(kline).toMatchObject({ open: "100.25", high: "101", low: "100", close: "101", volume: "3.75" });
    const ticker = await get("/v1/ticker?symbol=BTC/USDT&exchange=desk");
    expect(ticker).toMatchObject({ bid_price: "99.5", ask_qty: "2", last_price: "101" });
    const depth = await get("/v1/depth?symbol=BTC/USDT&exchange=desk");
    expect(depth).toMatchObject({ status: "live", bids: [["99.5", "1"]], asks: [["100.5", "2"]], update_id: 1 });
  });

  it("of names in any script are served by every door, and what no door can name is refused at the first", async () => {
    const symbols = ["币安人生/USDT", "ДОГ/USD%E2%82%AE0", "A%40B/USDT:USDT", "$A+B&C*/हिन्दी"];
    const base = { kind: "trade", exchange: "desk", side: "buy", qty: "2", exchange_time: Date.now() * 1000 };
    const bad = ["币安 人生/USDT", "A@B", "e\u0301/USD", "\u202eX/USD", "x".repeat(65), "A/", "\u0000"];
    const lines = [...symbols, ...bad].map((symbol, at) => ({ ...base, symbol, trade_id: `${at}`, price: "1.5" }));
    const { body } = await post(lines);
    expect(body).toMatchObject({ accepted: symbols.length });
    expect(body.refused.map(({ reason }) => reason)).toEqual(bad.map(() => "bad_name"));
    const client = await TestClient.connect(rig.webSocketUrl);
    for (const symbol of symbols) {
      const query = new URLSearchParams({ symbol, exchange: "desk" });
      const trades = await until(async () => {
        const found = await get<{ symbol: string; price: string }[]>(`/v1/trades?${query}`);
        return Array.isArray(found) && found.length > 0 && found;
      }, `a trade of ${symbol}`);
      expect(trades).toMatchObject([{ symbol, exchange: "desk", price: "1.5" }]);
      const klines = await get(`/v1/klines?${query}&interval=1m`);
      expect(klines).toMatchObject([{ symbol, open: "1.5", volume: "2" }]);
      expect(await get(`/v1/ticker?${query}`)).toMatchObject({ symbol, last_price: "1.5" });
      const channels = [
        `trade:${symbol}@desk`,
        `kline:${symbol}@desk:1m`,
        `instrument:${symbol}@desk`,
        `ticker:${symbol}`,
      ];
      await client.answer({ op: "subscribe", id: 1, channels });
      await client.until(() => channels.every((channel) => client.envelopes(channel).length > 0));
      for (const channel of channels) expect(client.envelopes(channel)[0]!.data).toMatchObject({ symbol });
    }
    client.close();
    for (const path of ["tickers", "instruments", "feeds", "indices"]) {
      const response = await fetch(`${rig.restUrl}/v1/${path}`);
      expect(response.status).toBe(200);
      const list = (await response.json()) as { symbol?: string }[];
      if (path === "instruments") expect(list.map(({ symbol }) => symbol)).toEqual(expect.arrayContaining(symbols));
    }
  });

  it("stand in the OpenAPI description of where they go", async () => {
    const description = await (await fetch(`${rig.ingestUrl}/openapi.json`)).json();
    expect(description).toMatchObject({ paths: { "/v1/ingest": { post: { responses: { 200: {}, 401: {} } } } } });
  });
});
