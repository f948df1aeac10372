import { PlantError } from "../../infra/errors.js";
import { hashText } from "./random.js";

/** One symbol of a simulator. Prices are whole ticks and quantities whole lots of the given decimals. */
export interface SimulatedInstrument {
  /** Native id, e.g. `BTCUSDT`. */
  readonly id: string;
  readonly base: string;
  readonly quote: string;
  /** A tick is 10^-priceScale of the quote currency, a lot is 10^-lotScale of the base currency. */
  readonly priceScale: number;
  readonly lotScale: number;
  /** Decimals with which the venue writes prices, quantities and amounts: 8 on spot. */
  readonly priceDecimals: number;
  readonly qtyDecimals: number;
  readonly amountDecimals: number;
  /** Price around which the market drifts, in ticks. */
  readonly referenceTicks: number;
  /** Mean quantity of an order, in lots. */
  readonly meanLots: number;
  /** Listed as no longer traded; nothing happens on it. */
  readonly delisted?: boolean;
  /** The venue leaves out zeros at the end of a fraction. */
  readonly trimmed?: boolean;
}

/** What a user may say about a symbol that the table below does not hold; missing parts are derived. */
export interface SymbolOptions {
  /** `BTC/USDT`. */
  readonly symbol: string;
  readonly priceScale?: number;
  readonly lotScale?: number;
  /** In the quote currency. */
  readonly referencePrice?: number;
  /** Mean quantity of an order, in the base currency. */
  readonly meanQty?: number;
  /** Order events per second; the simulator's rate by default. */
  readonly rate?: number;
  /** Listed, but no longer traded. */
  readonly delisted?: boolean;
}

interface Listing {
  readonly price: number;
  readonly spot: readonly [priceScale: number, lotScale: number];
  readonly usdm: readonly [priceScale: number, lotScale: number, priceDecimals: number];
}

/** Tick and lot sizes as Binance lists them (exchangeInfo of both dialects), and a price of the right order. */
const listings: Readonly<Record<string, Listing>> = {
  "BTC/USDT": { price: 97_250, spot: [2, 5], usdm: [1, 3, 2] },
  "ETH/USDT": { price: 3_420, spot: [2, 4], usdm: [2, 3, 2] },
  "SOL/USDT": { price: 188, spot: [2, 3], usdm: [2, 2, 2] },
  "BNB/USDT": { price: 684, spot: [2, 3], usdm: [2, 2, 2] },
  "XRP/USDT": { price: 2.31, spot: [4, 1], usdm: [4, 1, 4] },
  "DOGE/USDT": { price: 0.327, spot: [5, 0], usdm: [5, 0, 5] },
  "ADA/USDT": { price: 0.948, spot: [4, 1], usdm: [4, 0, 4] },
  "LTC/USDT": { price: 104, spot: [2, 3], usdm: [2, 3, 2] },
  "ETH/BTC": { price: 0.0352, spot: [5, 4], usdm: [6, 3, 6] },
};

/** Symbols of a simulator that is not told any. */
export const defaultSymbols: readonly string[] = ["BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT"];

/** What a market is made of, whatever its venue's way of writing. */
export type MarketNumbers = Pick<
  SimulatedInstrument,
  "base" | "quote" | "priceScale" | "lotScale" | "referenceTicks" | "meanLots" | "delisted"
> & { /** Decimals with which Binance's USD-M writes a price. */ readonly usdmDecimals: number };

/**
 * @param sizes whose tick and lot sizes are taken where the options give none
 * @throws BadSimulatedSymbol
 */
export function marketNumbers(wanted: string | SymbolOptions, sizes: "spot" | "usdm"): MarketNumbers {
  const options: SymbolOptions = typeof wanted === "string" ? { symbol: wanted } : wanted;
  const [base, quote] = options.symbol.replace(/:.*$/, "").split("/");
  if (!base || !quote) throw new BadSimulatedSymbol(options.symbol);
  const listing = listings[`${base}/${quote}`] ?? derivedListing(base);
  const [listedPriceScale, listedLotScale] = listing[sizes];
  const priceScale = options.priceScale ?? listedPriceScale;
  const lotScale = options.lotScale ?? listedLotScale;
  const price = options.referencePrice ?? listing.price;
  const meanQty = options.meanQty ?? 1500 / (price * (quote === "BTC" ? 97_250 : 1));
  return {
    base,
    quote,
    priceScale,
    lotScale,
    referenceTicks: Math.max(100, Math.round(price * 10 ** priceScale)),
    meanLots: Math.max(5, Math.round(meanQty * 10 ** lotScale)),
    usdmDecimals: listing.usdm[2],
    ...(options.delisted === true && { delisted: true }),
  };
}

/** An unlisted asset gets a price between 0.1 and 1,000 from its name. */
function derivedListing(base: string): Listing {
  const price = 10 ** (-1 + (hashText(base) % 4000) / 1000);
  const priceScale = price < 1 ? 5 : price < 100 ? 4 : 2;
  const lotScale = price < 10 ? 1 : 3;
  return { price, spot: [priceScale, lotScale], usdm: [priceScale, lotScale, priceScale] };
}

/**
 * Writes a whole number of 10^-scale as decimal text.
 *
 * @param decimals digits after the point, at least `scale`; the rest are zeros, as the venue pads them
 */
export function decimalText(units: number | bigint, scale: number, decimals: number): string {
  const digits = units.toString();
  if (decimals === 0) return digits;
  if (scale === 0) return `${digits}.${zeros(decimals)}`;
  const padded = digits.length > scale ? digits : digits.padStart(scale + 1, "0");
  const point = padded.length - scale;
  return `${padded.slice(0, point)}.${padded.slice(point)}${zeros(decimals - scale)}`;
}

const zeroTexts = Array.from({ length: 32 }, (_, count) => "0".repeat(count));
const zeros = (count: number): string => zeroTexts[count] ?? "0".repeat(count);

export const priceText = (of: SimulatedInstrument, ticks: number): string =>
  written(of, decimalText(ticks, of.priceScale, of.priceDecimals));
export const qtyText = (of: SimulatedInstrument, lots: number | bigint): string =>
  written(of, decimalText(lots, of.lotScale, of.qtyDecimals));
/** Text of price times quantity, exact. */
export const amountText = (of: SimulatedInstrument, ticksTimesLots: bigint): string =>
  written(of, decimalText(ticksTimesLots, of.priceScale + of.lotScale, of.amountDecimals));

const written = (of: SimulatedInstrument, text: string): string =>
  of.trimmed === true && text.includes(".") ? text.replace(/\.?0+$/, "") : text;

/** `simulator.venues[].symbols` holds what can not be a market. */
export class BadSimulatedSymbol extends PlantError {
  constructor(symbol: string) {
    super("TP_SIMULATOR_SYMBOL", `the simulator can not list "${symbol}": write it as BASE/QUOTE, e.g. BTC/USDT`);
  }
}
