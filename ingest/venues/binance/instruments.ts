import { codeOf, marketSymbol } from "../../../schemas/names.js";
import type { ContractType, InstrumentTick } from "../../../schemas/ticks.js";
import type { Micros } from "../../../schemas/words.js";
import { readEach } from "../../instrument-list.js";
import { UnreadableFrame } from "../../venue.js";
import type { BinanceMarket, BinanceSettings } from "./settings.js";

interface SymbolInfo {
  readonly symbol: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
  readonly marginAsset?: string;
  readonly status?: string;
  readonly contractStatus?: string;
  readonly contractType?: string;
  readonly contractSize?: number;
  readonly deliveryDate?: number;
  readonly filters: readonly { filterType: string; tickSize?: string; stepSize?: string }[];
}

/** `exchangeInfo` as instruments: price and quantity steps are those of PRICE_FILTER and LOT_SIZE. */
export function readInstruments(settings: BinanceSettings, symbols: readonly unknown[], now: Micros): InstrumentTick[] {
  return readEach(symbols, (symbol) => readInstrument(settings, symbol as SymbolInfo, now));
}

function readInstrument(settings: BinanceSettings, info: SymbolInfo, now: Micros): InstrumentTick | undefined {
  if (typeof info?.symbol !== "string" || typeof info.baseAsset !== "string" || typeof info.quoteAsset !== "string") {
    throw new UnreadableFrame(settings.id, "exchangeInfo has a symbol without its assets");
  }
  const tickSize = info.filters?.find((filter) => filter.filterType === "PRICE_FILTER")?.tickSize;
  const lotSize = info.filters?.find((filter) => filter.filterType === "LOT_SIZE")?.stepSize;
  // A market that was never opened (USD-M PENDING_TRADING) may have no filters or no contract type: nothing to govern.
  if (tickSize === undefined || lotSize === undefined || info.contractType === "") return undefined;
  return {
    kind: "instrument",
    exchange: settings.id,
    symbol: unifiedSymbol(settings.market, info),
    exchangeTime: now,
    receiveTime: now,
    nativeId: info.symbol,
    status: statusOf(info),
    contractType: contractTypeOf(settings.market),
    base: codeOf(info.baseAsset),
    quote: codeOf(info.quoteAsset),
    tickSize,
    lotSize,
    contractSize: info.contractSize === undefined ? "1" : String(info.contractSize),
  };
}

/**
 * The unified symbol as ccxt spells it: `BTC/USDT`, `BTC/USDT:USDT`, `BTC/USD:BTC`, and for dated futures the delivery
 * day, `BTC/USDT:USDT-250328`. Binance's own names of dated futures end in that day: BTCUSDT_250328.
 */
function unifiedSymbol(market: BinanceMarket, info: SymbolInfo): string {
  const { baseAsset, quoteAsset } = info;
  if (market === "spot") return marketSymbol(baseAsset, quoteAsset);
  const settle = info.marginAsset ?? (market === "coinm" ? info.baseAsset : info.quoteAsset);
  const delivery = /_(\d{6})$/.exec(info.symbol)?.[1];
  return marketSymbol(baseAsset, quoteAsset, settle, delivery);
}

function contractTypeOf(market: BinanceMarket): ContractType {
  if (market === "spot") return "spot";
  return market === "usdm" ? "linear" : "inverse";
}

/** https://developers.binance.com/docs/derivatives/usds-margined-futures/common-definition (contract status) */
function statusOf(info: SymbolInfo): InstrumentTick["status"] {
  switch (info.contractStatus ?? info.status) {
    case "TRADING":
      return "trading";
    case "SETTLING":
    case "CLOSE":
    case "DELIVERED":
    case "PRE_SETTLE":
      return "delisted";
    default:
      return "halted";
  }
}
