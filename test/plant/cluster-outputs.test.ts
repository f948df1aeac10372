import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConfigOverrides } from "../../infra/config/load-config.js";
import type { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import type { Log } from "../../infra/log/log.js";
import { createLogger } from "../../infra/logging.js";
import { codecsOf } from "../../plant/parts.js";
import { startPlant } from "../../plant/plant.js";
import { topicSettings } from "../../plant/topics.js";
import type { RawTick } from "../../schemas/ticks.js";
import { seeded } from "../infra/seeded.js";
import { Cluster } from "./cluster-rig.js";
import {
  codecsIn,
  differences,
  type Outputs,
  openLogIn,
  outputsOf,
  outputTopics,
  readHistory,
  readOutputs,
} from "./outputs.js";
import { pause, temporaryFolder, testConfig, until } from "./plant-process.js";
import { perpetual, type RawRecord, rawRecords, recordedTicks, spot } from "./recorded-raw.js";

const seconds = Number(process.env.TICKPLANT_CLUSTER_SECONDS ?? 100);
const longTime = 1_000_000;

/** What both plants compute. A recording of years ago must not be too old for the brokers. */
const same: ConfigOverrides = {
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
  log: {
    retentionHours: Object.fromEntries(
      ["market.raw", ...outputTopics].map((topic) => [topic, longTime]),
    ) as NonNullable<ConfigOverrides["log"]>["retentionHours"],
  },
};

async function appendRaw(log: Log, some: readonly RawRecord[]): Promise<void> {
  for (let at = 0; at < some.length; at += 500) {
    await log.append(some.slice(at, at + 500).map((record) => ({ ...record, topic: "market.raw", key: null })));
  }
}

describe("the same recording through the embedded plant and through a cluster", () => {
  let folders: Awaited<ReturnType<typeof temporaryFolder>>;
  let cluster: Cluster;
  let log: KafkaLog;
  let ticks: RawTick[];
  let embedded: { outputs: Outputs; history: Awaited<ReturnType<typeof readHistory>> };

  beforeAll(async () => {
    folders = await temporaryFolder();
    ticks = await recordedTicks(seconds);
    // few checkpoints, so that much is made again; they change no output
    cluster = await Cluster.start({ ...same, process: { ...same.process, checkpointMs: 1_500 } });
    log = await cluster.openLog();
    embedded = await throughEmbedded();
  }, 300_000);
  afterAll(async () => {
    await log.close();
    await cluster.stop();
    await folders.remove();
  });

  async function throughEmbedded() {
    const dataFolder = join(folders.folder, "embedded");
    const config = testConfig({ ...same, dataFolder, roles: ["process", "sink"] });
    const own = await openLogIn(dataFolder);
    const codecs = await codecsIn(dataFolder);
    await own.createTopics(topicSettings(config));
    await appendRaw(own, rawRecords(ticks, codecs["market.raw"].schemaId, config.partitions));
    await own.close();
    const plant = await startPlant(config, createLogger({ level: "silent" }));
    await Promise.race([plant.settled(), plant.failed]);
    const history = await readHistory(plant.storeUrl!);
    await plant.stop();
    return { outputs: await readOutputs(dataFolder), history };
  }

  /** Nothing waits for the processors or the sink any more. */
  async function settled(): Promise<void> {
    const lag = async (group: string, topics: readonly string[]) => {
      let sum = 0;
      for (const topic of topics) {
        for (let partition = 0; partition < log.partitions(topic); partition++) {
          const { end } = await log.offsets(topic, partition);
          sum += end - ((await log.committed(group, topic, partition)) ?? 0);
        }
      }
      return sum;
    };
    for (let quiet = 0; quiet < 3; ) {
      const left =
        (await lag("process", ["market.raw", "index.input"])) +
        (await lag(
          "sink",
          outputTopics.filter((topic) => topic !== "index.input"),
        ));
      quiet = left === 0 ? quiet + 1 : 0;
      await pause(200);
    }
  }

  /** What differs only by the schema's id, the wire format's head, does not differ. */
  const bodies = (outputs: Outputs) =>
    new Map([...outputs.byIdentity].map(([name, bytes]) => [name, bytes.subarray(5)]));

  it("gives the same outputs per key, byte for byte, and the same rows, while processes come, go and die", async () => {
    const random = seeded("cluster");
    const codecs = await codecsOf(cluster.config);
    const records = rawRecords(ticks, codecs["market.raw"].schemaId, cluster.config.partitions);
    await Promise.all([cluster.role("process", "process-1"), cluster.role("sink", "sink-1")]);
    let at = 0;
    const feed = async (share: number, disturb: () => Promise<unknown>) => {
      const upTo = Math.floor(records.length * share);
      const disturbance = disturb();
      for (; at < upTo; at = Math.min(upTo, at + 20)) {
        await appendRaw(log, records.slice(at, Math.min(upTo, at + 20)));
        await pause(random(10));
      }
      await disturbance;
    };
    await feed(0.2, async () => {});
    await feed(0.4, () => cluster.role("process", "process-2"));
    await feed(0.6, async () => {
      await pause(500 + random(500));
      await cluster.roles.get("process-1")!.process.kill();
      await cluster.role("process", "process-3");
    });
    await feed(0.8, async () => {
      await pause(random(500));
      await cluster.roles.get("sink-1")!.process.kill();
      await cluster.role("sink", "sink-2");
      cluster.roles.get("process-2")!.process.interrupt();
    });
    await feed(1, () => cluster.role("sink", "sink-3"));
    await until(() => settled().then(() => true), "all is processed and stored", 240_000);
    const outputs = await outputsOf(log, codecs);
    console.log(
      `${ticks.length} ticks, ${outputs.byIdentity.size} outputs, ${outputs.repeats} repeats`,
      outputs.counts,
    );
    expect(differences(bodies(embedded.outputs), bodies(outputs))).toEqual([]);
    expect(await readHistory(cluster.config.store.url!)).toEqual(embedded.history);
  }, 400_000);
});
