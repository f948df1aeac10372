import { PlantError } from "./errors.js";
import { AGGREGATE, type SymbolName, type VenueId } from "./words.js";

/**
 * What names a market, a venue or an index: one definition for ingest, processors, channels, REST and keys.
 *
 * A symbol is codes between `/` and `:`, as ccxt puts them together: `BTC/USDT`, `BTC/USDT:USDT`. In a code stand letters
 * and digits of any script and `. _ - $ * + &`, in Unicode's normal form C. Any other character is written as its UTF-8
 * bytes, `%` and two capital hexadecimal digits each, as in a URL: an asset `A@B` is `A%40B`, one with a slash of its own
 * `A%2FB`. So a name has one spelling, and nothing in it ends a name or hides in one: no space,
 * no control character, no mark of text direction, none of `@ { } , "`.
 */

/** UTF-16 units of a symbol or of an index's name at most. */
export const LONGEST_NAME = 64;
export const LONGEST_VENUE = 64;

/** Characters that nobody sees are escaped, letters among them too. https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point */
const SEEN = String.raw`(?!\p{DI})`;
/** A letter or digit with the marks on it, or a sign. */
const UNIT = String.raw`(?:${SEEN}[\p{L}\p{N}](?:${SEEN}\p{M})*|[._$*+&\-])`;
const CODE = `(?:${UNIT}|%[0-9A-F]{2})+`;

const symbolForm = new RegExp(`^${CODE}(?:[/:]${CODE})*$`, "u");
const plainSymbol = /^[A-Za-z0-9._$*+&-]+(?:[/:][A-Za-z0-9._$*+&-]+)*$/;
const venueForm = /^[a-z0-9][a-z0-9._-]*$/;
const unitsOrOther = new RegExp(`${UNIT}+|.`, "gsu");
const unit = new RegExp(`^${UNIT}+$`, "u");

/** A text from outside that can not be written as a name. */
export class NameInvalid extends PlantError {
  constructor(text: string, why: string) {
    super("TP_NAME_INVALID", `${shownName(text)} can not be a name: ${why}`);
  }
}

/** Whether the text is the name of a market, as it stands everywhere; of an index too. */
export function isSymbol(text: string): text is SymbolName {
  if (text.length > LONGEST_NAME) return false;
  if (plainSymbol.test(text)) return true;
  return symbolForm.test(text) && text.normalize("NFC") === text && (!text.includes("%") || isEscapedRight(text));
}

/** Whether the text is a venue's id: small letters and digits, `. _ -`, and not the word for all venues. */
export function isVenue(text: string): text is VenueId {
  return text.length <= LONGEST_VENUE && text !== AGGREGATE && venueForm.test(text);
}

/** Nothing is escaped that can stand as it is, and what is escaped is UTF-8. */
function isEscapedRight(text: string): boolean {
  return text.split(/[/:]/).every((code) => {
    try {
      return escaped(decodeURIComponent(code)) === code;
    } catch {
      return false;
    }
  });
}

/**
 * The name of an asset as a venue or a chain's contract calls it.
 *
 * @throws NameInvalid for no text, and for half of a surrogate pair, which has no UTF-8
 */
export function codeOf(asset: string): string {
  if (asset === "") throw new NameInvalid(asset, "it is empty");
  if (asset.length > LONGEST_NAME) throw tooLong(asset);
  if (!isWellFormed(asset)) throw new NameInvalid(asset, "it has half of a surrogate pair");
  return escaped(asset.normalize("NFC"));
}

/**
 * The symbol of a market by what its assets are called: `BTC/USDT`, with a settlement `BTC/USDT:USDT`, and with what tells
 * a dated contract from others `BTC/USDT:USDT-250328`.
 *
 * @throws NameInvalid also when it is too long
 */
export function marketSymbol(base: string, quote: string, settle?: string, contract?: string): SymbolName {
  const pair = `${codeOf(base)}/${codeOf(quote)}`;
  if (settle === undefined) return bounded(pair);
  return bounded(`${pair}:${codeOf(settle)}${contract === undefined ? "" : `-${codeOf(contract)}`}`);
}

/**
 * A text in which `/` and `:` part the codes already, such as a symbol of ccxt's, as a name.
 *
 * @throws NameInvalid
 */
export function symbolOfText(text: string): SymbolName {
  return bounded(
    text
      .split(/([/:])/)
      .map((part, at) => (at % 2 === 1 ? part : codeOf(part)))
      .join(""),
  );
}

/** What keeps a text from being a name, with the spelling that would be one; undefined when it is one. */
export function nameFault(text: string): string | undefined {
  if (isSymbol(text)) return undefined;
  try {
    const right = symbolOfText(text);
    return `${shownName(text)} is written ${shownName(right)}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** `{symbol}@{venue}`, or the bare symbol for the aggregate over venues: what channels and states are named after. */
export function placeOf(symbol: SymbolName, venue: VenueId | undefined): string {
  return venue === undefined || venue === AGGREGATE ? symbol : `${symbol}@${venue}`;
}

function bounded(symbol: string): SymbolName {
  if (symbol.length > LONGEST_NAME) throw tooLong(symbol);
  return symbol;
}

const tooLong = (text: string): NameInvalid =>
  new NameInvalid(text, `it has ${text.length} characters, at most ${LONGEST_NAME} may be`);

function escaped(text: string): string {
  return text.replace(unitsOrOther, (part) => (unit.test(part) ? part : bytesOf(part)));
}

const bytesOf = (character: string): string =>
  Array.from(Buffer.from(character), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");

/** As in `String.prototype.isWellFormed`, which the types do not know yet. */
const isWellFormed = (text: string): boolean => !/\p{Cs}/u.test(text);

/** In quotes, in ASCII where it is no name, and not too much of it: what is wrong with it may be what can not be seen. */
export function shownName(text: string): string {
  const some = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return JSON.stringify(some).replace(/[\p{C}\p{M}\p{Z}\p{DI}]/gu, (c) =>
    c === " " ? c : `\\u{${c.codePointAt(0)!.toString(16)}}`,
  );
}
