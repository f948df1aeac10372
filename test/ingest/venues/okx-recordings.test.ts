import { describe, expect, it } from "vitest";
import { nameOfNote } from "../../../ingest/venue.js";
import { venueOf } from "../../../ingest/venues/index.js";
import { OkxBookSequence } from "../../../ingest/venues/okx/sequence.js";
import type { DepthTick, RawTick, TradeTick } from "../../../schemas/ticks.js";
import { cryptofeedFrames, lookupOf } from "../recorded-frames.js";
import { inTardisWords, publishedBook, tardisPairs } from "./tardis-pairs.js";

const file = "cryptofeed/v3/OKX.shared-symbols.jsonl.gz";

function readAll(settings: Record<string, unknown> = {}) {
  const venue = venueOf("okx", settings);
  const lookup = lookupOf("okx");
  const ticks: RawTick[] = [];
  const notes = new Map<string, number>();
  for (const frame of cryptofeedFrames(file)) {
    const note = venue.read(frame, lookup, (tick) => ticks.push(tick));
    if (note !== undefined) notes.set(nameOfNote(note), (notes.get(nameOfNote(note)) ?? 0) + 1);
  }
  return { venue, ticks, notes };
}

const depthOf = (ticks: readonly RawTick[]) => ticks.filter((tick): tick is DepthTick => tick.kind === "depth");

describe("OKX as cryptofeed recorded it (2022-05-13)", () => {
  it("every one of 191 checksums holds, and the books are published without a gap", () => {
    const { venue, ticks } = readAll();
    const depth = depthOf(ticks);
    expect(depth.filter((tick) => tick.checksum !== undefined)).toHaveLength(191);
    const sequences = new Map<string, OkxBookSequence>();
    const books = new Map<string, ReturnType<typeof publishedBook>>();
    const steps: string[] = [];
    for (const tick of depth) {
      const sequence = sequences.get(tick.symbol) ?? new OkxBookSequence();
      sequences.set(tick.symbol, sequence);
      steps.push(tick.action === "snapshot" ? sequence.snapshot(tick) : sequence.next(tick));
      const book = books.get(tick.symbol) ?? publishedBook(venue);
      books.set(tick.symbol, book);
      book.feed.depth(tick);
    }
    expect(steps.filter((step) => step === "apply")).toHaveLength(191);
    for (const [symbol, { feed, published }] of books) {
      expect(feed.isLive).toBe(true);
      expect(published.filter(({ action }) => action !== "snapshot")).toEqual(
        depth.filter((tick) => tick.symbol === symbol && tick.action === "increment"),
      );
    }
  });

  it("any one update lost, or any one digit changed, is noticed by the next checksums", () => {
    const depth = depthOf(readAll().ticks).filter(({ symbol }) => symbol === "BTC-USDT");
    let noticed = 0;
    for (let lost = 1; lost < 40; lost++) {
      const sequence = new OkxBookSequence();
      sequence.snapshot(depth[0]!);
      const steps = depth.slice(1).map((tick, i) => (i + 1 === lost ? "lost" : sequence.next(tick)));
      if (steps.includes("mismatch")) noticed += 1;
    }
    // An update that changes nothing of the best 25, or what the next one sets anew, is not seen by the checksum.
    expect(noticed).toBeGreaterThanOrEqual(35);
    const [snapshot] = depth;
    const [price, qty] = snapshot!.asks[3]!;
    const asks = snapshot!.asks.map((level) => (level[0] === price ? ([price, `${qty}1`] as const) : level));
    expect(new OkxBookSequence().snapshot({ ...snapshot!, asks })).toBe("mismatch");
  });

  it("trades have each the next id, and instruments are named as ccxt names them", () => {
    const { ticks, notes } = readAll({ tradeChannel: "trades", quoteChannel: "tickers" });
    const trades = ticks.filter((tick): tick is TradeTick => tick.kind === "trade" && tick.symbol === "BTC-USDT");
    const ids = trades.map(({ tradeId }) => Number(tradeId));
    expect(ids).toHaveLength(69);
    expect(ids.filter((id, i) => i > 0 && id !== ids[i - 1]! + 1)).toEqual([]);
    expect(ticks.filter(({ kind }) => kind === "quote")).toHaveLength(26);
    expect(notes.get("subscribed")).toBe(12);
    const instruments = ticks.flatMap((tick) => (tick.kind === "instrument" ? [tick] : []));
    const of = (nativeId: string) => instruments.find((tick) => tick.nativeId === nativeId);
    expect(of("BTC-USDT")).toMatchObject({ symbol: "BTC/USDT", contractType: "spot", contractSize: "1" });
    expect(of("BTC-USDT-SWAP")).toMatchObject({
      symbol: "BTC/USDT:USDT",
      contractType: "linear",
      contractSize: "0.01",
    });
    expect(of("BTC-USD-SWAP")).toMatchObject({ symbol: "BTC/USD:BTC", contractType: "inverse", contractSize: "100" });
    expect(of("BTC-USD-220527")).toMatchObject({ symbol: "BTC/USD:BTC-220527", tickSize: "0.1", lotSize: "1" });
    expect(instruments.some(({ nativeId }) => nativeId.endsWith("-C"))).toBe(false);
  });
});

/**
 * tardis-node reads one channel of books and one of best prices at a time, and which one goes by date and instrument: a
 * message of the other gives nothing there, though it has something to tell.
 */
const apart = (wanted: readonly unknown[]) => wanted.length === 0;

describe("OKX messages (v5, and the API before it) as tardis-node maps them", () => {
  it.each([
    ["okex", { trade: 4, book_change: 3, book_ticker: 4 }],
    ["okex-swap", { trade: 3, book_change: 3, book_ticker: 5 }],
    ["okex-futures", { trade: 5, book_change: 5, book_ticker: 5 }],
  ])("%s: trades, books and best prices", (name, counts) => {
    const venue = venueOf("okx", { quoteChannel: "tickers" });
    const lookup = lookupOf("okx");
    const compared = { trade: 0, book_change: 0, book_ticker: 0 };
    for (const { message, expected, localTimestamp } of tardisPairs(name)) {
      const wanted = expected.filter(({ type }) => Object.hasOwn(compared, String(type)));
      if (apart(wanted)) continue;
      const found: RawTick[] = [];
      const text = JSON.stringify(message);
      const receiveTime = Date.parse(localTimestamp) * 1000;
      venue.read({ text, receiveTime, origin: { socket: "market-1" } }, lookup, (tick) => found.push(tick));
      const ours = found.filter(({ kind }) => kind !== "ticker").map(inTardisWords);
      expect(ours).toHaveLength(wanted.length);
      for (const [i, theirs] of wanted.entries()) {
        // Quantities that early tickers do not have are null there.
        const known = Object.fromEntries(
          Object.entries(theirs).filter(([key, value]) => value !== null || key === "id"),
        );
        expect(known).toMatchObject(JSON.parse(JSON.stringify(ours[i])));
        compared[theirs.type as "trade"] += 1;
      }
    }
    expect(compared).toEqual(counts);
  });
});
