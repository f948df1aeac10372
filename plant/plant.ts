import { join } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { AggregatorRegistry } from "prom-client";
import type { Bus } from "../infra/bus/bus.js";
import { EmbeddedBus } from "../infra/bus/embedded-bus.js";
import { ThreadBus } from "../infra/bus/thread-bus.js";
import { venueSettings } from "../infra/config/ingest-config.js";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { type DiskWaits, ensureWritableFolder } from "../infra/disk.js";
import type { Log } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import { Metrics } from "../infra/metrics.js";
import { watchProcess } from "../infra/process-metrics.js";
import type { EmbeddedStoreServer } from "../infra/store/embedded-store-server.js";
import type { Store } from "../infra/store/store.js";
import { wantOfRoom, watchStoreRoom } from "../infra/store/store-room.js";
import { AcknowledgedJournal } from "../ingest/acknowledged-journal.js";
import type { DeadLetters } from "../ingest/dead-letters.js";
import { ChainChannels } from "../ingest/dex/chain-channels.js";
import type { Ingest } from "../ingest/ingest.js";
import type { Publisher } from "../ingest/publisher.js";
import type { Recorder } from "../ingest/recorder/recorder.js";
import type { PlantState } from "../push/rest/plant-routes.js";
import { startEmbeddedStore } from "./embedded-store.js";
import type { Endpoint } from "./endpoint.js";
import { watchGroupLag } from "./group-lag.js";
import { LogPulse } from "./log-pulse.js";
import { codecsOf, openLeases, openLog, openRedisBus } from "./parts.js";
import { PlantHealth } from "./plant-health.js";
import { claimRoles } from "./role-claim.js";
import type { HostQuestion } from "./role-thread-contract.js";
import { RoleThread } from "./role-thread-host.js";
import { expectsFeeds, roomConditions, storeConditions } from "./service-conditions.js";
import { ServiceWatch } from "./service-watch.js";
import { shared } from "./shared-answer.js";
import { Simulators } from "./simulators.js";
import { type StorePlace, storeAt, storeFolder } from "./store-place.js";
import { deadLettersOf, publisherOf } from "./tick-intake.js";
import { ingestDeadLetterPartition } from "./topics.js";

const SETTLE_POLL_MS = 50;
/** How old metrics may be that several who ask share. */
const METRICS_SHARED_MS = 500;

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
 * The embedded plant: ingest on this thread, push, processors and sink on threads of their own, the store's engine and
 * the simulated exchanges in child processes.
 *
 * @throws PlantError when a part can not start; what had started is stopped then
 */
