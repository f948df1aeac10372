import type { Index, IndexConstituent, IndexInputPrice } from "../../schemas/messages.js";
import {
  addProduct,
  addUnits,
  compareUnits,
  decimalsOf,
  divideUnits,
  formatUnits,
  multiplyUnits,
  parseUnits,
  rescaleUnits,
  subtractUnits,
  type Units,
} from "../../schemas/units.js";
import type { DecimalText, Micros } from "../../schemas/words.js";
import type { IndexSettings } from "../settings.js";
import { guarded } from "./index-guards.js";

export interface IndexState {
  /** The last value, held while too few constituents count. */
  readonly value: DecimalText | null;
}

export type IndexResult = Pick<Index, "value" | "status" | "constituents">;

const WEIGHT_SCALE = 8;

/**
 * A composite price: the average of the constituents' prices by their configured weights, where prices further from
 * the median than the band do not count, held against its guards.
 *
 *     value = Σ weightᵢ·priceᵢ / Σ weightᵢ over the constituents that count, rounded half even at the index's scale
 *
 * A pure function of the prices, the instant, the parameters and the previous value.
 */
export function indexPrice(
  prices: readonly IndexInputPrice[],
  now: Micros,
  parameters: IndexSettings,
  previous: IndexState,
): IndexResult {
  const texts = prices.flatMap(({ price, tick }) => [price, tick]).filter((text) => text != null);
  const scale = Math.max(0, ...texts.map(decimalsOf));
  const weightScale = Math.max(...parameters.constituents.map(({ weight }) => decimalsOf(weight)));
  const known = parameters.constituents.map((constituent) => {
    const input = prices.find(
      ({ exchange, symbol }) => exchange === constituent.exchange && symbol === constituent.symbol,
    );
    const text = input?.price ?? null;
    return {
      constituent,
      text,
      price: text === null ? 0 : parseUnits(text, scale),
      tick: input?.tick == null ? 0 : parseUnits(input.tick, scale),
      weight: parseUnits(constituent.weight, weightScale),
      reason: reasonOf(input, now, constituent.staleAfterMs ?? parameters.staleAfterMs),
    };
  });
  const median = medianOf(known.filter(({ reason }) => reason === "ok").map(({ price }) => price));
  for (const one of known) {
    if (one.reason === "ok" && median !== undefined && isOutlier(one, median, parameters)) one.reason = "outlier";
  }
  const counted = known.filter(({ reason }) => reason === "ok");
  const total = counted.reduce<Units>((sum, { weight }) => addUnits(sum, weight), 0);
  const constituents = known.map(({ constituent, text, weight, reason }): IndexConstituent => {
    const included = reason === "ok" && total !== 0;
    const share = included ? formatUnits(divideUnits(weight, total, WEIGHT_SCALE, "half_even"), WEIGHT_SCALE) : "0";
    return { exchange: constituent.exchange, symbol: constituent.symbol, price: text, weight: share, included, reason };
  });
  if (counted.length < parameters.minimumConstituents || total === 0) {
    const { constituents: guards } = guarded(undefined, parameters.guards ?? [], prices, now);
    const status = previous.value === null ? "unavailable" : "degraded";
    return { value: previous.value, status, constituents: [...constituents, ...guards] };
  }
  const weighted = counted.reduce<Units>((sum, { price, weight }) => addProduct(sum, price, weight), 0);
  // Σ weight·price has the scale of both; dividing by Σ weight leaves the price's, shifted to the index's
  const units = divideUnits(weighted, total, parameters.scale - scale, "half_even");
  const value = formatUnits(units, parameters.scale);
  const { status, constituents: guards } = guarded(value, parameters.guards ?? [], prices, now);
  return { value, status, constituents: [...constituents, ...guards] };
}

function reasonOf(input: IndexInputPrice | undefined, now: Micros, staleAfterMs: number): string {
  if (input === undefined || input.price === null) return "no_price";
  if (input.feed_down) return "feed_down";
  return now - input.price_time > staleAfterMs * 1000 ? "stale" : "ok";
}

/** Twice the median, so that the mean of the middle two stays an integer. */
function medianOf(prices: readonly Units[]): Units | undefined {
  if (prices.length === 0) return undefined;
  const sorted = [...prices].sort(compareUnits);
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  return addUnits(upper, sorted.length % 2 === 1 ? upper : sorted[middle - 1]!);
}

/** |2·price − 2·median| > max(band · 2·median, 2·tick), in integers: a market can not come nearer than its tick allows. */
function isOutlier(
  { price, tick }: { readonly price: Units; readonly tick: Units },
  doubledMedian: Units,
  { outlierBand }: IndexSettings,
): boolean {
  const bandScale = decimalsOf(outlierBand);
  const band = parseUnits(outlierBand, bandScale);
  const doubled = multiplyUnits(price, 2);
  const above = compareUnits(doubled, doubledMedian) > 0;
  const distance = above ? subtractUnits(doubled, doubledMedian) : subtractUnits(doubledMedian, doubled);
  if (compareUnits(distance, multiplyUnits(tick, 2)) <= 0) return false;
  return compareUnits(rescaleUnits(distance, 0, bandScale), multiplyUnits(doubledMedian, band)) > 0;
}
