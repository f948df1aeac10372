import { z } from "zod";
import { VenueSettingsInvalid } from "../../venue.js";

/** Where Kraken is found. Addresses may be set, so a simulator can stand in. */
export interface KrakenSettings {
  readonly wsUrl: string;
  readonly restUrl: string;
  /** Levels a side of a book. */
  readonly bookDepth: 10 | 25 | 100 | 500 | 1000;
  /** Requests of REST a minute. */
  readonly weightLimit: number;
}

const overridesSchema = z.strictObject({
  wsUrl: z.url({ protocol: /^wss?$/ }).optional(),
  restUrl: z.url({ protocol: /^https?$/ }).optional(),
  bookDepth: z.union([z.literal(10), z.literal(25), z.literal(100), z.literal(500), z.literal(1000)]).optional(),
  weightLimit: z.int().min(10).optional(),
});

/** Public REST takes about one request a second. https://docs.kraken.com/api/docs/guides/spot-rest-ratelimits */
const defaults: KrakenSettings = {
  wsUrl: "wss://ws.kraken.com/v2",
  restUrl: "https://api.kraken.com",
  bookDepth: 1000,
  weightLimit: 60,
};

/** @throws VenueSettingsInvalid */
export function krakenSettings(given: Readonly<Record<string, unknown>>): KrakenSettings {
  const checked = overridesSchema.safeParse(given);
  if (!checked.success) throw new VenueSettingsInvalid("kraken", z.prettifyError(checked.error));
  const set = Object.entries(checked.data).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(set) };
}
