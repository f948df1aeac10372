import { cp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import { createLogger } from "../../infra/logging.js";
import { processSettings } from "../../plant/parts.js";
import { startPlant } from "../../plant/plant.js";
import { topicSettings } from "../../plant/topics.js";
import { SynchronousPlant } from "../../processors/synchronous-plant.js";
import type { DeadLetter } from "../../schemas/messages.js";
import type { RawTick } from "../../schemas/ticks.js";
import { seeded } from "../infra/seeded.js";
import {
  codecsIn,
  differences,
  identityOf,
  type Outputs,
  openLogIn,
  outputTopics,
  readHistory,
  readOutputs,
} from "./outputs.js";
import { PlantProcess, pause, temporaryFolder, testConfig, until } from "./plant-process.js";
import { perpetual, type RawRecord, rawRecords, recordedTicks, spot } from "./recorded-raw.js";

const rounds = Number(process.env.TICKPLANT_KILL_ROUNDS ?? 20);
const seconds = Number(process.env.TICKPLANT_KILL_SECONDS ?? 200);
const logger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "error" });

let folders: Awaited<ReturnType<typeof temporaryFolder>>;
let ticks: RawTick[];
let records: RawRecord[];

beforeAll(async () => {
  folders = await temporaryFolder();
  ticks = await recordedTicks(seconds);
  const { codecs } = await emptyPlant("unused");
  records = rawRecords(ticks, codecs["market.raw"].schemaId, configIn("unused").partitions);
  const broken = { partition: 0, value: Buffer.from("\0no batch of ticks"), timestamp: records.at(-1)!.timestamp };
  records.push(broken);
});

afterAll(() => folders.remove());

