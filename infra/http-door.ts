import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { PlantError } from "./errors.js";
import { type GuardedRequest, type HttpPolicy, isLoopback, refusalOf } from "./http-guard.js";

/** Who may reach a server of the plant by a browser; the words of the configuration. */
export interface HttpAccess {
  readonly allowedHosts: readonly string[];
  /** None where a server has nothing for other pages. */
  readonly allowedOrigins?: readonly string[];
}

/** A request that is not answered as it asks: a status, a code, and what to change. */
export class HttpRefused extends PlantError {
  constructor(
    readonly status: number,
    code: `TP_${string}`,
    message: string,
  ) {
    super(code, message);
  }
}

/** The guard's policy for a server that listens on `host`. */
export function policyOf(access: HttpAccess, host: string): HttpPolicy {
  return {
    hosts: access.allowedHosts,
    origins: access.allowedOrigins ?? [],
    addresses: !isLoopback(host),
  };
}

/** A refusal of the guard: a stable reason to count, and the answer. */
export interface GuardRefusal {
  readonly reason: string;
  readonly error: HttpRefused;
}

/** Why the guard does not let a request in, in words that name the setting; undefined when it does. */
export function guardRefusal(request: GuardedRequest, policy: HttpPolicy): GuardRefusal | undefined {
  const refusal = refusalOf(request, policy);
  if (refusal === undefined) return undefined;
  const { reason, message } = refusal;
  return { reason, error: errorOf(reason, message) };
}

function errorOf(reason: string, message: string): HttpRefused {
  switch (reason) {
    case "host":
      return new HttpRefused(403, "TP_HOST_REFUSED", `${message}; allowedHosts of the configuration adds to them`);
    case "origin":
    case "site":
      return new HttpRefused(
        403,
        "TP_ORIGIN_REFUSED",
        `${message}; push.allowedOrigins of the configuration adds to them`,
      );
    case "content_type":
      return new HttpRefused(415, "TP_MEDIA_REFUSED", message);
    default:
      return new HttpRefused(400, "TP_REQUEST_INVALID", message);
  }
}

/** What the guard sees of a request of Node's server. */
export const guardedOf = ({ method = "", url = "", headers }: IncomingMessage): GuardedRequest => ({
  method,
  target: url,
  header: (name) => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  },
});

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  408: "Request Timeout",
  415: "Unsupported Media Type",
  426: "Upgrade Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
};

export const statusLine = (status: number): string => `${status} ${reasons[status] ?? "Error"}`;

/** Answers on the bare connection of a request that no server will answer, and ends it. */
export function refuseUpgrade(transport: Duplex, { status, code, message }: Answer): void {
  const body = JSON.stringify({ code, message });
  const head = `HTTP/1.1 ${statusLine(status)}\r\ncontent-type: application/json; charset=utf-8\r\nconnection: close`;
  transport.on("error", () => transport.destroy());
  transport.end(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}
