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
  /** Between two attempts. */
  readonly pauses?: { readonly baseMs: number; readonly capMs: number };
}

/** Answers in a row that bring nothing of what is missing, after which the venue does not have it. */
const mostAnswers = 5;
const answerPauses = { baseMs: 500, capMs: 5_000 };
/** A venue that does not answer is asked ever more rarely, for as long as the feed lives. */
const failurePauses = { baseMs: 500, capMs: 60_000 };
/** Before a publisher that refuses for another reason than room is tried again. */
const refusedMs = 100;

/**
 * Fetches the trades that are missing of one symbol, while the live ones flow, and publishes just those, marked as
 * back-filled. Only what the venue itself leaves out of several answers counts as not there, and is given up: a request
 * that fails says nothing of it, and a publisher without room is waited for. A hole of a connection that is still down is
 * left for when it is up.
 */
export async function backfill(options: BackfillOptions): Promise<void> {
  const { ids, instrument, signal, metrics, logger } = options;
  if (options.venue.tradesSince === undefined) return;
  let answers = 0;
  let failures = 0;
  while (ids.missing.length > 0 && !ids.waitsForConnection && !signal.aborted) {
    if (answers > 0 && ids.isOpenEnded) return;
    const asked = ids.ask();
    const pauses = options.pauses ?? (failures > 0 ? failurePauses : answerPauses);
    let newest: number;
    try {
      const answer = await fetchMissing(options, asked.holes[0]!);
      if (signal.aborted) return;
      const { published } = answer;
      newest = answer.newest;
      ids.answeredUpTo(newest);
      failures = 0;
      answers = published > 0 ? 1 : answers + 1;
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ err: error, symbol: instrument.symbol, failures }, "back-fill of trades failed; it is tried again");
      await pause(failures++, pauses, signal);
      continue;
    }
    if (ids.lacks(asked) && answers < mostAnswers) {
      await pause(answers - 1, pauses, signal);
      continue;
    }
    // what lies beyond the answers was not answered
    const holes = asked.holes.filter(({ first }, at) => at === 0 || first <= newest);
    const absent = ids.settled({ ...asked, holes });
    if (absent > 0) metrics.dropped.inc({ place: "backfill", reason: "not_at_venue" }, absent);
    answers = 0;
    // what is missing still was not asked for, or opened meanwhile
    if (ids.missing.length > 0) await pause(0, pauses, signal);
  }
}

/** @returns the newest id of the answers, -1 for none, and how many trades were published. @throws when the venue does not answer */
async function fetchMissing(
  options: BackfillOptions,
  { first, since, aggregate }: MissingIds,
): Promise<{ newest: number; published: number }> {
  const { venue, rest, instrument, ids, signal } = options;
  const from = { tradeId: String(first - 1), exchangeTime: since, ...(aggregate !== undefined && { aggregate }) };
  const pages = (await venue.tradesSince?.(rest, instrument, from)) ?? [];
  let newest = -1;
  let published = 0;
  // of two sums with neighbouring numbers nothing is missing between
  let before = { aggregate, last: first - 1 };
  for (const page of pages) {
    const trades: TradeTick[] = [];
    options.read(page, (trade) => trades.push(trade));
    for (const trade of trades) {
      const { firstTradeId, lastTradeId } = trade;
      newest = Math.max(newest, lastTradeId ?? Number(trade.tradeId));
      const isPublished = await publishMissing(options, trade);
      if (isPublished && signal.aborted) return { newest: -1, published };
      if (firstTradeId === undefined || lastTradeId === undefined) {
        if (isPublished) ids.filled(trade.tradeId);
      } else {
        const own = Number(trade.tradeId);
        const isNext = before.aggregate !== undefined && own === before.aggregate + 1;
        if (isNext) ids.filledRange(before.last + 1, firstTradeId - 1);
        if (isPublished) ids.filledRange(firstTradeId, lastTradeId);
        before = { aggregate: own, last: lastTradeId };
      }
      if (isPublished) published += 1;
    }
  }
  return { newest, published };
}

/** Waits for room before each trade. @returns false when it is not missing any more, true too when the feed has ended */
async function publishMissing({ ids, publish, room, signal }: BackfillOptions, trade: TradeTick): Promise<boolean> {
  const { tradeId, firstTradeId, lastTradeId } = trade;
  const isMissing = () =>
    firstTradeId === undefined || lastTradeId === undefined
      ? ids.isMissing(tradeId)
      : ids.isAnyMissing(firstTradeId, lastTradeId);
  while (!signal.aborted) {
    if (!isMissing()) return false;
    await room();
    // the stream may have brought it meanwhile
    if (signal.aborted) return true;
    if (!isMissing()) return false;
    if (publish(trade)) return true;
    await setTimeout(refusedMs, undefined, { signal }).catch(() => {});
  }
  return true;
}

async function pause(
  attempt: number,
  pauses: { readonly baseMs: number; readonly capMs: number },
  signal: AbortSignal,
): Promise<void> {
  await setTimeout(backoffMs(attempt, pauses), undefined, { signal }).catch(() => {});
}
