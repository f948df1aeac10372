import { crc32 } from "node:zlib";
import type { DepthTick } from "../../../schemas/ticks.js";
import { TextBook } from "../../text-book.js";
import type { BookLevels, BookSequence } from "../../venue.js";

const checkedLevels = 25;

/**
 * OKX's rule for keeping a book: each update names the one that it follows, prevSeqId, and its own seqId; where there
 * was no change for a while both are equal. Recordings before these ids have the checksum alone. Levels that leave the
 * best 400 are removed by the venue.
 *
 * After a maintenance of the venue seqId may begin lower than prevSeqId. Readers of the log rely on ids that grow, so
 * the book is begun anew then; likewise when two updates of the past come that follow each other, which no repeated
 * frame does.
 *
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel (sequence id, checksum)
 */
export class OkxBookSequence implements BookSequence {
  private readonly kept = new TextBook();
  private last = -1;
  private skipped = -1;

  snapshot(tick: DepthTick): "apply" | "mismatch" {
    this.last = tick.updateId;
    this.skipped = -1;
    this.kept.take(tick);
    return this.agrees(tick) ? "apply" : "mismatch";
  }

  next(tick: DepthTick): "apply" | "skip" | "gap" | "mismatch" {
    if (this.last < 0) return "gap";
    if (tick.updateId !== 0) {
      if (tick.updateId <= this.last) return this.past(tick);
      if (tick.previousUpdateId !== this.last) return "gap";
      this.last = tick.updateId;
      this.skipped = -1;
    }
    this.kept.take(tick);
    return this.agrees(tick) ? "apply" : "mismatch";
  }

  book(): BookLevels {
    return this.kept.levels;
  }

  private past(tick: DepthTick): "skip" | "gap" {
    const { updateId, previousUpdateId = updateId } = tick;
    if (updateId < previousUpdateId && previousUpdateId === this.last) return "gap";
    if (previousUpdateId === updateId) return "skip";
    if (previousUpdateId === this.skipped) return "gap";
    this.skipped = updateId;
    return "skip";
  }

  private agrees(tick: DepthTick): boolean {
    return tick.checksum === undefined || tick.checksum === okxChecksum(this.kept);
  }
}

/**
 * CRC32, as a signed integer, over the best 25 levels as `bid:qty:ask:qty:…` in the venue's own texts; where one side has
 * fewer, the other goes on alone.
 */
export function okxChecksum({ bids, asks }: TextBook): number {
  const parts: string[] = [];
  for (let i = 0; i < checkedLevels; i++) {
    const bid = bids.levels[i];
    const ask = asks.levels[i];
    if (bid !== undefined) parts.push(bid[0], bid[1]);
    if (ask !== undefined) parts.push(ask[0], ask[1]);
  }
  return crc32(parts.join(":")) | 0;
}
