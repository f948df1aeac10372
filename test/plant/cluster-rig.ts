import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ConfigOverrides } from "../../infra/config/load-config.js";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import { createLogger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import { EmbeddedStoreServer } from "../../infra/store/embedded-store-server.js";
import { openKafkaLog } from "../../plant/parts.js";
import { type KafkaHandle, startKafka } from "../../scripts/services/kafka.mjs";
import { type RedisHandle, startRedis } from "../../scripts/services/redis.mjs";
import { type RegistryHandle, startRegistry } from "../../scripts/services/registry.mjs";
import { freePort, PlantProcess, temporaryFolder, testConfig } from "./plant-process.js";

const logger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" });

/** A running role, by the command line. */
export interface RoleProcess {
  readonly name: string;
  readonly role: Role;
  readonly process: PlantProcess;
  /** Of health and metrics. */
  readonly healthUrl: string;
}
export type Role = "ingest" | "process" | "sink" | "push";

/** What a cluster needs of its Kafka. */
interface Brokers {
  /** host:port, or several of them. */
  readonly brokers: string | readonly string[];
  stop(): Promise<unknown>;
}

/** Kafka, registry, Redis and ClickHouse's stand-in, and roles in processes of their own over them. */
export class Cluster<Kafka extends Brokers = KafkaHandle> {
  readonly roles = new Map<string, RoleProcess>();

  private constructor(
    readonly folders: { folder: string; remove(): Promise<void> },
    readonly kafka: Kafka,
    readonly registry: RegistryHandle,
    readonly redis: RedisHandle,
    public store: EmbeddedStoreServer,
    readonly config: PlantConfig,
  ) {}

  /** A store on the same data at the same address, after the other was stopped. */
  async startStore(): Promise<void> {
    this.store = await startStore(this.folders.folder, Number(new URL(this.config.store.url!).port));
  }

  static start(overrides: ConfigOverrides = {}, kafkaVersion?: string): Promise<Cluster> {
    return Cluster.over(startKafka(kafkaVersion === undefined ? {} : { version: kafkaVersion }), overrides);
  }

  /** Over a Kafka that starts; it is stopped with the cluster. */
  static async over<Kafka extends Brokers>(
    starting: Promise<Kafka>,
    overrides: ConfigOverrides = {},
  ): Promise<Cluster<Kafka>> {
    const folders = await temporaryFolder();
    const [kafka, registry, redis, store] = await Promise.all([
      starting,
      startRegistry(),
      startRedis(),
      startStore(folders.folder, await freePort()),
    ]);
    const { log, bus, store: storeSettings, ...rest } = overrides;
    const brokers = [kafka.brokers].flat();
    const config = testConfig({
      namespace: `t${randomUUID().slice(0, 8)}`,
      ...rest,
      dataFolder: join(folders.folder, "data"),
      log: { ...log, kafka: { sessionTimeoutMs: 3000, ...log?.kafka, brokers } },
      registry: { url: registry.url },
      bus: { ...bus, redis: { nodes: [redis.address] } },
      store: { ...storeSettings, url: store.url },
    });
    const cluster = new Cluster(folders, kafka, registry, redis, store, config);
    for (const command of [["topics", "apply"], ["schemas", "register"], ["migrate"]]) await cluster.run(command);
    return cluster;
  }

  /** Runs a command of the plant with the cluster's configuration to its end. @returns what it printed */
  async run(args: readonly string[], expectedCode = 0): Promise<string> {
    const file = await this.#configFile("command", this.config);
    const command = new PlantProcess([...args, "--config", file]);
    const { code } = await command.ended;
    if (code !== expectedCode)
      throw new Error(`${args.join(" ")} ended with ${code}: ${command.stdout}${command.stderr}`);
    return command.stdout;
  }

  /** Starts a role; resolves when it runs. */
  async role(role: Role, name: string = role, overrides: Partial<PlantConfig> = {}): Promise<RoleProcess> {
    const { config } = this;
    const metricsPort = await freePort();
    const own = { ...config, metricsPort, dataFolder: join(this.folders.folder, `data-${name}`), ...overrides };
    const file = await this.#configFile(name, own);
    const process = new PlantProcess([role, "--config", file]);
    const atRest = () => /page (\S+)\/,/.exec(process.stdout)?.[1] ?? "";
    const running = {
      name,
      role,
      process,
      get healthUrl() {
        return role === "push" ? atRest() : `http://127.0.0.1:${own.metricsPort}`;
      },
    };
    this.roles.set(name, running);
    await process.said((plant) => plant.stdout.includes("Ctrl-C"), `${role} runs`);
    return running;
  }

  /** What a push role said of where it listens. */
  urls({ process }: RoleProcess): { restUrl: string; webSocketUrl: string } {
    const find = (pattern: RegExp) => pattern.exec(process.stdout)?.[1] ?? "";
    return { restUrl: find(/page (\S+)\/,/), webSocketUrl: find(/WebSocket (\S+)\. /) };
  }

  async openLog() {
    return openKafkaLog(this.config, { logger, metrics: new Metrics() });
  }

  async stop(): Promise<void> {
    for (const { process } of this.roles.values()) if (!process.hasEnded) await process.kill();
    await Promise.all([this.kafka.stop(), this.registry.stop(), this.redis.stop(), this.store.stop()]);
    await this.folders.remove();
  }

  async #configFile(name: string, config: PlantConfig): Promise<string> {
    const file = join(this.folders.folder, `${name}.yaml`);
    await writeFile(file, JSON.stringify(config));
    return file;
  }
}

const startStore = (folder: string, port: number): Promise<EmbeddedStoreServer> =>
  EmbeddedStoreServer.start({ folder: join(folder, "store"), port, standIn: true, logger });
