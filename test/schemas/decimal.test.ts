import { Decimal as Reference } from "decimal.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Decimal } from "../../schemas/decimal.js";
import type { Rounding } from "../../schemas/units.js";

const Exact = Reference.clone({ precision: 300, toExpNeg: -9e15, toExpPos: 9e15 });
const roundings: Record<Rounding, Reference.Rounding> = {
  down: Reference.ROUND_DOWN,
  up: Reference.ROUND_UP,
  half_up: Reference.ROUND_HALF_UP,
  half_even: Reference.ROUND_HALF_EVEN,
};
const rounding = fc.constantFrom(...(Object.keys(roundings) as Rounding[]));
const scale = fc.integer({ min: 0, max: 40 });

/** What venues send, up to 38 digits and beyond, with the point anywhere. */
const text = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.oneof(fc.stringMatching(/^\d{1,6}$/), fc.stringMatching(/^\d{15,17}$/), fc.stringMatching(/^\d{1,45}$/)),
    fc.oneof(fc.constant(""), fc.stringMatching(/^\.\d{1,8}$/), fc.stringMatching(/^\.\d{1,38}$/)),
    fc.constantFrom("", "", "", "e-7", "E+3"),
  )
  .map((parts) => parts.join(""));

const plain = (value: Reference): string => (value.isZero() ? "0" : value.toFixed());

describe("a decimal", () => {
  it("adds, subtracts, multiplies and compares as decimal.js does", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [x, y, p, q] = [Decimal.parse(a), Decimal.parse(b), new Exact(a), new Exact(b)];
        expect(x.toString()).toBe(plain(p));
        expect(x.add(y).toString()).toBe(plain(p.plus(q)));
        expect(x.subtract(y).toString()).toBe(plain(p.minus(q)));
        expect(x.multiply(y).toString()).toBe(plain(p.times(q)));
        expect(x.negate().toString()).toBe(plain(p.negated()));
        expect(Math.sign(x.compare(y))).toBe(p.comparedTo(q));
        expect(x.equals(y)).toBe(p.equals(q));
        expect(x.isZero()).toBe(p.isZero());
      }),
      { numRuns: 5000 },
    );
  });

  it("divides and rounds at the stated scale as decimal.js does", () => {
    fc.assert(
      fc.property(text, text, scale, rounding, (a, b, at, way) => {
        const [x, y, p, q] = [Decimal.parse(a), Decimal.parse(b), new Exact(a), new Exact(b)];
        expect(x.round(at, way).toString()).toBe(plain(p.toDecimalPlaces(at, roundings[way])));
        fc.pre(!q.isZero());
        expect(x.divide(y, at, way).toString()).toBe(plain(p.div(q).toDecimalPlaces(at, roundings[way])));
      }),
      { numRuns: 5000 },
    );
  });

  it("keeps its value when it is read, written and read again", () => {
    fc.assert(
      fc.property(text, (input) => {
        const written = Decimal.parse(input).toString();
        expect(Decimal.parse(written).toString()).toBe(written);
        expect(Decimal.parse(written).equals(Decimal.parse(input))).toBe(true);
        expect(JSON.stringify(Decimal.parse(input))).toBe(`"${written}"`);
      }),
    );
  });

  it("is equal to the same value at another scale, and refuses a scale that would lose digits", () => {
    const price = Decimal.parse("61837.63");
    expect(price.rescale(8).equals(price)).toBe(true);
    expect([price.scale, price.rescale(8).scale]).toEqual([2, 8]);
    expect(() => price.rescale(1)).toThrow(expect.objectContaining({ code: "TP_DECIMAL_INEXACT" }));
    expect(() => price.divide(Decimal.ZERO, 2, "down")).toThrow(
      expect.objectContaining({ code: "TP_DECIMAL_DIVISION_BY_ZERO" }),
    );
    expect(() => Decimal.parse("1,5")).toThrow(expect.objectContaining({ code: "TP_DECIMAL_INVALID" }));
  });
});
