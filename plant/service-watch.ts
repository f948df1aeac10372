import type { PlantConfig } from "../infra/config/plant-config.js";
import type { Condition } from "../infra/health.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import { connectRedis, type RedisConnection } from "../infra/redis/connection.js";
import { notWritable, type WriteState } from "../infra/redis/write-state.js";
import { ServiceClock } from "../infra/service-clock.js";
import type { ServiceProbe } from "../infra/service-probe.js";
import { storeAt } from "./parts.js";
import { storeProbe } from "./service-conditions.js";

const ASK_EVERY_MS = 2_000;
const CONNECT_AGAIN_MS = 5_000;

export interface ServiceWatchOptions {
  readonly config: PlantConfig;
  /** Clocks of services may differ by so much before times are in doubt. */
  readonly clockBoundMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * What every process of a cluster knows of the services that all share, whether its own roles need them or not: who asks
 * any of them hears what is wrong with the plant. A role that needs a service says so itself and is not ready; for the
 * others it is a note.
 */
export class ServiceWatch {
  readonly #stops: (() => unknown)[] = [];
  readonly #probes: ServiceProbe[] = [];
  readonly #redisClock: ServiceClock;
  #redis: RedisConnection | undefined;
  #redisState: WriteState = { writable: true, why: "" };
  #stopped = false;

  constructor(private readonly options: ServiceWatchOptions) {
    const { config, clockBoundMs } = options;
    this.#redisClock = new ServiceClock("Redis", clockBoundMs);
    if (!needsStore(config) && config.store.url !== undefined) {
      const store = storeAt({ url: config.store.url }, config);
      const probe = storeProbe(store, "note");
      this.#probes.push(probe);
      this.#stops.push(
        () => probe.stop(),
        () => store.close(),
      );
    }
    if (config.bus.redis !== undefined) void this.#watchRedis(config.bus.redis);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stop of this.#stops) await stop();
    this.#redis?.client.disconnect();
  }

  conditions(): Condition[] {
    return [
      ...this.#probes.flatMap((probe) => probe.conditions()),
      ...this.#redisConditions(),
      ...this.#redisClock.conditions(),
    ];
  }

  #redisConditions(): Condition[] {
    if (needsRedis(this.options.config)) return [];
    const { writable, why } = this.#redis?.state ?? this.#redisState;
    if (writable) return [];
    return [{ name: "bus_not_writable", reason: `Redis does not take writes: ${why}`, severity: "note" }];
  }

  async #watchRedis(redis: NonNullable<PlantConfig["bus"]["redis"]>): Promise<void> {
    const { logger } = this.options;
    while (this.#redis === undefined && !this.#stopped) {
      try {
        this.#redis = await connectRedis({ redis, logger, purpose: "health" });
      } catch (error) {
        this.#redisState = notWritable((error as Error).message);
        await new Promise((resolve) => setTimeout(resolve, CONNECT_AGAIN_MS).unref());
      }
    }
    if (this.#stopped) return this.#redis?.client.disconnect();
    const asking = setInterval(() => void this.#askTime(), ASK_EVERY_MS).unref();
    this.#stops.push(() => clearInterval(asking));
  }

  async #askTime(): Promise<void> {
    const { client, state } = this.#redis!;
    if (!state.writable) return;
    try {
      const before = Date.now();
      const [seconds, micros] = await client.time();
      this.#redisClock.measured(Number(seconds) * 1000 + Number(micros) / 1000, before, Date.now());
      this.options.metrics.serviceClockOffset.set({ service: "redis" }, this.#redisClock.offset!.aheadMs / 1000);
    } catch {
      // how the connection is its state says
    }
  }
}

const needsStore = ({ roles }: PlantConfig): boolean => roles.includes("sink") || roles.includes("push");
const needsRedis = ({ roles }: PlantConfig): boolean => roles.some((role) => role !== "sink");
