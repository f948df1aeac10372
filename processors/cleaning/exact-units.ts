import { DecimalError } from "../../schemas/errors.js";
import { bigPower } from "../../schemas/safe-integers.js";
import { decimalsOf, INEXACT, parseUnits, parseUnitsBytes, type Units } from "../../schemas/units.js";
import { MOST_DECIMALS } from "../task/market.js";
import { Refusal } from "./refusal.js";

/** History keeps more; no market needs as many. */
const MOST_DIGITS = 38;

/** The value is exact at a larger scale than the market's: no refusal before that has grown. */
export const TOO_FINE = new Refusal("out_of_range", "a value is finer than its market's scale");

/** Units of the decimal text in bytes[start, end) at a scale; TOO_FINE, or why it is no value. */
export function unitsAt(bytes: Uint8Array, start: number, end: number, scale: number, what: string): Units | Refusal {
  const units = parseUnitsBytes(bytes, start, end, scale);
  if (units >= 0) return units;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
  return units === INEXACT ? tooFine(text, what) : unitsOfText(text, scale, what);
}

/** An empty text is a side that is not there: 0. */
export function sideAt(bytes: Uint8Array, start: number, end: number, scale: number, what: string): Units | Refusal {
  return start === end ? 0 : unitsAt(bytes, start, end, scale, what);
}

function unitsOfText(text: string, scale: number, what: string): Units | Refusal {
  try {
    const exact = parseUnits(text, scale);
    const bound = bigPower(scale + MOST_DIGITS);
    if (typeof exact === "number" || (exact < bound && exact > -bound)) return exact;
    return new Refusal("out_of_range", `${what} has more than ${MOST_DIGITS} digits before the point`);
  } catch (error) {
    if (error instanceof DecimalError && error.code === "TP_DECIMAL_INEXACT") return tooFine(text, what);
    return new Refusal("malformed", `${what} ${JSON.stringify(text.slice(0, 40))}`);
  }
}

function tooFine(text: string, what: string): Refusal {
  if (decimalsOf(text) <= MOST_DECIMALS) return TOO_FINE;
  return new Refusal("out_of_range", `${what} has more than ${MOST_DECIMALS} decimals`);
}
