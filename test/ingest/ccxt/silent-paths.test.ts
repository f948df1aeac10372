import { describe, expect, it } from "vitest";
import { ccxtSource } from "../../../ingest/ccxt/ccxt-source.js";
import { liveRig, until } from "../live-rig.js";
import { silentExchange } from "./silent-exchange.js";
import { type SilentVenue, silentVenues } from "./silent-venues.js";

/** Time of the plant runs so many times as fast, so that its patience is over soon. */
const FASTER = 12;

async function started(venue: SilentVenue) {
  const exchange = await silentExchange(venue);
  const begun = Date.now();
  const clock = () => (begun + (Date.now() - begun) * FASTER) * 1_000;
  const { id, symbol, options = {} } = venue;
  const source = ccxtSource({
    ...{ id, symbols: [symbol], kinds: ["trade", "quote", "ticker", "depth"] },
    settings: { restUrl: exchange.restUrl, wsUrl: exchange.wsUrl, options },
    ...{ snapshotEvery: 300_000_000, backfill: false, backoff: { baseMs: 50, capMs: 200 } },
  });
  const rig = await liveRig({ symbols: ["BTC/USDT"], rate: 1 }, { venues: [], sources: [source], clock });
  const stop = async () => {
    await rig.stop();
    await exchange.stop();
  };
  return { ...rig, exchange, stop };
}

describe("a stream through ccxt that is acknowledged and stays silent is told", () => {
  it.concurrent.each(silentVenues)("$id $market", async (venue) => {
    const { ingest, exchange, stop } = await started(venue);
    const { id, symbol, streams } = venue;
    try {
      await until(() => ingest.conditions().some(c=>c.name==="stream_late"), "told", 20_000).catch(()=>{});
      await new Promise(r=>setTimeout(r,1500));
      console.log(id, symbol, [...exchange.asked], exchange.unanswered, ingest.feeds(), JSON.stringify(ingest.conditions()));
    } finally {
      await stop();
    }
  });
});
