import { Decimal } from "../../schemas/decimal.js";
import type { IndexConstituent, IndexInputPrice } from "../../schemas/messages.js";
import type { DecimalText, Micros } from "../../schemas/words.js";
import type { IndexGuard, IndexSettings } from "../settings.js";

/** What the guards say of a value. */
export interface Guarded {
  /** `live`, `deviates` from a guard by more than it allows, or `unguarded`: one of them has no fresh price. */
  readonly status: "live" | "deviates" | "unguarded";
  /** The guards among the constituents: without weight, the reason says what they found. */
  readonly constituents: readonly IndexConstituent[];
}

/**
 * Holds an index's value against its guards: prices, an oracle's above all, that do not make the value but watch it.
 * |value − price| > maxDeviation · price marks the index, unless it is no more than the largest tick of the markets that
 * made the value, and so does a guard that has fallen silent.
 *
 * @param value undefined when there is no new value to hold against anything
 */
export function guarded(
  value: DecimalText | undefined,
  guards: NonNullable<IndexSettings["guards"]>,
  prices: readonly IndexInputPrice[],
  now: Micros,
): Guarded {
  const tick = largestTick(prices);
  const found = guards.map((guard): IndexConstituent => {
    const { exchange, symbol } = guard;
    const input = prices.find((one) => one.exchange === exchange && one.symbol === symbol);
    const reason = reasonOf(value, guard, input, now, tick);
    return { exchange, symbol, price: input?.price ?? null, weight: "0", included: false, reason };
  });
  const deviates = found.some(({ reason }) => reason === "guard_deviates");
  const isSilent = found.some(({ reason }) => reason !== "guard" && reason !== "guard_deviates");
  return { status: deviates ? "deviates" : isSilent ? "unguarded" : "live", constituents: found };
}

function reasonOf(
  value: DecimalText | undefined,
  guard: IndexGuard,
  input: IndexInputPrice | undefined,
  now: Micros,
  tick: Decimal,
): string {
  if (input === undefined || input.price === null) return "guard_no_price";
  if (input.feed_down) return "guard_feed_down";
  if (now - input.price_time > guard.staleAfterMs * 1000) return "guard_stale";
  if (value === undefined) return "guard";
  const isFar = deviates(Decimal.parse(value), Decimal.parse(input.price), guard.maxDeviation, tick);
  return isFar ? "guard_deviates" : "guard";
}

function deviates(value: Decimal, price: Decimal, maxDeviation: DecimalText, tick: Decimal): boolean {
  const difference = value.subtract(price);
  const distance = difference.compare(Decimal.ZERO) < 0 ? difference.negate() : difference;
  if (distance.compare(tick) <= 0) return false;
  return distance.compare(price.multiply(Decimal.parse(maxDeviation))) > 0;
}

function largestTick(prices: readonly IndexInputPrice[]): Decimal {
  return prices.reduce((largest, { tick }) => {
    const step = tick == null ? Decimal.ZERO : Decimal.parse(tick);
    return step.compare(largest) > 0 ? step : largest;
  }, Decimal.ZERO);
}
