import { PlantError } from "../../infra/errors.js";
import type { VenueId } from "../../schemas/words.js";
import type { Venue } from "../venue.js";
import { binance } from "./binance.js";
import { bitstamp } from "./bitstamp.js";
import { kraken } from "./kraken.js";
import { okx } from "./okx.js";

/** What a user sets of a venue: each venue checks its own keys. */
export type VenueSettings = Readonly<Record<string, unknown>>;

/** The registry of venues: one line a venue. */
const registry: Readonly<Record<VenueId, (settings: VenueSettings) => Venue>> = {
  binance: (settings) => binance("binance", settings),
  binanceus: (settings) => binance("binanceus", settings),
  binanceusdm: (settings) => binance("binanceusdm", settings),
  binancecoinm: (settings) => binance("binancecoinm", settings),
  bitstamp: (settings) => bitstamp(settings),
  kraken: (settings) => kraken(settings),
  okx: (settings) => okx(settings),
};

/** Ids of all venues, sorted. */
export const venueIds: readonly VenueId[] = Object.keys(registry).sort();

/** The configuration or `--venue` names a venue that there is no connector for. */
export class UnknownVenue extends PlantError {
  constructor(id: VenueId) {
    super(
      "TP_VENUE_UNKNOWN",
      `There is no venue "${id}". Known are: ${venueIds.join(", ")}; others come with \`connector: ccxt\`.`,
    );
  }
}

/**
 * The venue of an id, with the user's settings for it.
 *
 * @throws UnknownVenue
 * @throws VenueSettingsInvalid naming the key
 */
export function venueOf(id: VenueId, settings: VenueSettings = {}): Venue {
  const make = Object.hasOwn(registry, id) ? registry[id] : undefined;
  if (make === undefined) throw new UnknownVenue(id);
  return make(settings);
}
