import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseExactJson, parseWithNumberTexts, plainText } from "../../ingest/exact-json.js";

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

describe("JSON with its numbers' texts", () => {
  it("keeps digits that a float would lose, and zeros at the end", () => {
    const text = '{"a": 1.10, "b":-0.000000000000000000001,"c":[1.5,{"d":1e-9}],"e":9007199254740993}';
    expect(parseWithNumberTexts(text)).toEqual({
      a: "1.10",
      b: "-0.000000000000000000001",
      c: [1.5, { d: "1e-9" }],
      e: "9007199254740993",
    });
  });

  it("leaves alone what only looks like a number", () => {
    const value = { time: "12:30:45", 'quoted":5': 'in":7', "back\\slash": true, none: null, list: ["3", 4] };
    expect(parseWithNumberTexts(JSON.stringify(value))).toEqual(value);
    for (const text of ['[":0"]', '["a,",":0"]', '{"a":":1","b,":":2"}', '":3"', '{"":":4","\\\\":true}']) {
      expect(parseWithNumberTexts(text)).toEqual(JSON.parse(text));
    }
    expect(parseWithNumberTexts('{"a\\\\":1.0,"":2.0,"\\"":3.0}')).toEqual({ "a\\": "1.0", "": "2.0", '"': "3.0" });
  });

  it("knows where a name with a backslash at its end ends", () => {
    expect(parseWithNumberTexts(String.raw`{"\\":0,"a\\":1.10,"b\"c":2.0,"d":"\\","e":"\":3"}`)).toEqual({
      "\\": "0",
      "a\\": "1.10",
      'b"c': "2.0",
      d: "\\",
      e: '":3',
    });
  });

  it("is JSON.parse for any value, but for the numbers of members", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const plain: unknown = JSON.parse(text, (key, member: unknown) =>
          typeof member === "number" && !/^\d*$/.test(key) ? JSON.stringify(member) : member,
        );
        // A reviver sees the keys of lists and of objects alike: compare where no key is digits alone.
        fc.pre(!/"\d*":/.test(text) && typeof value === "object");
        expect(parseWithNumberTexts(text)).toEqual(plain);
      }),
      { numRuns: 2_000, examples: [[[":0"]], [{ "a,": ":0", ":1": 2 }]] },
    );
  });

  it("writes exponents out", () => {
    expect(["1e-7", "2.50E+3", "0.10", "12"].map(plainText)).toEqual(["0.0000001", "2500", "0.10", "12"]);
  });
});
