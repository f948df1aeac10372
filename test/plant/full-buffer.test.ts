import { afterAll, describe, expect, it } from "vitest";
import { createLogger } from "../../infra/logging.js";
import { heartbeatOf } from "../../ingest/publisher.js";
import { startPlant } from "../../plant/plant.js";
import type { RawTick } from "../../schemas/ticks.js";
import { query } from "./outputs.js";
import { temporaryFolder, testConfig } from "./plant-process.js";

const folders = await temporaryFolder();
afterAll(() => folders.remove());

const time = 1_762_795_420_000_000;
const stream = { exchange: "kraken", symbol: "BTC/USDT", exchangeTime: time, receiveTime: time } as const;
const instrument: RawTick = {
  ...stream,
  kind: "instrument",
  nativeId: "XBTUSDT",
  status: "trading",
  contractType: "spot",
  base: "BTC",
  quote: "USDT",
  tickSize: "0.01",
  lotSize: "0.0001",
  contractSize: "1",
};
const trade = (id: number, price = "100.10"): RawTick => ({
  ...stream,
  kind: "trade",
  tradeId: String(id),
  price,
  qty: "0.5",
  side: "buy",
});

describe("a plant that is given more than it holds, and nonsense", () => {
  it("drops what its buffer can not take, refuses what is absurd, counts each, and goes on", async () => {
    const config = testConfig({
      dataFolder: `${folders.folder}/data`,
      roles: ["process", "sink", "push"],
      ingest: { publisher: { maxTicks: 100 } },
    });
    const plant = await startPlant(config, createLogger({ level: "silent" }));
    try {
      const publisher = plant.publisher("full");
      publisher.publish(instrument);
      let taken = 0;
      for (let id = 1; id <= 1_000; id++) taken += publisher.publish(trade(id)) ? 1 : 0;
      expect(taken).toBe(99);
      await publisher.flushed();
      for (const price of ["-1", "NaN", "1e999", "", "0"]) publisher.publish(trade(5_000, price));
      // off the tick and beyond the band: what a venue says happened is taken in with a mark
      for (const price of ["99999999", "100.12345678"]) publisher.publish(trade(5_001, price));
      expect(publisher.publish(trade(6_000))).toBe(true);
      publisher.publish(heartbeatOf([], time + 1_000_000, true));
      await publisher.flushed();
      await plant.settled();
      const metrics = await (await fetch(`${plant.restUrl}/metrics`)).text();
      expect(metrics).toContain('tickplant_dropped_total{place="publisher",reason="buffer_full_trade"} 901');
      const sql = (table: string) => query(plant.storeUrl!, `SELECT count() FROM tickplant.${table}`);
      expect(Number(await sql("trades"))).toBe(taken + 1 + 2);
      expect(Number(await sql("dead_letters"))).toBe(5);
      await publisher.close();
    } finally {
      await plant.stop();
    }
  });
});
