import type { InstrumentTick } from "../../../schemas/ticks.js";

/** A market as ccxt describes it, of the parts that its handlers look at. */
export function ccxtMarketOf({ symbol, nativeId, base, quote, contractType, contractSize }: InstrumentTick) {
  const isContract = contractType !== "spot";
  const settle = isContract ? symbol.split(":")[1]?.split("-")[0] : undefined;
  const isDated = /-\d{6}$/.test(symbol);
  return {
    id: nativeId,
    lowercaseId: nativeId.toLowerCase(),
    symbol,
    base,
    quote,
    settle,
    baseId: base,
    quoteId: quote,
    settleId: settle,
    // Hyperliquid's name of a coin
    baseName: nativeId,
    type: isContract ? (isDated ? "future" : "swap") : "spot",
    spot: !isContract,
    swap: isContract && !isDated,
    future: isContract && isDated,
    option: false,
    contract: isContract,
    linear: isContract ? contractType === "linear" : undefined,
    inverse: isContract ? contractType === "inverse" : undefined,
    contractSize: isContract ? contractSize : undefined,
    active: true,
    // nothing is rounded by these
    precision: { price: "0.000000000000000001", amount: "0.000000000000000001" },
    limits: {},
    info: {},
  };
}
