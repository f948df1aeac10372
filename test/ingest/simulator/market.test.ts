import { describe, expect, test } from "vitest";
import type { BinanceApi as Dialect } from "../../../ingest/simulator/binance/instruments.js";
import { simulatedInstrument } from "../../../ingest/simulator/binance/instruments.js";
import { depthPayload, quotePayload, tradePayload } from "../../../ingest/simulator/binance/protocol.js";
import type { SimulatedTrade } from "../../../ingest/simulator/candles.js";
import { Market, type MarketListener } from "../../../ingest/simulator/market.js";

const openTime = 1_763_000_000_000;

interface Options {
  dialect?: Dialect;
  seed?: string;
  symbol?: string;
  rate?: number;
  basis?: number;
}

function openMarket(options: Options, listener: Partial<MarketListener> = {}): Market {
  const dialect = options.dialect ?? "spot";
  return new Market(
    simulatedInstrument(options.symbol ?? "BTC/USDT", dialect),
    {
      seed: options.seed ?? "one",
      commonSeed: "common",
      rate: options.rate ?? 200,
      marketShare: 0.15,
      basis: options.basis ?? 0,
      ordersPerSide: 150,
      openTime,
      keepTrades: "all",
      keepMinutes: 10_000,
      updateIdHoles: dialect === "usdm",
    },
    { trade: () => {}, aggregateTrade: () => {}, quote: () => {}, depth: () => {}, ...listener },
  );
}

/** Levels as a plain map by Binance's rule: a level's new quantity replaces the old one, zero removes it. */
class PlainBook {
  readonly bids: Map<string, string>;
  readonly asks: Map<string, string>;

  constructor(bids: [string, string][], asks: [string, string][]) {
    this.bids = new Map(bids);
    this.asks = new Map(asks);
  }

  apply(frame: { b: [string, string][]; a: [string, string][] }): void {
    for (const [side, levels] of [
      [this.bids, frame.b],
      [this.asks, frame.a],
    ] as const) {
      for (const [price, qty] of levels) {
        if (/^[0.]+$/.test(qty)) side.delete(price);
        else side.set(price, qty);
      }
    }
  }
}

const levelsOf = (market: Market, side: "buy" | "sell"): [string, string][] => {
  const payload = JSON.parse(
    depthPayload(market.instrument, "spot", {
      firstId: 0,
      lastId: 0,
      previousId: 0,
      bids: market.levels(side),
      asks: [],
      time: 0,
    }),
  );
  return payload.b;
};

describe.each(["spot", "usdm"] as const)("a simulated %s market", (dialect) => {
  test("a plain book that follows the depth frames equals the market's own at every update id", () => {
    let book: PlainBook | undefined;
    let frames = 0;
    let lastId = 0;
    const market = openMarket(
      { dialect },
      {
        depth(of, update, periodMs) {
          if (periodMs !== 100) return;
          const frame = JSON.parse(depthPayload(of.instrument, dialect, update));
          if (dialect === "spot") expect(frame.U).toBe(lastId + 1);
          else expect(frame.pu).toBe(lastId);
          expect(frame.u).toBe(of.updateId);
          lastId = frame.u;
          book!.apply(frame);
          expect(new Map(levelsOf(of, "buy"))).toEqual(book!.bids);
          expect(new Map(levelsOf(of, "sell"))).toEqual(book!.asks);
          frames++;
        },
      },
    );
    lastId = market.updateId;
    book = new PlainBook(levelsOf(market, "buy"), levelsOf(market, "sell"));
    market.runUntil(openTime + 20_000);
    expect(frames).toBeGreaterThan(190);
  });

  test("the newest bookTicker not beyond a depth frame's last id is the best of the book after it", () => {
    let quote: { u: number; b: string; B: string; a: string; A: string } | undefined;
    let compared = 0;
    const market = openMarket(
      { dialect, seed: "quotes" },
      {
        quote: (of, update) => {
          quote = JSON.parse(quotePayload(of.instrument, dialect, update, of.time));
        },
        depth: (of, update) => {
          expect(quote!.u).toBeLessThanOrEqual(update.lastId);
          expect([quote!.b, quote!.B]).toEqual(levelsOf(of, "buy")[0]);
          expect([quote!.a, quote!.A]).toEqual(levelsOf(of, "sell")[0]);
          compared++;
        },
      },
    );
    market.runUntil(openTime + 20_000);
    expect(compared).toBeGreaterThan(150);
  });

  test("the book is never crossed and never empty, and trade ids have no holes", () => {
    const market = openMarket({ dialect, seed: "sound", rate: 1000 });
    for (let time = openTime; time < openTime + 60_000; time += 50) {
      market.runUntil(time);
      const [bid] = market.levels("buy", 1);
      const [ask] = market.levels("sell", 1);
      expect(bid![0]).toBeLessThan(ask![0]);
    }
    const ids = market.trades.map((trade) => trade.id);
    expect(ids.length).toBeGreaterThan(5000);
    expect(ids).toEqual(ids.map((_, at) => ids[0]! + at));
    expect(market.levels("buy").length).toBeLessThan(1000);
  });
});

