import { BookRestart } from "../schemas/book-restart.js";
import type { DepthTick, InstrumentTick, LevelText, TickSink } from "../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../schemas/words.js";
import { BestPrices } from "./best-prices.js";
import { mergeSnapshot } from "./merge-snapshot.js";
import type { BookSequence } from "./venue.js";

export interface BookFeedOptions {
  /** Increments kept while a snapshot is awaited; the oldest go first. */
  readonly maxBuffered: number;
  /** Levels a side in one part of a snapshot. */
  readonly levelsPerPart: number;
  /** A fresh snapshot without any gap, so that whoever starts to read the log need not go back further. */
  readonly snapshotEvery: Micros;
  /** Until a request for a snapshot that was not answered is repeated. */
  readonly retryAfter: Micros;
  /** Until another is asked for after one that was too old. */
  readonly retrySoon: Micros;
  /** Snapshots come on the stream, at their place among the increments; else from elsewhere, by their id. */
  readonly inStream: boolean;
}

export const bookFeedDefaults: BookFeedOptions = {
  maxBuffered: 1_000,
  levelsPerPart: 5_000,
  snapshotEvery: 300_000_000,
  retryAfter: 2_000_000,
  retrySoon: 250_000,
  inStream: false,
};

/** Between two asks in a row for a book in trouble; after so long without one its trouble is over. */
const longestPause: Micros = 30_000_000;
const calm: Micros = 60_000_000;

/** Which book, and when. A depth tick is one. */
export interface BookInstant {
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  readonly receiveTime: Micros;
}

/**
 * One book of one venue on its way into the log: runs the venue's sequence over what is published, so that what stands
 * in the log is a gap or continues. Holds no socket and no clock; time is that of the ticks and of `onTime`.
 *
 * Snapshots of a book in trouble are asked for with growing pauses: a quarter of a second, doubled with each up to 30 s.
 *
 * A stream that begins anew without a word, its ids below what was published, is a gap as well.
 *
 * A book starts without a snapshot. While it waits for one, increments are kept; the snapshot goes out with those that
 * follow it, and one that is older than all that is kept is asked for again. A snapshot asked for without a gap goes
 * out at its right place: if increments beyond it are published already, it is brought up to them first.
 *
 * Where snapshots come on the stream, the book belongs to the socket that brought the last one: a snapshot of a newer
 * socket moves it there, and what other sockets still bring of it is dropped. Such a book is shown anew from what the
 * sequence keeps of it, without asking.
 *
 * Elsewhere the best prices of what is published are followed: an update that crosses the book goes out, since its ids
 * continue, and a snapshot is asked for at once. A book on the stream has its checksum: one that is crossed is the venue's.
 */
export class BookFeed {
  private live = false;
  private connected = true;
  private wanted = true;
  /** Not live: increments that were not published. Live and a snapshot wanted: those published since it was asked for. */
  private kept: DepthTick[] = [];
  private lastUpdateId = 0;
  private snapshotAt = 0;
  /** The stream's first increment shows that it is subscribed: a snapshot taken before could miss what comes between. */
  private streaming = false;
  private askAt = Number.POSITIVE_INFINITY;
  /** The socket that the book belongs to. */
  private line = -1;
  private exchangeTime: Micros = 0;
  private name: { readonly exchange: VenueId; readonly symbol: SymbolName } | undefined;
  private askedAt = Number.NEGATIVE_INFINITY;
  /** Snapshots that were asked for without a calm of a minute between them. */
  private asks = 0;
  private readonly best: BestPrices | undefined;
  private readonly restart = new BookRestart();
  private crossed = false;
  /** The book is live, and a snapshot is to be asked for since it is crossed: not before `askAt`. */
  private waitsToAsk = false;

  constructor(
    private readonly sequence: BookSequence,
    private readonly out: TickSink,
    /** Asks for a snapshot, which comes back through `depth`; in a replay nobody answers but the recording. */
    private readonly requestSnapshot: () => void = () => {},
    private readonly options: BookFeedOptions = bookFeedDefaults,
  ) {
    this.best = options.inStream ? undefined : new BestPrices();
  }

  /** Whether what is in the log makes a right book. */
  get isLive(): boolean {
    return this.live && !this.crossed;
  }

  /** What governs the book's values has changed. */
  governed(instrument: InstrumentTick): void {
    this.sequence.governed?.(instrument);
  }

  /**
   * Takes a depth tick as read from a frame.
   *
   * @param line the number of the socket that brought it
   */
  depth(tick: DepthTick, line = 0): void {
    if (tick.action === "gap") this.interrupt(tick.reason ?? "sequence_gap", tick);
    else if (this.options.inStream) this.onStream(tick, line);
    else if (tick.action === "increment") this.onIncrement(tick);
    else if (this.live) this.onFreshSnapshot(tick);
    else if (this.connected) this.onAwaitedSnapshot(tick);
  }

