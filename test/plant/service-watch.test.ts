import { randomUUID } from "node:crypto";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import { Metrics } from "../../infra/metrics.js";
import { ServiceWatch } from "../../plant/service-watch.js";
import { topicSettings } from "../../plant/topics.js";
import { kafkaConfig, testLogger } from "../infra/kafka-rig.js";
import { kafkaForTests, redisForTests } from "../services/shared-services.js";
import { temporaryFolder, testConfig, until } from "./plant-process.js";

let brokers: readonly string[];
let redis: string;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  [{ brokers }, { address: redis }] = await Promise.all([kafkaForTests(), redisForTests()]);
}, 180_000);

afterEach(async () => {
  vi.restoreAllMocks();
  for (const end of ends.splice(0).reverse()) await end();
});

it.each([
  [0, undefined],
  [-400, "note"],
  [6_000, "not_ready"],
] as const)("this machine's clock %i ms ahead of Redis's and the brokers': %s", async (aheadMs, severity) => {
  const { folder, remove } = await temporaryFolder();
  ends.push(remove);
  const config = testConfig({ dataFolder: folder, roles: ["process"], bus: { redis: { nodes: [redis] } } });
  const log = await KafkaLog.open({
    kafka: kafkaConfig(brokers),
    namespace: `t${randomUUID().slice(0, 8)}`,
    logger: testLogger,
  });
  ends.push(() => log.close());
  await log.createTopics(topicSettings(config).filter(({ name }) => name === "market.raw"));
  const real = Date.now;
  vi.spyOn(Date, "now").mockImplementation(() => real() + aheadMs);
  const metrics = new Metrics();
  const brokersMs = () => log.controllerMs();
  const watch = new ServiceWatch({ config, clockBoundMs: 4_000, brokersMs, metrics, logger: testLogger });
  ends.push(() => watch.stop());
  const measured = async () =>
    (await metrics.serviceClockOffset.get()).values.map(({ labels, value }) => [labels.service, value]);
  await until(async () => (await measured()).length === 2, "both are measured");
  for (const [service, value] of await measured()) {
    expect(Math.abs(Number(value) + aheadMs / 1000), String(service)).toBeLessThan(0.2);
  }
  const held = watch.conditions();
  expect(held.map(({ name, subject, severity }) => [name, subject, severity])).toEqual(
    severity === undefined
      ? []
      : [
          ["clock_off", "Redis", severity],
          ["clock_off", "the brokers", severity],
        ],
  );
  const words = aheadMs > 0 ? "ahead of" : "behind";
  for (const { reason } of held) {
    expect(reason).toMatch(
      new RegExp(`^this machine's clock is \\d+ ms ${words} (Redis|the brokers)'s: run NTP on both$`),
    );
  }
});
