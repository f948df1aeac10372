import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { pino } from "pino";
import { type ConfigOverrides, loadConfig } from "../../../infra/config/load-config.js";
import type { PlantConfig } from "../../../infra/config/plant-config.js";
import { entryPoint } from "../../../infra/entry-point.js";
import type { KafkaLog } from "../../../infra/log/kafka/kafka-log.js";
import { Metrics } from "../../../infra/metrics.js";
import { EmbeddedStoreServer } from "../../../infra/store/embedded-store-server.js";
import { openKafkaLog } from "../../../plant/parts.js";
import type { KafkaHandle } from "../../../scripts/services/kafka.mjs";
import type { RedisHandle } from "../../../scripts/services/redis.mjs";
import type { RegistryHandle } from "../../../scripts/services/registry.mjs";
import { freePort, PlantProcess, temporaryFolder } from "../../plant/plant-process.js";

export const quiet = pino({ level: "error" });

/** Turns of which medians are taken; fewer for a quick look. */
export const turnsOr = (usual: number) => Number(process.env.TICKPLANT_BENCH_TURNS ?? usual);

/** A subject takes minutes: says how far it is. */
export function progress(text: string): void {
  process.stderr.write(`    … ${text}\n`);
}

/** Scripts are not compiled: they are met where they lie, above `dist`. */
const script = (name: string): Promise<unknown> =>
  import(pathToFileURL(entryPoint(`../scripts/services/${name}.mjs`)).href);

/** Every role that was started. */
const roles: PlantProcess[] = [];

/** What a cluster stands on, for all of a subject's runs: brokers, registry, Redis and the store's engine. */
export class Services {
  private constructor(
    readonly folders: { folder: string; remove(): Promise<void> },
    readonly kafka: KafkaHandle,
    readonly registry: RegistryHandle,
    readonly redis: RedisHandle,
    readonly store: EmbeddedStoreServer,
  ) {}

  static async start(): Promise<Services> {
    // the bench was ended: roles are groups of their own and would stay
    const end = () => {
      for (const one of roles) if (!one.hasEnded) void one.kill();
      setTimeout(() => process.exit(1), 500);
    };
    for (const reason of ["disconnect", "SIGINT", "SIGTERM"] as const) process.once(reason, end);
    const kafka = (await script("kafka")) as typeof import("../../../scripts/services/kafka.mjs");
    const registry = (await script("registry")) as typeof import("../../../scripts/services/registry.mjs");
    const redis = (await script("redis")) as typeof import("../../../scripts/services/redis.mjs");
    const folders = await temporaryFolder();
    return new Services(
      folders,
      await kafka.startKafka({ isMeasured: true }),
      await registry.startRegistry({ isMeasured: true }),
      await redis.startRedis(),
      await EmbeddedStoreServer.start({
        folder: join(folders.folder, "store"),
        port: await freePort(),
        standIn: true,
        logger: quiet,
      }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([this.kafka.stop(), this.registry.stop(), this.redis.stop(), this.store.stop()]);
    await this.folders.remove();
  }

  /** A plant of its own namespace with default settings, so that no run sees another's records. */
  async plant(overrides: ConfigOverrides = {}): Promise<ClusterPlant> {
    const { folder } = this.folders;
    const namespace = `b${randomUUID().slice(0, 8)}`;
    const config = loadConfig({
      env: {},
      overrides: {
        ...overrides,
        namespace,
        dataFolder: join(folder, namespace),
        metricsPort: 0,
        logging: { level: "error" },
        log: { kafka: { brokers: [this.kafka.brokers] } },
        registry: { url: this.registry.url },
        bus: { redis: { nodes: [this.redis.address] } },
        store: { url: this.store.url, database: namespace },
        push: { restPort: 0, webSocketPort: 0 },
      },
    });
    const plant = new ClusterPlant(config, folder);
    await plant.command("topics", "apply");
    await plant.command("schemas", "register");
    await plant.command("migrate");
    return plant;
  }
}

/** Roles in processes of their own, and this process's way to their log. */
export class ClusterPlant {
  readonly #roles: PlantProcess[] = [];
  #log: Promise<KafkaLog> | undefined;

  constructor(
    readonly config: PlantConfig,
    private readonly folder: string,
  ) {}

  async command(...args: readonly string[]): Promise<void> {
    const process = new PlantProcess([...args, "--config", await this.#configFile("command")]);
    const { code } = await process.ended;
    if (code !== 0) throw new Error(`${args.join(" ")}: ${process.stdout}${process.stderr}`);
  }

  /** Starts a role; resolves with it at once. `running` tells when it runs. */
  async role(role: "process" | "sink" | "push"): Promise<PlantProcess> {
    const file = await this.#configFile(`${role}-${this.#roles.length}`);
    const process = new PlantProcess([role, "--config", file]);
    this.#roles.push(process);
    roles.push(process);
    return process;
  }

  async running(process: PlantProcess): Promise<void> {
    await process.said(({ stdout }) => stdout.includes("Ctrl-C"), "a role runs");
  }

  log(): Promise<KafkaLog> {
    this.#log ??= openKafkaLog(this.config, { logger: quiet, metrics: new Metrics() });
    return this.#log;
  }

  /** End offsets summed over a topic's partitions. */
  async end(topic: string): Promise<number> {
    const log = await this.log();
    const partitions = Array.from({ length: log.partitions(topic) }, (_, partition) => partition);
    const all = await Promise.all(partitions.map((partition) => log.offsets(topic, partition)));
    return all.reduce((sum, { end }) => sum + end, 0);
  }

  /** What a group has committed of a topic. */
  async committed(group: string, topic: string): Promise<number> {
    const log = await this.log();
    const partitions = Array.from({ length: log.partitions(topic) }, (_, partition) => partition);
    const all = await Promise.all(partitions.map((partition) => log.committed(group, topic, partition)));
    return all.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  }

  async stop(): Promise<void> {
    for (const process of this.#roles) {
      if (process.hasEnded) continue;
      process.interrupt();
      const timer = setTimeout(() => void process.kill(), 15_000);
      await process.ended;
      clearTimeout(timer);
    }
    await (await this.#log)?.close();
  }

  async #configFile(name: string): Promise<string> {
    const file = join(this.folder, `${this.config.namespace}-${name}.yaml`);
    const dataFolder = join(this.folder, `${this.config.namespace}-${name}`);
    await writeFile(file, JSON.stringify({ ...this.config, dataFolder }));
    return file;
  }
}