  /** Time passes: asks for a snapshot when one is due or was not answered. */
  onTime(now: Micros): void {
    if (!this.connected) return;
    if (this.wanted) {
      if (now >= this.askAt) this.ask(now);
    } else if (now - this.snapshotAt >= this.options.snapshotEvery) {
      if (this.options.inStream) this.showAnew(now);
      else this.ask(now);
    }
  }

  /**
   * What was published does not continue: a gap in the sequence, or ticks that were dropped.
   *
   * @param announced the gap stands in the log already
   */
  interrupt(reason: string, at: BookInstant, announced = false): void {
    // What was dropped on our side is in the book that the sequence keeps: nobody has to be asked.
    if (announced && this.options.inStream && this.live && this.showAnew(at.receiveTime)) return;
    if (this.live && !announced) this.out(gapTick(reason, at, this.lastUpdateId));
    this.live = false;
    this.crossed = false;
    this.waitsToAsk = false;
    this.kept = [];
    this.wanted = true;
    if (this.connected && (this.streaming || this.options.inStream)) this.askAgain(at.receiveTime);
  }

  /** A socket is closed while another goes on. */
  lineGone(line: number, at: BookInstant): void {
    if (!this.options.inStream || line !== this.line) return;
    this.line = -1;
    this.interrupt("reconnect", at);
  }

  /** The connection is gone; a snapshot taken now would follow nothing. */
  disconnected(at: BookInstant, reason = "reconnect"): void {
    this.connected = false;
    this.streaming = false;
    this.interrupt(reason, at);
  }

  /**
   * The connection is there (again): a snapshot is asked for with the first increment, or soon in a quiet market. The
   * first increment shows the connection, too: it may come before others of its subscriptions are answered.
   */
  reconnected(now: Micros): void {
    this.connected = true;
    this.askAt = now + this.options.retryAfter;
  }

  private onStream(tick: DepthTick, line: number): void {
    if (line < this.line) return;
    if (tick.action === "snapshot") {
      this.line = line;
      if (this.sequence.snapshot(tick) === "mismatch") {
        this.interrupt("checksum_mismatch", tick);
        return;
      }
      this.live = true;
      this.exchangeTime = tick.exchangeTime;
      this.publishSnapshot(tick);
    } else if (line === this.line && this.live) {
      this.onLiveIncrement(tick);
    }
  }

  private onIncrement(tick: DepthTick): void {
    const isFirst = !this.streaming;
    this.streaming = true;
    this.connected = true;
    // a snapshot of before it may lack what came between, which only numbers would show
    if (isFirst && (!this.live || this.sequence.hidesLoss === true)) this.ask(tick.receiveTime);
    if (this.live) this.onLiveIncrement(tick);
    else this.keep(tick);
  }

  private onLiveIncrement(tick: DepthTick): void {
    const step = this.sequence.next(tick);
    if (step === "skip") {
      if (!this.restart.skipped(tick.updateId, tick.exchangeTime)) return;
      this.interrupt("ids_begin_again", tick);
      this.keep(tick);
      return;
    }
    if (step === "gap" || step === "mismatch") {
      this.interrupt(step === "gap" ? "sequence_gap" : "checksum_mismatch", tick);
      this.keep(tick);
      return;
    }
    const applied = step === "apply" ? tick : step;
    this.lastUpdateId = tick.updateId;
    this.exchangeTime = tick.exchangeTime;
    this.restart.applied(tick.exchangeTime);
    if (this.wanted) this.keep(applied);
    this.out(applied);
    if (this.best === undefined) return;
    this.best.take(applied);
    if (this.best.isCrossed !== this.crossed) this.cross(applied);
  }

  /** Bid and ask have met, or have parted. */
  private cross(tick: DepthTick): void {
    this.crossed = !this.crossed;
    if (this.crossed && !this.wanted) {
      // the snapshot may be older than this update
      this.keep(tick);
      this.wanted = true;
      this.waitsToAsk = true;
      this.askAgain(tick.receiveTime);
    } else if (!this.crossed && this.waitsToAsk) {
      this.waitsToAsk = false;
      this.wanted = false;
      this.kept = [];
    }
  }

  private onAwaitedSnapshot(snapshot: DepthTick): void {
    const following = this.following(snapshot);
    if (following === undefined) {
      this.askSoon(snapshot.receiveTime);
      return;
    }
    this.live = true;
    this.publishSnapshot(snapshot);
    for (const increment of following) {
      this.out(increment);
      this.best?.take(increment);
    }
    this.lastUpdateId = following.at(-1)?.updateId ?? snapshot.updateId;
    this.checkSnapshot(following.at(-1) ?? snapshot);
  }

  /** The book is live: the snapshot may not take it back to an older id. */
  private onFreshSnapshot(snapshot: DepthTick): void {
    if (snapshot.updateId > this.lastUpdateId) {
      this.sequence.snapshot(snapshot);
      this.publishFresh(snapshot, []);
      return;
    }
    const following = this.following(snapshot);
    if (snapshot.updateId === this.lastUpdateId) {
      this.sequence.snapshot(snapshot);
      // futures: an update that ends at the snapshot's own id
      this.publishFresh(snapshot, following ?? []);
      return;
    }
    if (following?.at(-1)?.updateId === this.lastUpdateId) {
      this.publishFresh(snapshot, following);
      return;
    }
    this.sequence.snapshot({ ...snapshot, updateId: this.lastUpdateId });
    this.askSoon(snapshot.receiveTime);
  }

