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
  /**
   * `books` is the book without RPI orders; `books-rpi` has them in each level's quantity. Both have 400 levels, a
   * snapshot with each subscription and an update in 100 ms.
   */
  readonly bookChannel: "books" | "books-rpi";
  /** Requests of REST a minute. */
  readonly weightLimit: number;
}

/**
 * OKX's companies have hosts of their own, with markets of their own; accounts and rules differ, the protocol does not.
 * ccxt calls `eea` `myokx` and `us` `okxus`. `openapi` is global's newer REST host.
 * https://www.okx.com/docs-v5/en/#overview-production-trading-services, https://my.okx.com/docs-v5/en/,
 * https://app.okx.com/docs-v5/en/ (2026-09)
 */
const regions = {
  global: { wsUrl: "wss://ws.okx.com:8443/ws/v5", restUrl: "https://www.okx.com" },
  openapi: { wsUrl: "wss://ws.okx.com:8443/ws/v5", restUrl: "https://openapi.okx.com" },
  eea: { wsUrl: "wss://wseea.okx.com:8443/ws/v5", restUrl: "https://eea.okx.com" },
  us: { wsUrl: "wss://wsus.okx.com:8443/ws/v5", restUrl: "https://us.okx.com" },
} as const;

const overridesSchema = z.strictObject({
  region: z.enum(["global", "openapi", "eea", "us"]).optional(),
  wsUrl: z.url({ protocol: /^wss?$/ }).optional(),
  restUrl: z.url({ protocol: /^https?$/ }).optional(),
  tradeChannel: z.enum(["trades-all", "trades"]).optional(),
  quoteChannel: z.enum(["bbo-tbt", "tickers"]).optional(),
  bookChannel: z.enum(["books", "books-rpi"]).optional(),
  weightLimit: z.int().min(10).optional(),
});

/**
 * REST of public data takes 20 requests in 2 s (instruments, history-trades) or more, by address and endpoint.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data
 */
const defaults: Omit<OkxSettings, "wsUrl" | "restUrl"> = {
  tradeChannel: "trades-all",
  quoteChannel: "bbo-tbt",
  bookChannel: "books",
  weightLimit: 500,
};

/** @throws VenueSettingsInvalid */
export function okxSettings(given: Readonly<Record<string, unknown>>): OkxSettings {
  const checked = overridesSchema.safeParse(given);
  if (!checked.success) throw new VenueSettingsInvalid("okx", z.prettifyError(checked.error));
  const { region = "global", ...overrides } = checked.data;
  const set = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return { ...defaults, ...regions[region], ...Object.fromEntries(set) };
}
