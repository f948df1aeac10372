import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { BookFeed } from "../../../ingest/book-feed.js";
import { nameOfNote } from "../../../ingest/venue.js";
import { venueOf } from "../../../ingest/venues/index.js";
import type { DepthTick, RawTick } from "../../../schemas/ticks.js";
import { decimalsOf } from "../../../schemas/units.js";
import { recording } from "../../recordings.js";
import { bookOf } from "../live-rig.js";
import { cryptofeedFrames, lookupOf } from "../recorded-frames.js";
import { ofKind, replayed } from "../replay/collected.js";
import { inTardisWords, publishedBook, tardisPairs } from "./tardis-pairs.js";

const file = "cryptofeed/v3/BITSTAMP.jsonl.gz";
const venue = venueOf("bitstamp");

function readAll() {
  const ticks: RawTick[] = [];
  const notes = new Map<string, number>();
  const lookup = lookupOf("bitstamp");
  for (const frame of cryptofeedFrames(file)) {
    const note = venue.read(frame, lookup, (tick) => ticks.push(tick));
    if (note !== undefined) notes.set(nameOfNote(note), (notes.get(nameOfNote(note)) ?? 0) + 1);
  }
  const depth = ofKind(ticks, "depth");
  return { ticks, notes, depth, symbols: [...new Set(depth.map(({ symbol }) => symbol))] };
}

describe("Bitstamp as cryptofeed recorded it (2022-01-05)", () => {
  it("every frame is read: ten snapshots, 717 updates, ten trades, 140 markets", () => {
    const { ticks, notes, depth, symbols } = readAll();
    expect(Object.fromEntries(notes)).toEqual({ subscribed: 20 });
    expect(depth.filter(({ action }) => action === "snapshot")).toHaveLength(10);
    expect(depth.filter(({ action }) => action === "increment")).toHaveLength(717);
    expect(symbols).toHaveLength(10);
    const trades = ofKind(ticks, "trade");
    expect(trades).toHaveLength(10);
    expect(trades[2]).toMatchObject({
      symbol: "ethusd",
      tradeId: "216000485",
      price: "3802.89",
      qty: "3.23948640",
      side: "sell",
      exchangeTime: 1_641_343_709_599_000,
    });
    const instruments = ofKind(ticks, "instrument");
    expect(instruments).toHaveLength(140);
    expect(instruments.find(({ nativeId }) => nativeId === "batbtc")).toMatchObject({
      symbol: "BAT/BTC",
      status: "trading",
      tickSize: "0.00000001",
      lotSize: "0.00000001",
    });
    for (const { symbol, bids, asks } of depth) {
      const market = instruments.find(({ nativeId }) => nativeId === symbol)!;
      for (const [price, qty] of [...bids, ...asks]) {
        expect(decimalsOf(price)).toBeLessThanOrEqual(decimalsOf(market.tickSize));
        expect(decimalsOf(qty)).toBeLessThanOrEqual(decimalsOf(market.lotSize));
      }
    }
  });

  it("snapshot and updates fit: of 736 removals each takes a level that is there, and no book is ever crossed", () => {
    const { depth, symbols } = readAll();
    let removals = 0;
    for (const symbol of symbols) {
      const published: DepthTick[] = [];
      const feed = new BookFeed(venue.sequence(), (tick) => published.push(tick as DepthTick));
      for (const tick of depth) if (tick.symbol === symbol) feed.depth(tick);
      expect(feed.isLive).toBe(true);
      expect(published.filter(({ action }) => action === "gap")).toEqual([]);
      const sides = { bids: new Map<string, string>(), asks: new Map<string, string>() };
      for (const tick of published) {
        for (const side of ["bids", "asks"] as const) {
          for (const [price, qty] of tick[side]) {
            if (Number(qty) > 0) {
              sides[side].set(price, qty);
              continue;
            }
            removals += 1;
            expect(sides[side].delete(price), `${symbol} ${price}`).toBe(true);
          }
        }
        const bid = Math.max(...[...sides.bids.keys()].map(Number));
        expect(bid).toBeLessThan(Math.min(...[...sides.asks.keys()].map(Number)));
      }
    }
    expect(removals).toBe(736);
  });

  it("replays: REST lines included, ten books that are right to the end, all trades, the venue's own instruments", async () => {
    const { ticks, report } = await replayed({ files: [recording(file)] });
    expect(report.problems).toEqual([]);
    // its connections stand one after the other
    expect(report.warnings).toEqual([expect.stringContaining("runs backwards in time")]);
    const depth = ofKind(ticks, "depth");
    const symbols = [...new Set(depth.map(({ symbol }) => symbol))];
    expect(symbols.sort()).toEqual(
      "ADA/EUR BAT/BTC BAT/EUR ETH/USD GALA/EUR SGB/EUR USDT/EUR USDT/USD XLM/GBP XRP/EUR".split(" "),
    );
    expect(depth.filter(({ action }) => action === "gap")).toEqual([]);
    for (const symbol of symbols) expect(bookOf(depth.filter((tick) => tick.symbol === symbol)).live).toBe(true);
    expect(depth.filter(({ action }) => action === "increment")).toHaveLength(615);
    for (const symbol of symbols) {
      const [snapshot, ...increments] = depth.filter((tick) => tick.symbol === symbol);
      const before = [snapshot!, ...increments].map(({ updateId }) => updateId);
      expect(increments.map(({ previousUpdateId }) => previousUpdateId)).toEqual(before.slice(0, -1));
    }
    expect(ofKind(ticks, "trade").map(({ symbol }) => symbol)).toEqual(Array(10).fill("ETH/USD"));
    expect(ofKind(ticks, "instrument").filter(({ inferred }) => inferred)).toEqual([]);
    const again = await replayed({ files: [recording(file)] });
    expect(JSON.stringify(again.ticks)).toBe(JSON.stringify(ticks));
  });
});

