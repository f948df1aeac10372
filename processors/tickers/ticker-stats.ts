import type { Ticker } from "../../schemas/messages.js";
import type { TickerTick } from "../../schemas/ticks.js";
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
  type Units,
} from "../../schemas/units.js";
import type { DecimalText } from "../../schemas/words.js";
import type { Market } from "../task/market.js";

/** The 24 h statistics of a ticker, as canonical text. */
export type DayStatistics = Pick<Ticker, "volume_24h" | "quote_volume_24h" | "open_24h" | "high_24h" | "low_24h">;

export const noStatistics: DayStatistics = {
  volume_24h: null,
  quote_volume_24h: null,
  open_24h: null,
  high_24h: null,
  low_24h: null,
};

/** The venue's own 24 h statistics in the plant's terms: volume in base currency, text canonical. */
export function statisticsOf(market: Market, tick: TickerTick): DayStatistics {
  return {
    volume_24h: tick.volume24h === undefined ? null : baseVolume(market, tick.volume24h),
    quote_volume_24h: canonical(tick.quoteVolume24h),
    open_24h: canonical(tick.open24h),
    high_24h: canonical(tick.high24h),
    low_24h: canonical(tick.low24h),
  };
}

function baseVolume(market: Market, text: DecimalText): DecimalText {
  const scale = decimalsOf(text);
  return formatUnits(multiplyUnits(parseUnits(text, scale), market.contractUnits), scale + market.contractScale);
}

function canonical(text: DecimalText | undefined): DecimalText | null {
  if (text === undefined) return null;
  const scale = decimalsOf(text);
  return formatUnits(parseUnits(text, scale), scale);
}

/** What one venue gives to an aggregate. Prices at the common scale. */
export interface VenuePrices {
  readonly bid: Units | undefined;
  readonly ask: Units | undefined;
  readonly last: Units | undefined;
  readonly volume24h: DecimalText | null;
}

/** Sum of the known volumes; null when none is known. */
export function totalVolume(venues: readonly VenuePrices[]): DecimalText | null {
  const known = venues.flatMap(({ volume24h }) => (volume24h === null ? [] : [volume24h]));
  if (known.length === 0) return null;
  const scale = Math.max(...known.map(decimalsOf));
  return formatUnits(
    known.reduce<Units>((sum, volume) => addUnits(sum, parseUnits(volume, scale)), 0),
    scale,
  );
}

/**
 * Last prices weighted by 24 h base volume: Σ last·volume / Σ volume, rounded half even at the common price scale.
 *
 * @returns null when no venue has both
 */
export function weightedPrice(venues: readonly VenuePrices[], priceScale: number): DecimalText | null {
  const counted = venues.filter(({ last, volume24h }) => last !== undefined && volume24h !== null);
  if (counted.length === 0) return null;
  const scale = Math.max(...counted.map(({ volume24h }) => decimalsOf(volume24h!)));
  let weighted: Units = 0;
  let total: Units = 0;
  for (const { last, volume24h } of counted) {
    const volume = parseUnits(volume24h!, scale);
    weighted = addProduct(weighted, last!, volume);
    total = addUnits(total, volume);
  }
  return total === 0 ? null : formatUnits(divideUnits(weighted, total, 0, "half_even"), priceScale);
}

/** Median of the venues' mids ((bid + ask) / 2), exact; of an even number the mean of the middle two. */
export function medianMid(venues: readonly VenuePrices[], priceScale: number): DecimalText | null {
  const doubledMids = venues
    .flatMap(({ bid, ask }) => (bid === undefined || ask === undefined ? [] : [addUnits(bid, ask)]))
    .sort(compareUnits);
  if (doubledMids.length === 0) return null;
  const middle = doubledMids.length >> 1;
  const upper = doubledMids[middle]!;
  const lower = doubledMids.length % 2 === 1 ? upper : doubledMids[middle - 1]!;
  // four times the median; a quarter has two decimals more
  return formatUnits(multiplyUnits(addUnits(upper, lower), 25), priceScale + 2);
}

/** At the aggregate's price scale. */
export function atScale(price: Units | undefined, from: number, to: number): Units | undefined {
  return price === undefined ? undefined : rescaleUnits(price, from, to);
}

export function rescaled(price: Units | undefined, by: number): Units | undefined {
  return price === undefined ? undefined : rescaleUnits(price, 0, by);
}
