import { describe, expect, it } from "vitest";
import { nameOfNote } from "../../../ingest/venue.js";
import { venueOf } from "../../../ingest/venues/index.js";
import { KrakenBookSequence } from "../../../ingest/venues/kraken/sequence.js";
import type { DepthTick, InstrumentTick, RawTick } from "../../../schemas/ticks.js";
import { cryptofeedFrames, lookupOf } from "../recorded-frames.js";
import { inTardisWords, publishedBook, tardisPairs } from "./tardis-pairs.js";

const file = "cryptofeed/v3/KRAKEN.shared-symbols.jsonl.gz";

function readAll() {
  const venue = venueOf("kraken");
  const ticks: RawTick[] = [];
  const notes = new Map<string, number>();
  const instruments: InstrumentTick[] = [];
  let lookup = lookupOf("kraken");
  for (const frame of cryptofeedFrames(file)) {
    const note = venue.read(frame, lookup, (tick) => {
      if (tick.kind === "instrument") instruments.push(tick);
      else ticks.push(tick);
    });
    if (instruments.length > 0 && "url" in frame.origin) lookup = lookupOf("kraken", instruments);
    if (note !== undefined) notes.set(nameOfNote(note), (notes.get(nameOfNote(note)) ?? 0) + 1);
  }
  return { venue, ticks, notes, instruments };
}

const depthOf = (ticks: readonly RawTick[]) => ticks.filter((tick): tick is DepthTick => tick.kind === "depth");

describe("Kraken (v1) as cryptofeed recorded it (2021-04-17)", () => {
  it.each(["with the decimals of its instruments", "by the texts alone"])(
    "every one of 2,223 checksums holds %s, and the books are published without a gap",
    (how) => {
      const { venue, ticks, instruments } = readAll();
      const depth = depthOf(ticks);
      expect(depth.filter((tick) => tick.checksum !== undefined)).toHaveLength(2_223);
      const sequences = new Map<string, KrakenBookSequence>();
      const books = new Map<string, ReturnType<typeof publishedBook>>();
      let held = 0;
      for (const tick of depth) {
        const instrument = instruments.find(({ symbol }) => symbol === tick.symbol);
        const decimals = how.startsWith("with") ? instrument : undefined;
        const sequence = sequences.get(tick.symbol) ?? new KrakenBookSequence(1_000, decimals);
        sequences.set(tick.symbol, sequence);
        const step = tick.action === "snapshot" ? sequence.snapshot(tick) : sequence.next(tick);
        expect(["gap", "mismatch"]).not.toContain(step);
        if (tick.checksum !== undefined) held += 1;
        const book = books.get(tick.symbol) ?? publishedBook(venue);
        books.set(tick.symbol, book);
        book.feed.depth(tick);
      }
      expect(held).toBe(2_223);
      const published = [...books.values()].flatMap((book) => book.published);
      expect(published.filter(({ action }) => action === "gap")).toEqual([]);
      expect(published.filter(({ action }) => action === "increment")).toHaveLength(2_223);
    },
  );

  it("what is published makes the very book that the venue has: no level beyond its depth is left behind", () => {
    const { venue, ticks } = readAll();
    const depth = depthOf(ticks).filter(({ symbol }) => symbol === "ADA/BTC");
    const { feed, published } = publishedBook(venue);
    for (const tick of depth) feed.depth(tick);
    const asks = plainBook(published, "asks");
    expect(asks.size).toBeLessThanOrEqual(1_000);
    // The venue's rule, computed plainly: apply, then keep the best 1,000.
    let wanted = new Map<string, string>();
    for (const tick of depth) {
      for (const [price, qty] of tick.asks) {
        if (Number(qty) === 0) wanted.delete(price);
        else wanted.set(price, qty);
      }
      wanted = new Map([...wanted].sort(([a], [b]) => Number(a) - Number(b)).slice(0, 1_000));
    }
    expect([...asks].sort()).toEqual([...wanted].sort());
  });

  it("an update lost, repeated or exchanged with the next is noticed, or changes nothing of the best ten", () => {
    const depth = depthOf(readAll().ticks).filter(({ symbol }) => symbol === "ADA/BTC");
    let mismatches = 0;
    for (let lost = 1; lost < 60; lost++) {
      const sequence = new KrakenBookSequence(1_000);
      sequence.snapshot(depth[0]!);
      const steps = depth.slice(1, lost + 60).map((tick, i) => (i + 1 === lost ? "lost" : sequence.next(tick)));
      if (steps.includes("mismatch")) mismatches += 1;
    }
    expect(mismatches).toBeGreaterThan(20);
    const sequence = new KrakenBookSequence(1_000);
    sequence.snapshot(depth[0]!);
    for (const tick of depth.slice(1)) expect([sequence.next(tick), sequence.next(tick)]).not.toContain("mismatch");
  });

  it("trades, tickers and instruments are read, heartbeats and answers are not taken for data", () => {
    const { ticks, notes, instruments } = readAll();
    expect(ticks.filter(({ kind }) => kind === "ticker")).toHaveLength(11);
    expect(ticks.filter(({ kind }) => kind === "trade").length).toBeGreaterThanOrEqual(5);
    expect(ticks.find(({ kind }) => kind === "trade")).toMatchObject({
      symbol: "SC/EUR",
      price: "0.042990",
      qty: "15979.71727919",
      side: "sell",
      exchangeTime: 1_618_678_145_920_708,
    });
    expect(notes.get("ignored")).toBe(3 + 18 + 92);
    const of = (nativeId: string) => instruments.find((tick) => tick.nativeId === nativeId);
    expect(of("BTC/USD")).toMatchObject({ symbol: "BTC/USD", tickSize: "0.1", lotSize: "0.00000001" });
    expect(of("DOGE/BTC")).toMatchObject({ symbol: "DOGE/BTC", base: "DOGE", quote: "BTC" });
    expect(instruments).toHaveLength(293);
  });
});

function plainBook(published: readonly DepthTick[], side: "bids" | "asks"): Map<string, string> {
  const book = new Map<string, string>();
  for (const tick of published) {
    if (tick.action === "snapshot") book.clear();
    for (const [price, qty] of tick[side]) {
      if (Number(qty) === 0) book.delete(price);
      else book.set(price, qty);
    }
  }
  return book;
}

describe("Kraken messages as tardis-node maps them", () => {
  it("v1 and v2: trades, books and best prices", () => {
    const venue = venueOf("kraken");
    const lookup = lookupOf("kraken");
    const compared = { trade: 0, book_change: 0, book_ticker: 0, nothing: 0 };
    for (const { message, expected, localTimestamp } of tardisPairs("kraken")) {
      const found: RawTick[] = [];
      const text = JSON.stringify(message);
      const receiveTime = Date.parse(localTimestamp) * 1000;
      venue.read({ text, receiveTime, origin: { socket: "market-1" } }, lookup, (tick) => found.push(tick));
      const ours = found.filter(({ kind }) => kind !== "ticker").map(inTardisWords);
      expect(ours).toHaveLength(expected.length);
      for (const [i, theirs] of expected.entries()) {
        // They keep v1's names; and of a snapshot whose middle is null they take the channel for the symbol.
        const native = Array.isArray(message) ? String(message.at(-1)) : String(theirs.symbol);
        expect({ ...theirs, symbol: native.replace("XBT", "BTC") }).toMatchObject(ours[i]!);
        compared[theirs.type as "trade"] += 1;
      }
      if (expected.length === 0) compared.nothing += 1;
    }
    expect(compared).toEqual({ trade: 4, book_change: 6, book_ticker: 2, nothing: 3 });
  });
});
