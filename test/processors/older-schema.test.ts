import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import avro from "avsc";
import { expect, it } from "vitest";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";
import { EmbeddedLog } from "../../infra/log/embedded-log.js";
import { createLogger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import { runProcess } from "../../processors/process.js";
import { defaultSettings } from "../../processors/settings.js";
import { RAW_BATCH } from "../../schemas/avro/raw-batch.js";
import { openCodecs } from "../../schemas/codec.js";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import { RawBatchWriter } from "../../schemas/raw-batch-writer.js";
import { recordOfTick } from "../../schemas/raw-tick-record.js";
import type { RawTick } from "../../schemas/ticks.js";
import { writeHead } from "../../schemas/wire.js";

const time = 1_700_000_000_000_000;
const common = { exchange: "kraken", symbol: "BTC/USDT", exchangeTime: time, receiveTime: time } as const;
const instrument: RawTick = {
  ...common,
  kind: "instrument",
  nativeId: "XBTUSDT",
  status: "trading",
  contractType: "spot",
  base: "BTC",
  quote: "USDT",
  tickSize: "0.1",
  lotSize: "0.0001",
  contractSize: "1",
};
const trade = (tradeId: string): RawTick => ({
  ...common,
  kind: "trade",
  tradeId,
  price: "100.1",
  qty: "0.5",
  side: "buy",
});

/** The schema as it was before its last nullable field was added. */
function olderSchema() {
  const older = structuredClone(RAW_BATCH) as unknown as {
    fields: { name: string; type: { items: { fields: object[] } } }[];
  };
  older.fields.find(({ name }) => name === "ticks")!.type.items.fields.pop();
  return older;
}

it("records of an older schema, of today's and garbage in one log: all are taken, the garbage refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "older-schema-"));
  const logger = createLogger({ level: "silent" });
  try {
    const registry = new EmbeddedRegistry();
    const older = olderSchema();
    const olderId = await registry.register("market.raw-value", JSON.stringify(older));
    const codecs = await openCodecs(registry);
    expect(codecs["market.raw"].schemaId).not.toBe(olderId);
    const type = avro.Type.forSchema(structuredClone(older) as unknown as avro.Schema);
    const fields = older.fields.find(({ name }) => name === "ticks")!.type.items.fields as { name: string }[];
    const body = type.toBuffer({
      session: "older",
      ticks: [instrument, trade("1")].map((tick, number) => {
        const record = recordOfTick(tick, number) as unknown as Record<string, unknown>;
        return Object.fromEntries(fields.map(({ name }) => [name, record[name]]));
      }),
    });
    const written = Buffer.alloc(5 + body.length);
    writeHead(written, olderId);
    body.copy(written, 5);
    const writer = new RawBatchWriter(codecs["market.raw"].schemaId, "newer");
    writer.append(trade("2"), 0);

    const log = await EmbeddedLog.open({ folder, logger });
    const topics = ["market.raw", "index.input", "market.trade", "market.ticker", "market.kline", "market.dlq"];
    await log.createTopics(topics.map((name) => ({ name, partitions: 1, cleanup: "delete" as const })));
    await log.createTopics([{ name: "plant.state", partitions: 1, cleanup: "compact" }]);
    const values = [written, Buffer.from("garbage"), writer.finish()];
    await log.append(values.map((value) => ({ topic: "market.raw", partition: 0, key: null, value, timestamp: time })));
    const settings = { ...defaultSettings, partitions: 1 };
    const ports = { log, bus: new EmbeddedBus(logger), codecs, settings, checkpointMs: 60_000, logger };
    const processing = await runProcess({ ...ports, metrics: new Metrics() });
    await expect.poll(() => processing.lag(), { timeout: 20_000 }).toBe(0);
    await processing.stop();

    const trades = await log.read("market.trade", 0, 0, 1_000_000);
    expect(trades.map(({ value }) => codecs["market.trade"].decode(value!).trade_id)).toEqual(["1", "2"]);
    const letters = await log.read("market.dlq", 0, 0, 1_000_000);
    expect(letters.map(({ value }) => codecs["market.dlq"].decode(value!).reason)).toEqual(["unreadable_record"]);
    await log.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
