import { KIND_QUOTE, KIND_TRADE, type RawBatchReader } from "../../schemas/raw-batch-reader.js";
import { decimalsOf } from "../../schemas/units.js";

/** The most decimals of the prices, and of the quantities, of the reader's tick; undefined where one is no decimal. */
export function decimalsOfTick(reader: RawBatchReader): [prices: number, quantities: number] | undefined {
  try {
    const [prices, quantities] = valuesOf(reader);
    return [mostDecimals(prices), mostDecimals(quantities)];
  } catch {
    return undefined;
  }
}

/** The texts of the tick's prices, and of its quantities. */
function valuesOf(reader: RawBatchReader): [prices: string[], quantities: string[]] {
  if (reader.kind === KIND_TRADE) {
    return [[reader.textAt(reader.priceStart, reader.priceEnd)], [reader.textAt(reader.qtyStart, reader.qtyEnd)]];
  }
  if (reader.kind === KIND_QUOTE) {
    return [
      [
        reader.textAt(reader.bidPriceStart, reader.bidPriceEnd),
        reader.textAt(reader.askPriceStart, reader.askPriceEnd),
      ],
      [reader.textAt(reader.bidQtyStart, reader.bidQtyEnd), reader.textAt(reader.askQtyStart, reader.askQtyEnd)],
    ];
  }
  const values: [string[], string[]] = [[], []];
  for (let at = 0; at < (reader.bidCount + reader.askCount) * 2; at++) {
    values[at & 1]!.push(reader.textAt(reader.levels[at * 2]!, reader.levels[at * 2 + 1]!));
  }
  return values;
}

/** An empty text has none. @throws DecimalError for what is no decimal */
function mostDecimals(texts: readonly string[]): number {
  return texts.reduce((most, text) => (text === "" ? most : Math.max(most, decimalsOf(text))), 0);
}
