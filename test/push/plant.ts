import { createServer } from "node:net";
import type { Bus } from "../../infra/bus/bus.js";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";
import { createLogger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import type { Store } from "../../infra/store/store.js";
import { type Push, startPush } from "../../push/push.js";
import type { PlantState } from "../../push/rest/plant-routes.js";
import { defaultPushSettings, type PushSettings } from "../../push/settings.js";

/** Which library the tests' WebSockets are served by; the same tests run on each. */
const sockets = (process.env.TICKPLANT_TEST_SOCKETS ?? "auto") as PushSettings["sockets"];

/** A store that has nothing yet. */
export const emptyStore: Store = {
  migrate: async () => ({ applied: [], retention: [] }),
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
  readiness: PlantState["readiness"] = () => ({ ready: true, reasons: [] }),
): Promise<ServedBus> {
  const metrics = new Metrics();
  const push = await startPush({
    bus,
    store,
    metrics,
    settings: { ...defaultPushSettings, sockets, restPort: 0, webSocketPort: 0, ...settings },
    logger: createLogger({ level: "fatal" }),
    readiness,
    metricsText: () => metrics.registry.metrics(),
  });
  return { ...push, bus, metrics };
}

/** Two free ports below those that the system hands out by itself, so that they are still free a moment later. */
export async function freePorts(): Promise<[number, number]> {
  const first = await freePort();
  return [first, await freePort(first)];
}

async function freePort(not?: number): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (port === not) continue;
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
