import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { OutgoingFrame } from "./faults.js";
import type { Dialect } from "./instruments.js";
import { parseStreamName, type StreamName } from "./protocol.js";

export interface ConnectionLimits {
  /** Between the server's pings, and how long it waits for a pong. */
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  /** 24 hours at the venue. */
  readonly lifetimeMs: number;
  readonly maxStreams: number;
  /** Pings, pongs and control frames that a client may send a second. */
  readonly maxMessagesPerSecond: number;
  /** Bytes waiting for a slow client before it is cut off. */
  readonly maxBufferedBytes: number;
}

/** Binance's own figures for both dialects. */
export function venueLimits(dialect: Dialect): ConnectionLimits {
  return {
    pingIntervalMs: dialect === "spot" ? 20_000 : 180_000,
    pongTimeoutMs: dialect === "spot" ? 60_000 : 600_000,
    lifetimeMs: 86_400_000,
    maxStreams: 1024,
    maxMessagesPerSecond: dialect === "spot" ? 5 : 10,
    maxBufferedBytes: 64 * 1024 * 1024,
  };
}

interface Connection {
  readonly socket: WebSocket;
  readonly transport: Duplex;
  readonly streams: Set<string>;
  combined: boolean;
  messages: number;
  messagesSince: number;
  lastPong: number;
}