test("the same seed gives the same trades, quotes and depth; another seed others", () => {
  const record = (seed: string, stepMs: number) => {
    const frames: string[] = [];
    const market = openMarket(
      { seed },
      {
        trade: (of, trade) => frames.push(tradePayload(of.instrument, "spot", trade)),
        quote: (of, quote) => frames.push(quotePayload(of.instrument, "spot", quote, of.time)),
        depth: (of, update) => frames.push(depthPayload(of.instrument, "spot", update)),
      },
    );
    // The steps in which the clock is moved must not matter.
    for (let time = openTime; time <= openTime + 10_000; time += stepMs) market.runUntil(time);
    market.runUntil(openTime + 10_000);
    return frames;
  };
  const frames = record("one", 7);
  expect(frames.length).toBeGreaterThan(1000);
  expect(record("one", 1000)).toEqual(frames);
  expect(record("another", 7)).not.toEqual(frames);
});

test("quantity is conserved: what leaves the book without a cancel is what was traded", () => {
  // Market orders only take, so between two of them every change of the book is a trade.
  const trades: SimulatedTrade[] = [];
  const market = openMarket({ seed: "taken" }, { trade: (_, trade) => trades.push(trade) });
  const total = (side: "buy" | "sell") => market.levels(side).reduce((sum, [, qty]) => sum + qty, 0);
  let moved = 0;
  for (let step = 0; step < 20_000; step++) {
    const before = { buy: total("buy"), sell: total("sell"), trades: trades.length, events: market.events };
    market.runUntil(openTime + step);
    if (market.events !== before.events + 1 || trades.length === before.trades) continue;
    const fills = trades.slice(before.trades);
    const taken = fills.reduce((sum, trade) => sum + trade.qty, 0);
    const makerSide = fills[0]!.buyerIsMaker ? "buy" : "sell";
    expect(before[makerSide] - total(makerSide)).toBe(taken);
    moved++;
  }
  expect(moved).toBeGreaterThan(100);
});

test("two venues with a common seed quote nearly equal prices, and a basis sets them apart", () => {
  const one = openMarket({ seed: "venue one" });
  const other = openMarket({ seed: "venue two", dialect: "usdm" });
  const apart = openMarket({ seed: "venue three", basis: 20 });
  const mid = (market: Market, scale: number) => (market.quote.bid + market.quote.ask) / 2 / scale;
  for (let time = openTime; time < openTime + 60_000; time += 1000) {
    for (const market of [one, other, apart]) market.runUntil(time);
    const price = mid(one, 100);
    expect(Math.abs(mid(other, 10) / price - 1)).toBeLessThan(0.0005);
    expect(Math.abs(mid(apart, 100) / price - 1.002)).toBeLessThan(0.0005);
  }
});

test("a market that slept for hours finds its price again without ever losing a side", () => {
  for (const symbol of ["BTC/USDT", "SOL/USDT", "ETH/BTC"]) {
    const market = openMarket({ symbol, seed: "sleeper" });
    let time = openTime;
    for (let sleep = 0; sleep < 5; sleep++) {
      time += 6 * 3_600_000;
      market.skipTo(time);
      for (let end = time + 10_000; time < end; time += 20) {
        market.runUntil(time);
        const [bid] = market.levels("buy", 1);
        const [ask] = market.levels("sell", 1);
        expect(bid![0]).toBeLessThan(ask![0]);
      }
    }
  }
});
