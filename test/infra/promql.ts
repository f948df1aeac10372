import { parser } from "@prometheus-io/lezer-promql";

export interface Asked {
  readonly metrics: string[];
  readonly labels: string[];
}

/** The metrics and labels that a PromQL expression asks for. @throws Error where it is none */
export function askedBy(expression: string): Asked {
  const found: Asked = { metrics: [], labels: [] };
  parser.parse(expression).iterate({
    enter(node) {
      const text = expression.slice(node.from, node.to);
      if (node.type.isError) throw new Error(`not PromQL at ${node.from}: ${expression}`);
      if (node.name === "Identifier") found.metrics.push(text);
      if (node.name === "LabelName") found.labels.push(text);
    },
  });
  return found;
}

/** Labels of each metric in texts as `/metrics` has them. */
export function labelsIn(texts: readonly string[]): Map<string, Set<string>> {
  const labels = new Map<string, Set<string>>();
  for (const line of texts.join("\n").split("\n")) {
    const [, name, list = ""] = /^([a-z_]\w*)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name === undefined) continue;
    const known = labels.get(name) ?? new Set();
    labels.set(name, known);
    for (const [, label] of list.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) known.add(label!);
  }
  return labels;
}

/** What Prometheus itself says of a process, and adds to each series. */
export const prometheusMetrics = new Map<string, readonly string[]>([["up", []]]);
export const prometheusLabels = ["job", "instance", "namespace", "pod"];
