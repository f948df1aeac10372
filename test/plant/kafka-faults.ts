import { readFileSync } from "node:fs";
import { join } from "node:path";
import kafkajs from "kafkajs";
import WebSocket from "ws";
import type { ConfigOverrides } from "../../infra/config/load-config.js";
import type { Log } from "../../infra/log/log.js";
import { Simulator } from "../../ingest/simulator/server.js";
import { Cluster, type Role } from "./cluster-rig.js";
import { query } from "./outputs.js";
import { pause, until } from "./plant-process.js";

const exchange = "binance";
const symbol = "BTC/USDT";
const native = "BTCUSDT";
const RATE = 20;
const roles = ["push", "process", "sink", "ingest"] as const;
/** No fault of the brokers may take longer to get over; the time is counted from their return. */
const GIVE_UP_MS = 120_000;
const LOOK_EVERY_MS = 100;

/** Seconds after the brokers' return until a new client was served, and until each role went on. */
export type Recovery = Record<Role | "served", number>;

interface Brokers {
  readonly brokers: string | readonly string[];
  stop(): Promise<unknown>;
}

/**
 * Whether brokers serve, by a client of kafkajs alone that has nothing of the plant's: a broker that was away is elected
 * again, and reads its groups again, before it serves anybody.
 */
class BrokerProbe {
  /** Since when it was not refused any more, by performance.now(). */
  servesSince = 0;
  #stopped = false;
  readonly #probing: Promise<void>;

  constructor(brokers: readonly string[], namespace: string) {
    this.#probing = this.#probe(brokers, namespace);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#probing;
  }

  async #probe(brokers: readonly string[], namespace: string): Promise<void> {
    while (!this.#stopped) {
      const kafka = new kafkajs.Kafka({
        brokers: [...brokers],
        logLevel: kafkajs.logLevel.NOTHING,
        requestTimeout: 2_000,
        retry: { retries: 0 },
      });
      const admin = kafka.admin();
      try {
        await admin.connect();
        const names = (await admin.listTopics()).filter((name) => name.startsWith(`${namespace}.`));
        for (const name of names) await admin.fetchTopicOffsets(name);
        for (const group of ["process", "sink"]) await admin.fetchOffsets({ groupId: `${namespace}.${group}` });
        await pause(LOOK_EVERY_MS);
      } catch {
        this.servesSince = performance.now();
      } finally {
        await admin.disconnect().catch(() => {});
      }
    }
  }
}

/**
 * A market that never rests, all roles over a Kafka, and what each of them has done: ingest has appended, the processor has
 * written a checkpoint, a client of push has got a trade, the sink has stored it. A role goes on once that holds of a trade
 * that the venue made after the brokers' return.
 */
export class KafkaFaults<Kafka extends Brokers> {
  /** The newest trade that a client of push has got. */
  #pushed = 0;
  #serial = 0;
  readonly #journals: string[] = [];

  private constructor(
    readonly cluster: Cluster<Kafka>,
    private readonly simulator: Simulator,
  ) {}

  static async start<Kafka extends Brokers>(
    kafka: Promise<Kafka>,
    overrides: ConfigOverrides = {},
  ): Promise<KafkaFaults<Kafka>> {
    const simulator = await Simulator.start({ symbols: [symbol], rate: RATE, keepTrades: "all", paused: true });
    const venue = { id: exchange, restUrl: simulator.url, wsUrl: simulator.wsUrl, symbols: [symbol] };
    const cluster = await Cluster.over(kafka, {
      logging: { level: "warn" },
      process: { klineIntervals: ["1m"], checkpointMs: 500 },
      ...overrides,
      ingest: { ...overrides.ingest, venues: [venue], lease: { ttlMs: 3_000 } },
    });
    return new KafkaFaults(cluster, simulator);
  }

  /** Starts the roles; resolves when all of them work. */
  async run(only: readonly Role[] = roles): Promise<void> {
    await Promise.all(only.map((role) => this.role(role)));
    this.simulator.resume();
    if (only.length < roles.length) return;
    this.#listen();
    await this.recovery();
  }

  async role(role: Role): Promise<void> {
    const name = `${role}-${++this.#serial}`;
    if (role !== "ingest") {
      await this.cluster.role(role, name);
      return;
    }
    const { ingest } = this.cluster.config;
    const journalFile = join(this.cluster.folders.folder, `${name}.journal`);
    this.#journals.push(journalFile);
    await this.cluster.role(role, name, { ingest: { ...ingest, publisher: { ...ingest.publisher, journalFile } } });
  }

