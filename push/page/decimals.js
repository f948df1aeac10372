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

const fewestHiddenZeros = 6;
const subscripts = "₀₁₂₃₄₅₆₇₈₉";

/**
 * With thousands set apart and at least so many decimals. Many zeros after the point are counted, not written, as pages
 * of decentralised exchanges do: 0.000000005123 is 0.0₈5123.
 */
export function grouped(text, leastDecimals = 0) {
  const [whole, fraction = ""] = text.split(".");
  const tail = fraction.padEnd(leastDecimals, "0");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (tail === "" ? "" : `.${zerosCounted(whole, fraction, tail)}`);
}

function zerosCounted(whole, fraction, tail) {
  const zeros = leadingZeros(whole, fraction);
  if (zeros < fewestHiddenZeros) return tail;
  return `0${String(zeros).replace(/\d/g, (digit) => subscripts[digit])}${tail.slice(zeros)}`;
}

/** Zeros between the point and the first digit that counts; 0 where the whole part or nothing counts. */
function leadingZeros(whole, fraction) {
  return /^-?0$/.test(whole) && /[1-9]/.test(fraction) ? fraction.search(/[1-9]/) : 0;
}

/** Cut to so many decimals, of a small value to so many digits that count; what is cut off is marked. */
export function shortened(text, decimals) {
  const [whole, fraction = ""] = text.split(".");
  const kept = decimals + leadingZeros(whole, fraction);
  if (fraction.length <= kept) return grouped(text);
  return `${grouped(`${whole}.${fraction.slice(0, kept)}`)}…`;
}

/** The value times 10^places, the digits as they are. */
export function shifted(text, places) {
  const sign = text.startsWith("-") ? "-" : "";
  const [whole, fraction = ""] = text.slice(sign.length).split(".");
  const point = whole.length + places;
  const digits = whole + fraction;
  const padded = digits.padEnd(point, "0").padStart(digits.length + Math.max(0, 1 - point), "0");
  const at = Math.max(1, point);
  const before = padded.slice(0, at).replace(/^0+(?=\d)/, "");
  return sign + before + (padded.length > at ? `.${padded.slice(at)}` : "");
}
