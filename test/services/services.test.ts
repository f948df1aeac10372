import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KafkaHandle, startKafka } from "../../scripts/services/kafka.mjs";
import { kafkaAnswers } from "../../scripts/services/kafka-answers.mjs";
import { startRedis } from "../../scripts/services/redis.mjs";

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("a Kafka that was started for tests", () => {
  let kafka: KafkaHandle;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka.stop());

  it("has its records and its port again after a kill", async () => {
    const client = new kafkajs.Kafka({ brokers: [kafka.brokers], logLevel: kafkajs.logLevel.NOTHING });
    const admin = client.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "kept" }], waitForLeaders: true });
    const producer = client.producer();
    await producer.connect();
    await producer.send({ topic: "kept", messages: [{ value: "one" }] });
    await Promise.all([producer.disconnect(), admin.disconnect()]);
    const first = kafka.pid!;
    await kafka.kill();
    expect(isAlive(first)).toBe(false);
    expect(await kafkaAnswers([kafka.brokers])).toBe(false);
    await kafka.start();
    expect(kafka.pid).not.toBe(first);
    await admin.connect();
    expect(await admin.fetchTopicOffsets("kept")).toMatchObject([{ offset: "1" }]);
    await admin.disconnect();
  });

  it("answers nothing while it is paused", async () => {
    kafka.pause();
    expect(await kafkaAnswers([kafka.brokers])).toBe(false);
    kafka.resume();
    await expect.poll(() => kafkaAnswers([kafka.brokers]), { timeout: 20_000 }).toBe(true);
  });
});

describe("a service whose parent dies", () => {
  it("ends, and its folder goes", async () => {
    const redis = fileURLToPath(new URL("../../scripts/services/redis.mjs", import.meta.url));
    const script = `const { startRedis } = await import(${JSON.stringify(redis)});
const { pid, folder } = await startRedis();
process.stdout.write(JSON.stringify({ pid, folder }));
setInterval(() => undefined, 1000);`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const text = await new Promise<string>((resolve) => parent.stdout.once("data", (data) => resolve(String(data))));
    const { pid, folder } = JSON.parse(text) as { pid: number; folder: string };
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
    await expect.poll(() => existsSync(folder), { timeout: 10_000 }).toBe(false);
  });
});

describe("a service that can not start", () => {
  it("says that its port is taken", async () => {
    const redis = await startRedis();
    await expect(startRedis({ port: redis.port })).rejects.toThrow(`port ${redis.port} for Redis is in use`);
    await redis.stop();
  });

  it("says what its log says, and leaves no folder behind", async () => {
    await expect(startRedis({ args: ["--no-such-option", "1"] })).rejects.toThrow(
      /redis did not start.*no-such-option/s,
    );
  });
});
