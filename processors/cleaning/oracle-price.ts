import type { OracleTick } from "../../schemas/ticks.js";
import { compareUnits, decimalsOf, formatUnits, parseUnits } from "../../schemas/units.js";
import type { DecimalText, Micros, SymbolName, VenueId } from "../../schemas/words.js";
import { badName, Refusal } from "./refusal.js";

/** An oracle's price. It is no market's: it has no instrument, no quantity, and a time of its own. */
export interface CleanOracle {
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  /** Canonical. */
  readonly price: DecimalText;
  /** When the oracle gave it; it may be long ago, up to the oracle's heartbeat. */
  readonly time: Micros;
}

/** What history can hold. */
const MOST_DECIMALS = 18;
const MOST_DIGITS = 38;

/** @returns why it is refused, if it is */
export function cleanOracle(tick: OracleTick, futureToleranceMs: number): CleanOracle | Refusal {
  const { exchange, symbol, exchangeTime: time, receiveTime } = tick;
  const refusal = badName(tick);
  if (refusal !== undefined) return refusal;
  const future = time - receiveTime - futureToleranceMs * 1000;
  if (future > 0) return new Refusal("from_the_future", `${future / 1000} ms beyond the tolerance`);
  let decimals: number;
  try {
    decimals = decimalsOf(tick.price);
  } catch {
    return new Refusal("malformed", `price ${JSON.stringify(tick.price.slice(0, 40))}`);
  }
  if (decimals > MOST_DECIMALS) return new Refusal("out_of_range", `price has more than ${MOST_DECIMALS} decimals`);
  const units = parseUnits(tick.price, decimals);
  if (String(units).length > MOST_DIGITS)
    return new Refusal("out_of_range", `price has more than ${MOST_DIGITS} digits`);
  if (compareUnits(units, 0) <= 0) return new Refusal("not_positive", "price");
  return { exchange, symbol, price: formatUnits(units, decimals), time };
}
