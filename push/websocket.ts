import * as uws from "uWebSockets.js";
import type { Bus } from "../infra/bus/bus.js";
import { CannotListen } from "../infra/cannot-listen.js";
import type { Logger } from "../infra/logging.js";
import type { Client, Connection } from "./client.js";
import { Hub, type Publish } from "./hub.js";
import type { PushMetrics } from "./metrics.js";
import { answers } from "./protocol.js";
import { type PushSettings, version } from "./settings.js";

interface Session {
  readonly address: string;
  client: Client;
  open: boolean;
}

export interface WebSocketServer {
  readonly port: number;
  readonly hub: Hub;
  stop(): Promise<void>;
}

const closingGraceMs = 250;
/** The library pings in time, so only a dead connection is silent for so long. */
const idleTimeoutSeconds = 60;

/**
 * Serves the hub's protocol on a port of its own.
 *
 * @throws CannotListen
 */
export async function serveWebSocket(
  bus: Bus,
  settings: PushSettings,
  metrics: PushMetrics,
  logger: Logger,
): Promise<WebSocketServer> {
  const app = uws.App();
  const publish: Publish = (topic, payload) => {
    const copies = app.numSubscribers(topic);
    if (copies > 0) app.publish(topic, payload, false, settings.deflate);
    return copies;
  };
  const hub = new Hub(bus, settings, metrics, logger, publish);
  app.ws<Session>("/*", behavior(hub, settings));
  app.any("/*", (response) => {
    response.writeStatus("426 Upgrade Required").writeHeader("content-type", "application/json");
    response.end('{"code":"TP_UPGRADE_REQUIRED","message":"this port speaks WebSocket; REST has its own"}');
  });
  const socket = await listen(app, settings);
  await hub.start();
  return {
    port: uws.us_socket_local_port(socket as unknown as uws.us_socket),
    hub,
    stop: async () => {
      uws.us_listen_socket_close(socket);
      await hub.stop();
      await new Promise((resolve) => setTimeout(resolve, hub.connections === 0 ? 0 : closingGraceMs));
      app.close();
    },
  };
}

function listen(app: uws.TemplatedApp, settings: PushSettings): Promise<uws.us_listen_socket> {
  const { host, webSocketPort } = settings;
  return new Promise((resolve, reject) => {
    (app as unknown as ListensAlone).listen(host, webSocketPort, exclusivePort, (socket) => {
      if (socket === false) reject(new CannotListen("the WebSocket server", host, webSocketPort, "push.webSocketPort"));
      else resolve(socket);
    });
  });
}

/** Without it a second plant would share the port, and each get some of the clients. The types leave this form out. */
const exclusivePort = 1;
interface ListensAlone {
  listen(host: string, port: number, options: number, done: (socket: uws.us_listen_socket | false) => void): void;
}

/** The library's types leave the compressors out as values. */
const compressors = uws as unknown as { readonly SHARED_COMPRESSOR: number; readonly DISABLED: number };

function behavior(hub: Hub, settings: PushSettings): uws.WebSocketBehavior<Session> {
  const addresses = new Addresses(settings);
  return {
    compression: settings.deflate ? compressors.SHARED_COMPRESSOR : compressors.DISABLED,
    // The protocol's own bounds are below these, so that a client is told before the library cuts it off.
    maxPayloadLength: Math.max(16 * settings.bounds.messageBytes, 1024 * 1024),
    maxBackpressure: 4 * settings.bounds.bufferedBytes,
    idleTimeout: idleTimeoutSeconds,
    sendPingsAutomatically: true,
    upgrade: (response, request, context) => {
      const address = Buffer.from(response.getRemoteAddressAsText()).toString();
      if (!addresses.mayEnter(address, hub.connections)) {
        hub.dropped("too_many_connections");
        response.writeStatus("503 Service Unavailable").writeHeader("content-type", "application/json");
        response.end('{"code":"TP_TOO_MANY_CONNECTIONS","message":"all connections are taken: try again later"}');
        return;
      }
      response.upgrade(
        { address, open: false } as Session,
        request.getHeader("sec-websocket-key"),
        request.getHeader("sec-websocket-protocol"),
        request.getHeader("sec-websocket-extensions"),
        context,
      );
    },
    open: (ws) => {
      const session = ws.getUserData();
      session.open = true;
      addresses.enter(session.address);
      session.client = hub.connected(connection(ws, session, settings.deflate), session.address);
      session.client.send(answers.welcome(version, settings.heartbeatMs));
    },
    message: (ws, message) => ws.getUserData().client.receive(message),
    drain: (ws) => ws.getUserData().client.drained(),
    dropped: (ws) => {
      // This may be called from within a publish: leaving topics there would pull the list from under it.
      const session = ws.getUserData();
      setImmediate(() => {
        if (session.open) session.client.overflowed();
      });
    },
    close: (ws) => {
      const session = ws.getUserData();
      session.open = false;
      addresses.leave(session.address);
      hub.disconnected(session.client);
    },
  };
}

/** How many connections each address has. */
class Addresses {
  private readonly counts = new Map<string, number>();

  constructor(private readonly settings: PushSettings) {}

  mayEnter(address: string, all: number): boolean {
    const { connections, connectionsPerAddress } = this.settings.bounds;
    return all < connections && (this.counts.get(address) ?? 0) < connectionsPerAddress;
  }

  enter(address: string): void {
    this.counts.set(address, (this.counts.get(address) ?? 0) + 1);
  }

  leave(address: string): void {
    const left = (this.counts.get(address) ?? 0) - 1;
    if (left > 0) this.counts.set(address, left);
    else this.counts.delete(address);
  }
}

function connection(ws: uws.WebSocket<Session>, session: Session, compress: boolean): Connection {
  return {
    send: (text) => session.open && ws.send(text, false, compress) !== 2,
    join: (topic) => {
      if (session.open) ws.subscribe(topic);
    },
    leave: (topic) => {
      if (session.open) ws.unsubscribe(topic);
    },
    buffered: () => (session.open ? ws.getBufferedAmount() : 0),
    together: (sends) => {
      if (session.open) ws.cork(sends);
    },
    close: ({ code, text }) => {
      if (session.open) ws.end(code, text);
    },
  };
}
