import { z } from "zod";
import { decimalText, indexName, milliseconds, symbolName, unique, venueId, whole } from "./words.js";

/** Binance's intervals, in the order of their lengths. */
export const klineIntervals = [
  "1s",
  "1m",
  "3m",
  "5m",
  "15m",
  "30m",
  "1h",
  "2h",
  "4h",
  "6h",
  "8h",
  "12h",
  "1d",
  "3d",
  "1w",
  "1M",
] as const;

const constituent = z.strictObject({
  exchange: venueId.describe("Venue."),
  symbol: symbolName.describe("Unified symbol."),
  weight: decimalText.default("1").describe("Weight relative to the other constituents."),
  staleAfterMs: milliseconds
    .optional()
    .describe("In place of the index's own; of an oracle its heartbeat and what is allowed beyond."),
});

const guard = z.strictObject({
  exchange: venueId.describe("Venue or oracle."),
  symbol: symbolName.describe("Unified symbol."),
  maxDeviation: decimalText
    .default("0.02")
    .describe("Share of its price by which the index may differ; beyond, its status is `deviates`."),
  staleAfterMs: milliseconds
    .default(3_900_000)
    .describe("Its price may be so old: heartbeat and grace; beyond, the index's status is `unguarded`."),
});

const indexDefinition = z
  .strictObject({
    name: indexName.describe("Name of the index; its channel is `index:{name}`."),
    gridMs: z.literal([250, 1000]).default(1000).describe("Milliseconds of log time between its values."),
    constituents: unique(constituent, (one) => `${one.exchange} ${one.symbol}`)
      .min(1, "expected at least one constituent")
      .describe("Whose prices make it."),
    guards: unique(guard, (one) => `${one.exchange} ${one.symbol}`)
      .default([])
      .describe("Prices, an oracle's above all, that do not make the value but watch it."),
    outlierBand: decimalText
      .default("0.05")
      .describe("A constituent further than this fraction from the median does not count."),
    staleAfterMs: milliseconds.default(30_000).describe("A price older than this many milliseconds does not count."),
    minimumConstituents: whole(1).default(1).describe("With fewer that count, the last value is held as degraded."),
    scale: whole(0).max(18).default(8).describe("Decimals of its value."),
  })
  .describe("A composite price over venues and symbols.");

export const processConfig = z
  .strictObject({
    emissionMs: milliseconds
      .default(100)
      .describe(
        "Milliseconds of log time between messages of a ticker, aggregate or open K-line up to 1m; 0 for every change.",
      ),
    longKlineEmissionMs: milliseconds
      .default(1000)
      .describe("Milliseconds of log time between messages of an open K-line of more than 1m; 0 for every change."),
    klineIntervals: unique(z.enum(klineIntervals), (interval) => interval)
      .default(["1m", "5m", "15m", "1h", "4h", "1d"])
      .describe("Intervals of the K-lines, spelled as Binance does."),
    graceMs: milliseconds.default(1000).describe("Milliseconds of log time after its end at which a K-line closes."),
    lateHours: whole(0)
      .default(48)
      .describe("A late trade amends its K-line up to this many hours; beyond, it is refused."),
    futureToleranceMs: milliseconds
      .default(5000)
      .describe(
        "A tick whose exchange time lies further than this many milliseconds after its receive time is refused.",
      ),
    tooOldMs: milliseconds
      .default(48 * 3_600_000)
      .describe("A trade whose exchange time lies further than this behind log time is refused, unless back-filled."),
    priceBand: decimalText
      .default("0.2")
      .describe(
        'A price further than this fraction (and more than one tick) from the last ones is left out of aggregates and indices, and its trade flagged, until five in a row agree; "0" flags none.',
      ),
    staleAfterMs: milliseconds
      .default(60_000)
      .describe("A venue without a quote for this many milliseconds of log time does not count in aggregates."),
    bookSnapshotMs: whole(100)
      .default(1000)
      .describe("Milliseconds of log time between full books, which are what a reader of a depth channel starts from."),
    checkpointMs: whole(100).default(5000).describe("Milliseconds between checkpoints of the processors' state."),
    indices: unique(indexDefinition, (index) => index.name)
      .default([])
      .describe("Composite indices."),
  })
  .prefault({})
  .describe("What the processors compute.");
