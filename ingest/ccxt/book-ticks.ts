import type { DepthTick, LevelText, TickSink } from "../../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import { gapTick } from "../book-feed.js";
import { type BookRecord, difference, recordOf } from "./book-record.js";
import type { CcxtBook } from "./library.js";

export interface BookTicksOptions {
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  readonly out: TickSink;
  readonly snapshotEvery: Micros;
  /** Levels a side in one part of a snapshot. */
  readonly levelsPerPart: number;
  /** Levels of both sides, and changes waiting for one look, that a book may have. */
  readonly maxLevels: number;
}

/** Why a book could not be shown: a stable word. */
export type BookFault = "book_without_levels" | "book_differs" | "book_too_large";

/**
 * One book that ccxt keeps, on its way into the log: a snapshot, then what each look at it finds changed, level by
 * level in the exchange's own order. After a gap it is shown again only once ccxt has begun it anew.
 *
 * Update ids are the plant's own count, which is ccxt's `nonce` wherever that runs ahead of it; an increment follows
 * the one before by one.
 */
export class BookTicks {
  private record: BookRecord | undefined;
  private live = false;
  private lastUpdateId = 0;
  private exchangeTime: Micros = 0;
  private snapshotAt: Micros = 0;

  constructor(private readonly options: BookTicksOptions) {}

  /** Whether what is in the log makes a right book. */
  get isLive(): boolean {
    return this.live;
  }

  /** Takes in what ccxt shows. @returns why it can not be shown, where it can not: the book is stale then */
  show(book: CcxtBook, receiveTime: Micros): BookFault | undefined {
    const record = recordOf(book);
    const fault = record === undefined ? "book_without_levels" : this.faultOf(record);
    if (record === undefined || fault !== undefined) {
      this.gap(fault === "book_too_large" ? "dropped" : "sequence_gap", receiveTime);
      if (fault !== "book_differs" || record === undefined) return fault;
      record.adopt();
    }
    this.exchangeTime = book.timestamp === undefined ? receiveTime : book.timestamp * 1_000;
    const before = this.record;
    const changes = this.changesTo(record, before);
    this.record = record;
    if (this.live) this.increment(changes, book.nonce, receiveTime);
    else if (changes.begun || before !== record) this.snapshot(receiveTime, this.nextId(book.nonce));
    return fault;
  }

  /**
   * What was published does not continue.
   *
   * @param announced the gap stands in the log already
   */
  gap(reason: string, receiveTime: Micros, announced = false): void {
    const { exchange, symbol, out } = this.options;
    if (this.live && !announced) out(gapTick(reason, { exchange, symbol, receiveTime }, this.lastUpdateId));
    this.live = false;
  }

  /** Ticks were dropped on the way into the log, which says so: the book itself is right, and is shown anew. */
  showAgain(receiveTime: Micros): void {
    if (this.record === undefined) return;
    this.live = false;
    this.record.take();
    this.snapshot(receiveTime, this.lastUpdateId + 1);
  }

  /** Time passes: a fresh snapshot when one is due. */
  onTime(now: Micros): void {
    if (!this.live || now - this.snapshotAt < this.options.snapshotEvery) return;
    if (this.record === undefined || this.record.pending > 0) return;
    this.snapshot(now, this.lastUpdateId);
  }

  private faultOf(record: BookRecord): BookFault | undefined {
    const { maxLevels } = this.options;
    if (record.size > maxLevels || record.pending > maxLevels) return "book_too_large";
    return record.isTrue ? undefined : "book_differs";
  }

  /** What has changed since the last look; another book in its place is the difference to the one before. */
  private changesTo(record: BookRecord, before: BookRecord | undefined) {
    if (before === undefined || before === record) return record.take();
    const rest = before.take();
    record.take();
    return {
      bids: [...rest.bids, ...difference(before.bids.levels, record.bids.levels)],
      asks: [...rest.asks, ...difference(before.asks.levels, record.asks.levels)],
      begun: true,
    };
  }

  private increment(
    { bids, asks }: { readonly bids: readonly LevelText[]; readonly asks: readonly LevelText[] },
    nonce: unknown,
    receiveTime: Micros,
  ): void {
    if (bids.length + asks.length === 0) return;
    const firstUpdateId = this.lastUpdateId + 1;
    this.lastUpdateId = this.nextId(nonce);
    this.options.out(this.tick("increment", firstUpdateId, receiveTime, bids, asks));
  }

  private snapshot(receiveTime: Micros, updateId: number): void {
    const { levelsPerPart, out } = this.options;
    const { bids, asks } = this.record!.levels();
    this.lastUpdateId = updateId;
    this.live = true;
    this.snapshotAt = receiveTime;
    const parts = Math.max(1, Math.ceil(Math.max(bids.length, asks.length) / levelsPerPart));
    for (let part = 0; part < parts; part++) {
      const [from, to] = [part * levelsPerPart, (part + 1) * levelsPerPart];
      const tick = this.tick("snapshot", updateId, receiveTime, bids.slice(from, to), asks.slice(from, to));
      out({ ...tick, part, parts });
    }
  }

  private nextId(nonce: unknown): number {
    const own = this.lastUpdateId + 1;
    const theirs = Number(nonce ?? 0);
    return Number.isSafeInteger(theirs) ? Math.max(own, theirs) : own;
  }

  private tick(
    action: "snapshot" | "increment",
    firstUpdateId: number,
    receiveTime: Micros,
    bids: readonly LevelText[],
    asks: readonly LevelText[],
  ): DepthTick {
    const { exchange, symbol } = this.options;
    const { exchangeTime, lastUpdateId: updateId } = this;
    return { kind: "depth", exchange, symbol, exchangeTime, receiveTime, action, firstUpdateId, updateId, bids, asks };
  }
}
