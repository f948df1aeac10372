import { afterAll, beforeAll, it } from "vitest";
import { createLogger } from "../../infra/logging.js";
import { type Plant, startPlant } from "../../plant/plant.js";
import { MoodyExchange } from "../ingest/moody-exchange.js";
import { TestClient } from "../push/client.js";
import { temporaryFolder, testConfig, until } from "./plant-process.js";

/** What is promised; a loaded machine gets more, and the table says what it took. */
const PROMISED_S = 15;
const PATIENCE_MS = 60_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let exchange: MoodyExchange;
let plant: Plant;
let client: TestClient;
const channel = "trade:BTC/USDT@binance";
const table: string[] = [];

beforeAll(async () => {
  folder = await temporaryFolder();
  exchange = await MoodyExchange.start(["BTC", "NEW"], 200);
  const config = testConfig({
    dataFolder: folder.folder,
    ingest: { venues: [{ id: "binance", ...exchange.settings, symbols: ["BTC/USDT", "NEW/USDT"] }] },
  });
  plant = await startPlant(config, createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" }));
  await until(
    async () => (await readiness()).ready,
    () => `ready: ${JSON.stringify(last)}`,
  );
  client = await TestClient.connect(plant.webSocketUrl!);
  await client.answer({ op: "subscribe", id: 1, channels: [channel] });
  // enough of a history to be judged by: a stream of five a second
  await until(() => client.envelopes(channel).length > 130, "trades");
}, 180_000);

afterAll(async () => {
  client?.close();
  await plant?.stop();
  await exchange?.stop();
  await folder?.remove();
  console.info(["state | /readyz | client | feeds | mended", ...table].join("\n"));
}, 300_000);

interface Readiness {
  ready: boolean;
  reasons: string[];
}
let last: Readiness | undefined;

async function readiness(): Promise<Readiness> {
  last = (await (await fetch(`${plant.restUrl}/readyz`)).json()) as Readiness;
  return last;
}

async function feedsAreIll(): Promise<boolean> {
  const feeds = (await (await fetch(`${plant.restUrl}/v1/feeds`)).json()) as {
    feeds: { connected: boolean }[];
    ill: unknown[];
  }[];
  return feeds.some(({ feeds, ill }) => ill.length > 0 || feeds.some(({ connected }) => !connected));
}

const clientSays = () => client.received.findLast(({ op }) => op === "status")?.status ?? "live";

/** Seconds until it holds. */
async function secondsUntil(holds: () => Promise<boolean> | boolean, what: string): Promise<number> {
  const from = performance.now();
  await until(holds, () => `${what}: ${JSON.stringify(last)}`, PATIENCE_MS);
  return (performance.now() - from) / 1000;
}

it.each<[string, RegExp, () => void, () => void]>([
  [
    "feed silent",
    /^binance \(market-1\) is connected and has brought nothing/,
    () => (exchange.mood.silent = () => true),
    () => (exchange.mood.silent = () => false),
  ],
  [
    "subscription refused",
    /^binance refuses btcusdt@trade/,
    () => {
      exchange.mood.refuses = () => true;
      exchange.drop();
    },
    () => (exchange.mood.refuses = () => false),
  ],
  [
    "clock 6 s off",
    /^the clock is \d+ ms behind binance's/,
    () => (exchange.mood.aheadMs = 6_000),
    () => (exchange.mood.aheadMs = 0),
  ],
])(
  "%s: /readyz, feeds and a client say so and take it back",
  async (state, reason, begin, end) => {
    begin();
    const ready = secondsUntil(
      async () => (await readiness()).reasons.some((text) => reason.test(text)),
      `${state} said`,
    );
    const told = secondsUntil(() => clientSays() === "stale", `${state} told to clients`);
    const shown = secondsUntil(feedsAreIll, `${state} shown in feeds`);
    const begun = await Promise.all([ready, told, shown]);
    end();
    const well = async () => (await readiness()).ready && clientSays() === "live" && !(await feedsAreIll());
    const mended = await secondsUntil(well, `${state} mended`);
    table.push([state, ...[...begun, mended].map((seconds) => `${seconds.toFixed(1)} s`)].join(" | "));
    if (Math.max(...begun, mended) > PROMISED_S) console.warn(`${state}: more than ${PROMISED_S} s`);
  },
  200_000,
);