const text = { binary: false };
const methods = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`";

/** The WebSocket side: connections, their subscriptions and Binance's control frames. */
export class Connections {
  /** Why connections were closed by the server, counted. */
  readonly closed: Record<string, number> = {};
  readonly #server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 65_536 });
  readonly #connections = new Set<Connection>();
  readonly #subscribers = new Map<string, Set<Connection>>();
  readonly #pings: NodeJS.Timeout;

  constructor(
    private readonly dialect: Dialect,
    private readonly limits: ConnectionLimits,
    /** False where the exchange has no such stream. */
    private readonly subscribed: (name: StreamName) => boolean,
  ) {
    this.#pings = setInterval(() => this.#ping(), limits.pingIntervalMs);
  }

  get count(): number {
    return this.#connections.size;
  }

  /** Whether anybody reads a stream: what nobody reads is not encoded. */
  wanted(stream: string): boolean {
    return this.#subscribers.has(stream);
  }

  streams(): string[] {
    return [...this.#subscribers.keys()];
  }

  /** Sends a frame to everybody on its stream, each envelope encoded once. */
  deliver(frame: OutgoingFrame): void {
    let raw: Buffer | undefined;
    let combined: Buffer | undefined;
    for (const connection of this.#subscribers.get(frame.stream) ?? []) {
      if (connection.combined && frame.verbatim !== true) {
        combined ??= Buffer.from(`{"stream":"${frame.stream}","data":${frame.payload}}`);
        this.#send(connection, combined);
      } else {
        raw ??= Buffer.from(frame.payload);
        this.#send(connection, raw);
      }
    }
  }

  /** Gathers what `work` sends into one write a connection. */
  together(work: () => void): void {
    const transports = [...this.#connections].map(({ transport }) => transport);
    for (const transport of transports) transport.cork();
    try {
      work();
    } finally {
      for (const transport of transports) transport.uncork();
    }
  }

  upgrade(request: IncomingMessage, transport: Duplex, head: Buffer): void {
    const asked = request.url ?? "/";
    const url = new URL(URL.canParse(asked, "ws://simulator") ? asked : "/malformed", "ws://simulator");
    const path = url.pathname.replace(/^\/(public|market)(?=\/)/, "");
    const combined = path === "/stream";
    if (!combined && path !== "/ws" && !path.startsWith("/ws/")) {
      transport.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const wanted = combined ? (url.searchParams.get("streams") ?? "") : path.slice("/ws/".length);
    this.#server.handleUpgrade(request, transport, head, (socket) => this.#open(socket, transport, combined, wanted));
  }

  /** Cuts the TCP connections of a symbol's readers, or all, without a close frame. Returns how many. */
  cut(symbol?: string): number {
    const cut = this.#readers(symbol);
    for (const connection of cut) this.#end(connection, "disconnect", () => connection.socket.terminate());
    return cut.length;
  }

  /** Announces the server's end to a symbol's readers, or to all, and closes after a while. Returns how many. */
  shutDown(symbol: string | undefined, closeAfterMs: number): number {
    const told = this.#readers(symbol);
    for (const connection of told) {
      this.#send(connection, Buffer.from(`{"e":"serverShutdown","E":${Date.now()}}`));
      const close = () => this.#end(connection, "serverShutdown", () => connection.socket.close(1001));
      const timer = setTimeout(close, closeAfterMs);
      connection.socket.once("close", () => clearTimeout(timer));
    }
    return told.length;
  }

  stop(): void {
    clearInterval(this.#pings);
    for (const { socket } of this.#connections) socket.terminate();
    this.#server.close();
  }

  #open(socket: WebSocket, transport: Duplex, combined: boolean, wanted: string): void {
    const now = Date.now();
    const streams = new Set<string>();
    const connection: Connection = {
      socket,
      transport,
      streams,
      combined,
      messages: 0,
      messagesSince: now,
      lastPong: now,
    };
    this.#connections.add(connection);
    const end = () => this.#end(connection, "lifetime", () => socket.close(1000));
    const lifetime = setTimeout(end, Math.min(this.limits.lifetimeMs, 2 ** 31 - 1));
    socket.on("close", () => {
      clearTimeout(lifetime);
      this.#forget(connection);
    });
    socket.on("error", () => socket.terminate());
    socket.on("ping", () => this.#received(connection));
    socket.on("pong", () => {
      connection.lastPong = Date.now();
      this.#received(connection);
    });
    socket.on("message", (message) => {
      if (this.#received(connection)) this.#answer(connection, message.toString());
    });
    const names = wanted.split("/").filter((name) => name !== "");
    if (names.length > this.limits.maxStreams) this.#end(connection, "streams", () => socket.close(1008));
    // In a URL the venue passes over streams that it does not know.
    else for (const name of names) this.#subscribe(connection, name);
  }

  #readers(symbol: string | undefined): Connection[] {
    const prefix = symbol === undefined ? "" : `${symbol.toLowerCase()}@`;
    return [...this.#connections].filter(
      ({ streams }) => symbol === undefined || [...streams].some((name) => name.startsWith(prefix)),
    );
  }

  #send(connection: Connection, message: Buffer): void {
    if (connection.socket.bufferedAmount > this.limits.maxBufferedBytes) {
      this.#end(connection, "slow", () => connection.socket.terminate());
      return;
    }
    connection.socket.send(message, text);
  }

  #end(connection: Connection, reason: string, close: () => void): void {
    if (!this.#connections.has(connection)) return;
    this.closed[reason] = (this.closed[reason] ?? 0) + 1;
    this.#forget(connection);
    close();
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    for (const name of [...connection.streams]) this.#unsubscribe(connection, name);
  }

  #subscribe(connection: Connection, name: string): boolean {
    const stream = parseStreamName(name, this.dialect);
    if (stream === undefined || !this.subscribed(stream)) return false;
    connection.streams.add(name);
    const readers = this.#subscribers.get(name);
    if (readers === undefined) this.#subscribers.set(name, new Set([connection]));
    else readers.add(connection);
    return true;
  }

  #unsubscribe(connection: Connection, name: string): void {
    connection.streams.delete(name);
    const readers = this.#subscribers.get(name);
    readers?.delete(connection);
    if (readers?.size === 0) this.#subscribers.delete(name);
  }

  /** Counts a client's message; false when it was one too many and the client is gone. */
  #received(connection: Connection): boolean {
    const now = Date.now();
    if (now - connection.messagesSince >= 1000) {
      connection.messagesSince = now;
      connection.messages = 0;
    }
    if (++connection.messages <= this.limits.maxMessagesPerSecond) return true;
    this.#end(connection, "messages", () => connection.socket.close(1008, "Too many requests"));
    return false;
  }

  #ping(): void {
    const now = Date.now();
    for (const connection of [...this.#connections]) {
      const silent = now - connection.lastPong > this.limits.pongTimeoutMs + this.limits.pingIntervalMs;
      if (silent) this.#end(connection, "pong", () => connection.socket.terminate());
      else connection.socket.ping(String(now));
    }
  }

  #answer(connection: Connection, message: string): void {
    const reply = (answer: object) => connection.socket.send(JSON.stringify(answer));
    let request: unknown;
    try {
      request = JSON.parse(message);
    } catch {
      reply({ code: 3, msg: "Invalid JSON: expected value at line 1 column 1" });
      return;
    }
    const { method, params, id = null } = (request ?? {}) as { method?: unknown; params?: unknown; id?: unknown };
    const result = this.#carryOut(connection, method, Array.isArray(params) ? params : []);
    if (!("code" in result)) reply({ result: result.result, id });
    else if (this.dialect === "spot") reply({ ...result, id });
    else reply({ error: result, id });
  }

  #carryOut(connection: Connection, method: unknown, params: unknown[]): { result: unknown } | RequestError {
    switch (method) {
      case "SUBSCRIBE":
        return this.#subscribeAll(connection, params);
      case "UNSUBSCRIBE":
        for (const name of params) this.#unsubscribe(connection, String(name));
        return { result: null };
      case "LIST_SUBSCRIPTIONS":
        return { result: [...connection.streams] };
      case "GET_PROPERTY":
        return params[0] === "combined" ? { result: connection.combined } : { code: 0, msg: "Unknown property" };
      case "SET_PROPERTY":
        if (params[0] !== "combined") return { code: 0, msg: "Unknown property" };
        if (typeof params[1] !== "boolean") return { code: 1, msg: "Invalid value type: expected Boolean" };
        connection.combined = params[1];
        return { result: null };
      case undefined:
        return { code: 2, msg: "Invalid request: missing field `method` at line 1 column 2" };
      default:
        return { code: 2, msg: `Invalid request: unknown variant \`${String(method)}\`, expected one of ${methods}` };
    }
  }

  #subscribeAll(connection: Connection, names: unknown[]): { result: null } | RequestError {
    if (connection.streams.size + names.length > this.limits.maxStreams) {
      return { code: 2, msg: `Invalid request: more than ${this.limits.maxStreams} streams on one connection` };
    }
    const unknown = names.filter((name) => typeof name !== "string" || !this.#subscribe(connection, name));
    if (unknown.length === 0) return { result: null };
    return { code: 2, msg: `Invalid request: unknown stream ${unknown.map(String).join(", ")}` };
  }
}

interface RequestError {
  code: number;
  msg: string;
}
