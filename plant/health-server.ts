import fastify from "fastify";
import { CannotListen } from "../infra/cannot-listen.js";
import { livenessOf, type PlantState } from "../push/rest/plant-routes.js";

/** Health and metrics of a plant without the push role, which serves them beside REST otherwise. */
export async function serveHealth(host: string, port: number, state: PlantState): Promise<{ stop(): Promise<void> }> {
  const app = fastify({ forceCloseConnections: true });
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
    await app.listen({ host, port });
  } catch (error) {
    throw new CannotListen("metrics and health", host, port, "metricsPort", error);
  }
  return { stop: () => app.close() };
}
