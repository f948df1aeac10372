import { z } from "zod";
import { chainConfig } from "./chains-config.js";
import { endpointConfig } from "./endpoint-config.js";
import { engineConfig } from "./engine-config.js";
import { oraclesConfig } from "./oracle-config.js";
import { leaseConfig } from "./services-config.js";
import {
  httpUrl,
  milliseconds,
  port,
  symbolName,
  symbolPattern,
  unique,
  venueId,
  webSocketUrl,
  whole,
} from "./words.js";

const feedKinds = ["trade", "quote", "ticker", "depth"] as const;

const symbols = unique(symbolName, (symbol) => symbol).min(1, "expected at least one symbol");
const patterns = unique(symbolPattern, (symbol) => symbol).min(1, "expected at least one symbol");

const ingestVenue = z
  .strictObject({
    id: venueId.describe("The venue as ccxt spells it. It stands in every message as `exchange`."),
    connector: z
      .enum(["native", "ccxt"])
      .default("native")
      .describe("`native`: the plant's own connector of this venue; `ccxt`: any exchange that ccxt streams."),
    restUrl: httpUrl.optional().describe("Base URL of the venue's REST API; by default the venue's own."),
    wsUrl: webSocketUrl.optional().describe("Base URL of the venue's WebSocket; by default the venue's own."),
    symbols: patterns.describe(
      "Unified symbols to take in; in a pattern `*` stands for any characters but `/` and `:`, e.g. `*/USDT` or `BTC/USD:*`, and follows the venue's listings.",
    ),
    kinds: unique(z.enum(feedKinds), (kind) => kind)
      .min(1)
      .default([...feedKinds])
      .describe("Which feeds of each symbol to take in."),
    snapshotLevels: whole(5)
      .max(5000)
      .optional()
      .describe(
        "Levels a side to ask for in a book snapshot; by default the venue's best choice. Weight grows with it.",
      ),
    settings: z
      .record(z.string(), z.unknown())
      .default({})
      .describe("What only this venue knows, e.g. `tradeStream: trade` of Binance; the venue checks it."),
  })
  .superRefine(({ connector, symbols }, context) => {
    symbols.forEach((symbol, index) => {
      if (connector === "native" || !symbol.includes("*")) return;
      const message = "patterns follow the listings of native connectors: name the symbols (an asterisk is %2A)";
      context.addIssue({ code: "custom", path: ["symbols", index], message });
    });
  })
  .describe("One venue to take in.");

const publisher = z
  .strictObject({
    maxTicks: whole(100)
      .default(10_000)
      .describe("Ticks that may wait for the log. Beyond it ticks are dropped and counted; books say so and resync."),
    batchTicks: whole(1).max(10_000).default(100).describe("Ticks in a record of market.raw at most."),
    lingerMs: milliseconds
      .max(1000)
      .default(10)
      .describe("Milliseconds that a batch may gather while another of its partition is in flight."),
    journalFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Where to keep, flushed to disk, the id of each trade that the log took: for tests of loss, it is slow.",
      ),
  })
  .prefault({})
  .describe("From ticks to records of market.raw.");

const record = z
  .strictObject({
    enabled: z.boolean().default(false).describe("Keep every raw frame with its receive time."),
    folder: z.string().min(1).optional().describe("Where; by default `recordings` in the data folder."),
    segmentBytes: whole(1024)
      .default(64 * 1024 * 1024)
      .describe("Bytes of text after which a new file is begun."),
    segmentMinutes: whole(1).default(60).describe("Minutes after which a new file is begun."),
    flushMs: milliseconds.default(1000).describe("Milliseconds until a frame is readable in the file at the latest."),
    maxBufferedBytes: whole(1024)
      .default(32 * 1024 * 1024)
      .describe("Bytes that may wait for the disk. Beyond it frames are dropped and counted."),
  })
  .prefault({})
  .describe("The recorder. Its files are read by `tickplant replay`.");

export const ingestConfig = z
  .strictObject({
    venues: unique(ingestVenue, (venue) => venue.id)
      .default([])
      .describe("What to take in."),
    chains: unique(chainConfig, (chain) => chain.id)
      .default([])
      .describe("Chains whose pools are taken in."),
    publisher,
    heartbeatMs: whole(10).default(250).describe("Milliseconds between heartbeats into every partition."),
    resnapshotMinutes: whole(1).default(5).describe("Minutes between snapshots of each book."),
    backfill: z.boolean().default(true).describe("After a reconnect, fetch the trades that were missed over REST."),
    lease: leaseConfig,
    record,
    endpoint: endpointConfig,
    engines: unique(engineConfig, ({ id }) => id)
      .default([])
      .describe("Matching engines of one's own."),
    oracles: oraclesConfig,
  })
  .prefault({})
  .describe("Connectors and what they publish.");

const simulatedVenue = z
  .strictObject({
    id: venueId.describe("Name of the simulated venue; an entry of ingest.venues with the same id connects to it."),
    port: port.describe("TCP port on 127.0.0.1 for its REST and WebSocket."),
    dialect: z
      .enum(["spot", "usdm", "okx", "kraken"])
      .default("spot")
      .describe("Whose API it speaks: `spot` and `usdm` are Binance's."),
    seed: whole(0).default(1).describe("The same seed gives the same market."),
    symbols: symbols.describe("Unified symbols that trade there."),
    rate: z.number().positive().max(100_000).default(20).describe("Orders per second and symbol, on average."),
  })
  .describe("One simulated exchange.");

/** What a venue is to be made with: its common keys where they are set, and what only it knows. */
export function venueSettings(venue: z.output<typeof ingestVenue>): Record<string, unknown> {
  const { restUrl, wsUrl, snapshotLevels } = venue;
  return {
    ...venue.settings,
    ...(restUrl !== undefined && { restUrl }),
    ...(wsUrl !== undefined && { wsUrl }),
    ...(snapshotLevels !== undefined && { snapshotLevels }),
  };
}

export const simulatorConfig = z
  .strictObject({
    venues: unique(simulatedVenue, (venue) => venue.id)
      .default([])
      .describe("Simulated exchanges to run."),
  })
  .prefault({})
  .describe("Local exchanges with a matching engine of their own, for the demo and for tests.");
