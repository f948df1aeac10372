import { expect, it } from "vitest";
import { exactExchange } from "../../../ingest/ccxt/exact-exchange.js";
import { exchangeKlines } from "../../../ingest/ccxt/klines.js";
import { ccxtSettings } from "../../../ingest/ccxt/settings.js";
import { Simulator } from "../../../ingest/simulator/server.js";
import { until } from "../live-rig.js";
import { simulatedMarkets } from "./simulated.js";

it("an exchange's K-lines come in its own digits, oldest first, each once", async () => {
  const simulator = await Simulator.start({ symbols: ["BTC/USDT"], rate: 500, keepTrades: "all" });
  try {
    await until(() => simulator.trades("BTCUSDT").length > 200, "some trades");
    simulator.pause();
    const truth = simulator.klines("BTCUSDT", "1m", Date.now());
    const settings = ccxtSettings("binance", { restUrl: simulator.url, ...simulatedMarkets("spot") });
    const { ccxt } = await exactExchange("binance", settings, () => 1);
    await ccxt.loadMarkets();
    const range = { from: Number(truth[0]![0]), to: Number(truth.at(-1)![0]) + 60_000 };
    const found: (string | number)[][] = [];
    for await (const kline of exchangeKlines(ccxt, "BTC/USDT", "1m", range)) {
      expect(kline.close_time - kline.open_time).toBe(60_000_000);
      const { open_time, open, high, low, close, volume } = kline;
      found.push([open_time / 1_000, open, high, low, close, volume!]);
    }
    expect(found).toEqual(truth.map((row) => row.slice(0, 6)));
    await ccxt.close();
  } finally {
    await simulator.stop();
  }
});
