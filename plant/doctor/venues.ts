import { venueSettings } from "../../infra/config/ingest-config.js";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import { Deadline } from "../../infra/deadline.js";
import { whyFailed } from "../../infra/errors.js";
import { newCcxtExchange } from "../../ingest/ccxt/library.js";
import { ccxtSettings } from "../../ingest/ccxt/settings.js";
import { venueOf } from "../../ingest/venues/index.js";
import { type Check, type Finding, note, ok } from "./finding.js";

/** Whether each venue's REST host answers anything. It may be away for good reasons: nothing here is wrong. */
export function venueChecks({ ingest }: PlantConfig): Check[] {
  return ingest.venues.map((venue) => {
    const name = `venue ${venue.id}`;
    return {
      name,
      todo: "look at the network and the venue's status",
      async run(signal) {
        if (venue.connector === "ccxt") return ccxtFinding(name, venue);
        const deadline = new Deadline(8_000, signal);
        try {
          const { restUrl } = venueOf(venue.id, venueSettings(venue));
          const { status } = await fetch(restUrl, { signal: deadline.signal });
          return [ok(name, `${restUrl} answers (HTTP ${status})`)];
        } catch (error) {
          return [
            note(name, `REST does not answer: ${whyFailed(error)}`, "look at the network and the venue's status"),
          ];
        } finally {
          deadline.end();
        }
      },
    };
  });
}

/** An exchange of ccxt has many hosts: whether ccxt streams it at all is what can be wrong here. */
async function ccxtFinding(name: string, venue: PlantConfig["ingest"]["venues"][number]): Promise<Finding[]> {
  try {
    ccxtSettings(venue.id, venueSettings(venue));
    await newCcxtExchange(venue.id, {});
    return [ok(name, "ccxt streams it")];
  } catch (error) {
    return [note(name, whyFailed(error), "see docs/ccxt.md")];
  }
}
