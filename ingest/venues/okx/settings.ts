import { z } from "zod";
import { VenueSettingsInvalid } from "../../venue.js";

/** Where OKX is found, and which of its channels are read. Addresses may be set, so a simulator can stand in. */
export interface OkxSettings {
  /** Base of the streams, without `/public` and `/business`. */
  readonly wsUrl: string;
  readonly restUrl: string;
  /**
   * `trades-all` brings every trade; `trades` sums those of one taker order at one price under the last one's id, so a
   * missing one does not show and nothing is back-filled.
   */
  readonly tradeChannel: "trades-all" | "trades";
  /** `bbo-tbt` brings every change of the best prices within 10 ms, `tickers` at most one in 100 ms. */
  readonly quoteChannel: "bbo-tbt" | "tickers";
  /** Requests of REST a minute. */
  readonly weightLimit: number;
}

const overridesSchema = z.strictObject({
  wsUrl: z.url({ protocol: /^wss?$/ }).optional(),
  restUrl: z.url({ protocol: /^https?$/ }).optional(),
  tradeChannel: z.enum(["trades-all", "trades"]).optional(),
  quoteChannel: z.enum(["bbo-tbt", "tickers"]).optional(),
  weightLimit: z.int().min(10).optional(),
});

/**
 * REST of public data takes 20 requests in 2 s (instruments, history-trades) or more, by address and endpoint.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data
 */
const defaults: OkxSettings = {
  wsUrl: "wss://ws.okx.com:8443/ws/v5",
  restUrl: "https://www.okx.com",
  tradeChannel: "trades-all",
  quoteChannel: "bbo-tbt",
  weightLimit: 500,
};

/** @throws VenueSettingsInvalid */
export function okxSettings(given: Readonly<Record<string, unknown>>): OkxSettings {
  const checked = overridesSchema.safeParse(given);
  if (!checked.success) throw new VenueSettingsInvalid("okx", z.prettifyError(checked.error));
  const set = Object.entries(checked.data).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(set) };
}
