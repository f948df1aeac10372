import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLogger } from "../../infra/logging.js";
import { type Plant, startPlant } from "../../plant/plant.js";
import { type PrometheusHandle, startPrometheus } from "../../scripts/services/prometheus.mjs";
import { missingIn, prometheusFolder, shippedAlerts } from "../infra/shipped-alerts.js";
import { MoodyExchange } from "../ingest/moody-exchange.js";
import { temporaryFolder, testConfig, until } from "./plant-process.js";

/** Of a plant with oracles, of one that shares services; and one that begins with the first stream that is late. */
const elsewhere = ["tickplant_oracle_stale", "tickplant_service_clock_offset_seconds", "tickplant_stream_late"];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let exchange: MoodyExchange;
let plant: Plant;
let prometheus: PrometheusHandle | undefined;

beforeAll(async () => {
  folder = await temporaryFolder();
  exchange = await MoodyExchange.start(["BTC"], 100);
  const config = testConfig({
    dataFolder: folder.folder,
    ingest: { venues: [{ id: "binance", ...exchange.settings, symbols: ["BTC/USDT"] }] },
  });
  plant = await startPlant(config, createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" }));
  await until(async () => (await fetch(`${plant.restUrl}/readyz`)).ok, "the plant is ready");
}, 120_000);

afterAll(async () => {
  await prometheus?.stop();
  await plant?.stop();
  await exchange?.stop();
  await folder?.remove();
}, 300_000);

const metricsText = async () => (await fetch(`${plant.restUrl}/metrics`)).text();

/** The sum of a metric's values with all these labels. */
function valueIn(text: string, name: string, ...labels: string[]): number {
  const lines = text.split("\n").filter((line) => /^\w+/.exec(line)?.[0] === name);
  const found = lines.filter((line) => labels.every((label) => line.includes(label)));
  return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

it("what tasks append, checkpoints, and rows into the store are counted as they are", async () => {
  const text = await until(async () => {
    const found = await metricsText();
    const isThere = ["market.trade", "market.depth", "plant.state"].every(
      (topic) => valueIn(found, "mq_producer_messages_total", `topic="${topic}"`, 'status="ok"') > 0,
    );
    return isThere && valueIn(found, "tickplant_store_rows_total", 'topic="market.trade"', 'status="ok"') > 0 && found;
  }, "outputs are counted");
  expect(valueIn(text, "mq_producer_messages_total", 'status="error"')).toBe(0);
  expect(valueIn(text, "mq_producer_latency_seconds_count", 'topic="market.trade"')).toBeGreaterThan(0);
  // as many as the log has got since
  const counted = valueIn(text, "mq_producer_messages_total", 'topic="market.trade"', 'status="ok"');
  let ends = 0;
  for (let partition = 0; partition < plant.log.partitions("market.trade"); partition++)
    ends += (await plant.log.offsets("market.trade", partition)).end;
  expect(counted).toBeLessThanOrEqual(ends);
  await until(
    async () =>
      valueIn(await metricsText(), "mq_producer_messages_total", 'topic="market.trade"', 'status="ok"') >= ends,
    "all are counted",
  );
});

it("process and version are told once, event loop and heap of each thread", async () => {
  const text = await metricsText();
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as {
    version: string;
  };
  expect(text).toContain(
    `tickplant_build_info{version="${version}",node="${process.version}",roles="ingest+process+sink+push"} 1`,
  );
  expect(text.match(/^process_cpu_seconds_total /gm)).toHaveLength(1);
  expect(text.match(/^process_start_time_seconds /gm)).toHaveLength(1);
  const threads = [...text.matchAll(/^nodejs_eventloop_lag_p99_seconds(?:\{thread="(\w+)"\})? /gm)];
  expect(threads.map(([, thread = "main"]) => thread).sort()).toEqual(["main", "process", "push", "sink"]);
});

it("Prometheus loads the alerts, finds the plant, and none begins while it is well", async () => {
  const file = join(folder.folder, "embedded.yml");
  const shipped = readFileSync(join(prometheusFolder, "embedded.yml"), "utf8");
  writeFileSync(
    file,
    shipped
      .replace("127.0.0.1:8080", new URL(plant.restUrl!).host)
      .replace("alerts.yml", join(prometheusFolder, "alerts.yml"))
      .replace(/_interval: \d+s/g, "_interval: 1s"),
  );
  prometheus = await startPrometheus({ config: file });
  const ask = async <Data>(path: string): Promise<Data> =>
    ((await (await fetch(`${prometheus!.url}/api/v1/${path}`)).json()) as { data: Data }).data;
  const groups = () =>
    ask<{ groups: { rules: { name: string; state: string; health: string; evaluationTime: number }[] }[] }>("rules");
  type Target = { labels: Record<string, string>; health: string; lastError: string };
  await until(async () => {
    const { activeTargets } = await ask<{ activeTargets: Target[] }>("targets");
    return activeTargets.length === 1 && activeTargets[0]!.health === "up";
  }, "the target is up");
  // rates need some scrapes before they say anything
  await until(async () => {
    const { result } = await ask<{ result: unknown[] }>(
      `query?query=${encodeURIComponent('rate(mq_producer_messages_total{topic="market.trade",status="ok"}[5m]) > 0')}`,
    );
    return result.length > 0;
  }, "rates");
  const scraped = await ask<{ result: { value: [number, string] }[] }>("query?query=scrape_samples_scraped");
  expect(Number(scraped.result[0]!.value[1])).toBeGreaterThan(100);
  const rules = (
    await until(async () => {
      const found = await groups();
      return found.groups.flatMap(({ rules }) => rules).every(({ health }) => health === "ok") && found;
    }, "all rules are evaluated")
  ).groups.flatMap(({ rules }) => rules);
  expect(rules.map(({ name }) => name)).toEqual(shippedAlerts.map(({ alert }) => alert));
  expect(rules.filter(({ state }) => state !== "inactive")).toEqual([]);
});

it("and Prometheus says so once it is not", async () => {
  exchange.mood.aheadMs = 6_000;
  const active = async () =>
    (
      (await (await fetch(`${prometheus!.url}/api/v1/alerts`)).json()) as {
        data: { alerts: { labels: { alertname: string } }[] };
      }
    ).data.alerts.map(({ labels }) => labels.alertname);
  let found: string[] = [];
  const begun = async () => {
    found = await active();
    return ["ConditionHolds", "ClockOff", "RoleNotReady"].every((alert) => found.includes(alert));
  };
  await until(begun, () => `alerts begin: ${found}`, 40_000);
});

it("a running plant exports every metric and label that an alert asks for", async () => {
  const publisher = plant.publisher("off-band");
  const base = { exchange: "binance", symbol: "BTC/USDT", exchangeTime: Date.now() * 1000 } as const;
  publisher.publish({
    ...base,
    kind: "trade",
    tradeId: "x",
    price: "-1",
    qty: "1",
    side: "buy",
    receiveTime: Date.now() * 1000,
  });
  await publisher.close();
  let missing: string[] = [];
  await until(
    async () => {
      missing = missingIn([await metricsText()], elsewhere);
      return missing.length === 0;
    },
    () => `every metric: ${missing.join(", ")}`,
    40_000,
  );
});
