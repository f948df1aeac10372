import { z } from "zod";
import { allowedHosts } from "./access-config.js";
import { ingestConfig, simulatorConfig } from "./ingest-config.js";
import { processConfig } from "./process-config.js";
import { pushConfig, sinkConfig, storeConfig } from "./serve-config.js";
import { busConfig, kafkaConfig, registryConfig } from "./services-config.js";
import { port, whole } from "./words.js";

export const roles = ["ingest", "process", "sink", "push"] as const;

const hours = z.number().positive();

const retentionHours = z
  .strictObject({
    "market.raw": hours.default(24).describe("Raw ticks."),
    "market.trade": hours.default(24).describe("Cleaned trades."),
    "market.ticker": hours.default(1).describe("Tickers."),
    "market.depth": hours.default(1).describe("Depth messages."),
    "market.kline": hours.default(7 * 24).describe("K-lines."),
    "market.index": hours.default(7 * 24).describe("Index values."),
    "index.input": hours.default(24).describe("Prices on their way to indices."),
    "signal.alpha": hours.default(7 * 24).describe("Signals."),
    "market.dlq": hours.default(7 * 24).describe("Dead letters."),
    "block.new": hours.default(24).describe("Blocks of chains."),
    "swap.executed": hours.default(24).describe("Swaps of pools."),
    "liquidity.change": hours.default(24).describe("Liquidity that went into pools or out of them."),
    "pool.sync": hours.default(24).describe("States of pools."),
    "tx.pending": hours.default(24).describe("Transactions that wait to be mined."),
    "tx.confirm": hours.default(24).describe("What became of them."),
  })
  .prefault({})
  .describe("Hours that records are kept, by topic.");

const logConfig = z
  .strictObject({
    retentionHours,
    maxPartitionBytes: whole(1024 * 1024)
      .default(256 * 1024 * 1024)
      .describe("Bytes of one partition on disk. The oldest segments go first."),
    segmentBytes: whole(64 * 1024)
      .default(16 * 1024 * 1024)
      .describe("Bytes after which a new segment file is begun."),
    kafka: kafkaConfig.optional(),
  })
  .prefault({})
  .describe("The log: in the data folder, or Kafka.");

const loggingConfig = z
  .strictObject({
    level: z
      .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
      .default("info")
      .describe("Least level that is logged."),
    pretty: z.boolean().default(false).describe("Lines for people instead of JSON."),
  })
  .prefault({})
  .describe("The plant's own log lines, on stderr.");

/** The whole configuration. Every key has a default, so that an empty file is a plant that waits for input. */
export const plantConfig = z
  .strictObject({
    dataFolder: z.string().min(1).default("data").describe("Folder of everything that the plant keeps on disk."),
    namespace: z
      .string()
      .regex(/^[A-Za-z0-9_-]{0,40}$/, "expected at most 40 letters, digits, _ and -")
      .default("")
      .describe("Begins the names of topics, groups, subjects, keys and channels, so that plants may share services."),
    logging: loggingConfig,
    partitions: whole(1)
      .max(1024)
      .default(12)
      .describe("Partitions of the topics. May grow later, never shrink; a change moves symbols to other partitions."),
    roles: z
      .array(z.enum(roles))
      .min(1)
      .default([...roles])
      .describe("Roles that `tickplant start` runs."),
    metricsHost: z
      .string()
      .min(1)
      .default("127.0.0.1")
      .describe("Address for metrics and health of roles other than push; 0.0.0.0 opens it to the network."),
    allowedHosts,
    metricsPort: port.default(9100).describe("Port for metrics and health of roles other than push."),
    log: logConfig,
    registry: registryConfig.optional(),
    bus: busConfig,
    ingest: ingestConfig,
    simulator: simulatorConfig,
    process: processConfig,
    store: storeConfig,
    sink: sinkConfig,
    push: pushConfig,
  })
  .superRefine((config, context) => {
    for (const { path, message } of [...sharedPorts(config), ...takenExchanges(config)]) {
      context.addIssue({ code: "custom", path, message });
    }
  });

/** A venue that a connector takes in is not written from outside as well. */
function takenExchanges({ ingest }: ExchangesOf): { path: (string | number)[]; message: string }[] {
  const { venues, engines, oracles } = ingest;
  const taken = new Set([...venues, ...engines, ...oracles.chainlink, ...oracles.pyth].map(({ id }) => id));
  return ingest.endpoint.keys.flatMap(({ exchanges }, key) =>
    exchanges.flatMap((id, index) => {
      const path = ["ingest", "endpoint", "keys", key, "exchanges", index];
      return taken.has(id) ? [{ path, message: `${id} is taken in by ingest itself: give it a name of its own` }] : [];
    }),
  );
}

interface ExchangesOf {
  readonly ingest: {
    readonly venues: readonly { readonly id: string }[];
    readonly engines: readonly { readonly id: string }[];
    readonly oracles: Readonly<Record<"chainlink" | "pyth", readonly { readonly id: string }[]>>;
    readonly endpoint: { readonly keys: readonly { readonly exchanges: readonly string[] }[] };
  };
}

export type PlantConfig = z.output<typeof plantConfig>;
export type PlantConfigInput = z.input<typeof plantConfig>;

/** Two listeners can not share a port; 0 means any free one. */
function sharedPorts(config: PortsOf): { path: (string | number)[]; message: string }[] {
  const listeners: { path: (string | number)[]; port: number }[] = [
    { path: ["metricsPort"], port: config.metricsPort },
    { path: ["push", "restPort"], port: config.push.restPort },
    { path: ["push", "webSocketPort"], port: config.push.webSocketPort },
    { path: ["ingest", "endpoint", "port"], port: config.ingest.endpoint.port },
    ...(config.store.url === undefined ? [{ path: ["store", "port"], port: config.store.port }] : []),
    ...config.simulator.venues.map((venue, index) => ({
      path: ["simulator", "venues", index, "port"],
      port: venue.port,
    })),
  ];
  const owners = new Map<number, string>();
  return listeners.flatMap(({ path, port: number }) => {
    const owner = owners.get(number);
    owners.set(number, owner ?? path.join("."));
    return number === 0 || owner === undefined ? [] : [{ path, message: `port ${number} is taken by ${owner}` }];
  });
}

interface PortsOf {
  readonly ingest: { readonly endpoint: { readonly port: number } };
  readonly metricsPort: number;
  readonly push: { readonly restPort: number; readonly webSocketPort: number };
  readonly store: { readonly url?: string | undefined; readonly port: number };
  readonly simulator: { readonly venues: readonly { readonly port: number }[] };
}
