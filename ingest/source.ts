import type { Condition } from "../infra/health.js";
import type { Log } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { FeedState } from "../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../schemas/words.js";
import type { Clock } from "./clock.js";
import type { DeadLetters } from "./dead-letters.js";
import type { Hole, Publisher } from "./publisher.js";
import type { StreamKind } from "./streams/stream.js";

/**
 * Something that ticks come from, live. A venue's `Feed` is one; a chain, an oracle or an exchange's own topics are
 * others. It publishes through the publisher that it was made with, and nothing it takes in may stop it.
 */
export interface Source {
  /** Resolves once it runs; what goes wrong afterwards it mends by itself. */
  start(): Promise<void>;
  /** Ends it; what it has published is drained by the publisher. */
  stop(): void | Promise<void>;
  /** The states of its connections, for the heartbeat. */
  states(): FeedState[];
  /** Connected, and all that it keeps is right. */
  readonly isReady: boolean;
  /** Why it is not ready; without this its states say it. */
  conditions?(): Condition[];
  /** What it has asked its exchanges for: while its connections are up, a stream of these that stays silent is told. */
  awaited?(): Iterable<AwaitedStream>;
  /** Time passes; called with every heartbeat. */
  onTime(now: Micros): void;
  /** There is room again after ticks of one of its streams were dropped. */
  onHole?(hole: Hole): void;
  /** Whether ticks of this venue come from it. */
  owns(exchange: VenueId): boolean;
}

/** A stream by its name. */
export interface AwaitedStream {
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  readonly kind: StreamKind;
}

/** What ingest lends its sources. */
export interface SourceParts {
  readonly log: Log;
  readonly publisher: Publisher;
  readonly deadLetters: DeadLetters;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** What a source wants whoever takes it over to know, by the source's lease; undefined where nobody can. */
  readonly notes?: LeaseNotes | undefined;
  /** Ingest's session and the time it began. */
  readonly session: string;
  readonly epoch: Micros;
}

/** Kept with the leases. */
export interface LeaseNotes {
  load(lease: string): Promise<string | undefined>;
  /** @returns false when the lease is somebody else's meanwhile, and nothing was kept */
  save(lease: string, text: string): Promise<boolean>;
}

/**
 * Makes a source once ingest's parts stand. Of several ingest processes one at a time has the lease, and the source;
 * without a lease every one has it.
 */
export type MakeSource = ((parts: SourceParts) => Source) & { readonly lease?: string };

/** @param lease unique among all sources, e.g. `oracle|chainlink` */
export const leased = (lease: string, make: (parts: SourceParts) => Source): MakeSource =>
  Object.assign(make, { lease });
