import type { FastifyInstance } from "fastify";
import type { HeldCondition } from "../../infra/health.js";
import { version } from "../../infra/version.js";
import { byLength } from "../../schemas/kline-intervals.js";
import type { LastValues } from "./last-values.js";
import { ref, route } from "./schemas.js";

/** Asked at each request; the plant knows, push does not. */
export interface PlantState {
  /** Why the plant is not ready, in words; none when it is. */
  readiness(): Readiness | Promise<Readiness>;
  /** Prometheus text of all roles. */
  metricsText(): string | Promise<string>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
  /** False where only a restart helps; a process that does not say so is alive. */
  readonly live?: boolean;
  /** All that holds, notes too. */
  readonly conditions?: readonly HeldCondition[];
}

/** Of /livez: whether a supervisor should let it live. */
export function livenessOf({ live = true, conditions = [] }: Readiness): { alive: boolean; reasons: string[] } {
  const reasons = conditions.filter(({ severity }) => severity === "not_live").map(({ reason }) => reason);
  return { alive: live, reasons };
}

/** What the plant says about itself. */
export function plantRoutes(app: FastifyInstance, values: LastValues, plant: PlantState, webSocketPort: number): void {
  const none = { properties: {} };
  app.get("/v1/info", { schema: route("Version, time and the WebSocket's port", none, ref("Info"), []) }, async () => {
    const klines = await values.channels("kline");
    const intervals = new Set(klines.map((channel) => channel.interval ?? ""));
    return {
      name: "tickplant",
      version,
      web_socket: { port: webSocketPort, path: "/" },
      intervals: [...intervals].sort(byLength),
      time: Date.now() * 1000,
    };
  });
  const alive = {
    type: "object",
    properties: { alive: { type: "boolean" }, reasons: { type: "array", items: { type: "string" } } },
  };
  app.get(
    "/livez",
    { schema: route("200, or 503 with reasons where only a restart helps", none, alive, []) },
    async (_request, reply) => {
      const liveness = livenessOf(await plant.readiness());
      return reply.status(liveness.alive ? 200 : 503).send(liveness);
    },
  );
  app.get(
    "/readyz",
    { schema: route("200 when the plant serves, 503 with reasons when not", none, ref("Readiness"), []) },
    async (_request, reply) => {
      const readiness = await plant.readiness();
      return reply.status(readiness.ready ? 200 : 503).send(readiness);
    },
  );
  const metrics = { content: { "text/plain": { schema: { type: "string" } } } };
  app.get("/metrics", { schema: route("Prometheus metrics", none, metrics, []) }, async (_request, reply) =>
    reply.type("text/plain; version=0.0.4; charset=utf-8").send(await plant.metricsText()),
  );
}
