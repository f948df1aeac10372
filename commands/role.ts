import type { Command } from "commander";
import type { PlantConfig, roles } from "../infra/config/plant-config.js";
import { PlantError } from "../infra/errors.js";
import { createLogger } from "../infra/logging.js";
import { startPlant } from "../plant/plant.js";
import { type ConfigOptions, configOf, configOptions } from "./options.js";
import { untilSignal } from "./until-signal.js";

type Role = (typeof roles)[number];

/** Processes of a plant meet in services; without them a role alone would talk to nobody. */
class ServicesMissing extends PlantError {
  constructor(role: Role, missing: readonly string[]) {
    super(
      "TP_SERVICES_MISSING",
      `the ${role} role in a process of its own needs ${missing.join(" and ")}: name them in the configuration ` +
        "(config/cluster.yaml), or run everything in one place with `tickplant start`",
    );
  }
}

const about: Readonly<Record<Role, string>> = {
  ingest: "take venues in and publish raw ticks; of several processes one has each feed, the others stand by",
  process: "clean, keep books, compute; processes of one group share the partitions",
  sink: "carry the outputs into ClickHouse; processes of one group share the partitions",
  push: "serve WebSocket, REST and the page; as many as clients ask for",
};

/** `tickplant ingest`, `process`, `sink`, `push`: one role of a cluster, until Ctrl-C. */
export function roleCommands(program: Command): void {
  for (const role of Object.keys(about) as Role[]) {
    configOptions(program.command(role))
      .description(`role of a cluster: ${about[role]}`)
      .action(async (options: ConfigOptions) => {
        const config = configOf(options, undefined, { roles: [role] });
        requireServices(role, config);
        await runRole(role, config);
      });
  }
}

/** @throws ServicesMissing */
function requireServices(role: Role, { log, bus, store, registry }: PlantConfig): void {
  const missing: string[] = [];
  if (log.kafka === undefined) missing.push("log.kafka");
  if (registry === undefined) missing.push("registry");
  if (role !== "sink" && bus.redis === undefined) missing.push("bus.redis");
  if ((role === "sink" || role === "push") && store.url === undefined) missing.push("store.url");
  if (missing.length > 0) throw new ServicesMissing(role, missing);
}

async function runRole(role: Role, config: PlantConfig): Promise<void> {
  const logger = createLogger({ ...config.logging, role });
  const plant = await startPlant(config, logger);
  const serving = role === "push" ? `: page ${plant.restUrl}/, WebSocket ${plant.webSocketUrl}` : "";
  process.stdout.write(`tickplant ${role} runs${serving}. Ctrl-C stops it.\n`);
  const ended = await Promise.race([untilSignal(), plant.failed.catch((error: unknown) => error)]);
  if (typeof ended === "string") logger.info({ signal: ended }, "stopping");
  await plant.stop();
  if (typeof ended !== "string") throw ended;
}
