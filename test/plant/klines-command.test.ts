import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { createLogger } from "../../infra/logging.js";
import { EmbeddedStoreServer } from "../../infra/store/embedded-store-server.js";
import { Simulator } from "../../ingest/simulator/server.js";
import { storeAt } from "../../plant/store-place.js";
import type { Kline } from "../../schemas/messages.js";
import { simulatedMarkets } from "../ingest/ccxt/simulated.js";
import { PlantProcess, temporaryFolder, testConfig } from "./plant-process.js";

const MINUTE_MS = 60_000;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Row = readonly (number | string)[];

/** K-lines as Binance answers them, the last one still open. */
function rowsOf(count: number): Row[] {
  const newest = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  return Array.from({ length: count }, (_, at) => {
    // an hour ahead, so that the last one stays open however long the test takes
    const openMs = at === count - 1 ? newest + 60 * MINUTE_MS : newest - (count - at) * MINUTE_MS;
    const prices = ["61837.10000000", "61840.00000000", "61830.01000000", `6183${at}.50000000`];
    return [openMs, ...prices, "12.34500000", openMs + MINUTE_MS - 1, "763000.5", 42, "6.1", "377000.1", "0"];
  });
}

/** The simulated exchange, but for its K-lines. @returns its address */
async function venueWith(simulatorUrl: string, rows: readonly Row[]): Promise<string> {
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, simulatorUrl);
    response.setHeader("content-type", "application/json");
    if (pathname === "/api/v3/klines") {
      const since = Number(searchParams.get("startTime"));
      response.end(JSON.stringify(rows.filter(([openMs]) => Number(openMs) >= since)));
    } else response.end(await (await fetch(new URL(request.url!, simulatorUrl))).text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("an exchange's K-lines go into history, twice as once, and below those that the plant made itself", async () => {
  const simulator = await Simulator.start({ symbols: ["BTC/USDT"] });
  ends.push(() => simulator.stop());
  const rows = rowsOf(5);
  const [firstMs] = rows[0] as [number];
  const restUrl = await venueWith(simulator.url, rows);
  const { folder, remove } = await temporaryFolder();
  ends.push(remove);
  const dataFolder = join(folder, "data");
  const settings = { restUrl, ...simulatedMarkets("spot") };
  const venue = { id: "binance", connector: "ccxt" as const, symbols: ["BTC/USDT"], settings };
  const config = testConfig({ dataFolder, ingest: { venues: [venue] } });
  const file = join(folder, "plant.json");
  await writeFile(file, JSON.stringify(config));

  /** What the store has, after a K-line of the plant's own where one is given. */
  const stored = async (own?: Kline) => {
    const { database, user, password } = config.store;
    const logger = createLogger({ level: "silent" });
    const place = { folder: join(dataFolder, "store"), port: 0 };
    const server = await EmbeddedStoreServer.start({ ...place, database, user, password, logger });
    const store = storeAt(server, config);
    try {
      await store.migrate();
      if (own !== undefined) await store.insert("market.kline", [own]);
      return await store.klines({ exchange: "binance", symbol: "BTC/USDT", interval: "1m", limit: 1000 });
    } finally {
      await store.close();
      await server.stop();
    }
  };
  const fetchAll = async () => {
    const range = ["--from", new Date(firstMs).toISOString(), "--to", new Date(firstMs + 1e9).toISOString()];
    const what = ["--exchange", "binance", "--symbol", "BTC/USDT", "--interval", "1m"];
    const command = new PlantProcess(["klines", "--config", file, ...what, ...range, "--store"]);
    const { code } = await command.ended;
    expect([code, command.stdout, command.stderr]).toEqual([0, "4 K-lines stored, 1 left out\n", ""]);
  };

  await stored({
    ...{ symbol: "BTC/USDT", exchange: "binance", interval: "1m" },
    ...{ open_time: firstMs * 1000, close_time: firstMs * 1000 + 59_999_999 },
    ...{ open: "1", high: "1", low: "1", close: "1", volume: "3", quote_volume: "3", trade_count: 3 },
    ...{ taker_buy_volume: "3", taker_buy_quote_volume: "3", is_closed: true, revision: 1, flags: [] },
    ...{ timestamp: 1, epoch: 1, sequence_num: 1, log_time: 1, receive_time: 1 },
  });
  await fetchAll();
  await fetchAll();
  const [own, ...backfilled] = await stored();
  expect(own).toMatchObject({ open: "1", trade_count: 3, flags: [] });
  const shown = ({ open_time, open, high, low, close, volume }: Kline) => [open_time, open, high, low, close, volume];
  expect(backfilled.map(shown)).toEqual(
    [1, 2, 3].map((at) => [
      (firstMs + at * MINUTE_MS) * 1000,
      ...["61837.1", "61840", "61830.01", `6183${at}.5`, "12.345"],
    ]),
  );
  for (const kline of backfilled) expect(kline).toMatchObject({ flags: ["backfilled"], is_closed: true, epoch: 0 });
}, 120_000);