  private publishFresh(snapshot: DepthTick, following: readonly DepthTick[]): void {
    const merged = mergeSnapshot(snapshot, following);
    this.publishSnapshot(merged);
    this.checkSnapshot(merged);
  }

  /** A book that is crossed anew, or still, is asked for again, after a pause. */
  private checkSnapshot(newest: DepthTick): void {
    if (this.best?.isCrossed) this.cross(newest);
  }

  /** The kept increments that continue the snapshot; undefined when they do not connect to it. */
  private following(snapshot: DepthTick): DepthTick[] | undefined {
    this.sequence.snapshot(snapshot);
    const following: DepthTick[] = [];
    for (let i = 0; i < this.kept.length; i++) {
      const increment = this.kept[i]!;
      const step = this.sequence.next(increment);
      if (step === "gap" || step === "mismatch") {
        // Snapshot too old, or a hole in what is kept: what comes from there on may follow a later snapshot.
        this.kept = this.kept.slice(i);
        return undefined;
      }
      if (step !== "skip") following.push(step === "apply" ? increment : step);
    }
    return following;
  }

  private publishSnapshot(snapshot: DepthTick): void {
    this.kept = [];
    this.wanted = false;
    this.crossed = false;
    this.waitsToAsk = false;
    this.restart.snapped();
    this.best?.take(snapshot);
    this.name = { exchange: snapshot.exchange, symbol: snapshot.symbol };
    this.snapshotAt = snapshot.receiveTime;
    this.lastUpdateId = snapshot.updateId;
    for (const part of snapshotParts(snapshot, this.options.levelsPerPart)) this.out(part);
  }

  /** The sequence's own book as a snapshot, at the id and time of the last increment. */
  private showAnew(now: Micros): boolean {
    const levels = this.sequence.book?.();
    if (!this.live || this.name === undefined || levels === undefined) return false;
    const ids = { firstUpdateId: this.lastUpdateId, updateId: this.lastUpdateId };
    const times = { exchangeTime: this.exchangeTime, receiveTime: now };
    this.publishSnapshot({ kind: "depth", ...this.name, ...times, action: "snapshot", ...ids, ...levels });
    return true;
  }

  private keep(tick: DepthTick): void {
    if (this.options.inStream) return;
    if (this.kept.length >= this.options.maxBuffered) this.kept.shift();
    this.kept.push(tick);
  }

  /** The venue's answer was too old: not at once, or its REST would be asked without a pause. */
  private askSoon(now: Micros): void {
    this.wanted = true;
    this.askAt = now + Math.max(this.options.retrySoon, this.pause());
  }

  /** At once, but where each ask is a subscription, not oftener than `retryAfter`: venues limit them. */
  private askAgain(now: Micros): void {
    const earliest = this.askedAt + Math.max(this.options.inStream ? this.options.retryAfter : 0, this.pause());
    if (now < earliest) this.askAt = earliest;
    else this.ask(now);
  }

  /** A book that goes wrong again and again, or whose snapshots are behind, may not use up the venue's weight. */
  private pause(): Micros {
    if (this.asks < 3) return 0;
    return Math.min(this.options.retrySoon * 2 ** (this.asks - 2), longestPause);
  }

  private ask(now: Micros): void {
    this.asks = now - this.askedAt > calm ? 1 : this.asks + 1;
    this.wanted = true;
    this.waitsToAsk = false;
    this.askedAt = now;
    this.askAt = now + Math.max(this.options.retryAfter, this.pause());
    this.requestSnapshot();
  }
}

/** A mark in the log: the book is not right from here on until its next snapshot. */
export function gapTick(reason: string, at: BookInstant, lastUpdateId: number): DepthTick {
  return {
    kind: "depth",
    exchange: at.exchange,
    symbol: at.symbol,
    exchangeTime: at.receiveTime,
    receiveTime: at.receiveTime,
    action: "gap",
    firstUpdateId: 0,
    updateId: lastUpdateId,
    bids: [],
    asks: [],
    reason,
  };
}

/** Splits a snapshot into numbered parts of at most so many levels a side; a small one is part 0 of 1. */
export function snapshotParts(snapshot: DepthTick, levelsPerPart: number): DepthTick[] {
  const parts = Math.max(1, Math.ceil(Math.max(snapshot.bids.length, snapshot.asks.length) / levelsPerPart));
  if (parts === 1) return [{ ...snapshot, part: 0, parts: 1 }];
  const slice = (levels: readonly LevelText[], part: number) =>
    levels.slice(part * levelsPerPart, (part + 1) * levelsPerPart);
  return Array.from({ length: parts }, (_, part) => ({
    ...snapshot,
    bids: slice(snapshot.bids, part),
    asks: slice(snapshot.asks, part),
    part,
    parts,
  }));
}
