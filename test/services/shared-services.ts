import { startKafka } from "../../scripts/services/kafka.mjs";
import { startRedis } from "../../scripts/services/redis.mjs";
import { startRegistry } from "../../scripts/services/registry.mjs";

/** A service that tests share: each test takes names of its own in it. */
interface Shared {
  /** Ends the service where this process started it; others may have it no longer. */
  stop(): Promise<void>;
}
export interface SharedKafka extends Shared {
  readonly brokers: string[];
}
export interface SharedRegistry extends Shared {
  readonly url: string;
}
export interface SharedRedis extends Shared {
  /** host:port */
  readonly address: string;
}

const started = new Map<string, Promise<Shared>>();

/** One service of a kind in this process; after a stop the next call starts another. */
function once<S extends Shared>(kind: string, start: () => Promise<S>): Promise<S> {
  const known = started.get(kind);
  if (known !== undefined) return known as Promise<S>;
  const starting = start().then((service) => ({
    ...service,
    stop: async () => {
      started.delete(kind);
      await service.stop();
    },
  }));
  starting.catch(() => started.delete(kind));
  started.set(kind, starting);
  return starting;
}

const notOurs = async (): Promise<void> => undefined;

/**
 * Kafka for a test file: TICKPLANT_KAFKA_BROKERS, else one that is started for this process.
 *
 * @param version a release that must be started, whatever the environment names
 */
export function kafkaForTests(version?: string): Promise<SharedKafka> {
  return once(`kafka ${version ?? ""}`, async () => {
    const given = process.env.TICKPLANT_KAFKA_BROKERS;
    if (given && version === undefined) return { brokers: given.split(","), stop: notOurs };
    const kafka = await startKafka({ version });
    return { brokers: [kafka.brokers], stop: () => kafka.stop() };
  });
}

/** A schema registry for a test file: TICKPLANT_REGISTRY_URL, else one that is started for this process. */
export function registryForTests(): Promise<SharedRegistry> {
  return once("registry", async () => {
    const given = process.env.TICKPLANT_REGISTRY_URL;
    if (given) return { url: given, stop: notOurs };
    const registry = await startRegistry();
    return { url: registry.url, stop: () => registry.stop() };
  });
}

/** Redis for a test file: TICKPLANT_REDIS_URL, else one that is started for this process. */
export function redisForTests(): Promise<SharedRedis> {
  return once("redis", async () => {
    const given = process.env.TICKPLANT_REDIS_URL;
    if (given) return { address: given.replace(/^redis:\/\//, "").replace(/\/.*$/, ""), stop: notOurs };
    const redis = await startRedis();
    return { address: redis.address, stop: () => redis.stop() };
  });
}