function configIn(name: string, checkpointMs = 100): PlantConfig {
  return testConfig({
    dataFolder: join(folders.folder, name),
    roles: ["process", "sink"],
    process: {
      checkpointMs,
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

/** A plant's folder with its topics and nothing in them. */
async function emptyPlant(name: string) {
  const config = configIn(name);
  const log = await openLogIn(config.dataFolder);
  await log.createTopics(topicSettings(config));
  return { config, log, codecs: await codecsIn(config.dataFolder) };
}

async function appendRaw(log: Awaited<ReturnType<typeof openLogIn>>, some: readonly RawRecord[]): Promise<void> {
  for (let at = 0; at < some.length; at += 500) {
    await log.append(some.slice(at, at + 500).map((record) => ({ ...record, topic: "market.raw", key: null })));
  }
}

/** Lets a plant come to the end of its log, and reads all that it has made. */
async function finish(
  config: PlantConfig,
): Promise<{ outputs: Outputs; history: Awaited<ReturnType<typeof readHistory>> }> {
  const plant = await startPlant(config, logger);
  try {
    await Promise.race([plant.settled(), plant.failed]);
    const history = await readHistory(plant.storeUrl!);
    await plant.stop();
    return { outputs: await readOutputs(config.dataFolder), history };
  } finally {
    await plant.stop();
  }
}

/** Records of the topics that a trade or a depth update goes to at once. */
async function outputsIn(log: Awaited<ReturnType<typeof openLogIn>>): Promise<number> {
  let sum = 0;
  for (const topic of ["market.trade", "market.depth", "market.kline"]) {
    for (let partition = 0; partition < log.partitions(topic); partition++)
      sum += (await log.offsets(topic, partition)).end;
  }
  return sum;
}

/** A refused tick without the place of its batch in the log, which only a log gives it. */
function placeless({ offset: _offset, index: _index, ...letter }: DeadLetter): Buffer {
  return Buffer.from(JSON.stringify({ ...letter, original: Buffer.from(letter.original).toString("hex") }));
}

describe("the same log", () => {
  let undisturbed: Awaited<ReturnType<typeof finish>>;

  beforeAll(async () => {
    const { log } = await emptyPlant("whole");
    await appendRaw(log, records);
    await log.close();
    await cp(join(folders.folder, "whole"), join(folders.folder, "again"), { recursive: true });
    undisturbed = await finish(configIn("whole"));
    const { counts } = undisturbed.outputs;
    console.log(`${records.length} raw records, ${ticks.length} ticks:`, counts, undisturbed.history);
    for (const topic of outputTopics) expect(counts[topic], topic).toBeGreaterThan(20);
  });

  it("processed a second time gives the same outputs and rows", async () => {
    const again = await finish(configIn("again"));
    expect(differences(undisturbed.outputs.byIdentity, again.outputs.byIdentity)).toEqual([]);
    expect(again.history).toEqual(undisturbed.history);
  });

  it("has each stored message as a row, once", () => {
    const { counts } = undisturbed.outputs;
    const rows = Object.fromEntries(Object.entries(undisturbed.history).map(([table, { rows }]) => [table, rows]));
    expect(rows).toMatchObject({
      trades: counts["market.trade"],
      tickers: counts["market.ticker"],
      depth: counts["market.depth"],
      index_values: counts["market.index"],
      dead_letters: counts["market.dlq"],
    });
  });

  it("gives what the processors give in one thread without a log", async () => {
    const config = configIn("whole");
    const codecs = await codecsIn(config.dataFolder);
    const made = new Map<string, Buffer>();
    const plant = new SynchronousPlant({
      settings: processSettings(config),
      codecs,
      onOutput({ topic, key, value }) {
        const message = codecs[topic].decode(value);
        const bytes = topic === "market.dlq" ? placeless(message as DeadLetter) : Buffer.from(value);
        made.set(identityOf(topic, key, message), bytes);
      },
    });
    for (const tick of ticks) plant.publish(tick);
    const logged = new Map<string, Buffer>();
    for (const [identity, bytes] of undisturbed.outputs.byIdentity) {
      if (!identity.startsWith("market.dlq")) logged.set(identity, bytes);
      else {
        const letter = codecs["market.dlq"].decode(bytes);
        if (letter.reason !== "unreadable_record") logged.set(identity, placeless(letter));
      }
    }
    expect(differences(made, logged)).toEqual([]);
  });

  it(`processed in pieces, with kill -9 at ${rounds} random instants between, gives the same outputs and rows`, async () => {
    const random = seeded("kills");
    const { log } = await emptyPlant("killed");
    let startMs = 0;
    let early = 0;
    let appended = 0;
    const feed = async (upTo: number) => {
      await appendRaw(log, records.slice(appended, upTo));
      appended = Math.max(appended, upTo);
    };
    for (let round = 0; round < rounds; round++) {
      const made = await outputsIn(log);
      const upTo = Math.floor((records.length * (round + 1)) / rounds);
      const plant = await PlantProcess.start(configIn("killed", [100, 300, 2_000][random(3)]));
      if (startMs > 0 && random(4) === 0) {
        early += 1;
        await pause(random(startMs));
      } else {
        const begun = performance.now();
        await plant.running();
        startMs = performance.now() - begun + 1_000;
        await feed(Math.min(upTo, appended + 20));
        await until(async () => (await outputsIn(log)) > made, "outputs");
        for (const killAt = performance.now() + random(600); performance.now() < killAt; await pause(5)) {
          await feed(Math.min(upTo, appended + 20));
        }
      }
      expect(plant.hasEnded, `${plant.stdout}${plant.stderr}`).toBe(false);
      await plant.kill();
    }
    const before = await outputsIn(log);
    await appendRaw(log, records.slice(appended));
    await log.close();
    const killed = await finish(configIn("killed"));
    console.log(
      `${rounds} kills, ${early} of them while starting; ${appended} of ${records.length} records and ${before} outputs ` +
        `lay between them; ${killed.outputs.repeats} outputs were made again, byte for byte`,
    );
    expect(killed.outputs.repeats).toBeGreaterThan(0);
    expect(differences(undisturbed.outputs.byIdentity, killed.outputs.byIdentity)).toEqual([]);
    expect(killed.history).toEqual(undisturbed.history);
  }, 600_000);
});
