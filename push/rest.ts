import { existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import rateLimit from "@fastify/rate-limit";
import serveFiles from "@fastify/static";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import type { Bus } from "../infra/bus/bus.js";
import { CannotListen } from "../infra/cannot-listen.js";
import { httpServer } from "../infra/http-server.js";
import type { Logger } from "../infra/logging.js";
import type { Store } from "../infra/store/store.js";
import { version } from "../infra/version.js";
import type { PushMetrics } from "./metrics.js";
import type { PlantPulse } from "./plant-pulse.js";
import { RestError } from "./rest/errors.js";
import { tellFreshness } from "./rest/freshness.js";
import { historyRoutes } from "./rest/history-routes.js";
import { LastValues } from "./rest/last-values.js";
import { marketRoutes } from "./rest/market-routes.js";
import { checkParameters } from "./rest/parameters.js";
import { type PlantState, plantRoutes } from "./rest/plant-routes.js";
import { RecentKlines } from "./rest/recent-klines.js";
import { checkNames, messageSchemas } from "./rest/schemas.js";
import type { PushSettings } from "./settings.js";

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
  readonly pulse: PlantPulse;
  /** Further routes under the same roof, which push knows nothing of. */
  readonly routes?: ((app: FastifyInstance) => Promise<void>) | undefined;
}

/**
 * Serves REST, its OpenAPI description, health, metrics and the page.
 *
 * @throws CannotListen
 */
export async function serveRest(parts: RestParts): Promise<RestServer> {
  const { bus, store, settings, metrics, logger, plant, webSocketPort, routes } = parts;
  const values = new LastValues(bus, ({ code, message }) => {
    metrics.dropped("unreadable_name", 1);
    logger.warn({ code, why: message }, "a last value on the bus is nobody's: lists leave it out");
  });
  const recent = new RecentKlines(bus);
  const app = httpServer({
    access: settings,
    host: settings.host,
    // what a person reads; data and what costs work is for whoever asks by itself
    opens: (path) => !path.startsWith("/v1/") && path !== "/metrics",
    refused: (reason) => metrics.dropped(reason, 1),
    logger,
  });
  app.addHook("onResponse", async (request, reply) => {
    metrics.restRequests.inc({ route: request.routeOptions.url ?? "unknown", status: String(reply.statusCode) });
  });
  checkParameters(app);
  await plugins(app, settings);
  for (const schema of messageSchemas) app.addSchema(schema);
  await app.register(async (scope) => {
    scope.addHook("preHandler", async ({ query }) => checkNames(query as Record<string, unknown>));
    plantRoutes(scope, values, plant, webSocketPort);
    tellFreshness(scope, parts.pulse);
    marketRoutes(scope, values);
    historyRoutes(scope, { store, values, recent, intervals: settings.klineIntervals });
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

async function plugins(app: FastifyInstance, { rateLimit: rates }: PushSettings): Promise<void> {
  await app.register(rateLimit, {
    max: rates.requestsPerMinute,
    timeWindow: 60_000,
    // by the route that serves it, whatever spelling of its path was asked for
    allowList: (request) => !isLimited(request.routeOptions.url),
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

const isLimited = (route: string | undefined): boolean =>
  route !== undefined && (route.startsWith("/v1/") || route.startsWith("/docs") || route === "/openapi.json");

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

async function listen(app: FastifyInstance, { host, restPort }: PushSettings): Promise<number> {
  try {
    await app.listen({ host, port: restPort });
  } catch (error) {
    await app.close();
    throw new CannotListen("REST", host, restPort, "push.restPort", error);
  }
  return (app.server.address() as AddressInfo).port;
}
