import { setTimeout as delay } from "node:timers/promises";
import type { FeedState, InstrumentTick } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import { backoffMs } from "../backoff.js";
import { gapTick } from "../book-feed.js";
import { InstrumentFit } from "../instrument-fit.js";
import { askEvery, republishEvery } from "../instruments.js";
import type { Hole } from "../publisher.js";
import type { AwaitedStream, MakeSource, Source, SourceParts } from "../source.js";
import { isPattern } from "../symbol-choice.js";
import type { FeedKind } from "../venue.js";
import { CcxtListings } from "./ccxt-listings.js";
import { CcxtMarket } from "./ccxt-market.js";
import { type ExactExchange, exactExchange } from "./exact-exchange.js";
import { UnknownCcxtExchange } from "./library.js";
import { MarketStreams } from "./market-streams.js";
import { quirksOf } from "./quirks.js";
import { type CcxtSettings, ccxtSettings } from "./settings.js";
import { tradeTick } from "./ticks.js";
import { BackfillBehind, backfillTrades } from "./trade-backfill.js";
import type { WatchFault } from "./watch-loop.js";

export interface CcxtChoice {
  /** The exchange as ccxt spells it. */
  readonly id: VenueId;
  /** Symbols, and patterns of symbols. */
  readonly symbols: readonly string[];
  readonly kinds: readonly FeedKind[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly snapshotEvery: Micros;
  readonly backfill: boolean;
  /** Between attempts after errors; ccxt has a pause of its own before it connects again. */
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
}

/** After a reconnect without any trade: back-fill nevertheless. */
const quietMarket: Micros = 2_000_000;
const gaugesEvery: Micros = 1_000_000;
const backfillAttempts = 5;
/** What the way down waits for ccxt. */
const stopMs = 1_000;
const defaultBackoff = { baseMs: 500, capMs: 30_000 };

/**
 * An exchange that the plant takes in through ccxt.
 *
 * @throws VenueSettingsInvalid
 */
export function ccxtSource(choice: CcxtChoice): MakeSource {
  const settings = ccxtSettings(choice.id, choice.settings);
  return (parts) => new CcxtSource(choice, settings, parts);
}

class CcxtSource implements Source {
  private readonly abort = new AbortController();
  private readonly markets = new Map<string, CcxtMarket>();
  private readonly booksStarted = new Set<string>();
  private readonly fit = new InstrumentFit({
    of: (symbol) => this.listings?.known.of(symbol),
    ask: () => void this.refreshInstruments(),
  });
  private exact: ExactExchange | undefined;
  private listings: CcxtListings | undefined;
  private streams: MarketStreams | undefined;
  /** Sockets open and streams running; connected once the subscriptions are sent too. */
  private isOpen = false;
  private isConnected = false;
  private since: Micros;
  private connectedAt: Micros = 0;
  private askedAt: Micros = 0;
  private publishedAt: Micros = 0;
  private isAsking = false;
  private isFollowing = false;
  private unknown = "";
  private gaugesAt: Micros = 0;
  private isStarted = false;

  constructor(
    private readonly choice: CcxtChoice,
    private readonly settings: CcxtSettings,
    private readonly parts: SourceParts,
  ) {
    this.since = parts.clock();
  }

  async start(): Promise<void> {
    const { id } = this.choice;
    const { clock } = this.parts;
    this.exact = await exactExchange(id, this.settings, clock, {
      connection: () => this.onConnection(),
      unreadable: (text, error) => this.onUnreadable(text, error),
    });
    this.listings = new CcxtListings(this.exact.ccxt, this.choice.symbols);
    this.streams = new MarketStreams({
      exact: this.exact,
      kinds: this.choice.kinds,
      bookLevels: this.settings.snapshotLevels,
      backoff: this.choice.backoff ?? defaultBackoff,
      guard: (take) => this.guard(take),
      fault: (market, kinds, fault, error) => this.onFault(market, kinds, fault, error),
      signal: this.abort.signal,
    });
    for (let attempt = 0; !this.abort.signal.aborted; attempt++) {
      const isKnown = await this.refreshInstruments();
      if (attempt === 0) this.startBooks();
      if (isKnown) break;
      await this.pause(attempt);
    }
    if (this.abort.signal.aborted) return;
    this.isStarted = true;
    await this.followListings();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    const closed = Promise.all([this.exact?.ccxt.close(), this.streams?.ended()]).catch(() => {});
    // a call of ccxt may be amid a pause or a request of its own, which nothing ends
    await Promise.race([closed, delay(stopMs, undefined, { ref: false })]);
  }

