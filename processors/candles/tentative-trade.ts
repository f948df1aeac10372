import { rescaleUnits, type Units, type UnitsJson, unitsFromJson, unitsToJson } from "../../schemas/units.js";
import type { Micros } from "../../schemas/words.js";

/** A trade that may still be taken back, with all that it gave. */
export interface TentativeTrade {
  readonly id: string;
  price: Units;
  qty: Units;
  /** price · qty, quote currency. */
  amount: Units;
  readonly buy: boolean;
  /** Exchange time. */
  readonly time: Micros;
  /** Log time at which it came. */
  readonly seen: Micros;
}

/** For so much log time a trade may be taken back. */
export const TENTATIVE_FOR: Micros = 3_600_000_000;
/** So many are kept in one candle; the oldest beyond are firm, and can not be taken back. */
export const MOST_TENTATIVE = 10_000;

export type TentativeJson = readonly [
  id: string,
  price: UnitsJson,
  qty: UnitsJson,
  amount: UnitsJson,
  buy: 0 | 1,
  time: Micros,
  seen: Micros,
];

export function saveTentative({ id, price, qty, amount, buy, time, seen }: TentativeTrade): TentativeJson {
  return [id, unitsToJson(price), unitsToJson(qty), unitsToJson(amount), buy ? 1 : 0, time, seen];
}

export function loadTentative([id, price, qty, amount, buy, time, seen]: TentativeJson): TentativeTrade {
  const units = { price: unitsFromJson(price), qty: unitsFromJson(qty), amount: unitsFromJson(amount) };
  return { id, ...units, buy: buy === 1, time, seen };
}

/** Brings it to larger scales. */
export function rescaleTentative(trade: TentativeTrade, price: number, qty: number, quote: number): void {
  trade.price = rescaleUnits(trade.price, 0, price);
  trade.qty = rescaleUnits(trade.qty, 0, qty);
  trade.amount = rescaleUnits(trade.amount, 0, quote);
}
