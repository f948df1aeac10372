import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AggregatorRegistry } from "prom-client";
import { expect, it } from "vitest";
import { AppendCounts } from "../../infra/log/append-counts.js";
import { LagGauge } from "../../infra/log/lag-gauge.js";
import { Metrics } from "../../infra/metrics.js";
import { watchedDrops } from "../../infra/watched-series.js";
import { shippedAlerts } from "./shipped-alerts.js";

const root = join(import.meta.dirname, "../..");
const sources = ["infra", "ingest", "processors", "plant"].flatMap((room) =>
  readdirSync(join(root, room), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(root, room, name), "utf8")),
);
const watchedPlaces = /place=~"([^"]+)"/.exec(shippedAlerts.find(({ alert }) => alert === "Dropped")!.expr)![1]!;

it("each reason for which a watched place drops begins at 0", async () => {
  const said = sources.flatMap((text) => [...text.matchAll(/\{ place: "(\w+)", reason: "(\w+)" \}/g)]);
  expect(said.length).toBeGreaterThan(10);
  const watched = new Set(watchedPlaces.split("|"));
  // losses to nobody: the alert leaves them out, too
  const harmless = new Set(["heartbeat", "no_lease", "torn_tail_bytes"]);
  const found = said.filter(([, place, reason]) => watched.has(place!) && !harmless.has(reason!));
  expect(found.length).toBeGreaterThan(5);
  for (const [, place, reason] of found) expect(watchedDrops[place!], `${place} ${reason}`).toContain(reason);
  const text = await new Metrics().registry.metrics();
  for (const [place, reasons] of Object.entries(watchedDrops))
    for (const reason of reasons)
      expect(text).toContain(`tickplant_dropped_total{place="${place}",reason="${reason}"} 0`);
});

it("an append counts each topic's records, as error for each attempt and as ok once", async () => {
  const metrics = new Metrics();
  const counts = new AppendCounts(metrics, ["market.trade", "market.kline"]);
  const topics = ["market.trade", "market.depth", "market.trade", "market.depth", "market.trade"];
  counts.take(topics.map((topic) => ({ topic })));
  counts.error();
  counts.error();
  counts.ok(20);
  counts.take([{ topic: "market.trade" }]);
  counts.ok(5);
  const told = Object.fromEntries(
    (await metrics.producerMessages.get()).values.map(({ labels, value }) => [
      `${labels.topic} ${labels.status}`,
      value,
    ]),
  );
  expect(told).toEqual({
    "market.trade ok": 4,
    "market.trade error": 6,
    "market.depth ok": 2,
    "market.depth error": 4,
    "market.kline ok": 0,
    "market.kline error": 0,
  });
  const latency = (await metrics.producerLatency.get()).values;
  const of = (name: string, topic: string) =>
    latency.find(
      ({ metricName, labels }) => metricName === `mq_producer_latency_seconds_${name}` && labels.topic === topic,
    )!;
  expect(of("sum", "market.trade").value).toBeCloseTo(0.025);
  expect(of("count", "market.depth").value).toBe(1);
});

it("a lag that a member and its process both measured is not added up", async () => {
  const both = await Promise.all(
    [9_000, 8_000].map(async (lag) => {
      const metrics = new Metrics();
      metrics.consumerLag.set({ topic: "market.raw", partition: "0", consumer_group: "process" }, lag);
      return metrics.registry.getMetricsAsJSON();
    }),
  );
  const text = await AggregatorRegistry.aggregate(both as never).metrics();
  expect(text).toMatch(/^mq_consumer_lag\{.*\} 9000$/m);
});

it("the lag of a partition that is somebody else's now is told no more", async () => {
  const metrics = new Metrics();
  const gauge = new LagGauge(metrics, "process");
  const shown = async () =>
    (await metrics.consumerLag.get()).values.map(({ labels, value }) => `${labels.topic}/${labels.partition} ${value}`);
  gauge.show([
    { topic: "market.raw", partition: 0, lag: 7 },
    { topic: "market.raw", partition: 1, lag: 9_000 },
  ]);
  expect(await shown()).toEqual(["market.raw/0 7", "market.raw/1 9000"]);
  gauge.show([{ topic: "market.raw", partition: 0, lag: 3 }]);
  expect(await shown()).toEqual(["market.raw/0 3"]);
  gauge.show([]);
  expect(await shown()).toEqual([]);
});
