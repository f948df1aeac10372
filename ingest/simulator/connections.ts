import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Client, ConnectionLimits, Streams } from "./dialect.js";
import type { OutgoingFrame } from "./faults.js";

interface Connection {
  readonly socket: WebSocket;
  readonly transport: Duplex;
  readonly client: Client;
  /** Native id of its market, by stream. */
  readonly streams: Map<string, string>;
  messages: number;
  messagesSince: number;
  hourMessages: number;
  hourSince: number;
  lastPong: number;
  /** When either side last sent something. */
  lastUse: number;
}

const text = { binary: false };
const mostConnections = 1_000;
const hourMs = 3_600_000;
const longestTimerMs = 2 ** 31 - 1;

/** The WebSocket side of a simulated exchange: its connections, who reads what, and the venue's limits on them. */
export class Connections {
  /** Why connections were closed by the server, counted. */
  readonly closed: Record<string, number> = {};
  readonly #server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 65_536 });
  readonly #connections = new Set<Connection>();
  readonly #subscribers = new Map<string, Set<Connection>>();
  readonly #pings: NodeJS.Timeout | undefined;

  constructor(
    private readonly limits: ConnectionLimits,
    private readonly dialect: () => Streams,
  ) {
    const { pingIntervalMs, idleMs } = limits;
    const everyMs = pingIntervalMs ?? (idleMs === undefined ? undefined : idleMs / 4);
    if (everyMs !== undefined) this.#pings = setInterval(() => this.#ping(), everyMs);
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

  /** Sends a frame to everybody on its stream, each form of the message encoded once. */
  deliver(frame: OutgoingFrame): void {
    let raw: Buffer | undefined;
    let combined: Buffer | undefined;
    for (const connection of this.#subscribers.get(frame.stream) ?? []) {
      if (frame.verbatim === true) raw ??= Buffer.from(frame.payload);
      else if (connection.client.combined) combined ??= Buffer.from(this.dialect().messageOf(frame, true));
      else raw ??= Buffer.from(this.dialect().messageOf(frame, false));
      this.#send(connection, connection.client.combined && frame.verbatim !== true ? combined! : raw!);
    }
  }

  broadcast(message: string): void {
    const bytes = Buffer.from(message);
    for (const connection of [...this.#connections]) this.#send(connection, bytes);
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
    if (!this.dialect().serves(url) || this.#connections.size >= mostConnections) {
      transport.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    this.#server.handleUpgrade(request, transport, head, (socket) => this.#open(socket, transport, url));
  }

  /** Cuts the TCP connections of a symbol's readers, or all, without a close frame. Returns how many. */
  cut(symbol?: string): number {
    const cut = this.#readers(symbol);
    for (const connection of cut) this.#end(connection, "disconnect", () => connection.socket.terminate());
    return cut.length;
  }

  /** Announces the server's end, where the venue does, to a symbol's readers or all, and closes. Returns how many. */
  shutDown(symbol: string | undefined, closeAfterMs: number): number {
    const told = this.#readers(symbol);
    for (const connection of told) {
      const notice = this.dialect().shutdownNotice();
      if (notice !== undefined) this.#send(connection, Buffer.from(notice));
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

  #open(socket: WebSocket, transport: Duplex, url: URL): void {
    const now = Date.now();
    const streams = new Map<string, string>();
    const client: Client = {
      url,
      combined: false,
      get streams() {
        return new Set(streams.keys());
      },
      subscribe: (stream, symbol) => this.#subscribe(connection, stream, symbol),
      unsubscribe: (stream) => this.#unsubscribe(connection, stream),
      send: (message) => this.#send(connection, Buffer.from(message)),
      hasRoomFor: (count) => streams.size + count <= this.limits.maxStreams,
    };
    const connection: Connection = {
      socket,
      transport,
      client,
      streams,
      messages: 0,
      messagesSince: now,
      hourMessages: 0,
      hourSince: now,
      lastPong: now,
      lastUse: now,
    };
    this.#connections.add(connection);
    const end = () => this.#end(connection, "lifetime", () => socket.close(1000));
    const lifetime = setTimeout(end, Math.min(this.limits.lifetimeMs, longestTimerMs));
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
      if (!this.#received(connection)) return;
      try {
        this.dialect().message(client, message.toString());
      } catch {
        // a message that no venue's client would send, in a form that the dialect does not expect
        this.#end(connection, "malformed", () => socket.close(1008));
      }
    });
    if (!this.dialect().opened(client)) this.#end(connection, "streams", () => socket.close(1008));
  }

  #readers(symbol: string | undefined): Connection[] {
    return [...this.#connections].filter(
      ({ streams }) => symbol === undefined || [...streams.values()].some((own) => own === symbol),
    );
  }

  #send(connection: Connection, message: Buffer): void {
    if (connection.socket.bufferedAmount > this.limits.maxBufferedBytes) {
      this.#end(connection, "slow", () => connection.socket.terminate());
      return;
    }
    connection.lastUse = Date.now();
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
    for (const name of [...connection.streams.keys()]) this.#unsubscribe(connection, name);
  }

  #subscribe(connection: Connection, stream: string, symbol: string): void {
    if (!this.#connections.has(connection)) return;
    connection.streams.set(stream, symbol);
    const readers = this.#subscribers.get(stream);
    if (readers === undefined) this.#subscribers.set(stream, new Set([connection]));
    else readers.add(connection);
  }

  #unsubscribe(connection: Connection, stream: string): void {
    connection.streams.delete(stream);
    const readers = this.#subscribers.get(stream);
    readers?.delete(connection);
    if (readers?.size === 0) this.#subscribers.delete(stream);
  }

  /** Counts a client's message; false when it was one too many and the client is gone. */
  #received(connection: Connection): boolean {
    const now = Date.now();
    connection.lastUse = now;
    if (now - connection.messagesSince >= 1000) {
      connection.messagesSince = now;
      connection.messages = 0;
    }
    if (now - connection.hourSince >= hourMs) {
      connection.hourSince = now;
      connection.hourMessages = 0;
    }
    const { maxMessagesPerSecond, maxMessagesPerHour = Number.POSITIVE_INFINITY } = this.limits;
    connection.messages += 1;
    connection.hourMessages += 1;
    if (connection.messages <= maxMessagesPerSecond && connection.hourMessages <= maxMessagesPerHour) return true;
    this.#end(connection, "messages", () => connection.socket.close(1008, "Too many requests"));
    return false;
  }

  #ping(): void {
    const now = Date.now();
    const { pingIntervalMs, pongTimeoutMs = 0, idleMs = Number.POSITIVE_INFINITY } = this.limits;
    for (const connection of [...this.#connections]) {
      const { socket } = connection;
      if (now - connection.lastUse > idleMs) this.#end(connection, "idle", () => socket.close(4004));
      if (pingIntervalMs === undefined) continue;
      const silent = now - connection.lastPong > pongTimeoutMs + pingIntervalMs;
      if (silent) this.#end(connection, "pong", () => socket.terminate());
      else socket.ping(String(now));
    }
  }
}
