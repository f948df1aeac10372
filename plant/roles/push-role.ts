import { setTimeout as delay } from "node:timers/promises";
import type { MessagePort } from "node:worker_threads";
import { AggregatorRegistry } from "prom-client";
import type { Bus } from "../../infra/bus/bus.js";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";
import type { Condition } from "../../infra/health.js";
import type { IntakeAnswer } from "../../ingest/endpoint/intake.js";
import { endpointRoutes } from "../../ingest/endpoint/routes.js";
import { startPush } from "../../push/push.js";
import type { PlantState, Readiness } from "../../push/rest/plant-routes.js";
import { codecsOf, openLog, openRedisBus } from "../parts.js";
import { seedLastValues } from "../seed-last-values.js";
import { busConditions, busProbe, expectsFeeds, storeProbe } from "../service-conditions.js";
import { shared } from "../shared-answer.js";
import { storeAt } from "../store-place.js";
import { HostReadiness } from "./host-readiness.js";
import type { RoleParts, RunningRole } from "./role.js";

/** How old an answer may be that several who ask at the same time share: nobody can ask for work at will. */
const READINESS_SHARED_MS = 200;
const METRICS_SHARED_MS = 500;
const STATE_DEADLINE_MS = 3_000;
/** What the metrics wait for the answer whether the plant is ready: a store that hangs must not take them with it. */
const READINESS_MS = 1_000;
/** Beyond the intake's own deadlines for a whole request. */
const INTAKE_DEADLINE_MS = 60_000;

/**
 * What strangers speak to, in a thread that neither takes in nor processes: the hub of the embedded bus, WebSocket,
 * REST and the page.
 */
export async function startPushRole(parts: RoleParts): Promise<RunningRole> {
  const { data, logger, metrics, host } = parts;
  const { config } = data;
  const bus = await openBus(parts);
  const store = storeAt(data.store!, config);
  const probes = [storeProbe(store), ...(data.hubPorts === undefined ? [busProbe(bus)] : [])];
  let conditions = (): Condition[] => probes.flatMap((probe) => probe.conditions());
  try {
    const intake = {
      take: (writer: { readonly name: string }, body: string) =>
        host.ask({ of: "intake", writer: writer.name, body }, INTAKE_DEADLINE_MS) as Promise<IntakeAnswer>,
    };
    const push = await startPush({
      bus,
      store,
      settings: {
        ...config.push,
        allowedHosts: config.allowedHosts,
        klineIntervals: config.process.klineIntervals,
      },
      metrics,
      logger,
      ...(data.endpoint && {
        routes: (app) =>
          endpointRoutes(app, { config: config.ingest.endpoint, access: config, intake, metrics, logger }),
      }),
      ...stateOf(parts, () => conditions()),
      expectsFeeds: expectsFeeds(config),
    });
    conditions = () => [...probes.flatMap((probe) => probe.conditions()), ...busConditions(bus), ...push.conditions()];
    return {
      failed: new Promise<never>(() => {}),
      addresses: { restUrl: push.restUrl, webSocketUrl: push.webSocketUrl },
      lag: async () => 0,
      conditions: () => conditions(),
      async stop() {
        for (const probe of probes) probe.stop();
        await push.stop();
        await store.close();
        await bus.close();
      },
    };
  } catch (error) {
    await store.close();
    await bus.close();
    throw error;
  }
}

/** The hub, with the newest values that the log remembers; Redis remembers by itself. */
async function openBus({ data, logger, metrics }: RoleParts): Promise<Bus> {
  const { config, hubPorts } = data;
  if (hubPorts === undefined) return (await openRedisBus(config, logger))!;
  const bus = new EmbeddedBus(logger);
  const { log, close } = await openLog(config, { logger, metrics });
  await seedLastValues({ log, bus, codecs: await codecsOf(config), logger });
  await close();
  for (const port of hubPorts) bus.attach(port as MessagePort);
  return bus;
}

/** @param own what push says of itself, which the host has heard as well, half a second ago */
function stateOf({ data, metrics, host }: RoleParts, own: () => Condition[]): PlantState {
  const ask = () => host.ask({ of: "readiness" }, STATE_DEADLINE_MS) as Promise<Readiness>;
  const all = new HostReadiness({ ask, own });
  const readiness = shared(READINESS_SHARED_MS, () => all.readiness());
  let told: MetricsJson[] = [];
  const metricsText = shared(METRICS_SHARED_MS, async () => {
    // a host that does not answer is as it last was: a sum without it would fall, and its return would be growth
    const [{ ready }, others] = await Promise.all([
      Promise.race([readiness(), delay(READINESS_MS, { ready: false }, { ref: false })]),
      host.ask({ of: "metrics" }, STATE_DEADLINE_MS).catch(() => told),
    ]);
    told = others as MetricsJson[];
    metrics.ready.set({ role: data.config.roles.join("+") }, ready ? 1 : 0);
    const own = (await metrics.registry.getMetricsAsJSON()) as unknown as MetricsJson;
    return AggregatorRegistry.aggregate([own, ...told] as never).metrics();
  });
  return { readiness, metricsText };
}

/** prom-client's. */
type MetricsJson = readonly unknown[];
