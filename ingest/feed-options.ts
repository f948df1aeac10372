import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { Micros } from "../schemas/words.js";
import type { Clock } from "./clock.js";
import type { ConnectionOptions } from "./connection.js";
import type { DeadLetters } from "./dead-letters.js";
import type { Publisher } from "./publisher.js";
import type { RestClientOptions } from "./rest-client.js";
import type { StreamWatch } from "./streams/stream-watch.js";
import type { FeedKind, Frame, Venue } from "./venue.js";
import type { WeightBudgets } from "./weight-budget.js";

/** One venue and what to take in of it. */
export interface VenueChoice {
  readonly venue: Venue;
  /** Symbols, and patterns of symbols. */
  readonly symbols: readonly string[];
  /** Those that the venue is asked for in all, by others too, where these are a part: a symbol belongs to one. */
  readonly all?: readonly string[];
  readonly kinds: readonly FeedKind[];
}

export interface FeedOptions {
  readonly publisher: Publisher;
  readonly deadLetters: DeadLetters;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly snapshotEvery: Micros;
  readonly backfill: boolean;
  /** By symbol, the last trade that a former owner of the feed had in the log: what came since is fetched. */
  readonly progress?: ReadonlyMap<string, string>;
  readonly onFrame?: (venue: string, frame: Frame) => void;
  readonly onConnection?: (venue: string, feed: string, connected: boolean, time: Micros) => void;
  /** Where the streams of all feeds are watched. */
  readonly streams?: StreamWatch;
  /** Where what is spent of venues' weights is counted. */
  readonly weights?: WeightBudgets;
  /** The venue's clock may differ from this machine's by so much. */
  readonly clockBoundMs?: number;
  readonly connection?: Omit<ConnectionOptions, "logger">;
  readonly rest?: Partial<Omit<RestClientOptions, "baseUrl" | "weightLimit" | "logger">>;
}
