import type { TradeTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import type { CcxtTrade } from "./library.js";
import type { RecentTrades } from "./recent-trades.js";

export interface TradeBackfillOptions {
  /** @param sinceMs ms since the epoch */
  readonly fetch: (sinceMs: number, limit: number) => Promise<readonly CcxtTrade[]>;
  readonly recent: RecentTrades;
  readonly toTick: (trade: CcxtTrade) => TradeTick | undefined;
  readonly publish: (trade: TradeTick) => boolean;
  /** Resolves when the publisher has room. */
  readonly room: () => Promise<void>;
}

/** How a back-fill ended: the hole is closed, or why it may not be. */
export type BackfillEnd = "closed" | "backfill_not_joined" | "backfill_other_ids" | "backfill_without_ids";

const pageTrades = 1_000;
/** Requests for one hole; a quiet REST answers 10,000 trades with them. */
const maxPages = 10;

/**
 * Fetches the trades after the newest one that is known, page by page, and publishes those that did not come by stream,
 * marked as back-filled. Only an answer that has a known id too is believed: some exchanges number what they stream and
 * what they answer differently, and a trade must not come twice.
 *
 * @param since exchange time of the last trade before the hole
 */
export async function backfillTrades(since: Micros, options: TradeBackfillOptions): Promise<BackfillEnd> {
  const { recent, toTick } = options;
  if (recent.isEmpty) return "backfill_without_ids";
  let from = Math.floor(since / 1_000);
  let joined = false;
  let sawIds = false;
  for (let page = 0; page < maxPages; page++) {
    const fetched = await options.fetch(from, pageTrades);
    const trades = fetched.map(toTick).filter((trade) => trade !== undefined);
    trades.sort((a, b) => a.exchangeTime - b.exchangeTime);
    const newest = trades.at(-1)?.exchangeTime ?? 0;
    sawIds ||= trades.some(({ tradeId }) => tradeId !== "");
    const known = trades.some(({ tradeId }) => recent.has(tradeId));
    // the first page begins at the hole where it has what came before it
    if (page === 0) joined = known && (trades[0]?.exchangeTime ?? 0) <= since;
    if (page === 0 && !known && trades.length > 0) return sawIds ? "backfill_other_ids" : "backfill_without_ids";
    const missing = trades.filter(({ tradeId, exchangeTime }) => exchangeTime >= since && !recent.has(tradeId));
    await options.room();
    for (const trade of missing) {
      // the stream may have brought it while there was no room
      if (recent.has(trade.tradeId)) continue;
      if (options.publish({ ...trade, backfilled: true })) recent.add(trade);
    }
    const next = Math.floor(newest / 1_000);
    if (missing.length === 0 || next <= from || trades.length < pageTrades / 2) break;
    from = next;
  }
  return joined ? "closed" : "backfill_not_joined";
}
