import type { Bus } from "../../infra/bus/bus.js";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";
import { createLogger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import type { Store } from "../../infra/store/store.js";
import { type Push, startPush } from "../../push/push.js";
import { defaultPushSettings, type PushSettings } from "../../push/settings.js";

/** A store that has nothing yet. */
export const emptyStore: Store = {
  migrate: async () => {},
  insert: async () => {},
  query: async () => [],
  klines: async () => [],
  trades: async () => [],
  ping: async () => true,
  close: async () => {},
};

export interface ServedBus extends Push {
  readonly bus: Bus;
  readonly metrics: Metrics;
}

/** Push on free ports over a bus of its own. */
export async function serveBus(
  settings: Partial<PushSettings> = {},
  store: Store = emptyStore,
  bus: Bus = new EmbeddedBus(),
): Promise<ServedBus> {
  const metrics = new Metrics();
  const push = await startPush({
    bus,
    store,
    metrics,
    settings: { ...defaultPushSettings, restPort: 0, webSocketPort: 0, ...settings },
    logger: createLogger({ level: "fatal" }),
    readiness: () => ({ ready: true, reasons: [] }),
    metricsText: () => metrics.registry.metrics(),
  });
  return { ...push, bus, metrics };
}
