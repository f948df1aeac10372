import { afterAll, beforeAll, expect, it } from "vitest";
import { type KafkaHandle, startKafka } from "../../scripts/services/kafka.mjs";
import { KafkaFaults } from "./kafka-faults.js";
import { pause } from "./plant-process.js";

const FROZEN_MS = 20_000;

let faults: KafkaFaults<KafkaHandle>;
beforeAll(async () => {
  faults = await KafkaFaults.start(startKafka());
  await faults.run();
}, 300_000);
afterAll(() => faults?.stop(), 120_000);

it("a broker that freezes under all roles: each goes on after its return, nothing is lost, nothing doubled", async () => {
  faults.cluster.kafka.pause();
  await pause(FROZEN_MS);
  faults.cluster.kafka.resume();
  const recovery = await faults.recovery();
  const balance = await faults.balance();
  console.log(`frozen for ${FROZEN_MS / 1_000} s: ${JSON.stringify({ ...recovery, ...balance })}`);
  expect(balance).toMatchObject({ lost: 0, doubled: 0 });
  expect(balance.acknowledged).toBeGreaterThan(100);
}, 400_000);
