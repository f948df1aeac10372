import { Decimal as Reference } from "decimal.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addProduct,
  addUnits,
  compareUnits,
  decimalsOf,
  divideUnits,
  formatUnits,
  INEXACT,
  isZero,
  MALFORMED,
  multiplyUnits,
  negateUnits,
  parseUnits,
  parseUnitsBytes,
  type Rounding,
  rescaleUnits,
  subtractUnits,
  UNSAFE,
  type Units,
  unitsFromJson,
  unitsOf,
  unitsToJson,
  writeUnits,
} from "../../schemas/units.js";

const Exact = Reference.clone({ precision: 400, toExpNeg: -9e15, toExpPos: 9e15 });
const edge = 2n ** 53n;
/** Around zero, around the edge of safe integers, and far beyond it. */
const units: fc.Arbitrary<Units> = fc
  .oneof(
    fc.bigInt({ min: -1000n, max: 1000n }),
    fc.bigInt({ min: edge - 3n, max: edge + 3n }),
    fc.bigInt({ min: -edge - 3n, max: -edge + 3n }),
    fc.bigInt({ min: -(2n ** 27n), max: 2n ** 27n }),
    fc.bigInt({ min: -edge, max: edge }),
    fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }),
  )
  .map(unitsOf);
const scale = fc.integer({ min: 0, max: 30 });
const roundings: Record<Rounding, Reference.Rounding> = {
  down: Reference.ROUND_DOWN,
  up: Reference.ROUND_UP,
  half_up: Reference.ROUND_HALF_UP,
  half_even: Reference.ROUND_HALF_EVEN,
};
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytesToUnits = (text: string, at: number): number => parseUnitsBytes(ascii(`7${text}7`), 1, 1 + text.length, at);
const written = (value: Units, at: number): string => {
  const target = new Uint8Array(200).fill(0x7a);
  const end = writeUnits(target, 3, value, at);
  return Buffer.from(target.subarray(3, end)).toString("latin1");
};

function holdsExactly(actual: Units, expected: bigint): void {
  expect(BigInt(actual)).toBe(expected);
  expect(Object.is(actual, unitsOf(expected))).toBe(true);
}

describe("units", () => {
  it("add, subtract, multiply, negate and compare as integers without bounds, in canonical form", () => {
    fc.assert(
      fc.property(units, units, units, (a, b, c) => {
        holdsExactly(addUnits(a, b), BigInt(a) + BigInt(b));
        holdsExactly(subtractUnits(a, b), BigInt(a) - BigInt(b));
        holdsExactly(multiplyUnits(a, b), BigInt(a) * BigInt(b));
        holdsExactly(addProduct(a, b, c), BigInt(a) + BigInt(b) * BigInt(c));
        holdsExactly(negateUnits(a), -BigInt(a));
        expect(Math.sign(compareUnits(a, b))).toBe(BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0);
        expect(isZero(a)).toBe(BigInt(a) === 0n);
      }),
      { numRuns: 5000 },
    );
  });

  it("divide as decimal.js does in every rounding", () => {
    const shift = fc.integer({ min: -12, max: 24 });
    fc.assert(
      fc.property(units, units, shift, fc.constantFrom(...(Object.keys(roundings) as Rounding[])), (a, b, by, way) => {
        fc.pre(!isZero(b));
        const quotient = new Exact(a.toString()).times(new Exact(10).pow(by)).div(b.toString());
        const expected = quotient.toDecimalPlaces(0, roundings[way]).toFixed();
        holdsExactly(divideUnits(a, b, by, way), BigInt(expected));
      }),
      { numRuns: 5000 },
    );
  });

  it("round exact halves as told", () => {
    const halves = (way: Rounding) => [5, 15, -5, -15, 25].map((a) => divideUnits(a, 10, 0, way));
    expect(halves("half_even")).toEqual([0, 2, 0, -2, 2]);
    expect(halves("half_up")).toEqual([1, 2, -1, -2, 3]);
    expect(halves("up")).toEqual([1, 2, -1, -2, 3]);
    expect(halves("down")).toEqual([0, 1, 0, -1, 2]);
  });

  it("say so when divided by zero", () => {
    expect(() => divideUnits(1, 0, 0, "down")).toThrow(
      expect.objectContaining({ code: "TP_DECIMAL_DIVISION_BY_ZERO" }),
    );
  });

  it("keep their value at a larger scale and come back", () => {
    fc.assert(
      fc.property(units, scale, scale, (value, from, more) => {
        const rescaled = rescaleUnits(value, from, from + more);
        holdsExactly(rescaled, BigInt(value) * 10n ** BigInt(more));
        holdsExactly(rescaleUnits(rescaled, from + more, from), BigInt(value));
      }),
    );
  });

  it("refuse to lose digits at a smaller scale", () => {
    expect(rescaleUnits(1200, 3, 1)).toBe(12);
    expect(() => rescaleUnits(1230, 3, 1)).toThrow(expect.objectContaining({ code: "TP_DECIMAL_INEXACT" }));
  });

  it("survive JSON exactly", () => {
    fc.assert(
      fc.property(units, (value) => {
        expect(Object.is(unitsFromJson(JSON.parse(JSON.stringify(unitsToJson(value)))), value)).toBe(true);
      }),
    );
  });
});

