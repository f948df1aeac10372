import { intervalNames } from "../schemas/kline-intervals.js";
import type { DecimalText, SymbolName, VenueId } from "../schemas/words.js";

/** What processing depends on: with the same settings the same log gives the same outputs. */
export interface ProcessSettings {
  /** Partitions of every topic. */
  readonly partitions: number;
  /** Tickers, aggregates and open K-lines leave at most once in so much log time a stream; 0 for every change. */
  readonly emissionMs: number;
  /** The same of open K-lines of more than a minute, in place of `emissionMs`. */
  readonly longKlineEmissionMs: number;
  readonly klineIntervals: readonly string[];
  /** A K-line closes when log time has passed its close by so much. */
  readonly graceMs: number;
  /** A trade amends K-lines up to this age; an older one goes to the dead letters. */
  readonly lateHours: number;
  /** How far a venue's clock may run ahead of the receive time. */
  readonly futureToleranceMs: number;
  /** A trade whose exchange time lies further behind log time is refused, unless it was back-filled. */
  readonly tooOldMs: number;
  /** A price further from the last one that counted than this share, and than a tick, is left out of aggregates; "0": none. */
  readonly priceBand: DecimalText;
  /** A venue whose last quote is older than this does not count as live in aggregates. */
  readonly staleAfterMs: number;
  /** How often the full book becomes the last value of its channel. */
  readonly bookSnapshotMs: number;
  readonly indices: readonly IndexSettings[];
}

export interface IndexSettings {
  readonly name: string;
  /** Distance of the instants for which a value is computed, log time. */
  readonly gridMs: number;
  readonly constituents: readonly {
    readonly exchange: VenueId;
    readonly symbol: SymbolName;
    readonly weight: DecimalText;
    /** In place of the index's own: an oracle's price is as old as its heartbeat allows. */
    readonly staleAfterMs?: number | undefined;
  }[];
  /** Prices that the value is held against. */
  readonly guards?: readonly IndexGuard[];
  /** A price further from the median than this share does not count. */
  readonly outlierBand: DecimalText;
  /** A price not seen for longer does not count. */
  readonly staleAfterMs: number;
  /** With fewer prices that count, the last value is held and the status says so. */
  readonly minimumConstituents: number;
  /** Decimals of the value. */
  readonly scale: number;
}

export interface IndexGuard {
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  /** The value may differ from the guard's price by this share of it. */
  readonly maxDeviation: DecimalText;
  /** A price given longer ago guards nothing. */
  readonly staleAfterMs: number;
}

export const defaultSettings: ProcessSettings = {
  partitions: 12,
  emissionMs: 100,
  longKlineEmissionMs: 1000,
  klineIntervals: ["1m", "5m", "15m", "1h", "4h", "1d"],
  graceMs: 1000,
  lateHours: 48,
  futureToleranceMs: 5000,
  tooOldMs: 48 * 3_600_000,
  priceBand: "0.2",
  staleAfterMs: 60_000,
  bookSnapshotMs: 1000,
  indices: [],
};

/** Orders intervals from the shortest up, without repeats. @throws RangeError at an unknown one */
export function orderedIntervals(names: readonly string[]): string[] {
  const known = new Set<string>(intervalNames);
  for (const name of names) {
    if (!known.has(name)) throw new RangeError(`K-line interval ${name} is not one of ${intervalNames.join(", ")}`);
  }
  return intervalNames.filter((name) => names.includes(name));
}
