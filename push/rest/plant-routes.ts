import type { FastifyInstance } from "fastify";
import { version } from "../settings.js";
import { byLength } from "./intervals.js";
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
  const alive = { type: "object", properties: { alive: { type: "boolean" } } };
  app.get("/livez", { schema: route("The process answers", none, alive, []) }, async () => ({ alive: true }));
  app.get(
    "/readyz",
    { schema: route("200 when the plant serves, 503 with reasons when not", none, ref("Readiness"), []) },
    async (_request, reply) => {
      const { ready, reasons } = await plant.readiness();
      return reply.status(ready ? 200 : 503).send({ ready, reasons });
    },
  );
  const metrics = { content: { "text/plain": { schema: { type: "string" } } } };
  app.get("/metrics", { schema: route("Prometheus metrics", none, metrics, []) }, async (_request, reply) =>
    reply.type("text/plain; version=0.0.4; charset=utf-8").send(await plant.metricsText()),
  );
}
