import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { AggregatorRegistry } from "prom-client";
import type { Bus } from "../infra/bus/bus.js";
import { EmbeddedBus } from "../infra/bus/embedded-bus.js";
import { venueSettings } from "../infra/config/ingest-config.js";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { type DiskWaits, ensureWritableFolder } from "../infra/disk.js";
import type { Log } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import { Metrics } from "../infra/metrics.js";
import { EmbeddedStoreServer } from "../infra/store/embedded-store-server.js";
import type { Store } from "../infra/store/store.js";
import { wantOfRoom, watchStoreRoom } from "../infra/store/store-room.js";
import { AcknowledgedJournal } from "../ingest/acknowledged-journal.js";
import type { DeadLetters } from "../ingest/dead-letters.js";
import { ChainChannels } from "../ingest/dex/chain-channels.js";
import type { Ingest } from "../ingest/ingest.js";
import { runIngest } from "../ingest/ingest.js";
import type { Publisher } from "../ingest/publisher.js";
import { Recorder } from "../ingest/recorder/recorder.js";
import { venueOf } from "../ingest/venues/index.js";
import { type Push, startPush } from "../push/push.js";
import type { PlantState } from "../push/rest/plant-routes.js";
import { type Endpoint, openEndpoint } from "./endpoint.js";
import { watchGroupLag } from "./group-lag.js";
import { serveHealth } from "./health-server.js";
import { codecsOf, openLeases, openLog, openRedisBus, storeAt, storeFolder } from "./parts.js";
import { claimRoles } from "./role-claim.js";
import { RoleThread } from "./role-thread-host.js";
import { seedLastValues } from "./seed-last-values.js";
import { Simulators } from "./simulators.js";
import { sourcesOf } from "./sources.js";
import { deadLettersOf, publisherOf } from "./tick-intake.js";
import { ingestDeadLetterPartition } from "./topics.js";

const SETTLE_POLL_MS = 50;
/** What /metrics waits for the answer whether the plant is ready. */
const READINESS_MS = 1000;

/** A plant that runs. */
export interface Plant {
  /** The page and REST; undefined without the push role. */
  readonly restUrl: string | undefined;
  readonly webSocketUrl: string | undefined;
  readonly storeUrl: string | undefined;
  readonly log: Log;
  /** Ticks go in here; for whoever brings them instead of the ingest role. */
  publisher(session: string): Publisher;
  /** Where frames that could not be read go, likewise. @param epoch µs */
  deadLetters(epoch: number): DeadLetters;
  /** Resolves when processors and sink have taken in all that stands in the log. */
  settled(): Promise<void>;
  /** Rejects when a role can not go on; never resolves. */
  readonly failed: Promise<never>;
  /** Stops taking in, drains, writes last checkpoints, closes. */
  stop(): Promise<void>;
}

/**
 * The embedded plant: ingest and push on this thread, processors and sink on threads of their own, the store's engine
 * and the simulated exchanges in child processes.
 *
 * @throws PlantError when a part can not start; what had started is stopped then
 */
export async function startPlant(config: PlantConfig, logger: Logger): Promise<Plant> {
  const metrics = new Metrics();
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) {
      await end().catch((error: unknown) => logger.error({ err: error }, "a part did not stop cleanly"));
    }
  };
  try {
    return await new PlantStart(config, logger, metrics, stops, stop).run();
  } catch (error) {
    await stop();
    throw error;
  }
}

class PlantStart {
  readonly #threads: RoleThread[] = [];
  #ingest: Ingest | undefined;
  #storeFolder: string | undefined;
  #waits: DiskWaits | undefined;
  #stopping = false;

  constructor(
    readonly config: PlantConfig,
    readonly logger: Logger,
    readonly metrics: Metrics,
    /** What has started, for the way down. */
    readonly stops: (() => Promise<void>)[],
    readonly stop: () => Promise<void>,
  ) {}

