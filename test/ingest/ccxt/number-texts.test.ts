import fc from "fast-check";
import { expect, it } from "vitest";
import { decimalText, quoteLongNumbers } from "../../../ingest/ccxt/number-texts.js";
import { digits } from "./cryptofeed.js";
import { plain } from "./truth.js";

const decimal = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.integer({ min: 0, max: 18 }))
  .map(([integer, scale]) => {
    const text = integer.toString().padStart(scale + 1, "0");
    return scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
  });

it("a JSON number of any length is read with its value, a short one as a number", () => {
  fc.assert(
    fc.property(fc.array(decimal, { minLength: 1 }), (numbers) => {
      const json = `{"a":[${numbers.join(",")}],"b":${numbers[0]}}`;
      const read = JSON.parse(quoteLongNumbers(json)) as { a: unknown[]; b: unknown };
      expect([...read.a, read.b].map((value) => plain(decimalText(value)))).toEqual(
        [...numbers, numbers[0]].map(plain),
      );
    }),
  );
});

it("digits within strings, and text that is short enough, stay as they are", () => {
  const within =
    '{"note":"id:1234567890123456789, \\"x\\":1.2345678901234567","n":1.2345678901234567,"t":1712345678901}';
  expect(quoteLongNumbers(within)).toBe(within.replace('"n":1.2345678901234567', '"n":"1.2345678901234567"'));
  const short = '{"p":65114.20,"t":1712345678901}';
  expect(quoteLongNumbers(short)).toBe(short);
  expect(digits(short)).toEqual({ p: "65114.20", t: "1712345678901" });
});
