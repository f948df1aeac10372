import fc from "fast-check";
import { expect, it } from "vitest";
import { parseExactJson } from "../../ingest/exact-json.js";

it("numbers that a double may not hold become their own texts, all else is what JSON.parse makes of it", () => {
  expect(
    parseExactJson('{"id":1234567890123456789,"p":[0.1234567890123456789,-12.5],"s":"1234567890123456789"}'),
  ).toEqual({
    id: "1234567890123456789",
    p: ["0.1234567890123456789", -12.5],
    s: "1234567890123456789",
  });
  expect(parseExactJson(String.raw`{"a\"1234567890123456789":1,"b":"\\"}`)).toEqual({
    'a"1234567890123456789': 1,
    b: "\\",
  });
  const long = fc.bigInt({ min: 10n ** 15n, max: 10n ** 30n });
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), long, (value, number) => {
      const text = JSON.stringify(value, (_key, one) => (typeof one === "number" ? Math.round(one) % 1_000_000 : one));
      const read = parseExactJson(`{"value":${text},"number":[${number}]}`) as { value: unknown; number: unknown };
      expect(read.value).toEqual(JSON.parse(text));
      expect(read.number).toEqual([String(number)]);
    }),
  );
});

it("what is no JSON does not become JSON", () => {
  expect(() => parseExactJson("{1234567890123456789:1}")).toThrow(SyntaxError);
  expect(() => parseExactJson("[01234567890123456789]")).toThrow(SyntaxError);
});