  states(): FeedState[] {
    this.lookAtConnections();
    return [{ exchange: this.choice.id, feed: "ccxt", connected: this.isConnected, since: this.since }];
  }

  /** Of a stream that carries several kinds the first: not every exchange's ticker has best prices too. */
  *awaited(): Iterable<AwaitedStream> {
    for (const [symbol, { streams }] of this.markets)
      for (const kind of streams) yield { exchange: this.choice.id, symbol, kind };
  }

  get isReady(): boolean {
    if (!this.isStarted || (this.markets.size > 0 && !this.isConnected)) return false;
    for (const { book } of this.markets.values()) if (book !== undefined && !book.isLive) return false;
    return true;
  }

  onTime(now: Micros): void {
    this.lookAtConnections();
    for (const market of this.markets.values()) {
      market.book?.onTime(now);
      if (market.missingSince === undefined || !this.isConnected) continue;
      const isQuiet = now - this.connectedAt >= quietMarket && market.backfilledEarly !== market.losses;
      if (market.isResumed || isQuiet) void this.backfill(market);
    }
    if (this.isStarted && now - this.askedAt >= askEvery) void this.refreshInstruments();
    if (this.isStarted && now - this.publishedAt >= republishEvery) this.publishAll(now);
    if (now - this.gaugesAt >= gaugesEvery) this.setGauges(now);
  }

  onHole({ symbol, kind }: Hole): void {
    const market = this.markets.get(symbol);
    if (kind === "depth") market?.book?.showAgain(this.parts.clock());
    else market?.lost();
  }

  owns(exchange: VenueId): boolean {
    return exchange === this.choice.id;
  }

  private startBooks(): void {
    for (const symbol of this.choice.symbols) if (!isPattern(symbol)) this.startBook(symbol.replace(/%2A/gi, "*"));
  }

  /** What an earlier session left in the log may be long past: no book is right before its snapshot. */
  private startBook(symbol: string): void {
    const { id: exchange, kinds } = this.choice;
    const { clock, publisher } = this.parts;
    if (!kinds.includes("depth") || this.booksStarted.has(symbol)) return;
    this.booksStarted.add(symbol);
    publisher.publish(gapTick("session_start", { exchange, symbol, receiveTime: clock() }, 0));
  }

  /** Subscribes what is listed or trades again, and leaves what does not any more or goes by another native id now. */
  private async followListings(): Promise<void> {
    const { listings, streams, exact } = this;
    if (!this.isStarted || this.isFollowing || listings === undefined || streams === undefined) return;
    this.isFollowing = true;
    try {
      for (;;) {
        const { fresh, gone } = listings.changes();
        if ((fresh.length === 0 && gone.size === 0) || this.abort.signal.aborted) return;
        const told = { listed: fresh.slice(0, 20).map(({ symbol }) => symbol), gone: [...gone.keys()].slice(0, 20) };
        this.parts.logger.info({ exchange: this.choice.id, ...told }, "subscriptions follow the exchange's listings");
        for (const [symbol, reason] of gone) this.drop(symbol, reason);
        await Promise.all([...gone.keys()].map((symbol) => streams.leave(symbol)));
        listings.left(gone.keys());
        for (const instrument of fresh) this.addMarket(instrument);
        if (exact !== undefined) await streams.renewStale();
      }
    } finally {
      this.isFollowing = false;
      this.lookAtConnections();
    }
  }

  private drop(symbol: string, reason: string): void {
    const { clock, metrics } = this.parts;
    const market = this.markets.get(symbol);
    market?.book?.gap(reason, clock());
    this.markets.delete(symbol);
    metrics.bookLive.remove({ exchange: this.choice.id, symbol });
  }