  async run(): Promise<Plant> {
    const { config, logger, metrics, stops, stop } = this;
    const has = (role: (typeof config.roles)[number]) => config.roles.includes(role);
    if (config.log.kafka === undefined) stops.push(claimRoles(config));
    const codecs = await codecsOf(config);
    const { log, close, waits } = await openLog(config, { logger, metrics });
    this.#waits = waits;
    stops.push(close);
    const hub = config.bus.redis === undefined ? new EmbeddedBus(logger) : undefined;
    const bus: Bus | undefined = hub ?? (has("push") ? await openRedisBus(config, logger) : undefined);
    if (bus !== undefined) stops.push(() => bus.close());
    // Redis remembers by itself
    if (hub !== undefined && has("push")) await seedLastValues({ log, bus: hub, codecs, logger });
    const simulators = has("ingest") && config.simulator.venues.length > 0 ? Simulators.start(config) : undefined;
    simulators?.catch(() => {});
    // also when another part fails while they start
    stops.push(async () => (await simulators?.catch(() => undefined))?.stop());
    const storeUrl = has("sink") || has("push") ? await this.#startStore(has("sink")) : undefined;
    if (storeUrl !== undefined && has("sink")) await this.#startThread({ role: "sink", config, storeUrl });
    if (has("process")) {
      const { port1, port2 } = new MessageChannel();
      hub?.attach(port1);
      await this.#startThread({ role: "process", config, ...(hub && { busPort: port2 }) });
    }
    if (config.log.kafka !== undefined) {
      const end = watchGroupLag(log, metrics, logger);
      stops.push(async () => end());
    }
    const endpoint = has("ingest") ? openEndpoint(config, { log, codecs, metrics, logger }) : undefined;
    if (endpoint !== undefined) stops.push(() => endpoint.close());
    const push = has("push") ? await this.#startPush(bus!, storeUrl!, endpoint) : undefined;
    if (endpoint !== undefined && push === undefined) stops.push(await endpoint.serve());
    if (push === undefined) {
      const health = await serveHealth(config.metricsHost, config.metricsPort, this.#state(undefined));
      stops.push(() => health.stop());
    }
    await simulators;
    if (has("ingest")) {
      const recorder = this.#recorder();
      const { journalFile } = config.ingest.publisher;
      const leases = await openLeases(config, logger, stops);
      const chainBus = config.ingest.chains.length > 0 ? (bus ?? (await this.#ownBus())) : undefined;
      const channels = chainBus && new ChainChannels(chainBus, logger);
      const journal = journalFile === undefined ? undefined : new AcknowledgedJournal(journalFile);
      this.#ingest = runIngest({
        venues: config.ingest.venues
          .filter(({ connector }) => connector === "native")
          .map((venue) => ({
            venue: venueOf(venue.id, venueSettings(venue)),
            symbols: venue.symbols,
            kinds: venue.kinds,
          })),
        sources: sourcesOf(config, codecs, channels),
        log,
        schemaIds: { "market.raw": codecs["market.raw"].schemaId },
        encodeDeadLetter: (letter) => codecs["market.dlq"].encode(letter),
        deadLetterPartition: ingestDeadLetterPartition(config),
        metrics,
        logger,
        heartbeatMs: config.ingest.heartbeatMs,
        resnapshotMinutes: config.ingest.resnapshotMinutes,
        backfill: config.ingest.backfill,
        publisher: config.ingest.publisher,
        ...(journal && { journal }),
        ...(leases && { leases: { leases, ttlMs: config.ingest.lease.ttlMs } }),
        ...(recorder && { onFrame: recorder.frame, onConnection: recorder.connection }),
      });
      const ingest = this.#ingest;
      stops.push(() => ingest.stop());
    }
    const intake = { config, log, codecs, metrics, logger };
    return {
      restUrl: push?.restUrl,
      webSocketUrl: push?.webSocketUrl,
      storeUrl,
      log,
      publisher: (session) => publisherOf(intake, session),
      deadLetters: (epoch) => deadLettersOf(intake, epoch),
      settled: () => this.#settled(),
      failed: Promise.race(this.#threads.map(({ failed }) => failed)),
      stop: () => {
        this.#stopping = true;
        return stop();
      },
    };
  }

  /** The bus of an ingest role that runs without push. */
  async #ownBus(): Promise<Bus | undefined> {
    const bus = await openRedisBus(this.config, this.logger);
    if (bus !== undefined) this.stops.push(() => bus.close());
    return bus;
  }

  #recorder(): Recorder | undefined {
    const { enabled, folder, segmentMinutes, ...bounds } = this.config.ingest.record;
    if (!enabled) return undefined;
    const where = folder ?? join(this.config.dataFolder, "recordings");
    ensureWritableFolder(where);
    const recorder = new Recorder({
      ...bounds,
      folder: where,
      ...(this.#waits && { waits: this.#waits }),
      segmentMs: segmentMinutes * 60_000,
      metrics: this.metrics,
      logger: this.logger,
    });
    this.stops.push(() => recorder.close());
    return recorder;
  }

  /** Processors first, since what they make waits for the sink then. */
  async #settled(): Promise<void> {
    const inOrder = [...this.#threads].sort((a, b) => (a.data.role < b.data.role ? -1 : 1));
    for (const thread of inOrder) {
      while ((await thread.lag()) > 0) await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
    }
  }

  async #startStore(owner: boolean): Promise<string> {
    const { config, logger, stops } = this;
    if (config.store.url !== undefined) return this.#migrated(config.store.url, owner);
    const { port, database, user, password } = config.store;
    const folder = storeFolder(config)!;
    ensureWritableFolder(folder);
    const server = await EmbeddedStoreServer.start({
      folder,
      port,
      portSetting: "store.port",
      database,
      user,
      password,
      logger,
    });
    stops.push(() => server.stop());
    const renew = () => {
      if (server.pid !== undefined) process.kill(server.pid, "SIGKILL");
    };
    this.#storeFolder = folder;
    const unwatch = watchStoreRoom({ folder, renew, logger });
    stops.push(async () => unwatch());
    return this.#migrated(server.url, owner);
  }

