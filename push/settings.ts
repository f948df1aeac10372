import type { SocketChoice } from "./sockets/choose.js";

/** The `push` part of the plant's configuration, and what of the rest concerns it. */
export interface PushSettings {
  readonly host: string;
  /** 0 takes any free port. */
  readonly restPort: number;
  readonly webSocketPort: number;
  /** Which library serves the WebSockets. */
  readonly sockets: SocketChoice;
  /** permessage-deflate. */
  readonly deflate: boolean;
  readonly heartbeatMs: number;
  /** K-line intervals that the plant makes, from `process.klineIntervals`. */
  readonly klineIntervals: readonly string[];
  readonly bounds: PushBounds;
  readonly rateLimit: {
    /** REST requests of one address. */
    readonly requestsPerMinute: number;
    /** WebSocket connections that one address may open; as many at once as it may have. */
    readonly connectionsPerSecond: number;
    /** WebSocket messages of one client. */
    readonly messagesPerSecond: number;
    /** What WebSocket messages of one client may ask for, in the units of docs/protocol.md. */
    readonly workPerSecond: number;
  };
  /** Names of this server beside loopback's. */
  readonly allowedHosts: readonly string[];
  /** Origins of other pages that may ask. */
  readonly allowedOrigins: readonly string[];
}

export interface PushBounds {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** Channels of one client. */
  readonly subscriptions: number;
  /** That one request may name. */
  readonly channelsPerRequest: number;
  readonly messageBytes: number;
  /** What may wait for one client. */
  readonly bufferedBytes: number;
}

export const defaultPushSettings: PushSettings = {
  host: "127.0.0.1",
  restPort: 8080,
  webSocketPort: 8081,
  allowedHosts: [],
  allowedOrigins: [],
  sockets: "auto",
  deflate: false,
  heartbeatMs: 15_000,
  klineIntervals: ["1m", "5m", "15m", "1h", "4h", "1d"],
  bounds: {
    connections: 10_000,
    connectionsPerAddress: 1_000,
    subscriptions: 1_000,
    channelsPerRequest: 1_000,
    messageBytes: 64 * 1024,
    bufferedBytes: 4 * 1024 * 1024,
  },
  rateLimit: { requestsPerMinute: 1_200, connectionsPerSecond: 50, messagesPerSecond: 20, workPerSecond: 1_000 },
};
