import { setTimeout } from "node:timers/promises";
import type { Condition } from "../infra/health.js";
import type { Logger } from "../infra/logging.js";
import type { FeedState, IllStream, InstrumentTick, RawTick, TradeTick } from "../schemas/ticks.js";
import type { Micros } from "../schemas/words.js";
import { backfill } from "./backfill.js";
import { backoffMs } from "./backoff.js";
import { Connection } from "./connection.js";
import { FeedMarkets, type Market } from "./feed-markets.js";
import type { FeedOptions, VenueChoice } from "./feed-options.js";
import { FeedWatch } from "./feed-watch.js";
import { FrameIntake } from "./frame-intake.js";
import { InstrumentFit } from "./instrument-fit.js";
import { InstrumentFeed } from "./instruments.js";
import { listingsOf } from "./listings.js";
import type { Hole } from "./publisher.js";
import { replan } from "./replan.js";
import { RestClient, restLimitsOf } from "./rest-client.js";
import { RestShares } from "./rest-shares.js";
import { SnapshotRequests } from "./snapshot-requests.js";
import type { Lateness } from "./streams/stream.js";
import { StreamWatch } from "./streams/stream-watch.js";
import { SymbolChoice } from "./symbol-choice.js";
import type { MissingIds } from "./trade-ids.js";
import type { ConnectionPlan, FeedKind, Venue } from "./venue.js";

export type { FeedOptions, VenueChoice } from "./feed-options.js";

interface Line {
  plan: ConnectionPlan;
  readonly connection: Connection;
  since: Micros;
  lastFrameAt: Micros;
}

/** Below the 5 s beyond which processors refuse ticks of the future. */
const CLOCK_BOUND_MS = 4_000;

/**
 * One venue, live: its instruments, connections, books and back-fills. A frame walks connection → `venue.read` → book
 * or publisher; nothing it contains stops the feed.
 */
export class Feed {
  private readonly venue: Venue;
  private readonly rest: RestClient;
  private readonly logger: Logger;
  private readonly instruments: InstrumentFeed;
  private readonly markets: FeedMarkets;
  private readonly snapshots: SnapshotRequests;
  private readonly backfillShares: RestShares;
  private readonly watch: FeedWatch;
  private readonly frames: FrameIntake;
  private readonly fit: InstrumentFit;
  private readonly abort = new AbortController();
  private lines: Line[] = [];
  private started = false;
  /** The socket of the frame that is being read. */
  private lineAtHand = 0;

  constructor(
    private readonly choice: VenueChoice,
    private readonly options: FeedOptions,
  ) {
    this.venue = choice.venue;
    this.logger = options.logger.child({ exchange: choice.venue.id });
    this.watch = new FeedWatch({
      exchange: choice.venue.id,
      metrics: options.metrics,
      logger: this.logger,
      clockBoundMs: options.clockBoundMs ?? CLOCK_BOUND_MS,
      streams: options.streams ?? new StreamWatch(),
    });
    this.rest = new RestClient({
      baseUrl: choice.venue.restUrl,
      weightLimit: choice.venue.weightLimit,
      logger: this.logger,
      ...(options.weights && { budget: options.weights.of(choice.venue.weightPool ?? choice.venue.id) }),
      ...restLimitsOf(choice.venue),
      ...options.rest,
    });
    const { weightLimit } = choice.venue;
    const shared = { rest: this.rest, weightLimit, signal: this.abort.signal, clock: options.rest?.clock };
    this.backfillShares = RestShares.ofBackfills(shared);
    this.snapshots = new SnapshotRequests({
      venue: this.venue,
      shares: RestShares.ofSnapshots(shared),
      metrics: options.metrics,
      logger: this.logger,
      signal: this.abort.signal,
      take: ({ text, url }) =>
        void this.frames.take({ text, receiveTime: options.clock(), origin: { url } }, this.publish),
    });
    this.markets = new FeedMarkets(choice, options, this.beginAnew);
    const entries = new SymbolChoice(choice.all ?? choice.symbols);
    this.instruments = new InstrumentFeed({
      venue: this.venue,
      rest: this.rest,
      symbols: choice.symbols,
      entryOf: (symbol) => entries.entryOf(symbol),
      changed: () => this.followListings(),
      logger: this.logger,
      publish: (instrument) => {
        options.publisher.publish(instrument);
        this.markets.get(instrument.symbol)?.book?.governed(instrument);
      },
      ...(options.onFrame && { onFrame: options.onFrame }),
    });
    this.frames = new FrameIntake(this.venue, this.instruments.known, options, this.logger);
    this.fit = new InstrumentFit({
      of: (symbol) => this.instruments.known.of(symbol),
      ask: (now) => void this.instruments.refresh(now),
    });
  }

