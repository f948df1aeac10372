import type { InstrumentTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";

/** 10^-scale as decimal text. */
export function stepOf(scale: number): string {
  return scale === 0 ? "1" : `0.${"1".padStart(scale, "0")}`;
}

/** A spot instrument with these decimals of price and quantity. */
export function instrumentOf(
  exchange: string,
  symbol: string,
  priceScale = 2,
  qtyScale = 5,
  receiveTime: Micros = 0,
): InstrumentTick {
  const [base = symbol, quote = "USDT"] = symbol.split("/");
  return {
    kind: "instrument",
    exchange,
    symbol,
    exchangeTime: receiveTime,
    receiveTime,
    nativeId: base + quote,
    status: "trading",
    contractType: "spot",
    base,
    quote,
    tickSize: stepOf(priceScale),
    lotSize: stepOf(qtyScale),
    contractSize: "1",
  };
}
