import { PlantError } from "../schemas/errors.js";

/** What a client asks. `id` is the client's own and comes back in the answer. */
export type ClientRequest =
  | { readonly op: "subscribe"; readonly id: RequestId; readonly channels: string[]; readonly rateMs: number }
  | { readonly op: "unsubscribe"; readonly id: RequestId; readonly channels: string[] }
  | { readonly op: "ping"; readonly id: RequestId };

export type RequestId = number | string | null;

/** Codes of `{"op":"error"}`: stable, documented in docs/protocol.md. */
export type ErrorCode =
  | "TP_MESSAGE_MALFORMED"
  | "TP_MESSAGE_TOO_LARGE"
  | "TP_OP_UNKNOWN"
  | "TP_CHANNEL_UNKNOWN"
  | "TP_NOT_SUBSCRIBED"
  | "TP_TOO_MANY_CHANNELS"
  | "TP_TOO_MANY_ERRORS"
  | "TP_TOO_MANY_REQUESTS"
  | "TP_SNAPSHOT_UNAVAILABLE"
  | "TP_SLOW_CLIENT"
  | "TP_SERVER_STOPPING";

/** What a client is told in `{"op":"error"}`. */
export class ProtocolError extends PlantError {
  constructor(
    override readonly code: ErrorCode,
    message: string,
    readonly id: RequestId = null,
  ) {
    super(code, message);
  }
}

export interface CloseReason {
  readonly code: number;
  /** Stands in the close frame. */
  readonly text: string;
}

/** Close codes: 4000 to 4499 mean reconnect (after the documented delay), 4500 to 4999 mean don't before mending. */
export const closeReasons = {
  serverStopping: { code: 4000, text: "server stopping" },
  slowClient: { code: 4001, text: "slow client" },
  tooManyRequests: { code: 4002, text: "too many requests" },
  messageTooLarge: { code: 4500, text: "message too large" },
} as const satisfies Record<string, CloseReason>;

/** The shortest wish for `rate_ms` and the longest. */
const rateBounds = { minMs: 10, maxMs: 60_000 } as const;

/**
 * Reads a client's message.
 *
 * @param mostChannels that a request may name
 * @throws ProtocolError `TP_MESSAGE_MALFORMED`, `TP_OP_UNKNOWN` or `TP_TOO_MANY_CHANNELS`, with the request's id where
 *   one could be read
 */
export function readRequest(text: string, mostChannels: number): ClientRequest {
  const message = readObject(text);
  const id = readId(message.id);
  switch (message.op) {
    case "subscribe":
      return { op: "subscribe", id, channels: readChannels(message, id, mostChannels), rateMs: readRate(message, id) };
    case "unsubscribe":
      return { op: "unsubscribe", id, channels: readChannels(message, id, mostChannels) };
    case "ping":
      return { op: "ping", id };
    default:
      throw new ProtocolError("TP_OP_UNKNOWN", 'op must be "subscribe", "unsubscribe" or "ping"', id);
  }
}

function readObject(text: string): Record<string, unknown> {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    throw new ProtocolError("TP_MESSAGE_MALFORMED", "the message is not JSON");
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    throw new ProtocolError("TP_MESSAGE_MALFORMED", "the message is not a JSON object");
  }
  return message as Record<string, unknown>;
}

function readId(id: unknown): RequestId {
  if (id === undefined || id === null) return null;
  if (typeof id === "number" && Number.isSafeInteger(id)) return id;
  if (typeof id === "string" && id.length <= 64) return id;
  throw new ProtocolError("TP_MESSAGE_MALFORMED", "id must be an integer or a text of at most 64 characters");
}

function readChannels(message: Record<string, unknown>, id: RequestId, most: number): string[] {
  const channels = message.channels;
  if (Array.isArray(channels) && channels.length > most) {
    const text = `a request may name ${most} channels, this one names ${channels.length}: send several`;
    throw new ProtocolError("TP_TOO_MANY_CHANNELS", text, id);
  }
  if (!Array.isArray(channels) || channels.length === 0 || !channels.every((name) => typeof name === "string")) {
    throw new ProtocolError("TP_MESSAGE_MALFORMED", "channels must be a list of at least one channel name", id);
  }
  return channels;
}

function readRate(message: Record<string, unknown>, id: RequestId): number {
  const rate = message.rate_ms;
  if (rate === undefined || rate === 0) return 0;
  if (typeof rate === "number" && rate >= rateBounds.minMs && rate <= rateBounds.maxMs) return rate;
  const range = `${rateBounds.minMs} to ${rateBounds.maxMs}`;
  throw new ProtocolError("TP_MESSAGE_MALFORMED", `rate_ms must be a number from ${range}, or 0 for no limit`, id);
}

export interface SubscriptionDetail {
  readonly channel: string;
  /** Whether the channel has a last value, which then follows. */
  readonly snapshot: boolean;
  /** The client had it already; nothing is sent again. */
  readonly already?: true;
}

interface ErrorAbout {
  readonly channel?: string;
  readonly omitted?: number;
}

/** What the hub says beside the envelopes, as JSON text. */
export const answers = {
  welcome: (version: string, heartbeatMs: number) =>
    JSON.stringify({ op: "welcome", version, heartbeat_ms: heartbeatMs }),
  subscribed: (id: RequestId, details: readonly SubscriptionDetail[]) =>
    JSON.stringify({ op: "subscribed", id, channels: details.map((detail) => detail.channel), details }),
  unsubscribed: (id: RequestId, channels: readonly string[]) => JSON.stringify({ op: "unsubscribed", id, channels }),
  pong: (id: RequestId, time: number) => JSON.stringify({ op: "pong", id, time }),
  heartbeat: (time: number) => JSON.stringify({ op: "heartbeat", time }),
  /** What follows on the channel starts afresh: forget what you had. */
  reload: (channel: string, reason: string) => JSON.stringify({ op: "reload", channel, reason }),
  /** What stands behind the channel does not work: what was sent last may not hold any more. */
  stale: (channel: string, reason: string, since: number) =>
    JSON.stringify({ op: "status", channel, status: "stale", reason, since }),
  /** It works again. */
  live: (channel: string) => JSON.stringify({ op: "status", channel, status: "live" }),
  /** How the plant behind this server is, as /readyz has it. */
  health: (ready: boolean, reasons: readonly string[]) => JSON.stringify({ op: "health", ready, reasons }),
  /** So many values of the channel were passed over for this client; the newest follows. */
  conflated: (channel: string, dropped: number) => JSON.stringify({ op: "conflated", channel, dropped }),
  /** @param about the channel that it is about; or how many further errors it stands for */
  error: (code: ErrorCode, message: string, id: RequestId = null, about: ErrorAbout = {}) =>
    JSON.stringify({ op: "error", id, code, message, ...about }),
};