export async function startPlant(config: PlantConfig, logger: Logger): Promise<Plant> {
  const metrics = new Metrics();
  watchProcess(metrics, config.roles);
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
  /** What the thread of push hears through: whoever publishes, beside those that reach Redis. */
  readonly #hubPorts: MessagePort[] = [];
  readonly #health: PlantHealth;
  #ingest: Ingest | undefined;
  #endpoint: Endpoint | undefined;
  #storeServer: EmbeddedStoreServer | undefined;
  #waits: DiskWaits | undefined;

  constructor(
    readonly config: PlantConfig,
    readonly logger: Logger,
    readonly metrics: Metrics,
    /** What has started, for the way down. */
    readonly stops: (() => Promise<void>)[],
    readonly stop: () => Promise<void>,
  ) {
    this.#health = new PlantHealth(config, logger, metrics);
  }

  async run(): Promise<Plant> {
    const { config, logger, metrics, stops, stop } = this;
    const has = (role: (typeof config.roles)[number]) => config.roles.includes(role);
    stops.push(this.#watched());
    if (config.log.kafka === undefined) stops.push(claimRoles(config));
    const codecs = await codecsOf(config);
    const { log, close, waits, clockMs } = await openLog(config, { logger, metrics });
    this.#waits = waits;
    stops.push(close);
    const simulators = has("ingest") && config.simulator.venues.length > 0 ? Simulators.start(config) : undefined;
    simulators?.catch(() => {});
    // also when another part fails while they start
    stops.push(async () => (await simulators?.catch(() => undefined))?.stop());
    const place = has("sink") || has("push") ? await this.#startStore(has("sink")) : undefined;
    if (place !== undefined && has("sink")) await this.#startThread({ role: "sink", config, store: place });
    const embedded = config.bus.redis === undefined;
    const chainBus = has("ingest") && config.ingest.chains.length > 0 ? await this.#ownBus() : undefined;
    const processPort = has("process") && embedded ? this.#joinHub() : undefined;
    const needs = { log, codecs, metrics, logger };
    const endpoint = has("ingest") ? (await import("./endpoint.js")).openEndpoint(config, needs) : undefined;
    this.#endpoint = endpoint;
    if (endpoint !== undefined) stops.push(() => endpoint.close());
    // before the processors, so that on the way down their last messages find the hub
    const push = has("push") ? await this.#startPush(place!, endpoint !== undefined) : undefined;
    if (!has("push") && this.#hubPorts.length > 0) this.#keepHub();
    if (has("process")) {
      await this.#startThread({ role: "process", config, ...(processPort && { busPort: processPort }) });
    }
    if (!has("ingest") && (has("process") || has("sink")) && expectsFeeds(config)) {
      const pulse = new LogPulse({ log, schemaId: codecs["market.raw"].schemaId });
      this.#health.health.watch(() => pulse.conditions());
      stops.push(async () => pulse.stop());
    }
    this.#watchServices(clockMs);
    if (config.log.kafka !== undefined) {
      const end = watchGroupLag(log, metrics, logger);
      stops.push(async () => end());
    }
    if (endpoint !== undefined && push === undefined) stops.push(await endpoint.serve());
    if (push === undefined) {
      const { serveHealth } = await import("./health-server.js");
      const health = await serveHealth(config, this.#state(), logger);
      stops.push(() => health.stop());
    }
    await simulators;
    if (has("ingest")) {
      // a process loads what its roles need: connectors and their libraries are the larger part of the plant
      const [{ runIngest }, { venueOf }, { sourcesOf }] = await Promise.all([
        import("../ingest/ingest.js"),
        import("../ingest/venues/index.js"),
        import("./sources.js"),
      ]);
      const recorder = await this.#recorder();
      const { journalFile } = config.ingest.publisher;
      const leases = await openLeases(config, logger, stops);
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
        sources: await sourcesOf(config, codecs, channels),
        log,
        schemaIds: { "market.raw": codecs["market.raw"].schemaId },
        encodeDeadLetter: (letter) => codecs["market.dlq"].encode(letter),
        deadLetterPartition: ingestDeadLetterPartition(config),
        metrics,
        logger,
        heartbeatMs: config.ingest.heartbeatMs,
        resnapshotMinutes: config.ingest.resnapshotMinutes,
        backfill: config.ingest.backfill,
        clockBoundMs: clockBoundMs(config),
        publisher: config.ingest.publisher,
        ...(journal && { journal }),
        ...(leases && { leases: { leases, ttlMs: config.ingest.lease.ttlMs } }),
        ...(recorder && { onFrame: recorder.frame, onConnection: recorder.connection }),
      });
      const ingest = this.#ingest;
      stops.push(() => ingest.stop());
    }
    this.#health.started();
    const intake = { config, log, codecs, metrics, logger };
    return {
      restUrl: push?.addresses?.restUrl,
      webSocketUrl: push?.addresses?.webSocketUrl,
      storeUrl: place?.url,
      log,
      publisher: (session) => publisherOf(intake, session),
      deadLetters: (epoch) => deadLettersOf(intake, epoch),
      settled: () => this.#settled(),
      failed: Promise.race(this.#threads.map(({ failed }) => failed)),
      stop: () => {
        this.#health.stopping();
        return stop();
      },
    };
  }

  /** What the parts say of themselves. @returns what ends the watch */
  #watched(): () => Promise<void> {
    const { health } = this.#health;
    health.watch(() => this.#threads.flatMap((thread) => thread.conditions()));
    health.watch(() => this.#waits?.conditions() ?? []);
    health.watch(() => storeConditions(this.#storeServer?.trouble));
    health.watch(() => this.#ingest?.conditions() ?? []);
    return async () => health.stop();
  }

  /** What this thread publishes on. */
  async #ownBus(): Promise<Bus> {
    const bus = (await openRedisBus(this.config, this.logger)) ?? new ThreadBus(this.#joinHub());
    this.stops.push(() => bus.close());
    return bus;
  }

  /** @returns the end of a way to the hub that a `ThreadBus` takes */
  #joinHub(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#hubPorts.push(port1);
    return port2;
  }

  /** Without push nobody listens; who publishes is answered all the same. */
  #keepHub(): void {
    const hub = new EmbeddedBus(this.logger);
    for (const port of this.#hubPorts) hub.attach(port);
    this.stops.push(() => hub.close());
  }

  async #recorder(): Promise<Recorder | undefined> {
    const { enabled, folder, segmentMinutes, ...bounds } = this.config.ingest.record;
    if (!enabled) return undefined;
    const where = folder ?? join(this.config.dataFolder, "recordings");
    ensureWritableFolder(where);
    const { Recorder } = await import("../ingest/recorder/recorder.js");
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

  async #startStore(owner: boolean): Promise<StorePlace> {
    const { config, logger, stops } = this;
    const { url } = config.store;
    if (url === undefined) {
      const server = await startEmbeddedStore(config, logger);
      stops.push(() => server.stop());
      this.#storeServer = server;
      this.#watchRoom(server);
    }
    const server = this.#storeServer;
    const place: StorePlace = server === undefined ? { url: url! } : { url: server.url, secret: server.secret };
    const store = storeAt(place, this.config);
    if (owner) await store.migrate();
    if (this.config.roles.includes("push")) await store.close();
    else this.#askStore(store);
    return place;
  }

  /** Those that all processes share. */
  #watchServices(brokersMs: (() => Promise<number | undefined>) | undefined): void {
    const { config, metrics, logger } = this;
    const watch = new ServiceWatch({ config, clockBoundMs: clockBoundMs(config), brokersMs, metrics, logger });
    this.#health.health.watch(() => watch.conditions());
    this.stops.push(() => watch.stop());
  }

  /** What a full disk means for the embedded store. */
  #watchRoom(server: EmbeddedStoreServer): void {
    const folder = storeFolder(this.config)!;
    const renew = () => {
      if (server.pid !== undefined) process.kill(server.pid, "SIGKILL");
    };
    const unwatch = watchStoreRoom({ folder, renew, logger: this.logger });
    this.stops.push(async () => unwatch());
    this.#health.health.watch(() => roomConditions(wantOfRoom(folder)));
  }

  async #startThread(data: Parameters<typeof RoleThread.start>[0]): Promise<RoleThread> {
    const thread = await RoleThread.start(data, (question) => this.#answer(question));
    this.#threads.push(thread);
    this.stops.push(() => thread.stop());
    return thread;
  }

  #startPush(store: StorePlace, endpoint: boolean): Promise<RoleThread> {
    const { config } = this;
    const hubPorts = config.bus.redis === undefined ? this.#hubPorts : undefined;
    return this.#startThread({ role: "push", config, store, endpoint, ...(hubPorts && { hubPorts }) });
  }

  /** What push serves of the other roles. */
  async #answer(question: HostQuestion): Promise<unknown> {
    switch (question.of) {
      case "readiness":
        return this.#health.report();
      case "metrics":
        return this.#metricsJson(this.#threads.filter(({ data }) => data.role !== "push"));
      case "intake":
        return this.#endpoint!.take(question.writer, question.body);
    }
  }

  /** Of a plant without push. */
  #state(): PlantState {
    return this.#health.state(
      shared(METRICS_SHARED_MS, async () =>
        AggregatorRegistry.aggregate((await this.#metricsJson(this.#threads)) as never).metrics(),
      ),
    );
  }

  /** Push asks it itself. */
  #askStore(store: Pick<Store, "ping" | "close">): void {
    const end = this.#health.store(store);
    this.stops.push(
      () => store.close(),
      async () => end(),
    );
  }

  /** prom-client's JSON of this thread and of those. */
  async #metricsJson(threads: readonly RoleThread[]): Promise<unknown[]> {
    return [
      await this.metrics.registry.getMetricsAsJSON(),
      ...(await Promise.all(threads.map((thread) => thread.metrics()))).filter((json) => json !== undefined),
    ];
  }
}

/** Processors refuse what is further ahead: it is said before that. */
const clockBoundMs = ({ process }: PlantConfig): number => process.futureToleranceMs * 0.8;
