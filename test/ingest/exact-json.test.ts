import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseWithNumberTexts, plainText } from "../../ingest/exact-json.js";

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
