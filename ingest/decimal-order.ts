import type { DecimalText } from "../schemas/words.js";

/**
 * Canonical text of a decimal that is not negative, so that `1.50`, `1.5` and `01.5` are one level.
 *
 * @param text plain digits with at most one point, no exponent
 */
export function priceKey(text: DecimalText): string {
  const last = text.charCodeAt(text.length - 1);
  const trimmed = (last === 48 || last === 46) && text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return trimmed.charCodeAt(0) === 48 && trimmed.length > 1 ? trimmed.replace(/^0+(?=\d)/, "") : trimmed;
}

/** Order of two canonical texts: by digits before the point, then as text, where a longer fraction is the greater. */
export function comparePrices(a: string, b: string): number {
  const wholeA = wholeDigits(a);
  const wholeB = wholeDigits(b);
  if (wholeA !== wholeB) return wholeA - wholeB;
  return a < b ? -1 : a > b ? 1 : 0;
}

export function isZeroText(text: DecimalText): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== 48 && code !== 46) return false;
  }
  return true;
}

function wholeDigits(text: string): number {
  const point = text.indexOf(".");
  return point < 0 ? text.length : point;
}
