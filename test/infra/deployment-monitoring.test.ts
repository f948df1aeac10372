import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { Metrics } from "../../infra/metrics.js";
import { watchProcess } from "../../infra/process-metrics.js";
import { PushMetrics } from "../../push/metrics.js";
import { defaultPushSettings } from "../../push/settings.js";
import { prometheusLabels as always, askedBy, prometheusMetrics } from "./promql.js";
import { shippedAlerts } from "./shipped-alerts.js";
import { type EmbeddedStore, openEmbeddedStore } from "./store/embedded-store.js";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

const metrics = new Metrics();
new PushMetrics(metrics);
watchProcess(metrics, []);
/** Labels of each metric that the code makes, and what Prometheus itself knows of a process. */
const labels = new Map(prometheusMetrics);
for (const { name, type } of await metrics.registry.getMetricsAsJSON()) {
  const own = (metrics.registry.getSingleMetric(name) as unknown as { labelNames: string[] }).labelNames;
  const parts = String(type) === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  for (const part of parts) labels.set(name + part, part === "_bucket" ? [...own, "le"] : own);
}
interface Panel {
  readonly id: number;
  readonly title: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr?: string; readonly rawSql?: string; readonly legendFormat?: string }[];
}

const rules = shippedAlerts;
const { panels } = JSON.parse(read("infra/grafana/dashboards/tickplant.json")) as { panels: Panel[] };
const adapter = parse(read("infra/kubernetes/prometheus-adapter.yaml")) as {
  rules: { external: { seriesQuery: string; metricsQuery: string }[] };
};
const expressions = [
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
  ...panels.flatMap(({ title, targets }) => targets.flatMap(({ expr }) => (expr ? [[title, expr] as const] : []))),
  ...adapter.rules.external.flatMap(({ seriesQuery, metricsQuery }) => [
    ["adapter's series", seriesQuery] as const,
    // as the adapter fills its template in
    [
      "adapter's query",
      metricsQuery.replace("<<.Series>>", "mq_consumer_lag").replace("<<.LabelMatchers>>", 'consumer_group="sink"'),
    ] as const,
  ]),
];

describe("dashboards and alerts", () => {
  it.each(expressions)("%s is PromQL over metrics and labels that the plant has: %s", (_, expression) => {
    const asked = askedBy(expression);
    expect(asked.metrics.length).toBeGreaterThan(0);
    const known = asked.metrics.flatMap((name) => labels.get(name) ?? []);
    for (const name of asked.metrics) expect([...labels.keys()]).toContain(name);
    for (const label of asked.labels) expect([...known, ...always]).toContain(label);
  });

  it("wrong expressions are found", () => {
    expect(() => askedBy("sum(rate(mq_consumer_lag[5m])")).toThrow("not PromQL");
    expect(() => askedBy("sum by mq_consumer_lag")).toThrow("not PromQL");
    expect(labels.has(askedBy("max(tickplant_nothing)").metrics[0]!)).toBe(false);
  });

  it("every metric of the plant stands on the dashboard", () => {
    const shown = new Set(
      panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => (expr ? askedBy(expr).metrics : []))),
    );
    for (const name of labels.keys()) {
      if (/^(mq|tickplant)_/.test(name) && !/_(sum|count)$/.test(name)) expect(shown).toContain(name);
    }
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    "alert %s waits, weighs and says what its labels hold",
    (_, rule) => {
      expect(rule.for).toMatch(/^\d+[ms]$/);
      expect(["warning", "critical"]).toContain(rule.labels.severity);
      const kept = [...rule.expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/, */));
      for (const [, label] of rule.annotations.summary!.matchAll(/\$labels\.(\w+)/g)) {
        if (rule.expr.startsWith("up{")) expect(always).toContain(label);
        else expect(kept).toContain(label);
      }
    },
  );

  it("an alert watches each of what goes wrong", () => {
    const watched = rules.flatMap(({ expr }) => askedBy(expr).metrics);
    for (const name of [
      "mq_consumer_lag",
      "tickplant_book_live",
      "tickplant_feed_connected",
      "mq_dead_letter_messages_total",
      "tickplant_dropped_total",
      "tickplant_ready",
      "up",
    ])
      expect(watched).toContain(name);
  });

  it("panels have ids of their own, do not overlap, and stand on data sources that are provisioned", () => {
    const { datasources } = parse(read("infra/grafana/provisioning/datasources/datasources.yaml")) as {
      datasources: { uid: string; type: string }[];
    };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { datasource } of panels) expect(datasources).toContainEqual(expect.objectContaining(datasource));
    for (const [index, { gridPos: a }] of panels.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24);
      for (const { gridPos: b } of panels.slice(index + 1))
        expect(a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h).toBe(false);
    }
  });

  it("Prometheus finds each role at the port that it has", () => {
    const { scrape_configs, rule_files } = parse(read("infra/prometheus/prometheus.yml")) as {
      scrape_configs: { job_name: string; dns_sd_configs: { names: string[]; port: number }[] }[];
      rule_files: string[];
    };
    const ports = Object.fromEntries(
      scrape_configs.flatMap((job) => job.dns_sd_configs.map(({ names, port }) => [names[0], port])),
    );
    expect(ports).toEqual({ ingest: 9100, process: 9100, sink: 9100, push: 8080 });
    expect(rule_files).toEqual(["alerts.yml"]);
  });

  it("Prometheus finds a plant of one command where its configuration has it by default", () => {
    const { scrape_configs, rule_files } = parse(read("infra/prometheus/embedded.yml")) as {
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
      rule_files: string[];
    };
    const { host, restPort } = defaultPushSettings;
    expect(scrape_configs).toEqual([{ job_name: "tickplant", static_configs: [{ targets: [`${host}:${restPort}`] }] }]);
    expect(rule_files).toEqual(["alerts.yml"]);
  });
});

describe("the dashboard's SQL", () => {
  let opened: EmbeddedStore;
  beforeAll(async () => {
    opened = await openEmbeddedStore({ database: "tickplant" });
    await opened.store.migrate();
  });
  afterAll(() => opened.close());

  const queries = panels.flatMap(({ title, targets }) =>
    targets.flatMap(({ rawSql }) => (rawSql ? [[title, rawSql] as const] : [])),
  );
  it.each(queries)("%s is answered by the engine", async (_, sql) => {
    const asked = sql.replaceAll(/\$__timeFilter\((\w+)\)/g, "$1 >= now() - INTERVAL 1 DAY");
    expect(asked).not.toContain("$__");
    await expect(opened.store.query(asked)).resolves.toBeDefined();
  });
  it("there is some", () => expect(queries.length).toBeGreaterThan(2));
});
