import { join } from "node:path";
import type { Bus } from "../infra/bus/bus.js";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { type DiskWaits, diskFault, ensureWritableFolder } from "../infra/disk.js";
import type { Leases } from "../infra/lease/redis-leases.js";
import { EmbeddedLog } from "../infra/log/embedded-log.js";
import { UnknownTopic } from "../infra/log/errors.js";
import type { KafkaLog } from "../infra/log/kafka/kafka-log.js";
import type { Log } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { ProcessSettings } from "../processors/settings.js";
import { type Codecs, codecsFor, openCodecs } from "../schemas/codec.js";
import { ConfluentRegistry } from "../schemas/confluent-registry.js";
import { EmbeddedRegistry } from "../schemas/embedded-registry.js";
import type { SchemaRegistry } from "../schemas/registry.js";
import { lookupAll } from "../schemas/subjects.js";
import { requireTopics, topicSettings } from "./topics.js";

const MAINTAIN_EVERY_MS = 30_000;

/** What processing depends on, out of the configuration. */
export function processSettings({ partitions, process }: PlantConfig): ProcessSettings {
  return { ...process, partitions };
}

/**
 * Opens the log of the configuration. The embedded one gets its topics, and retention and compaction run by themselves;
 * Kafka's must have them.
 *
 * @throws TopicsDiffer, LogUnavailable
 */
export async function openLog(config: PlantConfig, parts: LogParts): Promise<OpenedLog> {
  if (config.log.kafka === undefined) return openEmbeddedLog(config, parts);
  const log = await openKafkaLog(config, parts);
  try {
    requireTopics(config, (topic) => partitionsIn(log, topic));
  } catch (error) {
    await log.close();
    throw error;
  }
  return { log, close: () => log.close(), clockMs: () => log.controllerMs() };
}

interface LogParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface OpenedLog {
  readonly log: Log;
  /** Whose writing to the embedded log waits for room on the disk. */
  readonly waits?: DiskWaits;
  /** The brokers' clock, ms; undefined where they do not tell it. */
  readonly clockMs?: () => Promise<number | undefined>;
  close(): Promise<void>;
}

/** Kafka's log, whatever topics it has. @throws LogUnavailable */
export async function openKafkaLog(config: PlantConfig, parts: LogParts): Promise<KafkaLog> {
  // the clients of services are a third of all modules: a plant that has none does not load them
  const { KafkaLog } = await import("../infra/log/kafka/kafka-log.js");
  return KafkaLog.open({ kafka: config.log.kafka!, namespace: config.namespace, ...parts });
}

export function partitionsIn(log: Log, topic: string): number | undefined {
  try {
    return log.partitions(topic);
  } catch (error) {
    if (error instanceof UnknownTopic) return undefined;
    throw error;
  }
}

async function openEmbeddedLog(config: PlantConfig, parts: LogParts): Promise<OpenedLog> {
  const log = await EmbeddedLog.open({
    folder: join(config.dataFolder, "log"),
    segmentBytes: config.log.segmentBytes,
    ...parts,
  });
  await log.createTopics(topicSettings(config));
  const maintain = setInterval(() => {
    log.maintain(Date.now() * 1000).catch((error: unknown) => parts.logger.warn({ err: error }, "retention failed"));
  }, MAINTAIN_EVERY_MS);
  maintain.unref();
  return {
    log,
    waits: log.waits,
    async close() {
      clearInterval(maintain);
      await log.close();
    },
  };
}

/** The registry that the configuration names; without one, a file in the data folder. */
export function registryOf({ registry, namespace, dataFolder }: PlantConfig): SchemaRegistry {
  if (registry !== undefined) return new ConfluentRegistry({ ...registry, namespace });
  ensureWritableFolder(dataFolder);
  return new EmbeddedRegistry({ file: join(dataFolder, "schemas.json") });
}

/**
 * The codecs of every topic; schemas keep their ids over restarts. The plant's own registry gets what it does not have;
 * one that others share is only asked: `tickplant schemas register` writes there.
 *
 * @throws SchemaNotRegistered, RegistryUnavailable, IncompatibleSchema, FolderNotWritable, DiskFull
 */
export async function codecsOf(config: PlantConfig): Promise<Codecs> {
  const registry = registryOf(config);
  if (config.registry !== undefined) return codecsFor(await lookupAll(registry), registry);
  return openCodecs(registry).catch((error: unknown) => {
    throw diskFault(error, join(config.dataFolder, "schemas.json"));
  });
}

/** The bus in Redis; undefined where the configuration names none. @throws RedisUnavailable */
export async function openRedisBus({ bus, namespace }: PlantConfig, logger: Logger): Promise<Bus | undefined> {
  if (bus.redis === undefined) return undefined;
  const { RedisBus } = await import("../infra/bus/redis-bus.js");
  return RedisBus.connect({ redis: bus.redis, namespace, lastValueHours: bus.lastValueHours, logger });
}

/** Leases in Redis, where the configuration names one: other ingest processes may be there. */
export async function openLeases(
  { bus, namespace }: PlantConfig,
  logger: Logger,
  stops: (() => Promise<void>)[],
): Promise<Leases | undefined> {
  if (bus.redis === undefined) return undefined;
  const [{ connectRedis }, { RedisLeases }] = await Promise.all([
    import("../infra/redis/connection.js"),
    import("../infra/lease/redis-leases.js"),
  ]);
  const connection = await connectRedis({ redis: bus.redis, logger, purpose: "leases" });
  stops.push(async () => connection.client.disconnect());
  return new RedisLeases(connection, namespace);
}
