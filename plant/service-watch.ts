import type { PlantConfig } from "../infra/config/plant-config.js";
import type { Condition } from "../infra/health.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { RedisConnection } from "../infra/redis/connection.js";
import { notWritable, type WriteState } from "../infra/redis/write-state.js";
import { ServiceClock } from "../infra/service-clock.js";
import type { ServiceProbe } from "../infra/service-probe.js";
import { storeProbe } from "./service-conditions.js";
import { storeAt } from "./store-place.js";

const ASK_EVERY_MS = 2_000;
const CONNECT_AGAIN_MS = 5_000;

export interface ServiceWatchOptions {
  readonly config: PlantConfig;
  /** Clocks of services may differ by so much before times are in doubt. */
  readonly clockBoundMs: number;
  /** The brokers' clock, ms; undefined where they do not tell it. */
  readonly brokersMs?: (() => Promise<number | undefined>) | undefined;
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
  readonly #clocks: { readonly redis: ServiceClock; readonly brokers: ServiceClock };
  #redis: RedisConnection | undefined;
  #redisState: WriteState = { writable: true, why: "" };
  #stopped = false;

  constructor(private readonly options: ServiceWatchOptions) {
    const { config, clockBoundMs } = options;
    this.#clocks = {
      redis: new ServiceClock("Redis", clockBoundMs),
      brokers: new ServiceClock("the brokers", clockBoundMs),
    };
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
    const { brokersMs } = options;
    if (brokersMs !== undefined) this.#every(() => this.#compare("brokers", brokersMs));
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
      ...this.#clocks.redis.conditions(),
      ...this.#clocks.brokers.conditions(),
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
    const { connectRedis } = await import("../infra/redis/connection.js");
    while (this.#redis === undefined && !this.#stopped) {
      try {
        this.#redis = await connectRedis({ redis, logger, purpose: "health" });
      } catch (error) {
        this.#redisState = notWritable((error as Error).message);
        await new Promise((resolve) => setTimeout(resolve, CONNECT_AGAIN_MS).unref());
      }
    }
    if (this.#stopped) return this.#redis?.client.disconnect();
    const { client } = this.#redis!;
    this.#every(async () => {
      if (!this.#redis!.state.writable) return;
      await this.#compare("redis", async () => {
        const [seconds, micros] = await client.time();
        return Number(seconds) * 1000 + Number(micros) / 1000;
      });
    });
  }

  #every(ask: () => Promise<void>): void {
    let asking = false;
    const timer = setInterval(async () => {
      if (asking) return;
      asking = true;
      // how the service is others say
      await ask().catch(() => {});
      asking = false;
    }, ASK_EVERY_MS).unref();
    this.#stops.push(() => clearInterval(timer));
  }

  async #compare(service: "redis" | "brokers", ask: () => Promise<number | undefined>): Promise<void> {
    const before = Date.now();
    const serverMs = await ask();
    if (serverMs === undefined) return;
    const clock = this.#clocks[service];
    clock.measured(serverMs, before, Date.now());
    this.options.metrics.serviceClockOffset.set({ service }, clock.offset!.aheadMs / 1000);
  }
}

const needsStore = ({ roles }: PlantConfig): boolean => roles.includes("sink") || roles.includes("push");
const needsRedis = ({ roles }: PlantConfig): boolean => roles.some((role) => role !== "sink");
