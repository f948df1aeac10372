import type { DecimalText } from "../../schemas/words.js";
import { plainText } from "../exact-json.js";

/** A number in JSON that may have more digits than a double keeps; also hits the like within strings. */
const longNumber = /[:,[]\s*-?\d[\d.]{15}/;
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Every decimal of so many significant digits is told apart by a double, and comes back as its shortest text. */
const exactDigits = 15;

/**
 * JSON in which the numbers that a double would not keep are strings: those of more than 15 significant digits, unless
 * they are safe integers. ccxt reads a number and a numeric string alike.
 */
export function quoteLongNumbers(json: string): string {
  if (!longNumber.test(json)) return json;
  return json.replace(stringOrNumber, (token) =>
    token.charCodeAt(0) === 34 || fitsDouble(token) ? token : `"${plainText(token)}"`,
  );
}

/** Whether the shortest text of the parsed double is the same value. */
function fitsDouble(number: string): boolean {
  return significantDigits(number) <= exactDigits || Number.isSafeInteger(Number(number));
}

function significantDigits(number: string): number {
  if (number.length <= exactDigits) return number.length;
  const mantissa = number.replace(/[eE].*$/, "").replace(/[-.]/g, "");
  return mantissa.replace(/^0+/, "").replace(/0+$/, "").length;
}

/** An amount as ccxt gives it as plain text; undefined where there is none. */
export function decimalText(value: unknown): DecimalText | undefined {
  if (typeof value === "string") return value === "" ? undefined : plainText(value);
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  return plainText(String(value));
}
