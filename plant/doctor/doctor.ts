import type { PlantConfig } from "../../infra/config/plant-config.js";
import type { Logger } from "../../infra/logging.js";
import { type Check, examine, type Finding } from "./finding.js";
import { kafkaCheck } from "./kafka.js";
import { dataFolderCheck, embeddedLogCheck, nodeCheck, portsCheck } from "./machine.js";
import { redisCheck } from "./redis.js";
import { registryCheck } from "./registry.js";
import { runningCheck } from "./running.js";
import { sourceChecks } from "./sources.js";
import { storeCheck } from "./store.js";
import { venueChecks } from "./venues.js";

/** Looks into everything that the plant of this configuration depends on. Changes nothing, ends within 10 s. */
export function doctor(config: PlantConfig, logger: Logger, options: { venues: boolean }): Promise<Finding[]> {
  const { log, registry, bus, store } = config;
  const checks: Check[] = [
    nodeCheck,
    dataFolderCheck(config),
    portsCheck(config),
    runningCheck(config),
    log.kafka === undefined ? embeddedLogCheck(config) : kafkaCheck(config, log.kafka, logger),
  ];
  if (registry !== undefined) checks.push(registryCheck(config, registry));
  if (bus.redis !== undefined) checks.push(redisCheck(bus.redis));
  if (store.url !== undefined) checks.push(storeCheck(config, store.url));
  if (options.venues) checks.push(...venueChecks(config), ...sourceChecks(config, logger));
  return examine(checks);
}

/** What there is to say where even the configuration can not be read. */
export const doctorWithoutConfig = (): Promise<Finding[]> => examine([nodeCheck]);
