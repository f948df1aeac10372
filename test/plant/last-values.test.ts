import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import { createLogger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import { codecsOf, openLog, processSettings } from "../../plant/parts.js";
import { type Plant, startPlant } from "../../plant/plant.js";
import { seedLastValues } from "../../plant/seed-last-values.js";
import { runProcess } from "../../processors/process.js";
import type { RawTick } from "../../schemas/ticks.js";
import { TestClient } from "../push/client.js";
import { temporaryFolder, testConfig } from "./plant-process.js";
import { perpetual, type RawRecord, rawRecords, recordedTicks, spot } from "./recorded-raw.js";

const logger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "error" });
const everyKind = ["ticker", "trade", "depth", "kline", "index", "signal", "instrument", "feed"];
const seededKinds = ["ticker:", "kline:", "index:", "instrument:"];

let ticks: RawTick[];
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  ticks = await recordedTicks(40);
});
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

function configIn(name: string, roles: PlantConfig["roles"]): PlantConfig {
  return testConfig({
    dataFolder: `${folder.folder}/${name}`,
    roles,
    process: {
      indices: [
        {
          name: "BTC-ETH",
          gridMs: 250,
          outlierBand: "1000",
          constituents: [
            { exchange: "binance", symbol: spot },
            { exchange: "binanceusdm", symbol: perpetual },
          ],
        },
      ],
    },
  });
}

/** One run of log, bus and processors on a folder, with last values seeded as a plant does it. */
async function run(name: string, records: readonly RawRecord[]): Promise<Map<string, string>> {
  const config = configIn(name, ["process"]);
  const metrics = new Metrics();
  const { log, close } = await openLog(config, { logger, metrics });
  const codecs = await codecsOf(config);
  const bus = new EmbeddedBus(logger);
  const news: string[] = [];
  const heard = await bus.subscribe({
    messages: (messages) => news.push(...messages.map(({ channel }) => channel)),
  });
  for (const kind of everyKind) await heard.addKind(kind);
  await seedLastValues({ log, bus, codecs, logger });
  const settings = processSettings(config);
  const processing = await runProcess({ log, bus, codecs, settings, checkpointMs: 100, metrics, logger });
  await log.append(records.map((record) => ({ ...record, topic: "market.raw", key: null })));
  await expect.poll(() => processing.lag(), { timeout: 60_000, interval: 20 }).toBe(0);
  await processing.stop();
  if (records.length === 0) expect(news).toEqual([]);
  const values = new Map<string, string>();
  for (const channel of await bus.channels()) {
    if (!seededKinds.some((kind) => channel.startsWith(kind))) continue;
    values.set(channel, (await bus.last(channel))!.payload);
  }
  await bus.close();
  await close();
  return values;
}

const sorted = (values: ReadonlyMap<string, string>) => [...values].sort(([a], [b]) => (a < b ? -1 : 1));

describe("last values of a bus in memory", () => {
  it("are the same after a restart without new ticks, and go on as if there had been none", async () => {
    const { schemaId } = (await codecsOf(configIn("cut", ["process"])))["market.raw"];
    const records = rawRecords(ticks, schemaId, 3);
    const half = Math.floor(records.length / 2);
    const whole = await run("whole", records);
    for (const kind of seededKinds) expect([...whole.keys()].join(" ")).toContain(kind);

    const before = await run("cut", records.slice(0, half));
    expect(before.size).toBeGreaterThan(20);
    expect(sorted(await run("cut", []))).toEqual(sorted(before));
    // what was announced is still there for the next start
    expect(sorted(await run("cut", []))).toEqual(sorted(before));
    const after = await run("cut", records.slice(half));
    expect(after).not.toEqual(before);
    expect(sorted(after)).toEqual(sorted(whole));
  }, 120_000);

  it("are the newest of what a crash made stand twice in the log, and no more than the log's end is read", async () => {
    const config = configIn("twice", ["process"]);
    const { log, close } = await openLog(config, { logger, metrics: new Metrics() });
    const codecs = await codecsOf(config);
    const index = (name: string, epoch: number, sequence: number) => ({
      topic: "market.index",
      partition: 0,
      key: name,
      timestamp: sequence,
      value: codecs["market.index"].encode({
        ...{ name, value: "1", status: "live", timestamp: sequence },
        ...{ epoch, sequence_num: sequence, constituents: [], log_time: sequence, receive_time: sequence },
      }),
    });
    await log.append([index("OLD", 5, 1), index("A", 5, 7), index("A", 5, 8), index("A", 5, 9), index("A", 5, 7)]);
    // an earlier version took names in that nobody can ask for
    await log.append([index("A B", 9, 1), index("", 9, 1), index("A@b", 9, 1)]);
    await log.append([{ ...index("A", 5, 8), value: Buffer.from("no message") }, index("B", 5, 2), index("B", 6, 1)]);
    const bus = new EmbeddedBus(logger);
    expect(await seedLastValues({ log, bus, codecs, logger }, 10)).toBe(2);
    expect(await bus.channels()).toEqual(["index:A", "index:B"]);
    expect(await bus.last("index:A")).toMatchObject({ epoch: 5, sequence: 9 });
    expect(await bus.last("index:B")).toMatchObject({ epoch: 6, sequence: 1 });
    await bus.close();
    await close();
  });

  it("are served by REST and WebSocket after the restart of a plant that was replayed into", async () => {
    const served = async (plant: Plant) => {
      const paths = ["tickers", `ticker?symbol=${spot}`, `ticker?symbol=${spot}&exchange=binance`];
      const answers = [...paths, "instruments", "indices"].map(async (path) => {
        const response = await fetch(`${plant.restUrl}/v1/${path}`);
        return response.json();
      });
      return Promise.all(answers);
    };
    const channels = [`ticker:${spot}`, `kline:${spot}@binance:1m`, "index:BTC-ETH", `instrument:${spot}@binance`];
    const firstValues = async (plant: Plant) => {
      const client = await TestClient.connect(plant.webSocketUrl!);
      await client.answer({ op: "subscribe", id: 1, channels });
      await client.until(() => channels.every((channel) => client.envelopes(channel).length > 0));
      client.close();
      return client.texts.filter((text) => text.startsWith('{"channel"')).sort();
    };
    const config = configIn("plant", ["process", "sink", "push"]);
    const first = await startPlant(config, logger);
    let before: unknown[];
    let firsts: string[];
    try {
      const { schemaId } = (await codecsOf(config))["market.raw"];
      const records = rawRecords(ticks, schemaId, config.partitions);
      await first.log.append(records.map((record) => ({ ...record, topic: "market.raw", key: null })));
      await Promise.race([first.settled(), first.failed]);
      before = await served(first);
      firsts = await firstValues(first);
    } finally {
      await first.stop();
    }
    const somewhere = ["last_price", "last_price", "last_price", "tick_size", "constituents"];
    for (const [at, field] of somewhere.entries()) expect(JSON.stringify(before[at])).toContain(field);
    const second = await startPlant(config, logger);
    try {
      // the processors' thread may announce a moment after the plant has started
      await expect.poll(() => served(second), { timeout: 20_000 }).toEqual(before);
      expect(await firstValues(second)).toEqual(firsts);
    } finally {
      await second.stop();
    }
  }, 180_000);
});