  /** Asks for the instruments until the venue answers, then connects. */
  async start(): Promise<void> {
    for (let attempt = 0; !this.abort.signal.aborted; attempt++) {
      if (await this.instruments.refresh(this.options.clock())) break;
      if (attempt === 0) this.markets.startBooks();
      await this.pause(backoffMs(attempt, { baseMs: 500, capMs: 30_000 }));
    }
    if (this.abort.signal.aborted) return;
    for (const instrument of this.instruments.known.all()) {
      if (instrument.status !== "delisted") this.markets.add(instrument);
      else this.logger.warn({ symbol: instrument.symbol }, "delisted: nothing of it is subscribed");
    }
    const want = [...this.markets.all()].map(({ instrument }) => ({ instrument, kinds: this.choice.kinds }));
    this.lines = this.venue.connections(want).map((plan) => this.lineOf(plan));
    await this.connect(this.lines);
    this.started = true;
    // what was listed meanwhile
    this.followListings();
  }

  private async connect(lines: readonly Line[]): Promise<void> {
    for (const [i, line] of [...lines].entries()) {
      if (i > 0 && this.venue.connectIntervalMs !== undefined) await this.pause(this.venue.connectIntervalMs);
      if (this.abort.signal.aborted) return;
      line.connection.start();
    }
  }

  /** Subscribes what was listed, or listed again, and leaves what was delisted or goes by another native id now. */
  private followListings(): void {
    if (!this.started || this.abort.signal.aborted) return;
    const subscribed = (symbol: string) => this.markets.get(symbol)?.instrument;
    const { fresh, gone } = listingsOf(this.venue, this.instruments.known.all(), subscribed);
    if (fresh.length === 0 && gone.size === 0) return;
    const now = this.options.clock();
    const told = { listed: fresh.slice(0, 20).map(({ symbol }) => symbol), gone: [...gone.keys()].slice(0, 20) };
    this.logger.info(told, "subscriptions follow the venue's listings");
    for (const [symbol, reason] of gone) this.markets.drop(symbol, reason, now);
    this.watch.left([...gone.keys()]);
    const added = fresh.map((instrument) => this.markets.add(instrument));
    const want = fresh.map((instrument) => ({ instrument, kinds: this.choice.kinds }));
    const plans = this.lines.map(({ plan }) => plan);
    const { changed, opened } = replan(this.venue, plans, new Set(gone.keys()), want);
    for (const line of [...this.lines]) if (changed.has(line.plan)) this.change(line, changed.get(line.plan), now);
    this.lines.push(...opened.map((plan) => this.lineOf(plan)));
    for (const { instrument, book } of added) {
      if (this.lineOfBook(instrument.symbol)?.connection.connected) book?.reconnected(now);
    }
    void this.connect(this.lines.slice(this.lines.length - opened.length));
  }

