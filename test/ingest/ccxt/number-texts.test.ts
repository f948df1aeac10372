import fc from "fast-check";
import { expect, it } from "vitest";
import { decimalText, quoteNumbers } from "../../../ingest/ccxt/number-texts.js";

const decimal = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.integer({ min: 0, max: 18 }))
  .map(([integer, scale]) => {
    const text = integer.toString().padStart(scale + 1, "0");
    return scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
  });

it("a JSON number of any length is read with its digits", () => {
  fc.assert(
    fc.property(fc.array(decimal, { minLength: 1 }), (numbers) => {
      const json = `{"a":[${numbers.join(",")}],"b":${numbers[0]}}`;
      const read = JSON.parse(quoteNumbers(json)) as { a: unknown[]; b: unknown };
      expect([...read.a, read.b].map(decimalText)).toEqual([...numbers, numbers[0]]);
    }),
  );
});

it("digits within strings stay as they are, and numbers that a double gives back as written", () => {
  const within =
    '{"note":"id:1234567890123456789, \\"x\\":1.2345678901234567","n":1.23456789012345678,"t":1712345678901}';
  expect(quoteNumbers(within)).toBe(within.replace('"n":1.23456789012345678', '"n":"1.23456789012345678"'));
  const short = '{"p":65114.2,"t":1712345678901,"q":[0,100,0.5]}';
  expect(quoteNumbers(short)).toBe(short);
  expect(quoteNumbers('{"p":65114.20,"q":[1.0,9.2E-7]}')).toBe('{"p":"65114.20","q":["1.0","0.00000092"]}');
});
