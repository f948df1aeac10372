import { describe, expect, it } from "vitest";
import { recording } from "../../recordings.js";
import { bookOf } from "../live-rig.js";
import { ofKind, replayed } from "./collected.js";

/** Recordings of venues whose books come with snapshots on the stream; instruments stand in their REST lines. */
const recorded = [
  ["OKX.shared-symbols", "okx", ["BTC/USDT", "UNI/USD:UNI"], { depth: 191, trade: 70 }, "0.1"],
  [
    "KRAKEN.shared-symbols",
    "kraken",
    ["GRT/ETH", "SC/EUR", "ETH/CHF", "OCEAN/BTC", "OMG/USD", "ADA/BTC"],
    { depth: 2_229, trade: 6 },
    undefined,
  ],
] as const;

describe.each(recorded)("replay of cryptofeed's %s", (name, exchange, symbols, counts, btcTick) => {
  const file = recording(`cryptofeed/v3/${name}.jsonl.gz`);

  it("every frame is read, books are right from the first snapshot to the end, instruments are the venue's own", async () => {
    const { ticks, report } = await replayed({ files: [file] });
    expect(report.problems).toEqual([]);
    // the connections of some captures stand one after the other
    expect(report.warnings.filter((why) => !why.includes("runs backwards in time"))).toEqual([]);
    const depth = ofKind(ticks, "depth");
    expect(depth.filter(({ action }) => action === "gap")).toEqual([]);
    const books = new Map(symbols.map((symbol) => [symbol, bookOf(depth.filter((tick) => tick.symbol === symbol))]));
    expect(new Set(depth.map(({ symbol }) => symbol))).toEqual(new Set(symbols));
    for (const [symbol, book] of books) {
      expect(book.live).toBe(true);
      const [bid, ask] = [
        Math.max(...[...book.bids.keys()].map(Number)),
        Math.min(...[...book.asks.keys()].map(Number)),
      ];
      expect(bid, symbol).toBeLessThan(ask);
    }
    expect(depth.length).toBeGreaterThanOrEqual(counts.depth);
    expect(ofKind(ticks, "trade")).toHaveLength(counts.trade);
    const instruments = ofKind(ticks, "instrument");
    expect(instruments.filter(({ inferred }) => inferred)).toEqual([]);
    if (btcTick !== undefined) {
      expect(instruments.find(({ symbol }) => symbol === "BTC/USDT")).toMatchObject({ exchange, tickSize: btcTick });
    }
  });

  it("gives the same ticks each time", async () => {
    const [once, again] = [await replayed({ files: [file] }), await replayed({ files: [file] })];
    expect(JSON.stringify(once.ticks)).toBe(JSON.stringify(again.ticks));
  });
});
