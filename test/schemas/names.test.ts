import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RedisNames } from "../../infra/bus/redis-names.js";
import { type ChannelKind, channelName, parseChannel } from "../../push/channels.js";
import { checkNames } from "../../push/rest/schemas.js";
import {
  codeOf,
  isSymbol,
  isVenue,
  LONGEST_NAME,
  marketSymbol,
  NameInvalid,
  nameFault,
  placeOf,
} from "../../schemas/names.js";

const seed = Number(process.env.TICKPLANT_SEED ?? Date.now() % 2 ** 31);
console.log(`names: TICKPLANT_SEED=${seed}`);
const check = <Ts extends [unknown, ...unknown[]]>(property: fc.IProperty<Ts>): void =>
  fc.assert(property, { seed, numRuns: 1_000 });

/** What venues list, contracts call themselves, and strangers send. */
const asset = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 }),
  fc.string({
    unit: fc.constantFrom(..."AB/:@%., {}\"'\\\u202e\u200b\u0000\n\u0301é_-$*+&"),
    minLength: 1,
    maxLength: 8,
  }),
  fc.constantFrom(
    "BTC",
    "币安人生",
    "USD₮0",
    "$PAC",
    "1000SATS",
    "A@B",
    "A/B",
    "A:B",
    "%41",
    "🐶",
    "ДОГ",
    " X ",
    "e\u0301",
  ),
);

describe("a market's name", () => {
  it("is what venues call its assets, in any script", () => {
    for (const [base, quote, symbol] of [
      ["BTC", "USDT", "BTC/USDT"],
      ["币安人生", "USDT", "币安人生/USDT"],
      ["$PAC", "USD*", "$PAC/USD*"],
      ["A+B&C", "USDC.E", "A+B&C/USDC.E"],
      ["हिन्दी", "ДОГ", "हिन्दी/ДОГ"],
      ["e\u0301", "USD", "é/USD"],
    ]) {
      expect(marketSymbol(base!, quote!)).toBe(symbol);
      expect(isSymbol(symbol!)).toBe(true);
    }
    expect(marketSymbol("BTC", "USDT", "USDT", "250328")).toBe("BTC/USDT:USDT-250328");
  });

  it("has what can not stand in it escaped as in a URL", () => {
    expect(codeOf("A@B")).toBe("A%40B");
    expect(codeOf("A/B")).toBe("A%2FB");
    expect(codeOf("USD₮0")).toBe("USD%E2%82%AE0");
    expect(codeOf(" X ")).toBe("%20X%20");
    expect(codeOf("100%")).toBe("100%25");
    expect(codeOf("\u202eX")).toBe("%E2%80%AEX");
    expect(codeOf("🐶")).toBe("%F0%9F%90%B6");
    // a letter that nobody sees, and a mark that stands on nothing
    expect(codeOf("\u3164A")).toBe("%E3%85%A4A");
    expect(codeOf("\u0301A")).toBe("%CC%81A");
  });

  it("has one spelling: any other is refused, with the right one in the reason", () => {
    for (const text of [
      "",
      "/",
      "BTC/",
      "/USDT",
      "BTC//USDT",
      "BTC/USDT:",
      "A@B",
      "A%",
      "A%4",
      "A%4a",
      "A%41",
      "A%ff",
      "A%E5",
      "A b",
      " AB",
      "AB ",
      "A\u202eB",
      "A\u200bB",
      "A\u0000B",
      "A\nB",
      "e\u0301",
      "A\ud83d",
      "A,B",
      "A{B}",
      'A"B',
      "A\\B",
      "A'B",
      "A#B",
      "A?B",
      "🐶",
      "₮",
      "\u0301A",
      "A".repeat(LONGEST_NAME + 1),
    ]) {
      expect(isSymbol(text), JSON.stringify(text)).toBe(false);
      expect(nameFault(text), JSON.stringify(text)).toMatch(/is written|can not be a name/);
    }
    expect(nameFault("A b/USDT")).toBe('"A b/USDT" is written "A%20b/USDT"');
    expect(nameFault("X\u202e")).toMatch(/^"X\\u\{202e\}" is written "X%E2%80%AE"$/);
  });

  it("of whatever is admitted comes back from channel, REST parameter, URL and key of Redis as it was", () => {
    check(
      fc.property(
        asset,
        asset,
        fc.option(asset, { nil: undefined }),
        fc.boolean(),
        (base, quote, settle, isOfVenue) => {
          let symbol: string;
          try {
            symbol = marketSymbol(base, quote, settle);
          } catch (error) {
            expect(error).toBeInstanceOf(NameInvalid);
            return;
          }
          expect(isSymbol(symbol)).toBe(true);
          const venue = isOfVenue ? "uniswap-v3-500" : "aggregate";
          for (const kind of ["ticker", "trade", "depth", "kline", "price.upd"] as ChannelKind[]) {
            const interval = kind === "kline" ? "1m" : undefined;
            const name = channelName(kind, symbol, venue, interval);
            expect(parseChannel(name)).toMatchObject({ name, kind, subject: symbol, venue, interval });
            // the place of an envelope's numbers is told by the name's bytes
            expect(JSON.stringify(name)).toBe(`"${name}"`);
            expect(Buffer.from(name).toString("utf8")).toBe(name);
            for (const names of [new RedisNames(""), new RedisNames("desk")]) {
              expect(names.channelOfKey(names.last(name))).toBe(name);
              expect(names.plain(names.channel(name))).toBe(name);
            }
          }
          const url = new URL(`http://plant/v1/ticker?${new URLSearchParams({ symbol })}`);
          expect(url.searchParams.get("symbol")).toBe(symbol);
          checkNames({ symbol, symbols: `${symbol},BTC/USDT`, exchange: venue });
          expect(symbol.split(",")).toHaveLength(1);
        },
      ),
    );
  });

  it("tells two assets apart, but for those that Unicode says are one", () => {
    check(
      fc.property(asset, asset, (one, other) => {
        const codes: string[] = [];
        for (const text of [one, other]) {
          try {
            codes.push(codeOf(text));
          } catch {
            return;
          }
        }
        expect(codes[0] === codes[1]).toBe(one.normalize("NFC") === other.normalize("NFC"));
        expect(codes.map(decodeURIComponent)).toEqual([one.normalize("NFC"), other.normalize("NFC")]);
      }),
    );
  });

  it("is refused everywhere or nowhere", () => {
    check(
      fc.property(
        fc.oneof(
          asset,
          fc.tuple(asset, asset).map((pair) => pair.join("/")),
        ),
        (text) => {
          const parses = !throws(() => parseChannel(`ticker:${text}`));
          // what follows a last @ is a venue there
          if (text.includes("@")) expect(isSymbol(text)).toBe(false);
          else expect(parses).toBe(isSymbol(text));
          expect(throws(() => checkNames({ symbol: text }))).toBe(!isSymbol(text));
        },
      ),
    );
  });
});

it("a venue's name has small letters, digits and . _ -, and is not that of all venues", () => {
  for (const name of ["binance", "uniswap-v3-500", "a.b_c"]) expect(isVenue(name)).toBe(true);
  for (const name of ["", "Binance", "a b", "a@b", "aggregate", "-a", "币安", "a".repeat(65)])
    expect(isVenue(name)).toBe(false);
  expect([placeOf("A", undefined), placeOf("A", "aggregate"), placeOf("A", "b")]).toEqual(["A", "A", "A@b"]);
});

function throws(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch {
    return true;
  }
}
