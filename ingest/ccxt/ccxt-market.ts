import type { InstrumentTick, RawTick } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import type { FeedKind } from "../venue.js";
import { BookTicks } from "./book-ticks.js";
import type { CcxtBook, CcxtTicker, CcxtTrade } from "./library.js";
import { RecentTrades } from "./recent-trades.js";
import { quoteTick, tickerTick, tradeTick } from "./ticks.js";
import type { WatchFault } from "./watch-loop.js";

export interface CcxtMarketOptions {
  readonly exchange: VenueId;
  readonly instrument: InstrumentTick;
  readonly kinds: readonly FeedKind[];
  /** For each stream of ccxt the kind that it always brings. */
  readonly streams?: readonly FeedKind[];
  /** @returns false when the tick was dropped */
  readonly publish: (tick: RawTick) => boolean;
  /** Something that ccxt gave was not taken in. */
  readonly refuse: (reason: string, what: unknown) => void;
  readonly snapshotEvery: Micros;
  /** Trades that ccxt keeps: so many at once mean that some may be lost. */
  readonly tradesLimit: number;
}

/** Of the first trades of a subscription, those that are older than the newest by so much are history. */
const historyMs = 1_000;
const recentIds = 2_000;
const maxBookLevels = 200_000;
const levelsPerPart = 5_000;

/** One symbol of one exchange of ccxt: what ccxt gives becomes ticks here. Holds no socket and no clock. */
export class CcxtMarket {
  readonly recent = new RecentTrades(recentIds);
  readonly book: BookTicks | undefined;
  /** Exchange time of the last trade before some may be missing; undefined while none are. */
  missingSince: Micros | undefined;
  /** Exchange time of the first trade after those that may be missing; infinite while the stream has not gone on. */
  resumedAt: Micros = Number.POSITIVE_INFINITY;
  isBackfilling = false;
  /** How often trades may have been lost: a back-fill mends those before it alone. */
  losses = 0;
  /** The loss for which trades were fetched before the stream went on. */
  backfilledEarly = 0;
  /** Trades that came again. */
  private repeated = 0;
  /** The next trades are the first of a subscription. */
  private isSubscribing = true;

  constructor(private readonly options: CcxtMarketOptions) {
    const { exchange, instrument, kinds, publish, snapshotEvery } = options;
    if (!kinds.includes("depth")) return;
    this.book = new BookTicks({
      exchange,
      symbol: instrument.symbol,
      out: publish,
      snapshotEvery,
      levelsPerPart,
      maxLevels: maxBookLevels,
    });
  }

  get isResumed(): boolean {
    return this.resumedAt < Number.POSITIVE_INFINITY;
  }

  get streams(): readonly FeedKind[] {
    return this.options.streams ?? [];
  }

  get instrument(): InstrumentTick {
    return this.options.instrument;
  }

  /** New trades, oldest first. */
  trades(trades: readonly CcxtTrade[], receiveTime: Micros): void {
    const isFirst = this.recent.isEmpty;
    const repeated = this.repeated;
    const before = this.recent.newest;
    // many exchanges send their last trades with a subscription: those are old
    const oldBefore = this.isSubscribing ? newestOf(trades) - historyMs : 0;
    this.isSubscribing = false;
    for (const trade of trades) this.trade(trade, receiveTime, (trade.timestamp ?? oldBefore) < oldBefore);
    const isFull = trades.length >= this.options.tradesLimit;
    if (isFull && !isFirst && this.repeated === repeated) {
      this.lostSince(before);
      this.options.refuse("trades_limit", undefined);
    }
    if (this.missingSince !== undefined && !this.isResumed) this.resume(trades, receiveTime);
  }

  depth(book: CcxtBook, receiveTime: Micros): void {
    const fault = this.book?.show(book, receiveTime);
    if (fault !== undefined) this.options.refuse(fault, undefined);
  }

  quote(ticker: CcxtTicker, receiveTime: Micros): void {
    const tick = quoteTick(this.options.exchange, ticker, receiveTime);
    if (tick !== undefined) this.options.publish(tick);
  }

  ticker(ticker: CcxtTicker, receiveTime: Micros): void {
    const tick = tickerTick(this.options.exchange, ticker, receiveTime);
    if (tick === undefined) this.options.refuse("ticker_without_price", ticker);
    else this.options.publish(tick);
  }

  /** The stream of one kind was interrupted. */
  interrupted(kind: FeedKind, fault: WatchFault, now: Micros): void {
    if (kind === "depth") this.book?.gap(gapReasons[fault] ?? "reconnect", now);
    if (kind !== "trade") return;
    this.isSubscribing = true;
    this.lost();
  }

  /** Trades after the newest one may be missing. */
  lost(): void {
    this.lostSince(this.recent.newest);
  }

  private lostSince(newest: Micros): void {
    this.resumedAt = Number.POSITIVE_INFINITY;
    this.losses += 1;
    if (newest > 0) this.missingSince ??= newest;
  }

  /** The stream goes on: with its history first, if the exchange sends one, which may close the hole by itself. */
  private resume(trades: readonly CcxtTrade[], receiveTime: Micros): void {
    const newest = newestOf(trades);
    this.resumedAt = newest > 0 ? newest * 1_000 : receiveTime;
  }

  private trade(trade: CcxtTrade, receiveTime: Micros, isHistory: boolean): void {
    const { exchange, publish, refuse } = this.options;
    const tick = tradeTick(exchange, trade, receiveTime);
    if (tick === undefined) {
      refuse("trade_incomplete", trade.info);
      return;
    }
    if (tick.tradeId !== "" && this.recent.has(tick, { isTimed: trade.timestamp !== undefined, isFetched: false })) {
      this.repeated += 1;
      refuse("trade_repeated", undefined);
      return;
    }
    if (publish(isHistory ? { ...tick, backfilled: true } : tick)) this.recent.add(tick);
    else this.lost();
  }
}

/** ms; 0 where the exchange gives no times. */
function newestOf(trades: readonly CcxtTrade[]): number {
  return trades.reduce((newest, { timestamp = 0 }) => Math.max(newest, timestamp), 0);
}

const gapReasons: Readonly<Partial<Record<WatchFault, string>>> = {
  checksum_mismatch: "checksum_mismatch",
  sequence_gap: "sequence_gap",
};
