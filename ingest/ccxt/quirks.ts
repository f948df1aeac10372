import type { VenueId } from "../../schemas/words.js";

/** What the plant asks of one exchange in another way than ccxt does by itself. */
export interface Quirks {
  /** Into ccxt's `options`. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Binance's aggregated trades have ids of their own: those that are fetched must be those that are streamed. */
const singleTrades = (method: string): Quirks => ({ options: { fetchTradesMethod: method } });

const quirks: Readonly<Record<VenueId, Quirks>> = {
  binance: singleTrades("publicGetTrades"),
  binanceus: singleTrades("publicGetTrades"),
  binanceusdm: singleTrades("fapiPublicGetTrades"),
  binancecoinm: singleTrades("dapiPublicGetTrades"),
};

export function quirksOf(id: VenueId): Quirks {
  return Object.hasOwn(quirks, id) ? quirks[id]! : {};
}
