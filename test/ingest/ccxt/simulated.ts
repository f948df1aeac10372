import { ccxtSource } from "../../../ingest/ccxt/ccxt-source.js";
import type { Simulator } from "../../../ingest/simulator/server.js";
import { liveRig } from "../live-rig.js";

/** The simulator taken in through ccxt's own exchange of the dialect that it speaks. */
export function ccxtRig(dialect: "spot" | "usdm", simulated: Parameters<typeof liveRig>[0] = {}) {
  const id = dialect === "spot" ? "binance" : "binanceusdm";
  const suffix = dialect === "spot" ? "" : ":USDT";
  const options = {
    fetchMarkets: { types: [dialect === "spot" ? "spot" : "linear"] },
    // what the simulator has not
    fetchCurrencies: false,
  };
  return liveRig({ dialect, ...simulated }, (simulator: Simulator) => ({
    venues: [],
    sources: [
      ccxtSource({
        id,
        symbols: ["BTC/USDT", "ETH/USDT"].map((symbol) => `${symbol}${suffix}`),
        kinds: ["trade", "quote", "ticker", "depth"],
        settings: { restUrl: simulator.url, wsUrl: simulator.wsUrl, options },
        snapshotEvery: 300_000_000,
        backfill: true,
        backoff: { baseMs: 50, capMs: 200 },
      }),
    ],
  }));
}
