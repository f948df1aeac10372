import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadConfig } from "../../infra/config/load-config.js";
import { examine } from "../../plant/doctor/finding.js";
import { sourceChecks } from "../../plant/doctor/sources.js";
import { codecsOf } from "../../plant/parts.js";
import { testLogger } from "../infra/kafka-rig.js";
import { seeded } from "../infra/seeded.js";
import { engineTopics } from "../ingest/engine/engine-rig.js";
import { kafkaForTests, type SharedKafka } from "../services/shared-services.js";
import { openLogIn } from "./outputs.js";
import { PlantProcess, temporaryFolder, testConfig, until } from "./plant-process.js";

let kafka: SharedKafka;
beforeAll(async () => {
  kafka = await kafkaForTests();
}, 120_000);
afterAll(() => kafka?.stop());

it("a plant that is killed again and again takes every trade of its engine once", async () => {
  const below = seeded("engine");
  let plant: PlantProcess | undefined;
  const folders = await temporaryFolder();
  const topics = await engineTopics(kafka.brokers, { trades: 3 });
  const config = testConfig({
    dataFolder: join(folders.folder, "data"),
    roles: ["ingest", "process"],
    ingest: {
      engines: [
        {
          id: "engine",
          kafka: { brokers: kafka.brokers, sessionTimeoutMs: 2_000 },
          group: topics.group,
          markets: [
            { symbol: "BTC/USDT", nativeId: "BTC", tickSize: "0.01", lotSize: "1" },
            { symbol: "ETH/USDT", nativeId: "ETH", tickSize: "0.01", lotSize: "1" },
          ],
          streams: [
            {
              topic: topics.nameOf("trades"),
              kind: "trade",
              // no ids: the place in the topic alone tells a repeat
              fields: { symbol: "s", price: "p", qty: "q", side: "x" },
            },
          ],
        },
      ],
    },
  });
  const codecs = await codecsOf(config);
  const quantities = async (): Promise<number[]> => {
    const log = await openLogIn(config.dataFolder);
    try {
      const found = new Map<string, number>();
      for (let partition = 0; partition < 3; partition++) {
        for await (const records of log.readToEnd("market.trade", partition, 0, 1 << 20)) {
          for (const { value } of records) {
            const { exchange, symbol, epoch, sequence_num, qty } = codecs["market.trade"].decode(value!);
            // outputs between a checkpoint and a crash come again, with the same numbers
            if (exchange === "engine") found.set(`${symbol} ${epoch} ${sequence_num}`, Number(qty));
          }
        }
      }
      return [...found.values()].sort((a, b) => a - b);
    } finally {
      await log.close();
    }
  };
  let sent = 0;
  let sending = true;
  const produced = (async () => {
    while (sending) {
      const values = Array.from({ length: 20 }, () => ({ s: sent % 3 ? "BTC" : "ETH", p: "100", q: ++sent, x: "buy" }));
      await topics.send("trades", values, Math.floor(sent / 20) % 3);
      await pause(20);
    }
  })();
  try {
    for (let kills = 0; kills < 3; kills++) {
      plant = await PlantProcess.start(config);
      await plant.running();
      const before = (await quantities()).length;
      await until(async () => (await quantities()).length > before, "further trades");
      await pause(below(1_000));
      await plant.kill();
    }
    sending = false;
    await produced;
    plant = await PlantProcess.start(config);
    await plant.running();
    await until(
      async () => (await quantities()).length >= sent,
      () => `${sent} trades`,
    );
    await plant.kill();
    expect(await quantities()).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
    expect(sent).toBeGreaterThan(500);
  } finally {
    sending = false;
    await produced;
    if (plant?.hasEnded === false) await plant.kill();
    await topics.stop();
    await folders.remove();
  }
}, 120_000);

it("the doctor tells whether an engine has its topics", async () => {
  const topics = await engineTopics(kafka.brokers, { trades: 3 });
  const fields = { symbol: "s", price: "p", qty: "q", side: "x" };
  const streams = [topics.nameOf("trades"), "nowhere"].map((topic) => ({ topic, kind: "trade" as const, fields }));
  const markets = [{ symbol: "BTC/USDT", nativeId: "BTC", tickSize: "1", lotSize: "1" }];
  const engine = { id: "engine", kafka: { brokers: kafka.brokers }, markets, streams };
  const found = async (engines: object[]) => {
    const asked = loadConfig({ env: {}, overrides: { ingest: { engines: engines as never } } });
    const findings = await examine(sourceChecks(asked, testLogger));
    return findings.map(({ verdict, name, found: text }) => `${verdict} ${name}: ${text}`);
  };
  expect(await found([engine])).toEqual([
    `ok engine engine: topic ${topics.nameOf("trades")} has 3 partitions`,
    "wrong engine engine: topic nowhere does not exist",
  ]);
  const gone = { ...engine, kafka: { brokers: ["127.0.0.1:9"] } };
  expect((await found([gone]))[0]).toMatch(/^note engine engine: does not answer/);
  await topics.stop();
}, 120_000);
