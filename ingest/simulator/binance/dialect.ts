import type { Dialect } from "../dialect.js";
import { type BinanceApi, simulatedInstrument } from "./instruments.js";
import { binanceRest } from "./rest.js";
import { BinanceStreams } from "./streams.js";

/** Binance's own protocol and figures: spot, or USD-M futures. */
export function binanceDialect(api: BinanceApi): Dialect {
  const spot = api === "spot";
  return {
    wsPath: "",
    limits: {
      pingIntervalMs: spot ? 20_000 : 180_000,
      pongTimeoutMs: spot ? 60_000 : 600_000,
      lifetimeMs: 86_400_000,
      maxStreams: 1024,
      maxMessagesPerSecond: spot ? 5 : 10,
      maxBufferedBytes: 64 * 1024 * 1024,
    },
    weightLimit: spot ? 6000 : 2400,
    updateIdHoles: !spot,
    nativeId: (symbol) => symbol.replace(/:.*$/, "").replace("/", "").toUpperCase(),
    instrument: (wanted) => simulatedInstrument(wanted, api),
    streams: (exchange) => new BinanceStreams(api, exchange),
    rest: (exchange) => binanceRest(api, exchange),
  };
}
