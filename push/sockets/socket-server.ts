import type { GuardedRequest } from "../../infra/http-guard.js";
import type { CloseReason } from "../protocol.js";

/**
 * WebSockets as push needs them. Two libraries stand behind this port, and test/conformance/socket-contract.ts holds
 * that a client can not tell them apart.
 */
export interface SocketServer {
  readonly port: number;
  /** Hands a text to every socket that joined the topic. @returns how many there are */
  publish(topic: string, text: string): number;
  /** Takes no further sockets. */
  refuseMore(): void;
  /** Closes what is open still. */
  stop(): Promise<void>;
}

/** One socket, open until `closed` was called. */
export interface ServerSocket {
  /** IP address of the peer. */
  readonly address: string;
  /** @returns false when more than `droppedBytes` would wait: it was dropped then */
  send(text: string): boolean;
  join(topic: string): void;
  leave(topic: string): void;
  /** Bytes that wait to be sent. */
  buffered(): number;
  /** Many sends in one go. */
  together(sends: () => void): void;
  /** Sends a close frame behind what waits; nothing more comes from this socket. */
  close(reason: CloseReason): void;
}

/** What happens on a socket. */
export interface SocketListener {
  message(bytes: ArrayBuffer): void;
  /** Some of what waited has been sent. */
  drained(): void;
  /** A published text was dropped, since too much waits. */
  overflowed(): void;
  closed(): void;
}

/** The answer to a request that does not become a socket. */
export interface HttpAnswer {
  readonly status: number;
  readonly code: `TP_${string}`;
  readonly message: string;
}

export interface SocketHandlers {
  /** Looks at an upgrade before it is answered. @returns why it is refused */
  admit(request: GuardedRequest, address: string): HttpAnswer | undefined;
  opened(socket: ServerSocket): SocketListener;
  /** Answers what is no upgrade. */
  answer(request: GuardedRequest): HttpAnswer;
}

export interface SocketOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** permessage-deflate, without context takeover. */
  readonly deflate: boolean;
  /** A message of more bytes ends its socket without a close frame. */
  readonly messageBytes: number;
  /** What may wait for one socket before texts are dropped. */
  readonly droppedBytes: number;
  /** Seconds after which a socket on which nothing is sent or received, pings in time included, is dead; 8 or more. */
  readonly idleSeconds: number;
}

/** @throws CannotListen */
export type OpenSockets = (options: SocketOptions, handlers: SocketHandlers) => Promise<SocketServer>;

/** The first of the subprotocols that a client offers, as browsers want one of them to be chosen. */
export const firstProtocol = (offered: string): string => offered.split(",", 1)[0]!.trim();

/** `::ffff:127.0.0.1` and `127.0.0.1` are one address. */
export const plainAddress = (address: string): string => address.replace(/^(?:::|0000:0000:0000:0000:0000:)ffff:/i, "");

export const answerText = ({ code, message }: HttpAnswer): string => JSON.stringify({ code, message });
