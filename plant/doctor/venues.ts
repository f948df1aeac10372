import { venueSettings } from "../../infra/config/ingest-config.js";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import { venueOf } from "../../ingest/venues/index.js";
import { type Check, note, ok, reason } from "./finding.js";

/** Whether each venue's REST host answers anything. It may be away for good reasons: nothing here is wrong. */
export function venueChecks({ ingest }: PlantConfig): Check[] {
  return ingest.venues.map((venue) => {
    const name = `venue ${venue.id}`;
    return {
      name,
      todo: "look at the network and the venue's status",
      async run(signal) {
        try {
          const { restUrl } = venueOf(venue.id, venueSettings(venue));
          const { status } = await fetch(restUrl, { signal: AbortSignal.any([signal, AbortSignal.timeout(8_000)]) });
          return [ok(name, `${restUrl} answers (HTTP ${status})`)];
        } catch (error) {
          return [note(name, `REST does not answer: ${reason(error)}`, "look at the network and the venue's status")];
        }
      },
    };
  });
}
