import { collectDefaultMetrics, Registry } from "prom-client";
import type { Metrics } from "./metrics.js";
import { version } from "./version.js";

/**
 * What is true of the process as a whole, and of the thread that calls it, which is the main one: prom-client's default
 * metrics (CPU, memory, file descriptors, start, Node's version, event loop, heap, collection), and the plant's version.
 */
export function watchProcess(metrics: Metrics, roles: readonly string[]): void {
  collectDefaultMetrics({ register: metrics.registry });
  // prom-client leaves it out where several registries are put together
  metrics.registry.removeSingleMetric(START);
  metrics
    .gauge(START, "Start time of the process since unix epoch in seconds.", [], "max")
    .set(Math.round(Date.now() / 1000 - process.uptime()));
  metrics.buildInfo.set({ version, node: process.version, roles: roles.join("+") }, 1);
}

/** The same of another thread, under its name: what Node knows of a thread is its event loop and its heap. */
export function watchThread(metrics: Metrics, thread: string): void {
  const all = new Registry();
  collectDefaultMetrics({ register: all, labels: { thread } });
  for (const metric of all.getMetricsAsArray())
    if (OF_A_THREAD.test(metric.name)) metrics.registry.registerMetric(all.getSingleMetric(metric.name)!);
}

const START = "process_start_time_seconds";
const OF_A_THREAD = /^nodejs_(eventloop_lag|heap_size|gc_duration|external_memory)/;
