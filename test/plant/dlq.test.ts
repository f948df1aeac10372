import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import type { Log } from "../../infra/log/log.js";
import { partitionOf } from "../../infra/log/partitioner.js";
import { codecsOf } from "../../plant/parts.js";
import { topicSettings } from "../../plant/topics.js";
import type { Codecs } from "../../schemas/codec.js";
import { RawBatchWriter } from "../../schemas/raw-batch-writer.js";
import type { RawTick } from "../../schemas/ticks.js";
import { instrument, trade } from "../processors/market-ticks.js";
import { Cluster } from "./cluster-rig.js";
import { openLogIn } from "./outputs.js";
import { PlantProcess, temporaryFolder, testConfig, until } from "./plant-process.js";

/** A plant whose processors run, and how to reach its log from beside it. */
interface Rig {
  readonly config: PlantConfig;
  withLog<Answer>(work: (log: Log, codecs: Codecs) => Promise<Answer>): Promise<Answer>;
  stop(): Promise<void>;
}

async function embeddedRig(): Promise<Rig> {
  const folders = await temporaryFolder();
  const config = testConfig({ dataFolder: join(folders.folder, "data"), roles: ["process"] });
  const codecs = await codecsOf(config);
  const withLog: Rig["withLog"] = async (work) => {
    const log = await openLogIn(config.dataFolder);
    try {
      return await work(log, codecs);
    } finally {
      await log.close();
    }
  };
  await withLog((log) => log.createTopics(topicSettings(config)));
  const plant = await PlantProcess.start(config);
  await plant.running();
  return {
    config,
    withLog,
    async stop() {
      await plant.kill();
      await folders.remove();
    },
  };
}

async function clusterRig(): Promise<Rig> {
  const cluster = await Cluster.start();
  const codecs = await codecsOf(cluster.config);
  const log = await cluster.openLog();
  await cluster.role("process");
  return {
    config: cluster.config,
    withLog: (work) => work(log, codecs),
    async stop() {
      await log.close();
      await cluster.stop();
    },
  };
}

async function append({ withLog }: Rig, ...ticks: RawTick[]): Promise<void> {
  await withLog(async (log, codecs) => {
    const session = `test-${randomUUID().slice(0, 8)}`;
    for (const [number, tick] of ticks.entries()) {
      const writer = new RawBatchWriter(codecs["market.raw"].schemaId, session);
      writer.append(tick, number);
      const partition = partitionOf(tick.symbol, log.partitions("market.raw"));
      const record = { topic: "market.raw", partition, key: null, timestamp: tick.receiveTime };
      await log.append([{ ...record, value: Uint8Array.from(writer.finish()) }]);
    }
  });
}

/** Ids of the trades that came out, as often as they did. */
const tradesOf = ({ withLog }: Rig): Promise<string[]> =>
  withLog(async (log, codecs) => {
    const ids: string[] = [];
    for (let partition = 0; partition < log.partitions("market.trade"); partition++)
      for await (const records of log.readToEnd("market.trade", partition, 0, 1 << 20))
        for (const { value } of records) ids.push(codecs["market.trade"].decode(value!).trade_id);
    return ids;
  });

async function dlq({ config }: Rig, ...args: string[]) {
  const file = `${config.dataFolder}-dlq.yaml`;
  await writeFile(file, JSON.stringify(config));
  const command = new PlantProcess(["dlq", ...args, "--config", file]);
  const { code } = await command.ended;
  const { stdout, stderr } = command;
  return { code, stdout, stderr, lines: stdout.split("\n").filter((line) => line !== "") };
}

