import type { VenueId } from "../../schemas/words.js";

/** What the plant asks of one exchange in another way than ccxt does by itself. */
export interface Quirks {
  /** Into ccxt's `options`. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/**
 * Binance's aggregated trades have ids of their own: those that are fetched must be those that are streamed. Its small
 * ticker, which ccxt asks for by itself, leaves out what the whole one has.
 */
const binance = (fetchTradesMethod: string): Quirks => ({
  options: { fetchTradesMethod, watchTicker: { name: "ticker" }, watchTickers: { name: "ticker" } },
});

const quirks: Readonly<Record<VenueId, Quirks>> = {
  binance: binance("publicGetTrades"),
  binanceus: binance("publicGetTrades"),
  binanceusdm: binance("fapiPublicGetTrades"),
  binancecoinm: binance("dapiPublicGetTrades"),
};

export function quirksOf(id: VenueId): Quirks {
  return Object.hasOwn(quirks, id) ? quirks[id]! : {};
}