describe("the text of units", () => {
  it("is canonical: decimal.js's own plain notation", () => {
    fc.assert(
      fc.property(units, scale, (value, at) => {
        const text = formatUnits(value, at);
        const expected = new Exact(value.toString()).div(new Exact(10).pow(at)).toString();
        expect(text).toBe(expected);
        expect(written(value, at)).toBe(expected);
        holdsExactly(parseUnits(text, at), BigInt(value));
      }),
      { numRuns: 5000 },
    );
  });

  it("is read as decimal.js reads it, with signs, zeros and exponents", () => {
    const digits = fc.stringMatching(/^\d{1,25}$/);
    const sign = fc.constantFrom("", "-", "+");
    const exponent = fc.oneof(
      fc.constant(""),
      fc.integer({ min: -20, max: 20 }).map((n) => `e${n}`),
    );
    fc.assert(
      fc.property(
        sign,
        digits,
        fc.oneof(
          fc.constant(""),
          digits.map((d) => `.${d}`),
        ),
        exponent,
        (s, whole, rest, e) => {
          const text = s + whole + rest + e;
          const reference = new Exact(text);
          expect(decimalsOf(text)).toBe(reference.isZero() ? 0 : reference.decimalPlaces());
          expect(formatUnits(parseUnits(text, 60), 60)).toBe(reference.isZero() ? "0" : reference.toString());
        },
      ),
      { numRuns: 3000 },
    );
  });

  it.each([
    "",
    ".",
    "-",
    "+",
    "-.",
    "1.2.3",
    " 1",
    "1 ",
    "1e",
    "e5",
    "0x10",
    "NaN",
    "Infinity",
    "1,5",
    "--1",
    "1e9999",
    "١",
  ])("%j is refused as malformed", (text) => {
    expect(() => parseUnits(text, 8)).toThrow(expect.objectContaining({ code: "TP_DECIMAL_INVALID" }));
    expect(() => decimalsOf(text)).toThrow(expect.objectContaining({ code: "TP_DECIMAL_INVALID" }));
    const bytes = ascii(text);
    expect(parseUnitsBytes(bytes, 0, bytes.length, 8)).toBe(MALFORMED);
  });

  it("with digits beyond the scale is refused as inexact, zeros beyond it are not", () => {
    expect(parseUnits("61837.63000000", 2)).toBe(6183763);
    expect(() => parseUnits("61837.631", 2)).toThrow(expect.objectContaining({ code: "TP_DECIMAL_INEXACT" }));
  });

  it("counts significant decimals", () => {
    expect(["61837.63000000", "1e-8", "100", "1.50e1", "0.000"].map(decimalsOf)).toEqual([2, 8, 0, 0, 0]);
  });
});

describe("the bytes of units", () => {
  it("are read as the text is, or refused with the reason", () => {
    const text = fc.oneof(
      fc.stringMatching(/^\d{0,18}\.?\d{0,12}$/),
      fc.stringMatching(/^[0-9.eE+-]{0,12}$/),
      fc.stringMatching(/^9007199254740[0-9]{3}(\.0{0,4})?$/),
    );
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 25 }), (input, at) => {
        const result = bytesToUnits(input, at);
        if (!/^\d*\.?\d*$/.test(input) || !/\d/.test(input)) {
          expect(result).toBe(MALFORMED);
          return;
        }
        if (new Exact(`0${input}`.replace(/\.$/, "")).decimalPlaces() > at) {
          expect(result).toBe(INEXACT);
          return;
        }
        const exact = parseUnits(input, at);
        expect(result).toBe(typeof exact === "bigint" ? UNSAFE : exact);
      }),
      { numRuns: 10_000 },
    );
  });

  it("never touch bytes outside the text", () => {
    expect(bytesToUnits("61837.63", 2)).toBe(6183763);
    expect(bytesToUnits("", 2)).toBe(MALFORMED);
    const target = new Uint8Array(8).fill(1);
    expect(writeUnits(target, 2, 125, 2)).toBe(6);
    expect([...target]).toEqual([1, 1, 49, 46, 50, 53, 1, 1]);
  });
});
