import type { Bus } from "../infra/bus/bus.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { Store } from "../infra/store/store.js";
import { PushMetrics } from "./metrics.js";
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
  /** Further routes of REST, which push knows nothing of. */
  readonly routes?: RestParts["routes"];
}

export interface Push {
  /** `http://host:port`, the page too. */
  readonly restUrl: string;
  /** `ws://host:port`. */
  readonly webSocketUrl: string;
  /** Tells the clients and closes. Bus and store stay open: they are the caller's. */
  stop(): Promise<void>;
}

/**
 * Opens the plant to its clients: WebSocket, REST and the page.
 *
 * @throws CannotListen when a port is taken; nothing is left open then
 */
export async function startPush({ bus, store, settings, metrics, logger, routes, ...plant }: PushParts): Promise<Push> {
  const pushMetrics = new PushMetrics(metrics);
  const webSocket = await serveWebSocket(bus, settings, pushMetrics, logger);
  try {
    const webSocketPort = webSocket.port;
    const rest = await serveRest({ bus, store, settings, metrics: pushMetrics, logger, plant, webSocketPort, routes });
    webSocket.setPagePort(rest.port);
    return {
      restUrl: `http://${hostInUrl(settings.host)}:${rest.port}`,
      webSocketUrl: `ws://${hostInUrl(settings.host)}:${webSocketPort}`,
      stop: async () => {
        await Promise.all([webSocket.stop(), rest.stop()]);
      },
    };
  } catch (error) {
    await webSocket.stop();
    throw error;
  }
}

/** Addresses that mean every interface are reached on this machine. */
function hostInUrl(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
