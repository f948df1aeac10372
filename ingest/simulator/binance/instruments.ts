import { marketNumbers, type SimulatedInstrument, type SymbolOptions } from "../instruments.js";

/** Which of Binance's APIs. */
export type BinanceApi = "spot" | "usdm";

/** @throws BadSimulatedSymbol */
export function simulatedInstrument(wanted: string | SymbolOptions, api: BinanceApi): SimulatedInstrument {
  const { usdmDecimals, ...numbers } = marketNumbers(wanted, api);
  const { base, quote, priceScale, lotScale } = numbers;
  const priceDecimals = Math.max(api === "spot" ? 8 : usdmDecimals, priceScale);
  return {
    id: base + quote,
    ...numbers,
    priceDecimals,
    qtyDecimals: api === "spot" ? Math.max(8, lotScale) : lotScale,
    amountDecimals: api === "spot" ? Math.max(8, priceScale + lotScale) : priceDecimals + lotScale,
  };
}
