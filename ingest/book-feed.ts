import type { DepthTick, LevelText, TickSink } from "../schemas/ticks.js";
import type { Micros } from "../schemas/words.js";
import type { BookSequence } from "./venue.js";

export interface BookFeedOptions {
  /** Increments kept while no snapshot is there; the oldest go first. */
  readonly maxBuffered: number;
  /** Levels a side in one part of a snapshot. */
  readonly levelsPerPart: number;
  /** A fresh snapshot without any gap, so that whoever starts to read the log need not go back further. */
  readonly snapshotEvery: Micros;
  /** Between two requests for a snapshot of one book. */
  readonly retryAfter: Micros;
}

export const bookFeedDefaults: BookFeedOptions = {
  maxBuffered: 1_000,
  levelsPerPart: 5_000,
  snapshotEvery: 300_000_000,
  retryAfter: 2_000_000,
};

/**
 * One book of one venue on its way into the log: runs the venue's sequence over what is published, so that what stands
 * in the log is a gap or continues. Holds no socket and no clock; time is that of the ticks and of `onTime`.
 *
 * A book starts without a snapshot. While it waits for one, increments are kept; the snapshot goes out with those that
 * follow it. A snapshot that is older than what is kept, or than what went out already, is not used and asked for again.
 */
export class BookFeed {
  private live = false;
  private waiting: DepthTick[] = [];
  private lastUpdateId = 0;
  private snapshotAt = 0;
  private askedAt = Number.NEGATIVE_INFINITY;
  private wanted = true;

  constructor(
    private readonly sequence: BookSequence,
    private readonly out: TickSink,
    /** Asks for a snapshot, which comes back through `depth`; in a replay nobody answers but the recording. */
    private readonly requestSnapshot: () => void = () => {},
    private readonly options: BookFeedOptions = bookFeedDefaults,
  ) {}

  /** Whether what is in the log makes a right book. */
  get isLive(): boolean {
    return this.live;
  }

  /** Takes a depth tick as read from a frame. */
  depth(tick: DepthTick): void {
    if (tick.action === "snapshot") this.onSnapshot(tick);
    else if (tick.action === "increment") this.onIncrement(tick);
    else this.interrupt(tick.reason ?? "sequence_gap", tick);
  }

  /** Time passes: asks for a snapshot when one is due or was not answered. */
  onTime(now: Micros): void {
    if (this.live && now - this.snapshotAt >= this.options.snapshotEvery) this.wanted = true;
    if (this.wanted && now - this.askedAt >= this.options.retryAfter) this.ask(now);
  }

  /**
   * What was published does not continue: a reconnect, or ticks that were dropped.
   *
   * @param announced the gap stands in the log already
   */
  interrupt(reason: string, at: Pick<DepthTick, "exchange" | "symbol" | "receiveTime">, announced = false): void {
    if (this.live && !announced) this.out(this.gap(reason, at));
    this.live = false;
    this.waiting = [];
    this.ask(at.receiveTime);
  }

  private onIncrement(tick: DepthTick): void {
    if (!this.live) {
      this.keep(tick);
      return;
    }
    const verdict = this.sequence.next(tick);
    if (verdict === "skip") return;
    if (verdict === "apply") {
      this.lastUpdateId = tick.updateId;
      this.out(tick);
      return;
    }
    this.interrupt("sequence_gap", tick);
    this.keep(tick);
  }

  private keep(tick: DepthTick): void {
    if (this.waiting.length >= this.options.maxBuffered) this.waiting.shift();
    this.waiting.push(tick);
    if (this.wanted && this.askedAt === Number.NEGATIVE_INFINITY) this.ask(tick.receiveTime);
  }

  private onSnapshot(tick: DepthTick): void {
    if (this.live && tick.updateId < this.lastUpdateId) {
      this.wanted = true;
      return;
    }
    this.sequence.snapshot(tick);
    const following: DepthTick[] = [];
    for (const increment of this.waiting) {
      const verdict = this.sequence.next(increment);
      if (verdict === "gap") {
        // Older than what is kept, or a hole within it: what is kept from there on may follow a later snapshot.
        this.waiting = this.waiting.slice(this.waiting.indexOf(increment));
        this.ask(tick.receiveTime);
        return;
      }
      if (verdict === "apply") following.push(increment);
    }
    this.waiting = [];
    this.live = true;
    this.wanted = false;
    this.snapshotAt = tick.receiveTime;
    this.lastUpdateId = following.at(-1)?.updateId ?? tick.updateId;
    for (const part of snapshotParts(tick, this.options.levelsPerPart)) this.out(part);
    for (const increment of following) this.out(increment);
  }

  private ask(now: Micros): void {
    this.wanted = true;
    this.askedAt = now;
    this.requestSnapshot();
  }

  private gap(reason: string, at: Pick<DepthTick, "exchange" | "symbol" | "receiveTime">): DepthTick {
    return {
      kind: "depth",
      exchange: at.exchange,
      symbol: at.symbol,
      exchangeTime: at.receiveTime,
      receiveTime: at.receiveTime,
      action: "gap",
      firstUpdateId: 0,
      updateId: this.lastUpdateId,
      bids: [],
      asks: [],
      reason,
    };
  }
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
