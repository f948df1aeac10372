import { decimalsOf, formatUnits, parseUnits } from "../schemas/units.js";
import type { DecimalText } from "../schemas/words.js";

/** A number after a name, where each `":` ends a name: in texts without escapes and without strings that begin with `:`. */
const memberNumber = /(":\s*)(-?\d[\d.eE+-]*)/g;
/** An opening quote that a colon follows would be taken for the end of a name. */
const stringBeginsWithColon = /(?:^|[[{,:])\s*":/;
/** Every string as a whole, with the number that it names where it does. */
const stringOrMember = /("(?:[^"\\]|\\.)*")(?:(\s*:\s*)(-?\d[\d.eE+-]*))?/g;

/**
 * Parses JSON with every number that is a member of an object kept as its text: a venue that sends prices as numbers
 * has written digits, and a float would lose the last ones and the zeros at the end. Numbers in arrays stay numbers.
 *
 * @throws SyntaxError
 */
export function parseWithNumberTexts(text: string): unknown {
  // What venues send is plain; going string by string costs several times as much.
  const plain = !text.includes("\\") && !stringBeginsWithColon.test(text);
  return JSON.parse(plain ? text.replace(memberNumber, '$1"$2"') : text.replace(stringOrMember, quoted));
}

function quoted(whole: string, name: string, colon?: string, number?: string): string {
  return number === undefined ? whole : `${name}${colon}"${number}"`;
}

const LONG_NUMBER = /\d[\d.]{15}/;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Parses JSON whose numbers stay exact wherever they stand, for shapes that are not known beforehand: one that a double
 * may not hold (more than 15 digits) becomes its own text, all others stay numbers.
 *
 * @throws SyntaxError
 */
export function parseExactJson(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  // what is no JSON must not become JSON by the quotes
  JSON.parse(text);
  return JSON.parse(text.replace(TOKEN, (token) => (token.length > 15 && token[0] !== '"' ? `"${token}"` : token)));
}

/** A number's text without an exponent, as it stands where it has none. @throws DecimalError */
export function plainText(text: DecimalText): DecimalText {
  if (!/[eE]/.test(text)) return text;
  const scale = decimalsOf(text);
  return formatUnits(parseUnits(text, scale), scale);
}
