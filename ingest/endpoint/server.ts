import type { AddressInfo } from "node:net";
import swagger from "@fastify/swagger";
import { CannotListen } from "../../infra/cannot-listen.js";
import { httpServer } from "../../infra/http-server.js";
import { type EndpointParts, endpointRoutes } from "./routes.js";

/**
 * The endpoint on a port of its own, for a process that has no REST: `POST /v1/ingest` and `/openapi.json`.
 *
 * @throws CannotListen
 */
export async function serveEndpoint(parts: EndpointParts): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { config, access, metrics, logger } = parts;
  const { host, port } = config;
  const refused = (reason: string) => metrics.dropped.inc({ place: "endpoint", reason });
  const app = httpServer({ access: { allowedHosts: access.allowedHosts }, host, logger, refused });
  await app.register(swagger, { openapi: { openapi: "3.1.0", info: { title: "tickplant ingest", version: "1" } } });
  await endpointRoutes(app, parts);
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw new CannotListen("the ingest endpoint", host, port, "ingest.endpoint.port", error);
  }
  const { port: taken } = app.server.address() as AddressInfo;
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}`, stop: () => app.close() };
}
