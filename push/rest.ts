import { existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import rateLimit from "@fastify/rate-limit";
import serveFiles from "@fastify/static";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Bus } from "../infra/bus/bus.js";
import { CannotListen } from "../infra/cannot-listen.js";
import type { Logger } from "../infra/logging.js";
import type { Store } from "../infra/store/store.js";
import type { PushMetrics } from "./metrics.js";
import { RestError } from "./rest/errors.js";
import { historyRoutes } from "./rest/history-routes.js";
import { LastValues } from "./rest/last-values.js";
import { marketRoutes } from "./rest/market-routes.js";
import { type PlantState, plantRoutes } from "./rest/plant-routes.js";
import { RecentKlines } from "./rest/recent-klines.js";
import { checkNames, messageSchemas } from "./rest/schemas.js";
import { type PushSettings, version } from "./settings.js";

export interface RestServer {
  readonly port: number;
  stop(): Promise<void>;
}

export interface RestParts {
  readonly bus: Bus;
  readonly store: Store;
  readonly settings: PushSettings;
  readonly metrics: PushMetrics;
  readonly logger: Logger;
  readonly plant: PlantState;
  readonly webSocketPort: number;
  /** Further routes under the same roof, which push knows nothing of. */
  readonly routes?: ((app: FastifyInstance) => Promise<void>) | undefined;
}

/**
 * Serves REST, its OpenAPI description, health, metrics and the page.
 *
 * @throws CannotListen
 */
export async function serveRest(parts: RestParts): Promise<RestServer> {
  const { bus, store, settings, plant, webSocketPort, routes, metrics, logger } = parts;
  const values = new LastValues(bus, ({ code, message }) => {
    metrics.dropped("unreadable_name", 1);
    logger.warn({ code, why: message }, "a last value on the bus is nobody's: lists leave it out");
  });
  const recent = new RecentKlines(bus);
  const app = fastify({
    forceCloseConnections: true,
    ajv: { customOptions: { coerceTypes: true, allErrors: false, removeAdditional: false } },
    routerOptions: { maxParamLength: 200 },
  });
  // Answers are the messages' own text or objects read from it; schemas describe them and must not cut them.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  answerErrors(app, parts);
  await plugins(app, settings);
  for (const schema of messageSchemas) app.addSchema(schema);
  await app.register(async (scope) => {
    scope.addHook("preHandler", async ({ query }) => checkNames(query as Record<string, unknown>));
    plantRoutes(scope, values, plant, webSocketPort);
    marketRoutes(scope, values);
    historyRoutes(scope, { store, values, recent });
    await routes?.(scope);
  });
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
  await servePage(app);
  await recent.start();
  const port = await listen(app, settings);
  return {
    port,
    stop: async () => {
      await recent.stop();
      await app.close();
    },
  };
}

async function plugins(app: FastifyInstance, { rateLimit: rates, corsOrigin }: PushSettings): Promise<void> {
  if (corsOrigin !== undefined) {
    app.addHook("onSend", async (_request, reply) => {
      reply.header("access-control-allow-origin", corsOrigin);
    });
  }
  await app.register(rateLimit, {
    max: rates.requestsPerMinute,
    timeWindow: 60_000,
    allowList: (request) => !request.url.startsWith("/v1/"),
    errorResponseBuilder: (_request, context) =>
      new RestError(429, "TP_RATE_LIMITED", `at most ${context.max} requests a minute: try again in ${context.after}`),
  });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "tickplant", version, description: "Market data: now and history. Live streams: the WebSocket." },
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `schema-${index}`) },
  });
  await app.register(swaggerUi, { routePrefix: "/docs" });
}

/** The page lies beside this file, in the sources as in dist. */
async function servePage(app: FastifyInstance): Promise<void> {
  const here = dirname(fileURLToPath(import.meta.url));
  await app.register(serveFiles, { root: join(here, "page"), cacheControl: false });
  if (existsSync(join(here, "page", chartsFile))) return;
  const library = join(here, "..", "node_modules/lightweight-charts/dist");
  app.get(`/${chartsFile}`, { schema: { hide: true } }, (_request, reply) =>
    reply.sendFile("lightweight-charts.standalone.production.js", library),
  );
}

const chartsFile = "lightweight-charts.js";

function answerErrors(app: FastifyInstance, { logger, metrics }: RestParts): void {
  app.addHook("onResponse", async (request, reply) => {
    metrics.restRequests.inc({ route: request.routeOptions.url ?? "unknown", status: String(reply.statusCode) });
  });
  app.setNotFoundHandler((request, reply) => {
    const message = `nothing is at ${request.method} ${request.url.split("?")[0]}: /docs lists what is`;
    return reply.status(404).send({ code: "TP_PATH_UNKNOWN", message });
  });
  app.setErrorHandler((error: FastifyError | RestError, request, reply) => answer(error, request, reply, logger));
}

function answer(error: FastifyError | RestError, request: FastifyRequest, reply: FastifyReply, logger: Logger) {
  if (error instanceof RestError) {
    if (error.status >= 500) logger.warn({ err: error, url: request.url }, "a request could not be answered");
    const { code, message, parameter } = error;
    return reply.status(error.status).send(parameter === undefined ? { code, message } : { code, message, parameter });
  }
  const fault = error.validation?.[0];
  if (fault !== undefined) {
    const parameter = parameterOf(fault);
    const message = `${parameter}: ${fault.message ?? "is not valid"}`;
    return reply.status(400).send({ code: "TP_PARAMETER_INVALID", message, parameter });
  }
  const status = error.statusCode ?? 500;
  if (status < 500) return reply.status(status).send({ code: "TP_REQUEST_INVALID", message: error.message });
  logger.error({ err: error, url: request.url }, "a request failed");
  return reply.status(500).send({ code: "TP_INTERNAL", message: "the request failed here; the log says why" });
}

function parameterOf(fault: { instancePath: string; params: Record<string, unknown> }): string {
  return String(fault.params.missingProperty ?? fault.params.additionalProperty ?? fault.instancePath.slice(1));
}

async function listen(app: FastifyInstance, { host, restPort }: PushSettings): Promise<number> {
  try {
    await app.listen({ host, port: restPort });
  } catch (error) {
    await app.close();
    throw new CannotListen("REST", host, restPort, "push.restPort", error);
  }
  return (app.server.address() as AddressInfo).port;
}
