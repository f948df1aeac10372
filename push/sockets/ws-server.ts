import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import { CannotListen } from "../../infra/cannot-listen.js";
import { guardedOf, refuseUpgrade } from "../../infra/http-door.js";
import type { CloseReason } from "../protocol.js";
import {
  answerText,
  firstProtocol,
  plainAddress,
  type ServerSocket,
  type SocketHandlers,
  type SocketListener,
  type SocketOptions,
  type SocketServer,
} from "./socket-server.js";

/** How long a peer may take to answer a close frame. */
const CLOSE_MS = 5_000;

/** A socket that the library would close by itself, for what the peer has sent, is cut without a frame. */
class CutSocket extends WebSocket {
  override close(code?: number, text?: string): void {
    if (code !== undefined && code < 4000 && code !== 1000 && code !== 1005) this.terminate();
    else super.close(code, text);
  }
}

/** Sockets by `ws`, which is JavaScript and runs wherever Node does: each socket's frame is made for itself. */
export async function wsSockets(options: SocketOptions, handlers: SocketHandlers): Promise<SocketServer> {
  const sockets = new Sockets(options, handlers);
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    const answer = handlers.answer(guardedOf(request));
    response.writeHead(answer.status, { "content-type": "application/json; charset=utf-8", connection: "close" });
    response.end(answerText(answer));
  });
  server.on("upgrade", (request, transport, head) => sockets.upgrade(request, transport, head));
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    publish: (topic, text) => sockets.publish(topic, text),
    refuseMore: () => void server.close(),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      sockets.stop();
    },
  };
}

function listen(server: Server, { host, port }: SocketOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) =>
      reject(new CannotListen("the WebSocket server", host, port, "push.webSocketPort", error)),
    );
    server.listen(port, host, resolve);
  });
}

interface Session {
  readonly ws: WebSocket;
  readonly topics: Set<string>;
  listener: SocketListener;
  open: boolean;
  /** When something was sent or received, ms. */
  lastUse: number;
  pinged: boolean;
}

class Sockets {
  readonly #server: WebSocketServer;
  readonly #sessions = new Set<Session>();
  readonly #topics = new Map<string, Set<Session>>();
  readonly #looking: NodeJS.Timeout;

  constructor(
    private readonly options: SocketOptions,
    private readonly handlers: SocketHandlers,
  ) {
    const { deflate, messageBytes, idleSeconds } = options;
    this.#server = new WebSocketServer({
      noServer: true,
      WebSocket: CutSocket,
      maxPayload: messageBytes,
      closeTimeout: CLOSE_MS,
      handleProtocols: (offered: Set<string>) => firstProtocol([...offered].join(",")) || false,
      perMessageDeflate: deflate && {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        threshold: 0,
      },
    } as ConstructorParameters<typeof WebSocketServer>[0]);
    this.#looking = setInterval(() => this.#look(), (idleSeconds * 1000) / 8).unref();
  }

  upgrade(request: IncomingMessage, transport: Duplex, head: Buffer): void {
    const address = plainAddress(request.socket.remoteAddress ?? "");
    const refusal = this.handlers.admit(guardedOf(request), address);
    if (refusal !== undefined) refuseUpgrade(transport, refusal);
    else this.#server.handleUpgrade(request, transport, head, (ws) => this.#open(ws, transport, address));
  }

  publish(topic: string, text: string): number {
    const sessions = this.#topics.get(topic);
    if (sessions === undefined) return 0;
    const bytes = Buffer.from(text);
    for (const session of sessions) {
      if (this.#send(session, bytes)) continue;
      // leaving topics from here would pull the list from under this loop
      setImmediate(() => {
        if (session.open) session.listener.overflowed();
      });
    }
    return sessions.size;
  }

  stop(): void {
    clearInterval(this.#looking);
    for (const session of this.#sessions) {
      session.ws.terminate();
      this.#gone(session);
    }
    for (const ws of this.#server.clients) ws.terminate();
    this.#server.close();
  }

  #open(ws: WebSocket, transport: Duplex, address: string): void {
    const session: Session = {
      ws,
      topics: new Set(),
      open: true,
      lastUse: performance.now(),
      pinged: false,
      listener: undefined as never,
    };
    this.#sessions.add(session);
    session.listener = this.handlers.opened(this.#socket(session, transport, address));
    const used = () => {
      session.lastUse = performance.now();
      session.pinged = false;
    };
    ws.on("message", (message: Buffer) => {
      used();
      if (session.open) session.listener.message(bytesOf(message));
    });
    ws.on("ping", used);
    ws.on("pong", used);
    ws.on("error", () => ws.terminate());
    ws.on("close", () => this.#gone(session));
    transport.on("drain", () => {
      if (session.open) session.listener.drained();
    });
  }

  #socket(session: Session, transport: Duplex, address: string): ServerSocket {
    return {
      address,
      send: (text) => session.open && this.#send(session, Buffer.from(text)),
      join: (topic) => this.#join(session, topic),
      leave: (topic) => this.#leave(session, topic),
      buffered: () => (session.open ? session.ws.bufferedAmount : 0),
      together: (sends) => {
        transport.cork();
        try {
          sends();
        } finally {
          transport.uncork();
        }
      },
      close: (reason) => this.#close(session, reason),
    };
  }

  #send(session: Session, bytes: Buffer): boolean {
    const { ws } = session;
    if (ws.bufferedAmount + bytes.length > this.options.droppedBytes) return false;
    session.lastUse = performance.now();
    ws.send(bytes, { binary: false, compress: this.options.deflate });
    return true;
  }

  #close(session: Session, { code, text }: CloseReason): void {
    if (!session.open) return;
    session.ws.close(code, text);
    this.#gone(session);
  }

  #gone(session: Session): void {
    if (!session.open) return;
    session.open = false;
    this.#sessions.delete(session);
    for (const topic of session.topics) this.#leaveList(session, topic);
    session.listener.closed();
  }

  #join(session: Session, topic: string): void {
    if (!session.open) return;
    session.topics.add(topic);
    const sessions = this.#topics.get(topic);
    if (sessions === undefined) this.#topics.set(topic, new Set([session]));
    else sessions.add(session);
  }

  #leave(session: Session, topic: string): void {
    if (session.topics.delete(topic)) this.#leaveList(session, topic);
  }

  #leaveList(session: Session, topic: string): void {
    const sessions = this.#topics.get(topic);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#topics.delete(topic);
  }

  /** Pings who was silent for long, and cuts who does not answer. */
  #look(): void {
    const idleMs = this.options.idleSeconds * 1000;
    const now = performance.now();
    for (const session of this.#sessions) {
      const silent = now - session.lastUse;
      if (silent > idleMs) session.ws.terminate();
      else if (silent > idleMs / 2 && !session.pinged) {
        session.pinged = true;
        session.ws.ping();
      }
    }
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer =>
  buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
