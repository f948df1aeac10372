import type { AddressInfo } from "node:net";
import swagger from "@fastify/swagger";
import { fastify } from "fastify";
import { CannotListen } from "../../infra/cannot-listen.js";
import { type EndpointParts, endpointRoutes } from "./routes.js";

/**
 * The endpoint on a port of its own, for a process that has no REST: `POST /v1/ingest` and `/openapi.json`.
 *
 * @throws CannotListen
 */
export async function serveEndpoint(parts: EndpointParts): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { host, port } = parts.config;
  const app = fastify({ forceCloseConnections: true });
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.setNotFoundHandler((_request, reply) =>
    reply.status(404).send({ code: "TP_PATH_UNKNOWN", message: "here is POST /v1/ingest, and /openapi.json" }),
  );
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
