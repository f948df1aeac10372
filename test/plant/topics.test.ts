import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import kafkajs, { type Admin } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import { kafkaClient } from "../../infra/log/kafka/kafka-client.js";
import { topicSettings } from "../../plant/topics.js";
import { kafkaConfig, testLogger } from "../infra/kafka-rig.js";
import { kafkaForTests, type SharedKafka } from "../services/shared-services.js";
import { PlantProcess, temporaryFolder, testConfig } from "./plant-process.js";

let folders: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folders = await temporaryFolder();
});
afterAll(() => folders.remove());

async function topics(config: PlantConfig, ...args: string[]) {
  const file = join(folders.folder, `${randomUUID()}.yaml`);
  await writeFile(file, JSON.stringify(config));
  const command = new PlantProcess(["topics", ...args, "--config", file]);
  const { code } = await command.ended;
  const lines = command.stdout.split("\n").filter((line) => line !== "");
  return {
    code,
    stdout: command.stdout,
    stderr: command.stderr,
    differs: lines.filter((line) => /differs:/.test(line)),
    lines,
  };
}

it("the embedded log has its topics, and lists them", async () => {
  const config = testConfig({ dataFolder: join(folders.folder, "embedded") });
  const { code, lines } = await topics(config);
  expect(code).toBe(0);
  expect(lines).toHaveLength(topicSettings(config).length);
  expect(lines[0]).toMatch(/^market\.raw +3 partitions +24 h +0 records$/);
  expect(lines.at(-1)).toMatch(/^plant\.state +3 partitions +compacted +0 records$/);
  expect(await topics(config, "apply")).toMatchObject({ code: 0, stdout: "the embedded log has its topics\n" });
});

describe("topics in Kafka", () => {
  let kafka: SharedKafka;
  let admin: Admin;
  let config: PlantConfig;

  beforeAll(async () => {
    kafka = await kafkaForTests();
    admin = kafkaClient(kafkaConfig(kafka.brokers), testLogger).admin();
    await admin.connect();
    config = testConfig({
      dataFolder: join(folders.folder, "kafka"),
      namespace: `t${randomUUID().slice(0, 8)}`,
      log: { kafka: { brokers: kafka.brokers } },
    });
  });
  afterAll(async () => {
    await admin.disconnect();
    await kafka.stop();
  });

  it("are missing at first, made by apply, and then as configured", async () => {
    const before = await topics(config);
    expect(before.code).toBe(1);
    expect(before.differs).toHaveLength(topicSettings(config).length);
    expect(before.differs[0]).toBe("differs: market.raw topic is missing, configured exists");
    expect(await topics(config, "apply")).toMatchObject({ code: 0, stdout: "16 topics are as configured\n" });
    const after = await topics(config);
    expect(after).toMatchObject({ code: 0, differs: [] });
    expect(after.lines.find((line) => line.startsWith("market.dlq"))).toMatch(/ 4 partitions /);
  });

  it("show what was changed at the brokers, and apply mends it", async () => {
    const name = `${config.namespace}.market.trade`;
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name,
          configEntries: [{ name: "retention.ms", value: "60000" }],
        },
      ],
    });
    const changed = await topics(config);
    expect(changed.code).toBe(1);
    expect(changed.differs).toContain("differs: market.trade retention.ms is 60000, configured 86400000");
    expect((await topics(config, "apply")).code).toBe(0);
    expect(await topics(config)).toMatchObject({ code: 0, differs: [] });
  });

  it("get more partitions by apply, and never fewer", async () => {
    const more = { ...config, partitions: 5 };
    expect((await topics(more)).differs[0]).toBe("differs: market.raw partitions is 3, configured 5");
    expect((await topics(more, "apply")).code).toBe(0);
    expect((await topics(more)).code).toBe(0);
    const fewer = await topics(config, "apply");
    expect(fewer.code).toBe(1);
    expect(fewer.differs[0]).toBe("still differs: market.raw partitions is 5, configured 3");
    expect((await topics(more)).code).toBe(0);
  });

  it("are asked for in vain where no broker is", async () => {
    const nowhere = { ...config, log: { ...config.log, kafka: { ...config.log.kafka!, brokers: ["127.0.0.1:1"] } } };
    const { code, stderr } = await topics(nowhere);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^TP_LOG_UNAVAILABLE: .*127\.0\.0\.1:1/m);
  });
});
