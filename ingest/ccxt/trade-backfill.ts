import { setTimeout } from "node:timers/promises";
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
  readonly signal: AbortSignal;
}

/** How a back-fill ended: the hole is closed, is as yet open since the stream has not gone on, or why it stays. */
export type BackfillEnd = "closed" | "open" | "backfill_not_joined" | "backfill_other_ids" | "backfill_without_ids";

/** The exchange's answers lag behind what it streams: it is to be asked again. */
export class BackfillBehind extends Error {
  constructor() {
    super("the answer ends before the trades with which the stream goes on");
  }
}

const asked = { isTimed: true, isFetched: true };
/** Before a publisher that refuses for another reason than room is tried again. */
const refusedMs = 100;
const pageTrades = 1_000;
/** Requests for one hole; a quiet REST answers 10,000 trades with them. */
const maxPages = 10;
/** While the stream has not gone on: the rest is fetched when it has. */
const maxOpenPages = 3;

/** What was streamed before the hole is fetched too, to see that it is the same. */
const overlap: Micros = 5_000_000;

/**
 * Fetches the trades after the newest one that is known, page by page, and publishes those that did not come by stream,
 * marked as back-filled. An answer is believed only where it has all that was streamed before the hole, by the same ids:
 * some exchanges number what they stream otherwise, or stream sums of trades, and nothing must come twice.
 *
 * @param since exchange time of the last trade before the hole
 * @throws when the exchange refuses, or answers less than it has streamed
 * @param until that of the first after it, asked again and again; infinite while none is known
 */
export async function backfillTrades(
  { since, until }: { readonly since: Micros; readonly until: () => Micros },
  options: TradeBackfillOptions,
): Promise<BackfillEnd> {
  const { recent, toTick } = options;
  if (recent.isEmpty) return "backfill_without_ids";
  let from = Math.floor((since - overlap) / 1_000);
  let end: BackfillEnd = "closed";
  for (let page = 0; page < maxPages; page++) {
    const fetched = await options.fetch(from, pageTrades);
    const trades = fetched.map(toTick).filter((trade) => trade !== undefined);
    trades.sort((a, b) => a.exchangeTime - b.exchangeTime);
    if (page === 0) {
      end = beginning(since, trades, recent);
      if (end !== "closed" && end !== "backfill_not_joined") return end;
    }
    const newest = trades.at(-1)?.exchangeTime ?? 0;
    const isMissing = (trade: TradeTick) => trade.exchangeTime >= since && !recent.has(trade, asked);
    const missing = trades.filter(isMissing);
    for (const trade of missing) await publishMissing(trade, options);
    if (options.signal.aborted) return "open";
    if (newest >= until()) return end;
    const next = Math.floor(newest / 1_000);
    // nothing newer: either it is all, or the exchange answers its last ones whatever it is asked
    const isOpen = until() === Number.POSITIVE_INFINITY;
    if (isOpen && (next <= from || page + 1 >= maxOpenPages)) return "open";
    if (next <= from) throw new BackfillBehind();
    from = next;
  }
  return "backfill_not_joined";
}

/** Waits for room, and for a publisher that refuses for another reason; the stream may bring the trade meanwhile. */
async function publishMissing(
  trade: TradeTick,
  { recent, publish, room, signal }: TradeBackfillOptions,
): Promise<void> {
  while (!signal.aborted && !recent.has(trade, asked)) {
    await room();
    if (signal.aborted || recent.has(trade, asked)) return;
    if (publish({ ...trade, backfilled: true })) {
      recent.add(trade);
      return;
    }
    await setTimeout(refusedMs, undefined, { signal }).catch(() => {});
  }
}

/** What the first page says of itself, oldest trade first. */
function beginning(since: Micros, trades: readonly TradeTick[], recent: RecentTrades): BackfillEnd {
  if (trades.some(({ tradeId }) => tradeId === "")) return "backfill_without_ids";
  const before = trades.filter(({ exchangeTime }) => exchangeTime > recent.oldest && exchangeTime < since);
  if (before.some((trade) => !recent.has(trade, asked))) return "backfill_other_ids";
  const isKnown = trades.some((trade) => recent.has(trade, asked));
  if (isKnown) return (trades[0]?.exchangeTime ?? since) <= since ? "closed" : "backfill_not_joined";
  // nothing in common: either more was missed than one answer holds, or the ids are others
  return (trades[0]?.exchangeTime ?? 0) > since ? "backfill_not_joined" : "backfill_other_ids";
}
