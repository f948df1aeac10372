/** Decimal text as an integer at 40 decimals: plain BigInt, so that truth does not come from the code under test. */
export const SCALE = 40;
export const ONE = 10n ** BigInt(SCALE);

export function big(text: string): bigint {
  const shape = /^(-?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text);
  if (shape === null) throw new Error(`${text} is no decimal`);
  const [, sign, whole, fraction, exponent = "0"] = shape;
  const shift = SCALE - fraction!.length + Number(exponent);
  const units = BigInt(`${whole}${fraction}`) * 10n ** BigInt(shift);
  return sign === "-" ? -units : units;
}

export function times(a: bigint, b: bigint): bigint {
  return (a * b) / ONE;
}

/** Canonical text. */
export function text(units: bigint): string {
  const sign = units < 0n ? "-" : "";
  const digits = (units < 0n ? -units : units).toString().padStart(SCALE + 1, "0");
  const fraction = digits.slice(-SCALE).replace(/0+$/, "");
  return `${sign}${digits.slice(0, -SCALE)}${fraction === "" ? "" : `.${fraction}`}`;
}

/** The same value's canonical text. */
export const canonical = (decimal: string): string => text(big(decimal));