  async #migrated(url: string, owner: boolean): Promise<string> {
    const store = storeAt(url, this.config);
    if (owner) await store.migrate();
    await store.close();
    return url;
  }

  async #startThread(data: Parameters<typeof RoleThread.start>[0]): Promise<void> {
    const thread = await RoleThread.start(data);
    this.#threads.push(thread);
    this.stops.push(() => thread.stop());
  }

  async #startPush(bus: Bus, storeUrl: string, endpoint: Endpoint | undefined): Promise<Push> {
    const { config, logger, metrics, stops } = this;
    const store = storeAt(storeUrl, config);
    stops.push(() => store.close());
    const push = await startPush({
      bus,
      store,
      settings: config.push,
      metrics,
      logger,
      ...(endpoint && { routes: endpoint.routes }),
      ...this.#state(store),
    });
    stops.push(() => push.stop());
    return push;
  }

  #state(store: Store | undefined): PlantState {
    const readiness = async () => {
      const reasons: string[] = [];
      if (this.#stopping) reasons.push("it stops");
      for (const { reason } of this.#waits?.conditions() ?? []) reasons.push(reason);
      const why = this.#storeFolder && wantOfRoom(this.#storeFolder);
      if (why !== undefined) reasons.push(`the disk is full: history waits for room (${why})`);
      if (store !== undefined && !(await store.ping())) reasons.push("the store does not answer");
      if (this.#ingest !== undefined && !this.#ingest.isReady) reasons.push("a feed or a book is not up");
      return { ready: reasons.length === 0, reasons };
    };
    return {
      readiness,
      metricsText: async () => {
        // a store that hangs must not take the metrics with it
        const late = delay(READINESS_MS, { ready: false }, { ref: false });
        const { ready } = await Promise.race([readiness(), late]);
        this.metrics.ready.set({ role: this.config.roles.join("+") }, ready ? 1 : 0);
        return this.#metricsText();
      },
    };
  }

  async #metricsText(): Promise<string> {
    const all = [
      await this.metrics.registry.getMetricsAsJSON(),
      ...(await Promise.all(this.#threads.map((thread) => thread.metrics()))).filter((json) => json !== undefined),
    ];
    return AggregatorRegistry.aggregate(all as Parameters<typeof AggregatorRegistry.aggregate>[0]).metrics();
  }
}
