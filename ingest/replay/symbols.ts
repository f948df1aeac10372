import { codeOf, marketSymbol } from "../../schemas/names.js";
import type { ContractType } from "../../schemas/ticks.js";
import type { SymbolName, VenueId } from "../../schemas/words.js";

/** What a symbol says by itself of its instrument. */
export interface SymbolParts {
  readonly symbol: SymbolName;
  readonly contractType: ContractType;
  readonly base: string;
  readonly quote: string;
}

/** Currencies in which markets are quoted, on venues that are not named below. */
const quotes =
  "USDT USDC FDUSD TUSD BUSD USDP USDS USD1 PAX DAI UST USD EUR GBP TRY BRL RUB UAH AUD JPY KRW IDR NGN PLN RON ARS " +
  "CZK ZAR MXN COP BIDR BVND VAI IDRT BKRW XUSD EURI AEUR GYEN BTC ETH BNB XRP TRX DOGE DOT SOL";

/**
 * A venue's own: of Binance's futures those of their margins, and none of its spot markets is in dollars, won or rupiah
 * themselves. Answers of /api/v3/exchangeInfo of 2021-10-12 and /fapi/v1/exchangeInfo of 2021-07-22; USD1 among the margins
 * since 2026. Of Binance.US those of its dollar, stablecoin and coin markets; no list of it was at hand.
 */
const namedQuotes: Readonly<Record<VenueId, string>> = {
  binance: quotes.replace(" USD ", " ").replace(" KRW ", " ").replace(" IDR ", " "),
  binanceus: "USDT USDC BUSD DAI USD BTC ETH BNB",
  binanceusdm: "USDT USDC BUSD USD1 BTC",
  binancecoinm: "USD",
};

/** The longest first. */
const listed = (text: string): readonly string[] => text.split(" ").sort((a, b) => b.length - a.length);
const allQuotes = listed(quotes);
const quotesOf = new Map(Object.entries(namedQuotes).map(([venue, text]) => [venue, listed(text)]));

/** Assets that every venue has, by which BTC/BUSD and BNB/USD are told apart. */
const wellKnown = new Set("BTC ETH BNB XRP ADA SOL DOGE SHIB TRX LTC LINK UNI ATOM XLM BCH EUR GBP AUD".split(" "));

/** How the ids of a venue that brings no instruments are to be taken; others are taken as spot. */
const contractTypes: Readonly<Record<VenueId, ContractType>> = { binanceusdm: "linear", binancecoinm: "inverse" };

/**
 * The unified symbol of a venue's own id by the quote currencies of the venue, the longest that fits: BTCUSDT is BTC/USDT, on `binanceusdm`
 * BTC/USDT:USDT; BTCUSD_PERP on `binancecoinm` is BTC/USD:BTC; BTCUSDT_250328 is BTC/USDT:USDT-250328. Ids that divide
 * base and quote themselves (BTC-USDT, BTC_USDT, BTC/USDT) are taken at their word.
 *
 * @returns undefined when no quote currency fits
 */
export function symbolOfNativeId(venue: VenueId, nativeId: string): SymbolParts | undefined {
  const contractType = contractTypes[venue] ?? "spot";
  const [pair = "", delivery] = contractType === "spot" ? [nativeId] : nativeId.split("_");
  const halves = pairOf(pair, quotesOf.get(venue) ?? allQuotes);
  if (halves === undefined) return undefined;
  const { base, quote } = halves;
  const settle = contractType === "spot" ? undefined : contractType === "linear" ? quote : base;
  try {
    const symbol = marketSymbol(base, quote, settle, delivery === "PERP" ? undefined : delivery);
    return { symbol, contractType, base: codeOf(base), quote: codeOf(quote) };
  } catch {
    return undefined;
  }
}

/** What a unified symbol says: a settlement currency makes it a contract, inverse where that is the base. */
export function instrumentOfSymbol(symbol: SymbolName): SymbolParts {
  const [pair = "", settlement] = symbol.split(":");
  const slash = pair.indexOf("/");
  const base = slash < 0 ? pair : pair.slice(0, slash);
  const quote = slash < 0 ? "" : pair.slice(slash + 1);
  const settle = settlement?.split("-")[0];
  const contractType = settle === undefined ? "spot" : settle === base ? "inverse" : "linear";
  return { symbol, contractType, base, quote };
}

/**
 * Quote currency in a contract of Binance's COIN-M: 100 USD for bitcoin, 10 USD for all others.
 * https://www.binance.com/en/support/faq/detail/a4470430e3164c13932be8967961aede
 */
export function contractSizeOf(venue: VenueId, base: string): string {
  if (venue !== "binancecoinm") return "1";
  return base === "BTC" ? "100" : "10";
}

function pairOf(pair: string, known: readonly string[]): { base: string; quote: string } | undefined {
  const divided = /^([^-_/]+)[-_/]([^-_/]+)$/.exec(pair);
  if (divided !== null) return { base: (divided[1] ?? "").toUpperCase(), quote: (divided[2] ?? "").toUpperCase() };
  const upper = pair.toUpperCase();
  const fitting = known
    .filter((quote) => upper.endsWith(quote) && upper.length > quote.length)
    .map((quote) => ({ base: upper.slice(0, -quote.length), quote }));
  const [longest, next] = fitting;
  // one letter more: BNBUSD is no BN/BUSD and ADAEUR no AD/AEUR, but BTCBUSD is BTC/BUSD
  if (next === undefined || longest!.quote.length - next.quote.length > 1) return longest;
  return wellKnown.has(longest!.base) ? longest : next;
}
