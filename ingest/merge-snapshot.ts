import type { DepthTick, LevelText } from "../schemas/ticks.js";
import { comparePrices, isZeroText, priceKey } from "./decimal-order.js";

/**
 * A snapshot brought up to the increments that follow it, as one snapshot at the last one's update id. Quantities are
 * absolute, so the result is the venue's own book at that id, within the levels that the snapshot covers.
 *
 * @param increments such as continue the snapshot, in order
 */
export function mergeSnapshot(snapshot: DepthTick, increments: readonly DepthTick[]): DepthTick {
  const last = increments.at(-1);
  if (last === undefined) return snapshot;
  return {
    ...snapshot,
    exchangeTime: last.exchangeTime,
    firstUpdateId: last.updateId,
    updateId: last.updateId,
    bids: mergeLevels(
      snapshot.bids,
      increments.map((increment) => increment.bids),
      -1,
    ),
    asks: mergeLevels(
      snapshot.asks,
      increments.map((increment) => increment.asks),
      1,
    ),
  };
}

function mergeLevels(base: readonly LevelText[], changes: readonly (readonly LevelText[])[], direction: 1 | -1) {
  const levels = new Map<string, LevelText>();
  for (const level of base) levels.set(priceKey(level[0]), level);
  for (const change of changes) {
    for (const level of change) {
      if (isZeroText(level[1])) levels.delete(priceKey(level[0]));
      else levels.set(priceKey(level[0]), level);
    }
  }
  return [...levels].sort(([a], [b]) => direction * comparePrices(a, b)).map(([, level]) => level);
}
