import type { Bus } from "../infra/bus/bus.js";
import { guardRefusal, policyOf } from "../infra/http-door.js";
import type { GuardedRequest } from "../infra/http-guard.js";
import type { Logger } from "../infra/logging.js";
import { version } from "../infra/version.js";
import { Addresses } from "./addresses.js";
import { Hub, type Publish } from "./hub.js";
import type { PushMetrics } from "./metrics.js";
import type { PlantPulse } from "./plant-pulse.js";
import { answers } from "./protocol.js";
import type { PlantState } from "./rest/plant-routes.js";
import type { PushSettings } from "./settings.js";
import { chooseSockets } from "./sockets/choose.js";
import type { HttpAnswer, SocketHandlers, SocketServer } from "./sockets/socket-server.js";

export interface WebSocketServer {
  readonly port: number;
  readonly hub: Hub;
  /** Port whose pages are this server's own: that of REST, once it listens. */
  setPagePort(port: number): void;
  stop(): Promise<void>;
}

const closingGraceMs = 250;
/** Pings go out in time, so only a dead connection is silent for so long. */
const idleSeconds = 60;

/**
 * Serves the hub's protocol on a port of its own.
 *
 * @throws CannotListen, SocketsUnavailable
 */
export async function serveWebSocket(
  bus: Bus,
  settings: PushSettings,
  metrics: PushMetrics,
  logger: Logger,
  pulse: PlantPulse,
  readiness: PlantState["readiness"],
): Promise<WebSocketServer> {
  const { host, webSocketPort, deflate, bounds } = settings;
  const open = await chooseSockets(settings.sockets, logger);
  let server: SocketServer | undefined;
  const publish: Publish = (topic, payload) => server?.publish(topic, payload) ?? 0;
  const hub = new Hub(bus, settings, metrics, logger, publish, pulse, readiness);
  const door = new Door(settings, hub);
  server = await open(
    {
      host,
      port: webSocketPort,
      deflate,
      // The protocol's own bounds are below these, so that a client is told before the library cuts it off.
      messageBytes: Math.max(16 * bounds.messageBytes, 1024 * 1024),
      droppedBytes: 4 * bounds.bufferedBytes,
      idleSeconds,
    },
    door.handlers,
  );
  await hub.start();
  return {
    port: server.port,
    hub,
    setPagePort: (port) => {
      door.pagePort = port;
    },
    stop: async () => {
      server.refuseMore();
      await hub.stop();
      await new Promise((resolve) => setTimeout(resolve, hub.connections === 0 ? 0 : closingGraceMs));
      await server.stop();
    },
  };
}

/** Who comes in. */
class Door {
  pagePort: number | undefined;
  readonly #addresses: Addresses;

  constructor(
    private readonly settings: PushSettings,
    private readonly hub: Hub,
  ) {
    this.#addresses = new Addresses(settings);
  }

  readonly handlers: SocketHandlers = {
    admit: (request, address) => this.#guard(request) ?? this.#room(address),
    answer: (request) =>
      this.#guard(request) ?? {
        status: 426,
        code: "TP_UPGRADE_REQUIRED",
        message: "this port speaks WebSocket; REST has its own",
      },
    opened: (socket) => {
      const { address } = socket;
      this.#addresses.enter(address);
      const client = this.hub.connected(socket, address);
      client.send(answers.welcome(version, this.settings.heartbeatMs));
      const { trouble } = this.hub;
      if (trouble !== undefined) client.send(trouble);
      return {
        message: (bytes) => client.receive(bytes),
        drained: () => client.drained(),
        overflowed: () => client.overflowed(),
        closed: () => {
          this.#addresses.leave(address);
          this.hub.disconnected(client);
        },
      };
    },
  };

  #guard(request: GuardedRequest): HttpAnswer | undefined {
    const { pagePort } = this;
    const policy = {
      ...policyOf(this.settings, this.settings.host),
      ...(pagePort !== undefined && { ownPorts: [pagePort] }),
    };
    const refusal = guardRefusal(request, policy);
    if (refusal === undefined) return undefined;
    this.hub.dropped(`http_${refusal.reason}`);
    const { status, code, message } = refusal.error;
    return { status, code, message };
  }

  #room(address: string): HttpAnswer | undefined {
    const refusal = this.#addresses.refusal(address);
    if (refusal === undefined) return undefined;
    this.hub.dropped(refusal);
    const message =
      refusal === "too_many_openings"
        ? "this address opens connections too quickly: try again in some seconds"
        : "all connections are taken: try again later";
    return { status: refusal === "too_many_openings" ? 429 : 503, code: "TP_TOO_MANY_CONNECTIONS", message };
  }
}
