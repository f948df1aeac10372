import { collectDefaultMetrics, Registry } from "prom-client";
import type { Metrics } from "./metrics.js";
import { version } from "./version.js";

/**
 * What is true of the process as a whole, and of the thread that calls it, which is the main one: prom-client's default
 * metrics (CPU, memory, file descriptors, start, Node's version, event loop, heap, collection), and the plant's version.
 */
export function watchProcess(metrics: Metrics, roles: readonly string[]): void {
  collectDefaultMetrics({ register: metrics.registry });
  metrics.buildInfo.set({ version, node: process.version, roles: roles.join("+") }, 1);
}

/** The same of another thread, under its name: what Node knows of a thread is its event loop and its heap. */
export function watchThread(metrics: Metrics, thread: string): void {
  const all = new Registry();
  collectDefaultMetrics({ register: all, labels: { thread } });
  for (const metric of all.getMetricsAsArray())
    if (OF_A_THREAD.test(metric.name)) metrics.registry.registerMetric(all.getSingleMetric(metric.name)!);
}

const OF_A_THREAD = /^nodejs_(eventloop_lag|heap_size|gc_duration|external_memory)/;
