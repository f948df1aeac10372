import { describe, expect, it } from "vitest";
import { BookFeed } from "../../../ingest/book-feed.js";
import { nameOfNote } from "../../../ingest/venue.js";
import { venueOf } from "../../../ingest/venues/index.js";
import type { DepthTick, RawTick, TradeTick } from "../../../schemas/ticks.js";
import { cryptofeedFrames, hftbacktestFrames, lookupOf } from "../recorded-frames.js";

const recorded = [
  ["binance", "BTCUSDT", ["spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"]],
  ["binanceusdm", "BTCUSDT", ["usdm/btcusdt_20240808.gz"]],
  ["binanceusdm", "ETHUSDT", ["usdm/ethusdt_20240808.gz"]],
  ["binanceusdm", "ETHUSDT", ["history/usdm_ethusdt_20240718.gz", "history/usdm_ethusdt_20240719.gz"]],
  ["binancecoinm", "BTCUSD_PERP", ["cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"]],
  ["binancecoinm", "ETHUSD_PERP", ["cm/ethusd_perp_20240808.gz", "cm/ethusd_perp_20240809.gz"]],
] as const;

function readAll(id: string, frames: ReturnType<typeof cryptofeedFrames>) {
  const venue = venueOf(id);
  const lookup = lookupOf(id);
  const ticks: RawTick[] = [];
  const notes = new Map<string, number>();
  for (const frame of frames) {
    const note = venue.read(frame, lookup, (tick) => ticks.push(tick));
    if (note !== undefined) notes.set(nameOfNote(note), (notes.get(nameOfNote(note)) ?? 0) + 1);
  }
  return { venue, ticks, notes };
}

describe("recordings of Binance", () => {
  it.each(recorded)("%s %s %s: every book continues, every trade has its own next id", (id, nativeId, files) => {
    const frames = files.flatMap((file) => hftbacktestFrames(`hftbacktest/${file}`, nativeId));
    const { venue, ticks } = readAll(id, frames);
    const published: DepthTick[] = [];
    const asked: number[] = [];
    const feed = new BookFeed(
      venue.sequence(),
      (tick) => published.push(tick as DepthTick),
      () => asked.push(published.length),
    );
    for (const tick of ticks) if (tick.kind === "depth") feed.depth(tick);
    expect(published.filter((tick) => tick.action === "gap")).toEqual([]);
    expect(published[0]).toMatchObject({ action: "snapshot", part: 0, parts: 1 });
    expect(feed.isLive).toBe(true);
    const snapshot = published[0]?.updateId ?? 0;
    // no update of these crosses its book: at most before the first snapshot one is asked for
    expect(asked.filter((at) => at > 0)).toEqual([]);
    // futures: drop any event where u is < lastUpdateId; spot: where u is <=
    const from = id === "binance" ? snapshot + 1 : snapshot;
    const wanted = ticks.filter(
      (tick) => tick.kind === "depth" && tick.action === "increment" && tick.updateId >= from,
    );
    expect(published.filter((tick) => tick.action === "increment")).toEqual(wanted);
    const trades = ticks.filter((tick): tick is TradeTick => tick.kind === "trade").map((tick) => Number(tick.tradeId));
    expect(trades.length).toBeGreaterThan(1000);
    expect(trades.filter((tradeId, i) => i > 0 && tradeId !== (trades[i - 1] ?? 0) + 1)).toEqual([]);
  });

  it.each([
    ["binance", "cryptofeed/v3/BINANCE.jsonl.gz", { trade: 2, quote: 84 }, 2],
    ["binanceusdm", "cryptofeed/v3/BINANCE_FUTURES.jsonl.gz", { trade: 91, quote: 613 }, 67],
  ])("%s as cryptofeed recorded it: four books without a gap", (id, file, counts, candles) => {
    const { venue, ticks, notes } = readAll(id, cryptofeedFrames(file));
    expect(notes.get("ignored")).toBe(candles);
    for (const [kind, count] of Object.entries(counts)) {
      expect(ticks.filter((tick) => tick.kind === kind)).toHaveLength(count);
    }
    const feeds = new Map<string, BookFeed>();
    const published: DepthTick[] = [];
    for (const tick of ticks) {
      if (tick.kind !== "depth") continue;
      const feed = feeds.get(tick.symbol) ?? new BookFeed(venue.sequence(), (out) => published.push(out as DepthTick));
      feeds.set(tick.symbol, feed);
      feed.depth(tick);
    }
    expect(published.filter((tick) => tick.action === "gap")).toEqual([]);
    expect([...feeds.values()].map((feed) => feed.isLive)).toEqual([true, true, true, true]);
    expect(ticks.filter((tick) => tick.kind === "instrument").length).toBeGreaterThan(100);
  });
});
