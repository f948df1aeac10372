import type { PlantConfig } from "../../infra/config/plant-config.js";
import type { Logger } from "../../infra/logging.js";
import { type Check, examine, type Finding } from "./finding.js";
import { dataFolderCheck, embeddedLogCheck, nodeCheck, portsCheck } from "./machine.js";
import { registryCheck } from "./registry.js";
import { runningCheck } from "./running.js";

/**
 * Looks into everything that the plant of this configuration depends on. Changes nothing, ends within 10 s. Loads the
 * clients of what the configuration has.
 */
export async function doctor(
  config: PlantConfig,
  logger: Logger,
  options: { readonly venues: boolean },
): Promise<Finding[]> {
  const { log, registry, bus, store } = config;
  const checks: Check[] = [
    nodeCheck,
    dataFolderCheck(config),
    portsCheck(config),
    runningCheck(config),
    log.kafka === undefined
      ? embeddedLogCheck(config)
      : (await import("./kafka.js")).kafkaCheck(config, log.kafka, logger),
  ];
  if (registry !== undefined) checks.push(registryCheck(config, registry));
  if (bus.redis !== undefined) checks.push((await import("./redis.js")).redisCheck(bus.redis));
  if (store.url !== undefined) checks.push((await import("./store.js")).storeCheck(config, store.url));
  if (options.venues) {
    const [{ venueChecks }, { sourceChecks }] = await Promise.all([import("./venues.js"), import("./sources.js")]);
    checks.push(...venueChecks(config), ...sourceChecks(config, logger));
  }
  return examine(checks);
}

/** What there is to say where even the configuration can not be read. */
export const doctorWithoutConfig = (): Promise<Finding[]> => examine([nodeCheck]);
