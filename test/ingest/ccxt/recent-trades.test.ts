import fc from "fast-check";
import { expect, it } from "vitest";
import { RecentTrades } from "../../../ingest/ccxt/recent-trades.js";
import type { TradeTick } from "../../../schemas/ticks.js";

const live = { isTimed: true, isFetched: false };
const trade = (id: string, at: number): TradeTick => ({
  ...{ kind: "trade", exchange: "gemini", symbol: "BTC/USD", price: "100", qty: "1", side: "buy" },
  ...{ tradeId: id, exchangeTime: 1_762_795_420_000_000 + at * 1_000, receiveTime: 1_762_795_421_000_000 },
});

it("remembers the newest fills, however few ids they have", () => {
  const ids = fc.array(fc.constantFrom("0", "1", "2", "3"), { minLength: 30, maxLength: 120 });
  fc.assert(
    fc.property(ids, (given) => {
      const recent = new RecentTrades(25);
      // no whole second, which would be taken for a time written in seconds
      const trades = given.map((id, at) => trade(id, 7 * at + 1));
      for (const one of trades) recent.add(one);
      const newest = trades.slice(-25);
      expect(trades.filter((one) => recent.has(one, live))).toEqual(newest);
      expect(recent.oldest).toBe(newest[0]!.exchangeTime);
    }),
  );
});
