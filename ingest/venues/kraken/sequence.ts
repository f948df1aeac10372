import { crc32 } from "node:zlib";
import type { DepthTick, InstrumentTick, LevelText } from "../../../schemas/ticks.js";
import { TextBook, type TextSide } from "../../text-book.js";
import type { BookLevels, BookSequence, BookStep } from "../../venue.js";

const checkedLevels = 10;

/**
 * Kraken's rule for keeping a book: no numbers, but a checksum of the best ten levels with each update (v2: with the
 * snapshot too). Levels beyond the subscribed depth are dropped by the reader, the venue does not say so: what falls out
 * is added to the increment as removed, so that readers of the log need not know the depth.
 *
 * A lost update that touches nothing of the best ten shows when its levels come there.
 *
 * https://docs.kraken.com/api/docs/guides/spot-ws-book-v2 and …-v1
 */
export class KrakenBookSequence implements BookSequence {
  private readonly kept = new TextBook();
  private begun = false;
  private priceDecimals = 0;
  private qtyDecimals = 0;

  /** @param instrument whose sizes have the decimals of the checksum; without it the texts' own have to do */
  constructor(
    private readonly depth: number,
    instrument?: InstrumentTick,
  ) {
    this.governed(instrument);
  }

  governed(instrument: InstrumentTick | undefined): void {
    this.priceDecimals = writtenDecimals(instrument?.tickSize);
    this.qtyDecimals = writtenDecimals(instrument?.lotSize);
  }

  snapshot(tick: DepthTick): "apply" | "mismatch" {
    this.begun = true;
    this.kept.take(tick);
    this.trim();
    return this.agrees(tick) ? "apply" : "mismatch";
  }

  next(tick: DepthTick): BookStep {
    if (!this.begun) return "gap";
    this.kept.take(tick);
    const [bids, asks] = this.trim();
    if (!this.agrees(tick)) return "mismatch";
    if (bids.length === 0 && asks.length === 0) return "apply";
    return { ...tick, bids: [...tick.bids, ...bids], asks: [...tick.asks, ...asks] };
  }

  book(): BookLevels {
    return this.kept.levels;
  }

  /** @returns the levels that fell out, as removed ones */
  private trim(): readonly [bids: LevelText[], asks: LevelText[]] {
    const gone = (side: TextSide) => side.trim(this.depth).map(([price]): LevelText => [price, "0"]);
    return [gone(this.kept.bids), gone(this.kept.asks)];
  }

  private agrees({ checksum }: DepthTick): boolean {
    if (checksum === undefined) return true;
    return checksum === krakenChecksum(this.kept, this.priceDecimals, this.qtyDecimals);
  }
}

/**
 * CRC32 over the best ten asks, then the best ten bids, from the best on, each as price and quantity in all their
 * decimals, without the point and without zeros before the first digit.
 */
export function krakenChecksum({ bids, asks }: TextBook, priceDecimals: number, qtyDecimals: number): number {
  let text = "";
  for (const side of [asks, bids]) {
    for (let i = 0; i < checkedLevels && i < side.levels.length; i++) {
      const [price, qty] = side.levels[i]!;
      text += digitsOf(price, priceDecimals) + digitsOf(qty, qtyDecimals);
    }
  }
  return crc32(text);
}

function digitsOf(text: string, decimals: number): string {
  const point = text.indexOf(".");
  const fraction = point < 0 ? "" : text.slice(point + 1);
  const digits = (point < 0 ? text : text.slice(0, point)) + fraction.padEnd(decimals, "0");
  let start = 0;
  while (start < digits.length && digits.charCodeAt(start) === 48) start++;
  return digits.slice(start);
}

function writtenDecimals(size: string | undefined): number {
  const point = size?.indexOf(".") ?? -1;
  return size === undefined || point < 0 ? 0 : size.length - point - 1;
}
