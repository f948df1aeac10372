// Prices and quantities stay text: these read them as the decimals they are, without a float in between.

/** Negative, zero or positive as a is less than, equal to or greater than b; both canonical and not negative. */
export function compareDecimals(a, b) {
  const [wholeA, fractionA = ""] = a.split(".");
  const [wholeB, fractionB = ""] = b.split(".");
  if (wholeA.length !== wholeB.length) return wholeA.length - wholeB.length;
  if (wholeA !== wholeB) return wholeA < wholeB ? -1 : 1;
  return fractionA === fractionB ? 0 : fractionA < fractionB ? -1 : 1;
}

export function decimalsOf(text) {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}

/** The value in units of 10^-scale. */
function units(text, scale) {
  const [whole, fraction = ""] = text.split(".");
  return BigInt(whole + fraction.padEnd(scale, "0"));
}

export function subtract(a, b) {
  const scale = Math.max(decimalsOf(a), decimalsOf(b));
  const difference = units(a, scale) - units(b, scale);
  const digits = (difference < 0n ? -difference : difference).toString().padStart(scale + 1, "0");
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return difference < 0n ? `-${text}` : text;
}

/** Change from `before` to `now` in hundredths of a percent, rounded towards zero; undefined without a base. */
export function changeInBasisPoints(before, now) {
  const scale = Math.max(decimalsOf(before), decimalsOf(now));
  const base = units(before, scale);
  if (base === 0n) return undefined;
  return Number(((units(now, scale) - base) * 10_000n) / base);
}

/** With thousands set apart and at least so many decimals. */
export function grouped(text, leastDecimals = 0) {
  const [whole, fraction = ""] = text.split(".");
  const tail = fraction.padEnd(leastDecimals, "0");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (tail === "" ? "" : `.${tail}`);
}

/** Cut to so many decimals, for where room is short; what is cut off is marked. */
export function shortened(text, decimals) {
  const [whole, fraction = ""] = text.split(".");
  if (fraction.length <= decimals) return grouped(text);
  return `${grouped(`${whole}.${fraction.slice(0, decimals)}`)}…`;
}