  private change(line: Line, plan: ConnectionPlan | undefined, now: Micros): void {
    this.watch.replanned(line.plan, plan, line.connection.connected, now);
    if (plan === undefined) {
      line.connection.stop();
      this.watch.closed(line);
      this.lines = this.lines.filter((one) => one !== line);
      return;
    }
    line.plan = plan;
    line.connection.replan(plan, "the venue's listings have changed");
  }

  private async pause(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.abort.signal }).catch(() => {});
  }

  stop(): void {
    this.abort.abort();
    for (const line of this.lines) line.connection.stop();
    this.rest.close();
    this.watch.end(this.lines, this.markets.symbols());
  }

  /** The first trade of a symbol that is known to be missing. */
  firstMissing(symbol: string): MissingIds | undefined {
    return this.markets.get(symbol)?.ids.missing[0];
  }

  /** The feeds' states, for the heartbeat. A venue that has no connections yet is one feed that is down. */
  states(): FeedState[] {
    const exchange = this.venue.id;
    if (this.lines.length === 0) return [{ exchange, feed: "instruments", connected: false, since: 0 }];
    return this.lines.map(({ plan, connection, since }) => ({
      exchange,
      feed: plan.name,
      connected: connection.connected,
      since,
    }));
  }

  /** Connected, and every book right. */
  get isReady(): boolean {
    if (this.lines.length === 0 || this.lines.some((line) => !line.connection.connected)) return false;
    for (const { isLive } of this.markets.books()) if (!isLive) return false;
    return true;
  }

  /** Why it is not ready, and what else is wrong: streams that are refused, a clock that is off. */
  conditions(): Condition[] {
    return this.watch.conditions(this.lines, this.markets.books());
  }

  /** What does not come as it should. */
  ill(): IllStream[] {
    return this.watch.ill(this.lines);
  }

  /** @param late all streams that are late, of any venue */
  judge(late: readonly Lateness[], now: Micros): void {
    this.watch.judge(this.lines, late, now);
  }

  /** Time passes: snapshots that are due, instruments on change and hourly, gauges. */
  onTime(now: Micros): void {
    for (const { book } of this.markets.all()) book?.onTime(now);
    if (this.started) this.instruments.onTime(now);
    if (!this.abort.signal.aborted) this.watch.onTime(now, this.lines, () => this.markets.books());
  }

  /** There is room again after ticks of one stream were dropped. */
  onHole(hole: Hole): void {
    const market = this.markets.get(hole.symbol);
    if (market === undefined) return;
    if (hole.kind === "trade") void this.backfill(market);
    else market.book?.interrupt("dropped", { ...hole, receiveTime: this.options.clock() }, true);
  }

  private lineOf(plan: ConnectionPlan): Line {
    const { clock } = this.options;
    const connection = new Connection(
      plan,
      {
        frame: (text, number) => {
          line.lastFrameAt = clock();
          this.lineAtHand = number;
          const origin = { socket: plan.name, line: number };
          const note = this.frames.take({ text, receiveTime: line.lastFrameAt, origin }, this.publishLive);
          if (typeof note === "object") this.watch.refused.answered(line.plan, note, line.lastFrameAt);
          return note;
        },
        up: (after) => this.onUp(line, after),
        down: (_reason, wasUp) => this.onDown(line, wasUp),
        gone: (number) => this.onGone(line, number),
      },
      { ...this.options.connection, logger: this.logger },
    );
    const now = clock();
    const line: Line = { plan, connection, since: now, lastFrameAt: now };
    return line;
  }

  /** The way of every tick that a socket brought. */
  private readonly publishLive = (tick: RawTick): void => {
    this.watch.seen(tick);
    if (tick.kind === "trade" || tick.kind === "quote") this.fit.seen(tick);
    this.publish(tick);
  };

  /** The way of every tick that was read. */
  private readonly publish = (tick: RawTick): void => {
    switch (tick.kind) {
      case "depth":
        this.markets.get(tick.symbol)?.book?.depth(tick, this.lineAtHand);
        return;
      case "trade":
        this.publishTrade(tick);
        return;
      default:
        this.options.publisher.publish(tick);
    }
  };

  private publishTrade(trade: TradeTick): void {
    const published = this.options.publisher.publish(trade);
    const market = this.markets.get(trade.symbol);
    if (market === undefined || !this.followsTradeIds) return;
    market.ids.came(trade, published);
    if (published && market.ids.missing.length > 0) void this.backfill(market);
  }

  private get followsTradeIds(): boolean {
    return this.venue.contiguousTradeIds || this.venue.risingTradeIds === true;
  }

  private onUp(line: Line, after: "start" | "loss"): void {
    const now = this.options.clock();
    line.since = now;
    line.lastFrameAt = now;
    this.watch.up(line.plan, now);
    this.logger.info({ feed: line.plan.name, after }, "connected and subscribed");
    this.options.onConnection?.(this.venue.id, line.plan.name, true, now);
    for (const market of this.marketsOf(line, "depth")) market.book?.reconnected(now);
    for (const market of this.marketsOf(line, "trade")) {
      market.ids.resumed();
      if (market.ids.missing.length > 0) void this.backfill(market);
    }
  }

  private onDown(line: Line, wasUp: boolean): void {
    const { clock, metrics } = this.options;
    const now = clock();
    if (wasUp) line.since = now;
    this.watch.down(line.plan);
    this.options.onConnection?.(this.venue.id, line.plan.name, false, now);
    metrics.dropped.inc({ place: "ingest", reason: "disconnect" });
    for (const market of this.marketsOf(line, "depth")) {
      market.book?.disconnected({ ...market.instrument, receiveTime: now });
      this.snapshots.forget(market.instrument.symbol);
    }
    for (const market of this.marketsOf(line, "trade")) market.ids.lost();
  }

  private onGone(line: Line, number: number): void {
    const receiveTime = this.options.clock();
    for (const { book, instrument } of this.marketsOf(line, "depth")) {
      book?.lineGone(number, { ...instrument, receiveTime });
    }
  }

  private marketsOf(line: Line, kind: FeedKind): Market[] {
    return line.plan.subscriptions
      .filter((subscription) => subscription.kinds.includes(kind))
      .map((subscription) => this.markets.get(subscription.instrument.symbol))
      .filter((market) => market !== undefined);
  }

  /** Begins a book anew: by a snapshot of REST, or by subscribing again where it comes with that. */
  private readonly beginAnew = (instrument: InstrumentTick): void => {
    const { resubscribe } = this.venue;
    if (resubscribe === undefined) {
      this.snapshots.ask(instrument);
      return;
    }
    const line = this.lineOfBook(instrument.symbol);
    if (line === undefined || !line.connection.connected || line.connection.send(resubscribe(instrument))) return;
    this.options.metrics.dropped.inc({ place: "ingest", reason: "resubscribe_limited" });
  };

  private async backfill(market: Market): Promise<void> {
    if (!this.options.backfill || market.backfilling || !this.followsTradeIds) return;
    market.backfilling = true;
    const { publisher, clock, metrics } = this.options;
    try {
      await backfill({
        venue: this.venue,
        rest: this.backfillShares.of(market.instrument.symbol),
        instrument: market.instrument,
        ids: market.ids,
        read: ({ text, url }, take) =>
          this.frames.take(
            { text, receiveTime: clock(), origin: { url } },
            (tick) => tick.kind === "trade" && take(tick),
          ),
        publish: (trade) => publisher.publish(trade),
        room: () => publisher.room(),
        metrics,
        logger: this.logger,
        signal: this.abort.signal,
      });
    } finally {
      market.backfilling = false;
    }
  }

  private lineOfBook(symbol: string): Line | undefined {
    return this.lines.find(({ plan }) =>
      plan.subscriptions.some((one) => one.instrument.symbol === symbol && one.kinds.includes("depth")),
    );
  }
}