describe.each([
  ["embedded", embeddedRig],
  ["over Kafka", clusterRig],
] as const)("dead letters by the command line, %s", (_name, start) => {
  let rig: Rig;
  const now = Date.now() * 1000;
  const ether = { symbol: "ETH/USDT" };

  beforeAll(async () => {
    rig = await start();
    await append(rig, trade(1, now), trade(2, now + 1), trade(3, now + 2, ether), instrument(now + 3));
    await append(rig, trade(4, now + 4, { price: "-1" }));
    await until(async () => (await dlq(rig, "list")).lines.length === 4, "four letters");
  }, 300_000);
  afterAll(() => rig.stop());

  it("lists them, the newest last, a line each, and by reason, venue and symbol", async () => {
    const all = await dlq(rig, "list");
    expect(all.code).toBe(0);
    for (const line of all.lines)
      expect(line).toMatch(/^\d+\/\d+ {2}\d{4}-\d\d-\d\dT\S+ {2}\w+ +binance (BTC|ETH)\/USDT {2}\S/);
    expect(all.stderr).toContain("4 of 4 dead letters");
    const linesOf = async (...args: string[]) => (await dlq(rig, "list", ...args)).lines.length;
    expect(await linesOf("--reason", "unknown_instrument")).toBe(3);
    expect(await linesOf("--reason", "not_positive")).toBe(1);
    expect(await linesOf("--symbol", "ETH/USDT")).toBe(1);
    expect(await linesOf("--exchange", "kraken")).toBe(0);
    const bounded = await dlq(rig, "list", "--limit", "2");
    expect(bounded.lines).toEqual(all.lines.slice(-2));
    expect(bounded.stderr).toContain("2 of 4 dead letters");
  });

  it("shows one whole, with its tick", async () => {
    const [line] = (await dlq(rig, "list", "--reason", "not_positive")).lines;
    const { code, stdout } = await dlq(rig, "show", line!.split(" ")[0]!);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      reason: "not_positive",
      topic: "market.raw",
      tick: { kind: "trade", tradeId: "4", price: "-1", exchange: "binance", symbol: "BTC/USDT" },
    });
  });

  it.each(["0/99999", "99/0"])("says of %s that no letter stands there", async (place) => {
    const { code, stdout, stderr } = await dlq(rig, "show", place);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^TP_LETTER_UNKNOWN: no dead letter at ${place}`, "m"));
  });

  it("shows what is no dead letter as one about itself, and lists the others", async () => {
    const value = Buffer.from("not ours");
    await rig.withLog((log) =>
      log.append([{ topic: "market.dlq", partition: 0, key: null, value, timestamp: now + 1_000_000 }]),
    );
    const all = await dlq(rig, "list");
    expect(all).toMatchObject({ code: 0, stderr: expect.stringContaining("5 of 5 dead letters") });
    const last = all.lines.at(-1)!;
    expect(last).toContain("unreadable_record");
    const { code, stdout } = await dlq(rig, "show", last.split(" ")[0]!);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ topic: "market.dlq", original: "not ours" });
    expect((await dlq(rig, "replay", "--reason", "unreadable_record")).stdout).toContain("0 ticks were published");
  });

  it("refuses what is no place and no limit", async () => {
    expect((await dlq(rig, "show", "first")).stderr).toMatch(/partition\/offset/);
    expect((await dlq(rig, "show", "first")).code).toBe(1);
    expect((await dlq(rig, "list", "--limit", "none")).code).toBe(1);
  });

  it("replays ticks, which come out as trades, once however often they are replayed", async () => {
    const these = ["--reason", "unknown_instrument", "--symbol", "BTC/USDT"];
    const dry = await dlq(rig, "replay", ...these, "--dry-run");
    expect(dry.stdout).toContain("2 ticks would be published");
    expect(await tradesOf(rig)).toEqual([]);
    const replayed = await dlq(rig, "replay", ...these);
    expect(replayed).toMatchObject({ code: 0, stdout: expect.stringContaining("2 ticks were published") });
    await until(async () => (await tradesOf(rig)).length === 2, "the trades");
    expect((await dlq(rig, "replay", ...these)).code).toBe(0);
    await append(rig, trade(5, now + 5));
    await until(async () => (await tradesOf(rig)).includes("5"), "a later trade");
    expect(await tradesOf(rig)).toEqual(["1", "2", "5"]);
  });
});
