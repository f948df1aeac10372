import type { Candle } from "./candles.js";
import type { Market } from "./market.js";

const dayMs = 86_400_000;

/** What a market did in the last 24 hours, whole minutes at the far end. Ticks, lots, and ticks times lots. */
export interface DayStatistics {
  readonly openTime: number;
  readonly closeTime: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly last: number;
  readonly lastQty: number;
  readonly volume: bigint;
  readonly amount: bigint;
  readonly count: number;
  readonly firstId: number;
  readonly lastId: number;
}

/** undefined before the market's first trade. */
export function dayStatistics(market: Market): DayStatistics | undefined {
  const minutes = market.candles.since(market.time - dayMs);
  const last = market.trades[market.trades.length - 1];
  const first = minutes[0];
  if (first === undefined || last === undefined) return undefined;
  return {
    openTime: market.time - dayMs,
    closeTime: market.time,
    open: first.open,
    high: minutes.reduce((high, minute) => Math.max(high, minute.high), 0),
    low: minutes.reduce((low, minute) => Math.min(low, minute.low), first.low),
    last: last.price,
    lastQty: last.qty,
    volume: total(minutes, (minute) => minute.volume),
    amount: total(minutes, (minute) => minute.amount),
    count: minutes.reduce((count, minute) => count + minute.count, 0),
    firstId: first.firstId,
    lastId: last.id,
  };
}

function total(minutes: readonly Candle[], of: (minute: Candle) => bigint): bigint {
  let sum = 0n;
  for (const minute of minutes) sum += of(minute);
  return sum;
}
