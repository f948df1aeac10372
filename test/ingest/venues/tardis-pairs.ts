import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { BookFeed, bookFeedDefaults } from "../../../ingest/book-feed.js";
import type { Venue } from "../../../ingest/venue.js";
import type { DepthTick, RawTick } from "../../../schemas/ticks.js";
import { recording } from "../../recordings.js";

/** A message as tardis-node recorded it, and what it makes of it. */
export interface TardisPair {
  readonly message: unknown;
  readonly localTimestamp: string;
  readonly expected: readonly Readonly<Record<string, unknown>>[];
}

export function tardisPairs(name: string): readonly TardisPair[] {
  const text = gunzipSync(readFileSync(recording("tardis-node/raw-to-normalised.json.gz"))).toString("utf8");
  return (JSON.parse(text) as Record<string, readonly TardisPair[]>)[name] ?? [];
}

/** What tardis-node makes of a message, in the words of a tick; its floats are compared as floats. */
export function inTardisWords(tick: RawTick): Record<string, unknown> {
  const base = { symbol: tick.symbol, timestamp: isoOf(tick.exchangeTime) };
  const number = (text: string) => (text === "" ? undefined : Number(text));
  switch (tick.kind) {
    case "trade": {
      const id = tick.tradeId === "" ? null : tick.tradeId;
      return { ...base, type: "trade", id, price: Number(tick.price), amount: Number(tick.qty), side: tick.side };
    }
    case "quote":
      return {
        ...base,
        type: "book_ticker",
        bidPrice: number(tick.bidPrice),
        bidAmount: number(tick.bidQty),
        askPrice: number(tick.askPrice),
        askAmount: number(tick.askQty),
      };
    case "depth": {
      const levels = (side: readonly (readonly [string, string])[]) =>
        side.map(([price, qty]) => ({ price: Number(price), amount: Number(qty) }));
      const isSnapshot = tick.action === "snapshot";
      return { ...base, type: "book_change", isSnapshot, bids: levels(tick.bids), asks: levels(tick.asks) };
    }
    default:
      return { ...base, type: tick.kind };
  }
}

/** µs as tardis-node writes them: microseconds only where there are some. */
function isoOf(micros: number): string {
  const iso = new Date(Math.floor(micros / 1000)).toISOString();
  const below = micros % 1000;
  return below === 0 ? iso : iso.replace("Z", `${String(below).padStart(3, "0")}Z`);
}

/** A book as the feed keeps it for this venue, and all that it published. */
export function publishedBook(venue: Venue): { feed: BookFeed; published: DepthTick[] } {
  const published: DepthTick[] = [];
  const options = { ...bookFeedDefaults, inStream: venue.resubscribe !== undefined };
  const feed = new BookFeed(
    venue.sequence(),
    (tick) => published.push(tick as DepthTick),
    () => {},
    options,
  );
  return { feed, published };
}
