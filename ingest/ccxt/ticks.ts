import type { InstrumentTick, QuoteTick, TickerTick, TradeTick } from "../../schemas/ticks.js";
import type { DecimalText, Micros, Side, VenueId } from "../../schemas/words.js";
import type { CcxtExchange, CcxtMarket, CcxtTicker, CcxtTrade } from "./library.js";
import { decimalText } from "./number-texts.js";
import { quirksOf } from "./quirks.js";

/** ccxt's `precisionMode` of exchanges that give decimals rather than steps. */
const decimalPlaces = 2;
const significantDigits = 3;
/** Where the exchange says nothing: finer values than any that it is likely to send. */
const finestStep: DecimalText = "0.00000001";

const sides: Readonly<Partial<Record<string, Side>>> = { buy: "buy", sell: "sell" };
const otherSides: Readonly<Partial<Record<string, Side>>> = { buy: "sell", sell: "buy" };

function memberOf(info: unknown, name: string): string | undefined {
  const value = (info as Readonly<Record<string, unknown>> | undefined)?.[name];
  return value === undefined ? undefined : String(value);
}

/** ms to µs; where the exchange gives no time, that of arrival. */
function exchangeTimeOf(timestamp: number | undefined, receiveTime: Micros): Micros {
  return timestamp === undefined ? receiveTime : timestamp * 1_000;
}

/** @returns undefined where price, quantity or side are missing: it is no trade to be taken in */
export function tradeTick(exchange: VenueId, trade: CcxtTrade, receiveTime: Micros): TradeTick | undefined {
  const [price, qty] = [decimalText(trade.price), decimalText(trade.amount)];
  const { symbol, timestamp } = trade;
  const { makerSide, tradeId: idMember } = quirksOf(exchange);
  const side = makerSide === true ? otherSides[trade.side ?? ""] : sides[trade.side ?? ""];
  if (price === undefined || qty === undefined || side === undefined) return undefined;
  const tradeId = (idMember === undefined ? undefined : memberOf(trade.info, idMember)) ?? trade.id ?? "";
  const exchangeTime = exchangeTimeOf(timestamp, receiveTime);
  return { kind: "trade", exchange, symbol, exchangeTime, receiveTime, tradeId, price, qty, side };
}

/** @returns undefined where a price or a quantity is missing */
export function quoteTick(exchange: VenueId, ticker: CcxtTicker, receiveTime: Micros): QuoteTick | undefined {
  const bidPrice = decimalText(ticker.bid);
  const bidQty = decimalText(ticker.bidVolume);
  const askPrice = decimalText(ticker.ask);
  const askQty = decimalText(ticker.askVolume);
  if (bidPrice === undefined || bidQty === undefined || askPrice === undefined || askQty === undefined)
    return undefined;
  const exchangeTime = exchangeTimeOf(ticker.timestamp, receiveTime);
  const { symbol } = ticker;
  return { kind: "quote", exchange, symbol, exchangeTime, receiveTime, bidPrice, bidQty, askPrice, askQty };
}

/** @returns undefined without a last price */
export function tickerTick(exchange: VenueId, ticker: CcxtTicker, receiveTime: Micros): TickerTick | undefined {
  const lastPrice = decimalText(ticker.last);
  if (lastPrice === undefined) return undefined;
  const statistics = {
    open24h: decimalText(ticker.open),
    high24h: decimalText(ticker.high),
    low24h: decimalText(ticker.low),
    volume24h: decimalText(ticker.baseVolume),
    quoteVolume24h: decimalText(ticker.quoteVolume),
  };
  const known = Object.fromEntries(Object.entries(statistics).filter(([, text]) => text !== undefined));
  const exchangeTime = exchangeTimeOf(ticker.timestamp, receiveTime);
  return { kind: "ticker", exchange, symbol: ticker.symbol, exchangeTime, receiveTime, lastPrice, ...known };
}

/** A market of ccxt as what governs its ticks. */
export function instrumentTick(ccxt: CcxtExchange, market: CcxtMarket, now: Micros): InstrumentTick {
  const tick = stepOf(market.precision.price, ccxt.precisionMode);
  const lot = stepOf(market.precision.amount, ccxt.precisionMode);
  return {
    kind: "instrument",
    exchange: ccxt.id,
    symbol: market.symbol,
    exchangeTime: now,
    receiveTime: now,
    nativeId: market.id,
    status: market.active === false ? "halted" : "trading",
    contractType: market.inverse === true ? "inverse" : market.linear === true ? "linear" : "spot",
    base: market.base,
    quote: market.quote,
    tickSize: tick ?? finestStep,
    lotSize: lot ?? finestStep,
    contractSize: (market.contract === true && decimalText(market.contractSize)) || "1",
    ...((tick === undefined || lot === undefined) && { inferred: true }),
  };
}

/** The step of a price or an amount; undefined where ccxt knows none, or it depends on the value. */
function stepOf(precision: unknown, mode: number): DecimalText | undefined {
  const text = decimalText(precision);
  if (text === undefined || mode === significantDigits) return undefined;
  if (mode !== decimalPlaces) return Number(text) > 0 ? text : undefined;
  const decimals = Number(text);
  return decimals > 0 ? `0.${"1".padStart(decimals, "0")}` : "1";
}
