import { expect } from "vitest";
import type { DepthTick, RawTick } from "../../../schemas/ticks.js";
import { bookOf } from "../live-rig.js";
import type { RecordedSubject } from "./recorded-exchanges.js";
import { plain, sorted, type Truth } from "./truth.js";

/**
 * Holds what came of a recording against the plain reading of it: trades, best prices, last prices and the books.
 *
 * @returns how many values were compared
 */
export function compare(
  { markets, kinds }: Pick<RecordedSubject, "markets" | "kinds">,
  truth: Truth,
  ticks: readonly RawTick[],
): number {
  let compared = 0;
  for (const { symbol } of markets) {
    const mine = ticks.filter((tick) => tick.symbol === symbol);
    if (kinds.includes("trade")) {
      const values = mine.flatMap((tick) =>
        tick.kind === "trade" ? [[tick.tradeId, plain(tick.price), plain(tick.qty), tick.side]] : [],
      );
      const wanted = [...(truth.trades.get(symbol) ?? [])].map(([id, rest]) => [id, ...rest]);
      const rows = (all: readonly (readonly string[])[]) => all.map((row) => row.join(" ")).sort();
      expect(rows(values)).toEqual(rows(wanted));
      compared += wanted.length;
    }
    if (kinds.includes("quote")) {
      const values = mine.flatMap((tick) =>
        tick.kind === "quote" ? [[tick.bidPrice, tick.bidQty, tick.askPrice, tick.askQty].map(plain)] : [],
      );
      expect(values).toEqual(truth.quotes.get(symbol) ?? []);
      compared += values.length;
    }
    if (kinds.includes("ticker")) {
      const values = mine.flatMap((tick) => (tick.kind === "ticker" ? [plain(tick.lastPrice)] : []));
      expect(values).toEqual(truth.lastPrices.get(symbol) ?? []);
      compared += values.length;
    }
    if (kinds.includes("depth")) {
      const depth = mine.filter((tick): tick is DepthTick => tick.kind === "depth");
      const { bids, asks, live } = bookOf(depth);
      if (truth.bookSymbols.includes(symbol)) expect(live).toBe(true);
      expect({ bids: sorted(bids), asks: sorted(asks) }).toEqual(truth.book(symbol));
      compared += depth.length;
    }
  }
  return compared;
}