  /** Called at the brokers' return: how long each role needs until it has done its part with a newer trade. */
  async recovery(): Promise<Recovery> {
    const newest = await until(() => this.#newestOfVenue(), "the venue makes trades");
    const begun = performance.now();
    const found: Partial<Record<Role, number>> = {};
    const log = await this.cluster.openLog();
    const probe = new BrokerProbe([this.cluster.kafka.brokers].flat(), this.cluster.config.namespace);
    const checkpoints = await until(
      () => this.#checkpointed(log).catch(() => undefined),
      "the brokers serve",
      GIVE_UP_MS,
    );
    const done: Record<Role, () => Promise<boolean> | boolean> = {
      ingest: () => this.#newestAcknowledged() > newest,
      process: async () => this.#pushed > newest && (await this.#checkpointed(log).catch(() => 0)) > checkpoints,
      push: () => this.#pushed > newest,
      sink: async () => (await this.#newestStored()) > newest,
    };
    try {
      while (Object.keys(found).length < roles.length) {
        for (const role of roles) {
          if (found[role] === undefined && (await done[role]()))
            found[role] = Math.round((performance.now() - begun) / 100) / 10;
        }
        this.#allLive();
        if (performance.now() - begun > GIVE_UP_MS) throw new Error(`not in ${GIVE_UP_MS} ms: ${this.#said(found)}`);
        await pause(LOOK_EVERY_MS);
      }
    } finally {
      await probe.stop();
      await log.close();
    }
    const served = Math.round(Math.max(0, probe.servesSince - begun) / 100) / 10;
    return { served, ...(found as Record<Role, number>) };
  }

  /** The venue rests, all that was acknowledged is stored: how much that is, and what of it is missing or there twice. */
  async balance(): Promise<{ acknowledged: number; lost: number; doubled: number }> {
    this.simulator.pause();
    const acknowledged = this.#acknowledged();
    const stored = async () => {
      const sql = "SELECT exchange, symbol, trade_id FROM tickplant.trades FORMAT TSV";
      return (await query(this.#store, sql)).split("\n").filter(Boolean);
    };
    const missing = async () => {
      const all = new Set(await stored());
      return [...this.#acknowledged()].filter((line) => !all.has(line)).length;
    };
    const deadline = performance.now() + GIVE_UP_MS;
    let lost = await missing();
    while (lost > 0 && performance.now() < deadline) {
      await pause(500);
      lost = await missing();
    }
    const all = await stored();
    return { acknowledged: acknowledged.size, lost, doubled: all.length - new Set(all).size };
  }

  async stop(): Promise<void> {
    await this.simulator.stop();
    await this.cluster.stop();
  }

  get #store(): string {
    return this.cluster.config.store.url!;
  }

  #newestOfVenue(): number | undefined {
    const newest = this.simulator.trades(native).at(-1);
    return newest === undefined ? undefined : Number(newest.id);
  }

  #acknowledged(): Set<string> {
    const lines = this.#journals.flatMap((file) => readFileSync(file, "utf8").split("\n"));
    return new Set(lines.filter(Boolean));
  }

  #newestAcknowledged(): number {
    return Math.max(0, ...[...this.#acknowledged()].map((line) => Number(line.split("\t")[2])));
  }

  async #newestStored(): Promise<number> {
    return Number(await query(this.#store, "SELECT max(toUInt64(trade_id)) FROM tickplant.trades FORMAT TSV"));
  }

  /** How far the processor's checkpoints are, over all partitions. */
  async #checkpointed(log: Log): Promise<number> {
    const partitions = Array.from({ length: log.partitions("market.raw") }, (_, partition) => partition);
    const offsets = await Promise.all(partitions.map((partition) => log.committed("process", "market.raw", partition)));
    return offsets.reduce<number>((sum, offset) => sum + (offset ?? 0), 0);
  }

  #listen(): void {
    const [push] = [...this.cluster.roles.values()].filter(({ role }) => role === "push");
    const socket = new WebSocket(this.cluster.urls(push!).webSocketUrl, { perMessageDeflate: false });
    socket.on("open", () =>
      socket.send(JSON.stringify({ op: "subscribe", id: 1, channels: [`trade:${symbol}@${exchange}`] })),
    );
    socket.on("message", (bytes: Buffer) => {
      const { data } = JSON.parse(bytes.toString()) as { data?: { trade_id?: string } };
      if (data?.trade_id !== undefined) this.#pushed = Math.max(this.#pushed, Number(data.trade_id));
    });
    socket.on("error", () => {});
  }

  #allLive(): void {
    for (const { name, process } of this.cluster.roles.values())
      if (process.hasEnded) throw new Error(`${name} ended: ${process.stdout}${process.stderr}`);
  }

  /** How the roles went on, and what they said. */
  #said(found: object): string {
    const logs = [...this.cluster.roles.values()].map(
      ({ name, process }) => `${name}: ${process.stderr.slice(-3_000)}`,
    );
    return `${JSON.stringify(found)}\n${logs.join("\n")}`;
  }
}