  private addMarket(instrument: InstrumentTick): void {
    const { id, snapshotEvery } = this.choice;
    const { publisher, logger, metrics } = this.parts;
    const { listings, streams } = this;
    if (listings === undefined || streams === undefined) return;
    const { symbol } = instrument;
    this.startBook(symbol);
    const { watches, absent } = streams.of(listings.ccxtSymbol(symbol));
    const market = new CcxtMarket({
      exchange: id,
      instrument,
      kinds: watches.flatMap((watch) => watch.kinds),
      streams: watches.map((watch) => (watch.kinds.includes("ticker") ? "ticker" : watch.kinds[0]!)),
      publish: (given) => {
        const tick = given.symbol === symbol ? given : { ...given, symbol };
        if (tick.kind === "trade" || tick.kind === "quote") this.fit.seen(tick);
        return publisher.publish(tick);
      },
      refuse: (reason, what) => this.refuse(reason, what),
      snapshotEvery,
      tradesLimit: this.settings.tradesLimit,
    });
    this.markets.set(symbol, market);
    listings.subscribed(instrument);
    for (const kind of absent) {
      metrics.dropped.inc({ place: "ccxt", reason: `no_stream_${kind}` });
      logger.error(
        { code: "TP_CCXT_STREAM", exchange: id, symbol, kind },
        "ccxt streams none of these; leave the kind out",
      );
    }
    streams.start(market, watches);
  }

  /** What fails in taking in one thing must not look like ccxt's own failure. */
  private guard(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.parts.metrics.dropped.inc({ place: "ccxt", reason: "reader_failed" });
      this.parts.logger.error({ err: error, exchange: this.choice.id }, "taking in what ccxt gave failed");
    }
  }

  private onFault(market: CcxtMarket, kinds: readonly FeedKind[], fault: WatchFault, error: unknown): void {
    const { metrics, logger, clock } = this.parts;
    const { symbol } = market.instrument;
    metrics.dropped.inc({ place: "ccxt", reason: fault });
    const { name, message } = error as Error;
    logger.warn({ exchange: this.choice.id, symbol, kinds, error: name, why: message }, "a stream of ccxt broke off");
    const meant = fault === "checksum_mismatch" && quirksOf(this.choice.id).noChecksum ? "sequence_gap" : fault;
    for (const kind of kinds) market.interrupted(kind, meant, clock());
    this.lookAtConnections();
  }

  private onUnreadable(text: string, error: unknown): void {
    const { metrics, deadLetters, clock } = this.parts;
    metrics.dropped.inc({ place: "ccxt", reason: "unreadable_frame" });
    deadLetters.frame(this.choice.id, text, "unreadable_frame", (error as Error).message, clock());
  }

  private refuse(reason: string, what: unknown): void {
    const { metrics, deadLetters, clock } = this.parts;
    metrics.dropped.inc({ place: "ccxt", reason });
    if (what === undefined) return;
    const text = JSON.stringify(what) ?? "";
    deadLetters.frame(this.choice.id, text, reason, "as ccxt shows it", clock());
  }

  private async backfill(market: CcxtMarket): Promise<void> {
    const { choice, exact } = this;
    const { publisher, metrics, logger, clock } = this.parts;
    const { missingSince, losses } = market;
    if (market.isBackfilling || missingSince === undefined || exact === undefined) return;
    const sums = quirksOf(choice.id).sums === true;
    if (!choice.backfill || sums || exact.ccxt.has.fetchTrades !== true) {
      if (sums) this.refuse("backfill_sums", undefined);
      market.missingSince = undefined;
      return;
    }
    market.isBackfilling = true;
    const { symbol } = market.instrument;
    const ccxtSymbol = this.listings?.ccxtSymbol(symbol) ?? symbol;
    // while the stream has not gone on, once: the rest is fetched when it has
    market.backfilledEarly = losses;
    try {
      // only answers count: an exchange that does not answer is asked ever more rarely
      for (let attempt = 0, behind = 0; behind < backfillAttempts && !this.isLeft(market); attempt++) {
        try {
          const end = await backfillTrades(
            { since: missingSince, until: () => market.resumedAt },
            {
              // some exchanges refuse a limit above their own
              fetch: (since, limit) => exact.ccxt.fetchTrades(ccxtSymbol, since, attempt === 0 ? limit : undefined),
              recent: market.recent,
              toTick: (trade) => tradeTick(choice.id, trade, clock()),
              publish: (trade) => publisher.publish({ ...trade, symbol }),
              room: () => publisher.room(),
              signal: this.abort.signal,
            },
          );
          if (end === "open") return;
          if (end !== "closed") metrics.dropped.inc({ place: "ccxt", reason: end });
          if (market.losses === losses) market.missingSince = undefined;
          return;
        } catch (error) {
          if (error instanceof BackfillBehind) behind += 1;
          logger.warn({ symbol, attempt, why: (error as Error).message }, "back-fill of trades failed");
          await this.pause(attempt);
        }
      }
      if (this.isLeft(market)) return;
      metrics.dropped.inc({ place: "ccxt", reason: "backfill_failed" });
      if (market.isResumed && market.losses === losses) market.missingSince = undefined;
    } finally {
      market.isBackfilling = false;
    }
  }

