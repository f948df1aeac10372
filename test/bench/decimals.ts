import { Decimal as DecimalJs } from "decimal.js";
import {
  addUnits,
  formatUnits,
  multiplyUnits,
  parseUnits,
  parseUnitsBytes,
  type Units,
  writeUnits,
} from "../../schemas/units.js";
import { type Figure, measure, type Run } from "./figure.js";
import { recordedTrades } from "./recorded-trades.js";

const ROUNDS = 20;

/** Keeps the engine from leaving work out. */
let sum: unknown = 0;

/** The decimals of the plant beside doubles and decimal.js, on recorded prices and quantities. */
export async function decimals(): Promise<Figure[]> {
  const { prices, qtys, priceTexts, qtyTexts, priceScale, qtyScale } = recordedTrades("usdm/btcusdt_20240808");
  const bytes = priceTexts.map((text) => Buffer.from(text));
  const floats = priceTexts.map(Number);
  const floatQtys = qtyTexts.map(Number);
  const decimalJs = priceTexts.map((text) => new DecimalJs(text));
  const decimalJsQtys = qtyTexts.map((text) => new DecimalJs(text));
  const target = new Uint8Array(64);
  const count = prices.length;
  const times =
    (rounds: number, each: (at: number) => void): Run =>
    () => {
      for (let round = 0; round < rounds; round++) for (let at = 0; at < count; at++) each(at);
      return { count: rounds * count };
    };
  for (const [at, price] of prices.entries()) {
    const product = formatUnits(multiplyUnits(price, qtys[at]!), priceScale + qtyScale);
    if (product !== decimalJs[at]!.times(decimalJsQtys[at]!).toFixed()) throw new Error(`product ${product} is wrong`);
  }
  const verified = "every product equals decimal.js's";
  const figures: Figure[] = [];
  figures.push(
    await measure({
      name: "decimals: parse (bytes to units)",
      unit: "operations",
      run: times(ROUNDS, (at) => {
        sum = parseUnitsBytes(bytes[at]!, 0, bytes[at]!.length, priceScale);
      }),
      floors: [
        {
          name: "Number(text)",
          run: times(ROUNDS, (at) => {
            sum = Number(priceTexts[at]!);
          }),
        },
        {
          name: "decimal.js",
          run: times(1, (at) => {
            sum = new DecimalJs(priceTexts[at]!);
          }),
        },
      ],
    }),
    await measure({
      name: "decimals: parse (text to units)",
      unit: "operations",
      run: times(4, (at) => {
        sum = parseUnits(priceTexts[at]!, priceScale);
      }),
      floors: [
        {
          name: "Number(text)",
          run: times(ROUNDS, (at) => {
            sum = Number(priceTexts[at]!);
          }),
        },
        {
          name: "decimal.js",
          run: times(1, (at) => {
            sum = new DecimalJs(priceTexts[at]!);
          }),
        },
      ],
    }),
    await measure({
      name: "decimals: multiply and add",
      unit: "operations",
      verified,
      run: () => {
        let total: Units = 0;
        for (let round = 0; round < ROUNDS; round++) {
          for (let at = 0; at < count; at++) total = addUnits(total, multiplyUnits(prices[at]!, qtys[at]!));
        }
        sum = total;
        return { count: ROUNDS * count };
      },
      floors: [
        {
          name: "doubles",
          run: () => {
            let total = 0;
            for (let round = 0; round < ROUNDS; round++) {
              for (let at = 0; at < count; at++) total += floats[at]! * floatQtys[at]!;
            }
            sum = total;
            return { count: ROUNDS * count };
          },
        },
        {
          name: "decimal.js",
          run: () => {
            let total = new DecimalJs(0);
            for (let at = 0; at < count; at++) total = total.plus(decimalJs[at]!.times(decimalJsQtys[at]!));
            sum = total;
            return { count };
          },
        },
      ],
    }),
    await measure({
      name: "decimals: format (units to bytes)",
      unit: "operations",
      run: times(ROUNDS, (at) => {
        sum = writeUnits(target, 0, prices[at]!, priceScale);
      }),
      floors: [
        {
          name: "String(double)",
          run: times(ROUNDS, (at) => {
            sum = String(floats[at]!);
          }),
        },
        {
          name: "decimal.js",
          run: times(1, (at) => {
            sum = decimalJs[at]!.toFixed();
          }),
        },
      ],
    }),
  );
  return figures;
}

export const result = (): unknown => sum;