it("Bitstamp's messages as tardis-node maps them: trades and book changes", () => {
  const lookup = lookupOf("bitstamp");
  const books = new Map<string, ReturnType<typeof publishedBook>>();
  const compared = { trade: 0, book_change: 0, nothing: 0 };
  for (const { message, expected, localTimestamp } of tardisPairs("bitstamp")) {
    const found: RawTick[] = [];
    const receiveTime = Date.parse(localTimestamp) * 1000;
    venue.read({ text: JSON.stringify(message), receiveTime, origin: { socket: "market-1" } }, lookup, (tick) => {
      if (tick.kind !== "depth") {
        found.push(tick);
        return;
      }
      const book = books.get(tick.symbol) ?? publishedBook(venue);
      books.set(tick.symbol, book);
      const before = book.published.length;
      book.feed.depth(tick);
      found.push(...book.published.slice(before));
    });
    const ours = found.map((tick) => inTardisWords({ ...tick, symbol: tick.symbol.toUpperCase() } as RawTick));
    expect(ours).toHaveLength(expected.length);
    for (const [i, theirs] of expected.entries()) {
      expect(theirs).toMatchObject(ours[i]!);
      compared[theirs.type as "trade"] += 1;
    }
    if (expected.length === 0) compared.nothing += 1;
  }
  expect(compared).toEqual({ trade: 2, book_change: 4, nothing: 2 });
});

interface Recorded {
  readonly query: string;
  readonly data: unknown;
}

it("Bitstamp's REST as gocryptotrader recorded it: books, markets and trades, each digit; other routes are ignored", () => {
  const text = gunzipSync(readFileSync(recording("gocryptotrader/bitstamp_public_rest.json.gz"))).toString("utf8");
  const routes = JSON.parse(text) as Record<string, readonly Recorded[]>;
  const read = (path: string, { query, data }: Recorded) => {
    const ticks: RawTick[] = [];
    const origin = { url: `https://www.bitstamp.net${path}?${query}` };
    const frame = { text: JSON.stringify(data), receiveTime: 1, origin };
    const note = venue.read(frame, lookupOf("bitstamp"), (tick) => ticks.push(tick));
    return { ticks, note };
  };
  const counts: Record<string, number> = {};
  for (const [path, answers] of Object.entries(routes)) {
    for (const answer of answers) {
      const { ticks, note } = read(path, answer);
      const kinds = note === undefined ? ticks.map(({ kind }) => kind) : [note];
      for (const kind of kinds) counts[String(kind)] = (counts[String(kind)] ?? 0) + 1;
      for (const tick of ticks) {
        if (tick.kind !== "trade") continue;
        const rows = answer.data as { tid: string; price: string; amount: string; date: string; type: string }[];
        const row = rows.find(({ tid }) => tid === tick.tradeId)!;
        expect([tick.price, tick.qty, tick.side]).toEqual([row.price, row.amount, row.type === "0" ? "buy" : "sell"]);
        expect(tick).toMatchObject({ exchangeTime: Number(row.date) * 1_000_000, backfilled: true });
      }
      const ids = ofKind(ticks, "trade").map(({ tradeId }) => Number(tradeId));
      expect(ids).toEqual([...ids].sort((a, b) => a - b));
    }
  }
  expect(counts.ignored).toBeGreaterThan(0);
  expect(counts.depth).toBe(1);
  expect(counts.trade).toBeGreaterThan(50);
  expect(counts.instrument).toBeGreaterThan(50);
});
