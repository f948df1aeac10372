/** The words that every room shares: identifiers, times and kinds. */

/** Microseconds since the epoch, UTC. A safe integer. */
export type Micros = number;
/** A venue, spelled as ccxt spells it: `binance`, `binanceusdm`, `kraken`. */
export type VenueId = string;
/** A unified symbol, as ccxt: `BTC/USDT`, `BTC/USDT:USDT`. */
export type SymbolName = string;
/** An exact decimal as text, as the venue sent it or canonical. */
export type DecimalText = string;
/** The taker's side. */
export type Side = "buy" | "sell";

/** `exchange` of a value taken over all venues. */
export const AGGREGATE = "aggregate";

export const microsOfMillis = (millis: number): Micros => millis * 1000;
