import type { Dialect } from "../dialect.js";
import { marketNumbers, type SimulatedInstrument, type SymbolOptions } from "../instruments.js";
import { krakenRest } from "./rest.js";
import { KrakenStreams } from "./streams.js";

/** Kraken spot: WebSocket v2 and public REST. https://docs.kraken.com/api/docs/guides/spot-ws-intro */
export const krakenDialect: Dialect = {
  wsPath: "/v2",
  limits: {
    lifetimeMs: Number.POSITIVE_INFINITY,
    maxStreams: 10_000,
    maxMessagesPerSecond: 20,
    maxBufferedBytes: 64 * 1024 * 1024,
  },
  weightLimit: 60,
  updateIdHoles: false,
  nativeId: (symbol) => symbol.toUpperCase(),
  instrument,
  streams: (exchange) => new KrakenStreams(exchange),
  rest: krakenRest,
};

/** All numbers are written with all decimals: those of the tick, and 8 of a quantity. */
function instrument(wanted: string | SymbolOptions): SimulatedInstrument {
  const { usdmDecimals: _, ...numbers } = marketNumbers(wanted, "spot");
  const { base, quote, priceScale, lotScale } = numbers;
  const qtyDecimals = Math.max(8, lotScale);
  return {
    id: `${base}/${quote}`,
    ...numbers,
    priceDecimals: priceScale,
    qtyDecimals,
    amountDecimals: priceScale + qtyDecimals,
  };
}
