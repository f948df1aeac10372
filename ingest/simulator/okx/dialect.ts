import type { Dialect } from "../dialect.js";
import { marketNumbers, type SimulatedInstrument, type SymbolOptions } from "../instruments.js";
import { okxRest } from "./rest.js";
import { OkxStreams } from "./streams.js";

/**
 * OKX v5, spot: `BTC-USDT`. Its checksums are true ones, as the venue sent them until it began to send 0.
 * https://www.okx.com/docs-v5/en/#overview-websocket
 */
export const okxDialect: Dialect = {
  wsPath: "/ws/v5",
  limits: {
    idleMs: 30_000,
    lifetimeMs: Number.POSITIVE_INFINITY,
    maxStreams: 10_000,
    maxMessagesPerSecond: 20,
    maxMessagesPerHour: 480 + 3_600 / 5,
    maxBufferedBytes: 64 * 1024 * 1024,
  },
  weightLimit: 600,
  updateIdHoles: true,
  nativeId,
  instrument,
  streams: (exchange) => new OkxStreams(exchange),
  rest: okxRest,
};

function nativeId(symbol: string): string {
  return symbol.replace(/:.*$/, "").replace("/", "-").toUpperCase();
}

/** Zeros at the end of a fraction are left out; quantities have 8 decimals at most. */
function instrument(wanted: string | SymbolOptions): SimulatedInstrument {
  const { usdmDecimals: _, ...numbers } = marketNumbers(wanted, "spot");
  const { base, quote, priceScale, lotScale } = numbers;
  return {
    id: `${base}-${quote}`,
    ...numbers,
    priceDecimals: priceScale,
    qtyDecimals: lotScale,
    amountDecimals: priceScale + lotScale,
    trimmed: true,
  };
}
