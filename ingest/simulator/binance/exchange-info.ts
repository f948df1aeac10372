import { decimalText, type SimulatedInstrument } from "../instruments.js";
import type { BinanceApi } from "./instruments.js";

/** The answer of /exchangeInfo, with the fields and filters that Binance sends. */
export function exchangeInfo(
  api: BinanceApi,
  instruments: readonly SimulatedInstrument[],
  weightLimit: number,
  serverTime: number,
): object {
  const rateLimits = [
    { rateLimitType: "REQUEST_WEIGHT", interval: "MINUTE", intervalNum: 1, limit: weightLimit },
    { rateLimitType: "ORDERS", interval: "SECOND", intervalNum: 10, limit: api === "spot" ? 100 : 300 },
  ];
  if (api === "spot") {
    const symbols = instruments.map(spotSymbol);
    return { timezone: "UTC", serverTime, rateLimits, exchangeFilters: [], symbols };
  }
  return {
    timezone: "UTC",
    serverTime,
    futuresType: "U_MARGINED",
    rateLimits,
    exchangeFilters: [],
    assets: [{ asset: "USDT", marginAvailable: true, autoAssetExchange: "-10000" }],
    symbols: instruments.map(perpetual),
  };
}

function spotSymbol(of: SimulatedInstrument): object {
  const tickSize = decimalText(1, of.priceScale, of.priceDecimals);
  const stepSize = decimalText(1, of.lotScale, of.qtyDecimals);
  return {
    symbol: of.id,
    status: of.delisted === true ? "BREAK" : "TRADING",
    baseAsset: of.base,
    baseAssetPrecision: 8,
    quoteAsset: of.quote,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    baseCommissionPrecision: 8,
    quoteCommissionPrecision: 8,
    orderTypes: ["LIMIT", "MARKET"],
    icebergAllowed: false,
    ocoAllowed: false,
    otoAllowed: false,
    quoteOrderQtyMarketAllowed: false,
    allowTrailingStop: false,
    cancelReplaceAllowed: false,
    amendAllowed: false,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: false,
    filters: [
      { filterType: "PRICE_FILTER", minPrice: tickSize, maxPrice: "1000000.00000000", tickSize },
      { filterType: "LOT_SIZE", minQty: stepSize, maxQty: "9000000.00000000", stepSize },
      {
        filterType: "NOTIONAL",
        minNotional: "5.00000000",
        applyMinToMarket: true,
        maxNotional: "9000000.00000000",
        applyMaxToMarket: false,
        avgPriceMins: 5,
      },
    ],
    permissions: [],
    permissionSets: [["SPOT"]],
    defaultSelfTradePreventionMode: "EXPIRE_MAKER",
    allowedSelfTradePreventionModes: ["EXPIRE_MAKER"],
  };
}

function perpetual(of: SimulatedInstrument): object {
  const tickSize = decimalText(1, of.priceScale, of.priceDecimals);
  const stepSize = decimalText(1, of.lotScale, of.qtyDecimals);
  return {
    symbol: of.id,
    pair: of.id,
    contractType: "PERPETUAL",
    deliveryDate: 4_133_404_800_000,
    onboardDate: 1_569_398_400_000,
    status: of.delisted === true ? "SETTLING" : "TRADING",
    maintMarginPercent: "2.5000",
    requiredMarginPercent: "5.0000",
    baseAsset: of.base,
    quoteAsset: of.quote,
    marginAsset: of.quote,
    pricePrecision: of.priceDecimals,
    quantityPrecision: of.qtyDecimals,
    baseAssetPrecision: 8,
    quotePrecision: 8,
    underlyingType: "COIN",
    underlyingSubType: [],
    triggerProtect: "0.0500",
    liquidationFee: "0.012500",
    marketTakeBound: "0.05",
    maxMoveOrderLimit: 10_000,
    filters: [
      { filterType: "PRICE_FILTER", minPrice: tickSize, maxPrice: "4529764", tickSize },
      { filterType: "LOT_SIZE", minQty: stepSize, maxQty: "9000000", stepSize },
      { filterType: "MARKET_LOT_SIZE", minQty: stepSize, maxQty: "9000000", stepSize },
      { filterType: "MIN_NOTIONAL", notional: "5" },
    ],
    orderTypes: ["LIMIT", "MARKET"],
    timeInForce: ["GTC", "IOC", "FOK", "GTX", "GTD"],
    permissionSets: ["GRID"],
  };
}
