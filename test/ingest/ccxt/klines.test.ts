import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
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

it.each([
  ["UTC", 0],
  ["Singapore", 8],
])("months by the clock of %s: each once, none skipped, each up to the next one", async (_where, hoursEast) => {
  const simulator = await Simulator.start({ symbols: ["BTC/USDT"] });
  const openings = Array.from({ length: 15 }, (_, month) => Date.UTC(2024, month, 1) - hoursEast * 3_600_000);
  const asked: number[] = [];
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, simulator.url);
    response.setHeader("content-type", "application/json");
    if (pathname !== "/api/v3/klines") {
      response.end(await (await fetch(new URL(request.url!, simulator.url))).text());
      return;
    }
    asked.push(Number(searchParams.get("startTime")));
    // a page holds two, so that the next one is asked for by the end of a month
    const page = openings.filter((openMs) => openMs >= asked.at(-1)!).slice(0, 2);
    response.end(JSON.stringify(page.map((openMs) => [openMs, "1.0", "2.0", "0.5", "1.5", "7"])));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const restUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { ccxt } = await exactExchange(
      "binance",
      ccxtSettings("binance", { restUrl, ...simulatedMarkets("spot") }),
      () => 1,
    );
    await ccxt.loadMarkets();
    const found = [];
    const range = { from: openings[0]!, to: openings.at(-1)! };
    for await (const kline of exchangeKlines(ccxt, "BTC/USDT", "1M", range)) found.push(kline);
    expect(found.map(({ open_time }) => open_time / 1_000)).toEqual(openings.slice(0, -1));
    expect(found.map(({ close_time }) => close_time / 1_000)).toEqual(openings.slice(1));
    for (const since of asked) expect(openings).toContain(since);
    await expect(exchangeKlines(ccxt, "BTC/USDT", "7m", range).next()).rejects.toThrow(
      /binance has no K-lines of 7m: there are 1s, 1m, .*, 1w, 1M$/,
    );
    await ccxt.close();
  } finally {
    server.close();
    await simulator.stop();
  }
});
