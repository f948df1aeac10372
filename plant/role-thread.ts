import { parentPort, workerData } from "node:worker_threads";
import { PlantError } from "../infra/errors.js";
import { Health } from "../infra/health.js";
import { createLogger } from "../infra/logging.js";
import { Metrics } from "../infra/metrics.js";
import { watchThread } from "../infra/process-metrics.js";
import { Host } from "./role-host.js";
import type { FromRoleThread, RoleThreadData, ToRoleThread } from "./role-thread-contract.js";
import type { RoleParts, RunningRole } from "./roles/role.js";

/** Entry of a worker thread that runs one role. It loads what that role needs and nothing more. */
const data = workerData as RoleThreadData;
const { role, config } = data;
const logger = createLogger({ level: config.logging.level, pretty: config.logging.pretty, role });
const metrics = new Metrics();
watchThread(metrics, role);
const port = parentPort!;
const tell = (message: FromRoleThread): void => port.postMessage(message);
const host = new Host(tell);

const HEALTH_EVERY_MS = 500;

async function startRole(): Promise<RunningRole> {
  const parts: RoleParts = { data, logger, metrics, host };
  switch (role) {
    case "process":
      return (await import("./roles/process-role.js")).startProcess(parts);
    case "sink":
      return (await import("./roles/sink-role.js")).startSink(parts);
    case "push":
      return (await import("./roles/push-role.js")).startPushRole(parts);
  }
}

const fail = (error: unknown, code?: `TP_${string}`): void => {
  const cause = error instanceof Error ? error : new Error(String(error));
  if (code === undefined) logger.fatal({ err: cause }, "the role can not go on");
  tell({ say: "failed", message: cause.message, code });
};

function hear(running: RunningRole, message: Extract<ToRoleThread, { ask: string }>): void {
  if (message.ask !== "stop") {
    const answer = message.ask === "metrics" ? metrics.registry.getMetricsAsJSON() : running.lag();
    answer.then((answer) => tell({ say: "answer", id: message.id, answer })).catch((error) => fail(error));
    return;
  }
  unwatch();
  running
    .stop()
    .catch((error) => fail(error))
    .finally(() => {
      tell({ say: "stopped" });
      port.close();
    });
}

let unwatch = (): void => {};

/** Says how the role is, here in the log and to the host. */
function watch(running: RunningRole): void {
  const health = new Health({ role, logger, gauge: metrics.condition });
  health.watch(() => running.conditions());
  health.start();
  const saying = setInterval(() => tell({ say: "health", conditions: health.report().conditions }), HEALTH_EVERY_MS);
  unwatch = () => {
    clearInterval(saying);
    health.stop();
  };
}

let running: RunningRole | undefined;
port.on("message", (message: ToRoleThread) => {
  if ("say" in message) host.hear(message);
  else if (running !== undefined) hear(running, message);
});
try {
  running = await startRole();
  running.failed.catch((error) => fail(error));
  watch(running);
  tell({ say: "ready", ...(running.addresses && { addresses: running.addresses }) });
} catch (error) {
  // what a person has to mend has a code, and needs no stack beside it
  fail(error, error instanceof PlantError && role === "push" ? error.code : undefined);
  port.close();
}