  private isLeft(market: CcxtMarket): boolean {
    return this.abort.signal.aborted || this.markets.get(market.instrument.symbol) !== market;
  }

  /** Asks for the markets and publishes what has changed. @returns false when the exchange did not answer */
  private async refreshInstruments(): Promise<boolean> {
    const { id } = this.choice;
    const { clock, publisher, logger } = this.parts;
    const { listings } = this;
    if (listings === undefined || this.isAsking || this.abort.signal.aborted) return true;
    this.isAsking = true;
    this.askedAt = clock();
    try {
      const { changed, unknown } = await listings.ask(clock);
      const missing = unknown.join(", ");
      if (missing !== "" && missing !== this.unknown)
        logger.error(
          { code: "TP_SYMBOL_UNKNOWN", exchange: id },
          `${id} has no ${missing}: spell symbols as ccxt does; what is listed later is taken up then`,
        );
      this.unknown = missing;
      if (this.publishedAt === 0) this.publishedAt = this.askedAt;
      for (const instrument of changed) publisher.publish({ ...instrument, receiveTime: clock() });
      if (changed.length > 0) void this.followListings();
      return true;
    } catch (error) {
      if (error instanceof UnknownCcxtExchange) throw error;
      logger.warn({ exchange: id, why: (error as Error).message }, "no markets from the exchange; asking again");
      return false;
    } finally {
      this.isAsking = false;
    }
  }

  private publishAll(now: Micros): void {
    this.publishedAt = now;
    for (const instrument of this.listings?.known.all() ?? [])
      this.parts.publisher.publish({ ...instrument, exchangeTime: now, receiveTime: now });
  }

  private onConnection(): void {
    const now = this.parts.clock();
    this.connectedAt = now;
    this.lookAtConnections();
  }

  /** Up while every connection of ccxt is open, has sent its subscriptions, and no stream pauses after an error. */
  private lookAtConnections(): void {
    const { clock, logger, metrics } = this.parts;
    const clients = Object.values(this.exact?.ccxt.clients ?? {});
    const open = clients.length > 0 && clients.every((client) => client.isConnected) && (this.streams?.areUp ?? true);
    if (this.isOpen && !open && !this.abort.signal.aborted)
      metrics.dropped.inc({ place: "ingest", reason: "disconnect" });
    this.isOpen = open;
    const connected = open && clients.every(({ throttler }) => throttler?.running !== true);
    if (connected === this.isConnected) return;
    this.isConnected = connected;
    this.since = clock();
    logger.info({ exchange: this.choice.id, feed: "ccxt" }, connected ? "connected" : "disconnected");
  }

  private setGauges(now: Micros): void {
    this.gaugesAt = now;
    const { metrics } = this.parts;
    const { id: exchange } = this.choice;
    metrics.feedConnected.set({ exchange, feed: "ccxt" }, this.isConnected ? 1 : 0);
    const age = now - (this.exact?.receiveTime ?? now);
    metrics.feedStaleness.set({ exchange, feed: "ccxt" }, age / 1_000_000);
    for (const [symbol, { book }] of this.markets) {
      if (book !== undefined) metrics.bookLive.set({ exchange, symbol }, book.isLive ? 1 : 0);
    }
  }

  private async pause(attempt: number): Promise<void> {
    const ms = backoffMs(attempt, this.choice.backoff ?? defaultBackoff);
    await delay(ms, undefined, { signal: this.abort.signal }).catch(() => {});
  }
}
