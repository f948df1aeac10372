import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Metrics } from "../../infra/metrics.js";
import { PushMetrics } from "../../push/metrics.js";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/operations.md"), "utf8");

it("every metric is told on the page about operations, with its labels", async () => {
  const metrics = new Metrics();
  new PushMetrics(metrics);
  const all = await metrics.registry.getMetricsAsJSON();
  expect(all.length).toBeGreaterThan(10);
  for (const { name } of all) expect(page).toContain(`\`${name}`);
  const told = [...page.matchAll(/^\| `((?:mq|tickplant)_\w+)(\{[^}]*\})?`/gm)].map(([, name]) => name!);
  for (const name of told) expect(metrics.registry.getSingleMetric(name), name).toBeDefined();
});

it("every reason for which a tick is refused is told there", () => {
  const sources = readdirSync(join(root, "processors"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  const texts = sources.map((name) => readFileSync(join(root, "processors", name), "utf8"));
  const reasons = texts.flatMap((text) => [...text.matchAll(/new Refusal\("(\w+)"/g)].map(([, reason]) => reason!));
  expect(new Set(reasons).size).toBeGreaterThan(8);
  for (const reason of new Set(reasons)) expect(page, reason).toContain(`\`${reason}\``);
});

it("pages link to what is there", () => {
  const pages = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`),
  ];
  const there = new Set(
    readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => !path.startsWith("node_modules")),
  );
  const broken: string[] = [];
  for (const name of pages) {
    for (const [, target] of readFileSync(join(root, name), "utf8").matchAll(/\]\(([^)#:]+)\)/g)) {
      const path = join(name, "..", target!).replace(/\/$/, "");
      if (!there.has(path)) broken.push(`${name}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});
