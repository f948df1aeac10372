import type { Socket } from "node:net";
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { PlantError } from "./errors.js";
import { guardedOf, guardRefusal, type HttpAccess, HttpRefused, policyOf, refuseUpgrade } from "./http-door.js";
import { corsHeaders } from "./http-guard.js";
import type { Logger } from "./logging.js";

export interface HttpServerOptions {
  readonly access: HttpAccess;
  /** The configured address. Beyond loopback any IP address is a good Host. */
  readonly host: string;
  /** Whether a link on another page may open this path; no path by default. */
  readonly opens?: (path: string) => boolean;
  /** Counts what is refused. */
  readonly refused?: (reason: string) => void;
  readonly logger?: Logger;
}

/** What REST's errors and others have beside code and message. */
interface Answered {
  readonly status?: number;
  readonly parameter?: string;
  readonly retryAfter?: number;
}

/** Milliseconds that a whole request may take to come in. */
const REQUEST_MS = 30_000;
const MOST_CONNECTIONS = 10_000;

/**
 * An HTTP server of the plant: requests that a page of another origin could send are refused before anything else, and
 * every answer that is no success has the plant's shape: `{"code":"TP_…","message":…}`.
 */
export function httpServer(options: HttpServerOptions): FastifyInstance {
  const { logger } = options;
  const app = fastify({
    forceCloseConnections: true,
    requestTimeout: REQUEST_MS,
    // a request without Host is refused by the guard, with a code
    http: { requireHostHeader: false },
    ajv: { customOptions: { coerceTypes: true, allErrors: false, removeAdditional: false } },
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: answerBroken,
    frameworkErrors: (error, request, reply) => answerError(error, request, reply, logger),
  });
  app.server.maxConnections = MOST_CONNECTIONS;
  // Answers are the messages' own text or objects read from it; schemas describe them and must not cut them.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  guard(app, options);
  answerUnknown(app);
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply, logger));
  return app;
}

function guard(app: FastifyInstance, { access, host, opens, refused }: HttpServerOptions): void {
  const strict = policyOf(access, host);
  const open = { ...strict, links: true };
  const policyFor = (request: FastifyRequest) => (opens?.(pathOf(request)) === true ? open : strict);
  app.addHook("onRequest", async (request, reply) => {
    const policy = policyFor(request);
    const guarded = guardedOf(request.raw);
    const refusal = guardRefusal(guarded, policy);
    if (refusal !== undefined) {
      refused?.(`http_${refusal.reason}`);
      // nothing more of it is read
      reply.header("connection", "close");
      throw refusal.error;
    }
    const headers = corsHeaders(guarded, policy);
    reply.headers(headers);
    if (request.method === "OPTIONS" && headers["Access-Control-Allow-Methods"] !== undefined) {
      return reply.status(204).send();
    }
  });
}

const pathOf = ({ raw }: FastifyRequest): string => (raw.url ?? "").split("?", 1)[0]!;

/** Paths and methods that there are not; bodies that come with them are not read. */
function answerUnknown(app: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    methods.set(url, known);
  });
  app.addHook("onRequest", async (request, reply) => {
    if (!request.is404) return;
    const path = pathOf(request);
    const known = methods.get(path);
    if (request.method !== "GET" && request.method !== "HEAD") reply.header("connection", "close");
    if (known === undefined) {
      const message = `nothing is at ${request.method} ${path.slice(0, 200)}: /openapi.json lists what is`;
      throw new HttpRefused(404, "TP_PATH_UNKNOWN", message);
    }
    const list = [...known].join(", ");
    reply.header("allow", list);
    throw new HttpRefused(405, "TP_METHOD_REFUSED", `${path} takes ${list}`);
  });
  app.setNotFoundHandler((request, reply) => {
    // a file of the page that there is not
    const message = `nothing is at ${request.method} ${pathOf(request).slice(0, 200)}: /openapi.json lists what is`;
    return reply.status(404).send({ code: "TP_PATH_UNKNOWN", message });
  });
}

function answerError(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger | undefined,
): FastifyReply {
  const { code, message, status, parameter, retryAfter } = shapeOf(error);
  if (status >= 500)
    logger?.[code === "TP_INTERNAL" ? "error" : "warn"]({ err: error, path: pathOf(request) }, "a request failed");
  if (retryAfter !== undefined) reply.header("retry-after", String(retryAfter));
  return reply.status(status).send(parameter === undefined ? { code, message } : { code, message, parameter });
}

interface Shape extends Answered {
  readonly code: string;
  readonly message: string;
  readonly status: number;
}

function shapeOf(error: Error): Shape {
  if (error instanceof PlantError) {
    const { status = 500, parameter, retryAfter } = error as Answered;
    const { code, message } = error;
    return { code, message, status, ...(parameter && { parameter }), ...(retryAfter && { retryAfter }) };
  }
  const { validation, statusCode = 500, code = "" } = error as FastifyError;
  const fault = validation?.[0];
  if (fault !== undefined) {
    const { missingProperty, additionalProperty } = fault.params as Record<string, unknown>;
    const parameter = String(missingProperty ?? additionalProperty ?? fault.instancePath.slice(1));
    const message = `${parameter}: ${fault.message ?? "is not valid"}`;
    return { code: "TP_PARAMETER_INVALID", message, status: 400, parameter };
  }
  if (statusCode >= 500) {
    return { code: "TP_INTERNAL", message: "the request failed here; the log says why", status: 500 };
  }
  const known = faults[code] ?? faults[String(statusCode)];
  return { code: known?.[0] ?? "TP_REQUEST_INVALID", message: known?.[1] ?? error.message, status: statusCode };
}

/** Fastify's and Node's own errors, by code or status. */
const faults: Readonly<Record<string, readonly [code: string, message: string]>> = {
  FST_ERR_BAD_URL: ["TP_REQUEST_INVALID", "the path is not percent-encoded as it should be"],
  FST_ERR_CTP_INVALID_JSON_BODY: ["TP_REQUEST_INVALID", "the body is not JSON"],
  "413": ["TP_BODY_TOO_LARGE", "the body is larger than is taken here"],
  "415": ["TP_MEDIA_REFUSED", "a body of this content type is not taken here"],
};

/** Requests that are no HTTP, too large in their head or too slow never come to a route. */
function answerBroken(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code, message] = brokenBy[error.code ?? ""] ?? broken;
  refuseUpgrade(socket, { status, code, message });
}

const broken = [400, "TP_REQUEST_INVALID", "the request is no HTTP as it should be"] as const;
const brokenBy: Readonly<Record<string, readonly [number, string, string]>> = {
  HPE_HEADER_OVERFLOW: [431, "TP_HEADERS_TOO_LARGE", "path and headers may have 16 KiB"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "TP_REQUEST_TIMEOUT", "the request did not come in within 30 s"],
};
