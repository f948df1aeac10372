import { venueSettings } from "../infra/config/ingest-config.js";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { ccxtSource } from "../ingest/ccxt/ccxt-source.js";
import type { MakeSource } from "../ingest/source.js";

/** The sources of the configuration beside the venues. */
export function sourcesOf({ ingest }: PlantConfig): MakeSource[] {
  return ingest.venues
    .filter(({ connector }) => connector === "ccxt")
    .map((venue) =>
      ccxtSource({
        id: venue.id,
        symbols: venue.symbols,
        kinds: venue.kinds,
        settings: venueSettings(venue),
        snapshotEvery: ingest.resnapshotMinutes * 60_000_000,
        backfill: ingest.backfill,
      }),
    );
}
