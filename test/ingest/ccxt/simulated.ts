import { ccxtSource } from "../../../ingest/ccxt/ccxt-source.js";
import type { liveRig } from "../live-rig.js";

type More = NonNullable<Parameters<typeof liveRig>[3]>;

/** Takes the simulator in through ccxt, with short pauses. */
export const throughCcxt: NonNullable<More["source"]> = (id, { symbols, kinds }, { bookDepth, ...settings }) =>
  ccxtSource({
    id,
    symbols,
    kinds,
    settings: { ...settings, ...(bookDepth !== undefined && { snapshotLevels: bookDepth }) },
    snapshotEvery: 300_000_000,
    backfill: true,
    backoff: { baseMs: 50, capMs: 200 },
  });

/** Of ccxt's options: the markets that the simulator has, and nothing else asked for. */
export const simulatedMarkets = (type: string) => ({
  options: { fetchMarkets: { types: [type] }, ws: { backoff: { base: 300 } } },
});
