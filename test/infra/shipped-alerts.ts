import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { askedBy, labelsIn, prometheusLabels, prometheusMetrics } from "./promql.js";

export const prometheusFolder = join(import.meta.dirname, "../../infra/prometheus");

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The alerts that are shipped. */
export const shippedAlerts = (
  parse(readFileSync(join(prometheusFolder, "alerts.yml"), "utf8")) as { groups: { rules: Rule[] }[] }
).groups.flatMap(({ rules }) => rules);

/**
 * Metrics, or labels of metrics, which an alert asks for and no scraped text has: `alert: metric` or `alert: {label}`.
 *
 * @param texts of `/metrics`
 * @param except metrics that this plant has no reason to have
 */
export function missingIn(texts: readonly string[], except: readonly string[] = []): string[] {
  const exported = labelsIn(texts);
  const missing: string[] = [];
  for (const { alert, expr } of shippedAlerts) {
    const { metrics, labels } = askedBy(expr);
    if (metrics.some((name) => except.includes(name))) continue;
    const known = new Set(prometheusLabels);
    for (const name of metrics) {
      const found = exported.get(name) ?? prometheusMetrics.get(name);
      if (found === undefined) missing.push(`${alert}: ${name}`);
      for (const label of found ?? []) known.add(label);
    }
    for (const label of labels) if (!known.has(label)) missing.push(`${alert}: {${label}}`);
  }
  return missing;
}
