import { setTimeout } from "node:timers/promises";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { InstrumentTick, TradeTick } from "../schemas/ticks.js";
import { backoffMs } from "./backoff.js";
import type { MissingIds, TradeIds } from "./trade-ids.js";
import type { Rest, Venue } from "./venue.js";

export interface BackfillOptions {
  readonly venue: Venue;
  readonly rest: Rest;
  readonly instrument: InstrumentTick;
  readonly ids: TradeIds;
  /** Reads an answer of REST as any other frame; its trades go to `take`. */
  readonly read: (answer: { text: string; url: string }, take: (trade: TradeTick) => void) => void;
  readonly publish: (trade: TradeTick) => boolean;
  /** Resolves when the publisher has room: what is fetched can wait, what is live can not. */
  readonly room: () => Promise<void>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const attempts = 5;

/**
 * Fetches the trades that are missing of one symbol, while the live ones flow, and publishes just those, marked as
 * back-filled. What the venue does not give after several attempts is counted and given up.
 */
export async function backfill(options: BackfillOptions): Promise<void> {
  const { venue, ids, instrument, signal, metrics, logger } = options;
  if (venue.tradesSince === undefined) return;
  for (let attempt = 0; ids.missing.length > 0 && !signal.aborted; attempt++) {
    if (attempt > 0 && ids.isOpenEnded) return;
    if (attempt > 0) await pause(attempt, signal);
    const asked = [...ids.missing];
    try {
      ids.answeredUpTo(await fetchMissing(options, asked[0]!));
    } catch (error) {
      logger.warn({ err: error, symbol: instrument.symbol, attempt }, "back-fill of trades failed");
      if (attempt + 1 < attempts) continue;
    }
    if (ids.lacks(asked) && attempt + 1 < attempts) continue;
    const absent = ids.settled(asked);
    if (absent > 0) metrics.dropped.inc({ place: "backfill", reason: "not_at_venue" }, absent);
  }
}

/** @returns up to which id all is published that the answers held */
async function fetchMissing(options: BackfillOptions, { first, since }: MissingIds): Promise<number> {
  const { venue, rest, instrument, ids, publish, room, signal } = options;
  const from = { tradeId: String(first - 1), exchangeTime: since };
  const pages = (await venue.tradesSince?.(rest, instrument, from)) ?? [];
  let newest = -1;
  let complete = true;
  for (const page of pages) {
    const trades: TradeTick[] = [];
    options.read(page, (trade) => trades.push(trade));
    await room();
    if (signal.aborted) return -1;
    for (const trade of trades) {
      newest = Math.max(newest, Number(trade.tradeId));
      if (!ids.isMissing(trade.tradeId)) continue;
      if (publish(trade)) ids.filled(trade.tradeId);
      else complete = false;
    }
  }
  return complete ? newest : -1;
}

async function pause(attempt: number, signal: AbortSignal): Promise<void> {
  await setTimeout(backoffMs(attempt, { baseMs: 500, capMs: 5_000 }), undefined, { signal }).catch(() => {});
}
