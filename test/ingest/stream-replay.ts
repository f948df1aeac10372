import { StreamWatch } from "../../ingest/streams/stream-watch.js";
import type { QuoteTick, RawTick, TradeTick } from "../../schemas/ticks.js";

export const seed = Number(process.env.TICKPLANT_SEED ?? 20260101);
export const SECOND = 1_000_000;
/** Nothing is called late sooner, so who is late is asked where a gap is at least so long. */
const LONG = 8 * SECOND;
/** What is slow is so for a while. */
const ASK_EVERY = 5 * SECOND;

/** Numerical Recipes' generator: the same seed gives the same instants. */
export function randomOf(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export const quote = (receiveTime: number, price = "1", symbol = "A/B"): QuoteTick => ({
  ...{ kind: "quote", exchange: "x", symbol, exchangeTime: receiveTime, receiveTime },
  ...{ bidPrice: price, bidQty: "1", askPrice: "2", askQty: "1" },
});
export const trade = (receiveTime: number, symbol = "A/B"): TradeTick => ({
  ...{ kind: "trade", exchange: "x", symbol, exchangeTime: receiveTime, receiveTime },
  ...{ tradeId: `${receiveTime}`, price: "1", qty: "1", side: "buy" },
});
export const ticker = (receiveTime: number, lastPrice: string): RawTick => ({
  ...{ kind: "ticker", exchange: "x", symbol: "A/B", exchangeTime: receiveTime, receiveTime, lastPrice },
});

/** Something that was called late. */
interface Said {
  readonly kind: string;
  readonly symbol: string;
  readonly how: string;
  /** Seconds since the first tick, and since when it was late. */
  readonly at: number;
  readonly since: number;
}

/**
 * Shows ticks in their own time and asks who is late at the end of each long gap, just before the next tick: what is late
 * at any instant of a gap is late at its end; and every five seconds, for what is slow.
 *
 * @returns all that was ever said
 */
export function replay(ticks: readonly RawTick[], watch = new StreamWatch()) {
  const said: Said[] = [];
  const begin = ticks[0]?.receiveTime ?? 0;
  const last = new Map<string, number>();
  let asked = begin;
  for (const tick of ticks) {
    const now = tick.receiveTime;
    const stream = `${tick.symbol} ${tick.kind}`;
    if (now - (last.get(stream) ?? now) >= LONG || now - asked >= ASK_EVERY) {
      asked = now;
      for (const { kind, symbol, how, since } of watch.judge(now - 1)) {
        said.push({ kind, symbol, how, at: (now - begin) / SECOND, since: (now - since) / SECOND });
      }
    }
    last.set(stream, now);
    watch.seen(tick);
  }
  return { said, watch };
}

/** @returns µs after the cut until the stream is called late, within a hundredth of a second */
export function lateAfter(watch: StreamWatch, cut: number, kind: string, symbol: string): number {
  const isLate = (after: number) => watch.judge(cut + after).some((one) => one.kind === kind && one.symbol === symbol);
  let [from, to] = [0, 30 * 86_400 * SECOND];
  if (!isLate(to)) return Number.POSITIVE_INFINITY;
  while (to - from > SECOND / 100) {
    const middle = Math.round((from + to) / 2);
    if (isLate(middle)) to = middle;
    else from = middle;
  }
  return to;
}

export function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]!);
}

/** 99.9 % of the gaps are not longer; at 99.9 % of the instants the gap at hand is not. Plainly, by sorting. */
export function quantiles(times: readonly number[]): { byCount: number; byTime: number; longest: number } {
  const sorted = gapsOf(times).sort((a, b) => a - b);
  const total = sorted.reduce((sum, gap) => sum + gap, 0);
  let passed = 0;
  const byTime = sorted.findLast((gap) => {
    passed += gap;
    return passed > total / 1000;
  });
  const byCount = sorted[Math.ceil(sorted.length * 0.999) - 1] ?? 0;
  return { byCount, byTime: byTime ?? 0, longest: sorted.at(-1) ?? 0 };
}
