import { randomUUID } from "node:crypto";
import type { Condition } from "../infra/health.js";
import { LeaseKeeper, type LeaseKeeperOptions } from "../infra/lease/lease-keeper.js";
import type { Leases } from "../infra/lease/redis-leases.js";
import type { Log } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { WriteState } from "../infra/redis/write-state.js";
import type { DeadLetter } from "../schemas/messages.js";
import type { FeedState } from "../schemas/ticks.js";
import { type Clock, wallClock } from "./clock.js";
import { DeadLetters } from "./dead-letters.js";
import { Feed, type FeedOptions, type VenueChoice } from "./feed.js";
import { LeasedFeeds, leaseNames } from "./leased-feeds.js";
import { LeasedSources, sourceLeases } from "./leased-sources.js";
import { TradeProgress, type TradeWitness, witnesses } from "./progress.js";
import { heartbeatOf, Publisher, type PublisherOptions } from "./publisher.js";
import type { LeaseNotes, MakeSource, Source } from "./source.js";
import { IngestStreams } from "./streams/ingest-streams.js";
import type { Frame } from "./venue.js";
import { WeightBudgets } from "./weight-budget.js";

export type { VenueChoice } from "./feed.js";

export interface IngestOptions {
  readonly venues: readonly VenueChoice[];
  /** Other kinds of source beside the venues. */
  readonly sources?: readonly MakeSource[];
  readonly log: Log;
  /** Ids of the schemas of the topics' values. */
  readonly schemaIds: { readonly "market.raw": number };
  /** A dead letter in the wire format of `market.dlq`. */
  readonly encodeDeadLetter: (letter: DeadLetter) => Uint8Array;
  /** The partition of `market.dlq` that is ingest's own. */
  readonly deadLetterPartition?: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly heartbeatMs?: number;
  readonly resnapshotMinutes?: number;
  /** Fetch missing trades over REST. */
  readonly backfill?: boolean;
  readonly publisher?: Pick<PublisherOptions, "maxTicks" | "maxBytes" | "batchTicks" | "lingerMs">;
  /** Keeps, for a test, which trades the log took. */
  readonly journal?: TradeWitness;
  /** With several ingest processes: each feed is taken in by the one that has its lease. */
  readonly leases?: { readonly leases: Leases; readonly ttlMs: number };
  /** Sees every frame before it is read, WebSocket and REST alike: the recorder's place. */
  readonly onFrame?: (venue: string, frame: Frame) => void;
  /** Hears, in the order of the frames, when a connection went up or down. */
  readonly onConnection?: FeedOptions["onConnection"];
  /** Venues' clocks may differ from this machine's by so much. */
  readonly clockBoundMs?: number;
  readonly connection?: FeedOptions["connection"];
  readonly rest?: FeedOptions["rest"];
}

export interface Ingest {
  /** Names this run; stands in every batch. */
  readonly session: string;
  /** Every feed is connected and every book right. */
  readonly isReady: boolean;
  feeds(): FeedState[];
  /** Why it is not ready: feeds, books, clocks, leases, the log. */
  conditions(): Condition[];
  /** Whether leases can be kept, with several ingest processes; undefined where there are none. */
  readonly leaseState: WriteState | undefined;
  /** Stops the sockets and drains what was taken in, within about 4 s. */
  stop(): Promise<void>;
}

