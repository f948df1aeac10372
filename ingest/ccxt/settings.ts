import { z } from "zod";
import type { VenueId } from "../../schemas/words.js";
import { VenueSettingsInvalid } from "../venue.js";

/** What a user may set of an exchange that is taken in through ccxt. */
const settingsSchema = z.strictObject({
  /** Another host for all of the exchange's REST or WebSocket addresses, e.g. a proxy or a simulator. */
  restUrl: z.url({ protocol: /^https?$/ }).optional(),
  wsUrl: z.url({ protocol: /^wss?$/ }).optional(),
  /** Levels a side that ccxt is to ask for and to keep; by default ccxt's own choice. */
  snapshotLevels: z.int().min(1).max(10_000).optional(),
  /** Trades a symbol that ccxt keeps for a slow reader. */
  tradesLimit: z.int().min(100).max(100_000).default(1_000),
  /** REST, ms. */
  timeoutMs: z.int().min(100).max(120_000).optional(),
  /** ccxt's own `options` of this exchange. */
  options: z.record(z.string(), z.unknown()).default({}),
});

export type CcxtSettings = z.output<typeof settingsSchema>;

/** @throws VenueSettingsInvalid naming the key */
export function ccxtSettings(id: VenueId, settings: Readonly<Record<string, unknown>>): CcxtSettings {
  const checked = settingsSchema.safeParse(settings);
  if (!checked.success) throw new VenueSettingsInvalid(id, z.prettifyError(checked.error));
  return checked.data;
}
