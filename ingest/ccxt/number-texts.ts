import type { DecimalText } from "../../schemas/words.js";
import { plainText } from "../exact-json.js";

/** A number in JSON with another text than its double's; also hits the like within strings. */
const otherText = /[:,[]\s*-?\d(?:[\d.]{15}|[\d.]*[eE]|\d*\.\d*0(?!\d))/;
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * JSON in which those numbers are strings that would come back from a double as another text: of more digits than it
 * keeps, with zeros at the end, with an exponent. ccxt reads a number and a numeric string alike.
 */
export function quoteNumbers(json: string): string {
  if (!otherText.test(json)) return json;
  return json.replace(stringOrNumber, (token) =>
    token.charCodeAt(0) === 34 || String(Number(token)) === token ? token : `"${plainText(token)}"`,
  );
}

/** An amount as ccxt gives it as plain text; undefined where there is none. */
export function decimalText(value: unknown): DecimalText | undefined {
  if (typeof value === "string") return value === "" ? undefined : plainText(value);
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  return plainText(String(value));
}