/** The ingest role: venues in, `market.raw` out, with a heartbeat into every partition. */
export function runIngest(options: IngestOptions): Ingest {
  const { log, metrics, logger } = options;
  const clock = options.clock ?? wallClock();
  const epoch = clock();
  const session = `${epoch.toString(36)}-${randomUUID().slice(0, 8)}`;
  const progress = new TradeProgress();
  const weights = new WeightBudgets();
  const streams = new IngestStreams(new Set(options.venues.map(({ venue }) => venue.id)), metrics);
  const feeds = new LeasedFeeds(options.venues, startFeed, logger);
  const keeper =
    options.leases &&
    keeperOf(options, session, feeds, progress, (held, gained) => {
      feeds.change(held, gained);
      sources.change(held);
    });
  const witness = witnesses([...(keeper ? [progress] : []), ...(options.journal ? [options.journal] : [])]);
  const publisher = new Publisher({
    ...options.publisher,
    log,
    schemaId: options.schemaIds["market.raw"],
    session,
    metrics,
    logger,
    witness,
    ...(keeper && { mayPublish: () => keeper.isValid }),
    ...(options.sources && { seen: streams.published }),
    onHole: (hole) => {
      for (const feed of feeds.of(hole.exchange)) feed.onHole(hole);
      for (const source of sources.all()) if (source.owns(hole.exchange)) source.onHole?.(hole);
    },
  });
  const deadLetters = new DeadLetters({
    log,
    encode: options.encodeDeadLetter,
    metrics,
    logger,
    epoch,
    ...(options.deadLetterPartition !== undefined && { partition: options.deadLetterPartition }),
  });

  function startFeed(choice: VenueChoice, former: ReadonlyMap<string, string>): Feed {
    const feed = new Feed(choice, {
      publisher,
      deadLetters,
      metrics,
      logger,
      clock,
      snapshotEvery: (options.resnapshotMinutes ?? 5) * 60_000_000,
      backfill: options.backfill ?? true,
      progress: former,
      streams: streams.watch,
      weights,
      ...(options.onFrame && { onFrame: options.onFrame }),
      ...(options.onConnection && { onConnection: options.onConnection }),
      ...(options.clockBoundMs !== undefined && { clockBoundMs: options.clockBoundMs }),
      ...(options.connection && { connection: options.connection }),
      ...(options.rest && { rest: options.rest }),
    });
    feed.start().catch((error: unknown) => logger.error({ err: error, exchange: choice.venue.id }, "feed failed"));
    return feed;
  }

  const notes = options.leases && notesOf(options.leases.leases, session);
  const parts = { log, publisher, deadLetters, metrics, logger, clock, notes, session, epoch };
  const sources = new LeasedSources(options.sources ?? [], parts, logger);
  if (keeper === undefined) feeds.change(new Set(leaseNames(options.venues)), new Map());
  else keeper.start();
  // with a keeper: those that need no lease
  sources.change(keeper && new Set());
  const running = () => [...feeds.all(), ...sources.all()];
  const states = () => running().flatMap((source) => source.states());
  const beat = () => {
    const now = clock();
    for (const source of running()) source.onTime(now);
    streams.onTime(now, feeds.all(), [...sources.all()]);
    const ill = streams.ill([...feeds.all()].flatMap((feed) => feed.ill()));
    publisher.heartbeat(heartbeatOf(states(), now, false, ill));
  };
  beat();
  const heartbeat = setInterval(beat, options.heartbeatMs ?? 250);

  return {
    session,
    get isReady() {
      return running().every((source) => source.isReady);
    },
    feeds: states,
    conditions: () => [
      ...publisher.conditions(),
      ...(keeper?.conditions() ?? []),
      ...running().flatMap(conditionsOf),
      ...streams.conditions(),
    ],
    get leaseState() {
      return keeper?.state;
    },
    async stop() {
      clearInterval(heartbeat);
      feeds.stop();
      await sources.stop();
      await Promise.all([publisher.close(3_000), deadLetters.close(1_000)]);
      await keeper?.stop();
    },
  };
}

/** Of a source that does not say by itself what is wrong, its states do. */
function conditionsOf(source: Pick<Source, "conditions" | "states" | "isReady">): Condition[] {
  if (source.conditions !== undefined) return source.conditions();
  if (source.isReady) return [];
  const down = source.states().filter(({ connected }) => !connected);
  const named = (down.length > 0 ? down : source.states()).map(({ exchange, feed }) => `${exchange} ${feed}`);
  const what = down.length > 0 ? "no connection to" : "not right yet:";
  return named.map((subject) => ({
    name: "feed_down",
    subject,
    reason: `${what} ${subject}`,
    severity: "not_ready",
  }));
}

const notesOf = (leases: Leases, owner: string): LeaseNotes => ({
  load: (lease) => leases.noted(lease),
  save: (lease, text) => leases.note(owner, lease, text),
});

function keeperOf(
  { venues, sources = [], leases, logger }: IngestOptions,
  session: string,
  feeds: LeasedFeeds,
  progress: TradeProgress,
  changed: LeaseKeeperOptions["changed"],
): LeaseKeeper {
  const names = [...leaseNames(venues), ...sourceLeases(sources)];
  return new LeaseKeeper({
    leases: leases!.leases,
    ttlMs: leases!.ttlMs,
    owner: session,
    names,
    logger,
    changed,
    progressOf: (name) => {
      const [venue, kind, symbol] = name.split("|") as [string, string, string];
      if (kind !== "trade") return "";
      const missing = feeds.of(venue).flatMap((feed) => feed.firstMissing(symbol) ?? []);
      return progress.text(venue, symbol, missing);
    },
  });
}
