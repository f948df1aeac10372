import { CannotListen } from "../infra/cannot-listen.js";
import type { HttpAccess } from "../infra/http-door.js";
import { httpServer } from "../infra/http-server.js";
import type { Logger } from "../infra/logging.js";
import { livenessOf, type PlantState } from "../push/rest/plant-routes.js";

interface HealthAddress extends HttpAccess {
  readonly metricsHost: string;
  readonly metricsPort: number;
}

/**
 * Health and metrics of a plant without the push role, which serves them beside REST otherwise.
 *
 * @throws CannotListen
 */
export async function serveHealth(
  { metricsHost: host, metricsPort: port, allowedHosts }: HealthAddress,
  state: PlantState,
  logger: Logger,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const app = httpServer({ access: { allowedHosts }, host, logger });
  app.get("/livez", async (_request, reply) => {
    const liveness = livenessOf(await state.readiness());
    return reply.status(liveness.alive ? 200 : 503).send(liveness);
  });
  app.get("/readyz", async (_request, reply) => {
    const readiness = await state.readiness();
    return reply.status(readiness.ready ? 200 : 503).send(readiness);
  });
  app.get("/metrics", async (_request, reply) =>
    reply.type("text/plain; version=0.0.4; charset=utf-8").send(await state.metricsText()),
  );
  try {
    const url = await app.listen({ host, port });
    return { url, stop: () => app.close() };
  } catch (error) {
    await app.close();
    throw new CannotListen("metrics and health", host, port, "metricsPort", error);
  }
}
