import { loadConfig } from "../../infra/config/load-config.js";
import type { KafkaConfig } from "../../infra/config/services-config.js";
import { createLogger } from "../../infra/logging.js";

export const testLogger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" });

/** The configuration's own defaults for these brokers. */
export function kafkaConfig(brokers: readonly string[], more: Partial<KafkaConfig> = {}): KafkaConfig {
  const { kafka } = loadConfig({ env: {}, overrides: { log: { kafka: { brokers: [...brokers], ...more } } } }).log;
  return kafka!;
}
