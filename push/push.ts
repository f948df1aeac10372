import type { Bus } from "../infra/bus/bus.js";
import type { Condition } from "../infra/health.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { Store } from "../infra/store/store.js";
import { PushMetrics } from "./metrics.js";
import { PlantPulse } from "./plant-pulse.js";
import type { PlantState } from "./rest/plant-routes.js";
import { type RestParts, serveRest } from "./rest.js";
import type { PushSettings } from "./settings.js";
import { serveWebSocket } from "./websocket.js";

export interface PushParts extends PlantState {
  readonly bus: Bus;
  readonly store: Store;
  readonly settings: PushSettings;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Whether anything is to come in by itself: a plant that says nothing from the start is ill then. */
  readonly expectsFeeds?: boolean;
  /** Further routes of REST, which push knows nothing of. */
  readonly routes?: RestParts["routes"];
}

export interface Push {
  /** `http://host:port`, the page too. */
  readonly restUrl: string;
  /** `ws://host:port`. */
  readonly webSocketUrl: string;
  /** What stands behind push and does not work. */
  conditions(): Condition[];
  /** Tells the clients and closes. Bus and store stay open: they are the caller's. */
  stop(): Promise<void>;
}

/**
 * Opens the plant to its clients: WebSocket, REST and the page.
 *
 * @throws CannotListen when a port is taken; nothing is left open then
 */
export async function startPush(parts: PushParts): Promise<Push> {
  const { bus, store, settings, metrics, logger, routes, expectsFeeds = false, ...plant } = parts;
  const pushMetrics = new PushMetrics(metrics);
  const pulse = new PlantPulse({ bus, logger, expected: expectsFeeds });
  const webSocket = await serveWebSocket(bus, settings, pushMetrics, logger, pulse, plant.readiness);
  try {
    const webSocketPort = webSocket.port;
    await pulse.start();
    const given = { bus, store, settings, metrics: pushMetrics, logger, plant, webSocketPort, routes, pulse };
    const rest = await serveRest(given);
    webSocket.setPagePort(rest.port);
    return {
      restUrl: `http://${hostInUrl(settings.host)}:${rest.port}`,
      webSocketUrl: `ws://${hostInUrl(settings.host)}:${webSocketPort}`,
      conditions: () => pulse.conditions(),
      stop: async () => {
        await Promise.all([webSocket.stop(), rest.stop(), pulse.stop()]);
      },
    };
  } catch (error) {
    await Promise.all([webSocket.stop(), pulse.stop()]);
    throw error;
  }
}

/** Addresses that mean every interface are reached on this machine. */
function hostInUrl(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
