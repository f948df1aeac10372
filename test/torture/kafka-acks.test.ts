import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import { type KafkaClusterHandle, startKafkaCluster } from "../../scripts/services/kafka.mjs";
import { kafkaConfig, testLogger } from "../infra/kafka-rig.js";

/** As ingest appends: a batch of a hundred ticks is a record, each partition has one append under way. */
const BATCH_BYTES = 8_000;
const TICKS = 100;
const PARTITIONS = 12;
const SECONDS = 10;
const QUIET_MS = 10;
const ROUNDS = 3;

let kafka: KafkaClusterHandle;
beforeAll(async () => {
  kafka = await startKafkaCluster();
});
afterAll(() => kafka?.stop());

/** Milliseconds of each append of a quiet market, and ticks a second of one that appends as fast as it can. */
async function measure(rawAcks: "leader" | "all"): Promise<{ p50: number; p99: number; ticks: number }> {
  const settings = kafkaConfig(kafka.brokers, { replication: 3, minInSyncReplicas: 2, rawAcks });
  const log = await KafkaLog.open({ kafka: settings, namespace: randomUUID().slice(0, 8), logger: testLogger });
  const topic = "market.raw";
  await log.createTopics([{ name: topic, partitions: PARTITIONS, cleanup: "delete" }]);
  const value = Buffer.alloc(BATCH_BYTES, randomUUID());
  const append = (partition: number) => log.append([{ topic, partition, key: null, value, timestamp: 1_000 }]);
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => append(partition)));
  const took: number[] = [];
  for (const until = performance.now() + SECONDS * 1_000; performance.now() < until; ) {
    const begun = performance.now();
    await append(took.length % PARTITIONS);
    took.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
  let appended = 0;
  const until = performance.now() + SECONDS * 1_000;
  const busy = async (partition: number) => {
    for (; performance.now() < until; appended++) await append(partition);
  };
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => busy(partition)));
  await log.close();
  took.sort((a, b) => a - b);
  const at = (share: number) => Math.round(took[Math.floor(took.length * share)]! * 100) / 100;
  return { p50: at(0.5), p99: at(0.99), ticks: Math.round((appended * TICKS) / SECONDS) };
}

it("the price of waiting for all replicas in sync, three brokers on one machine", async () => {
  for (let round = 1; round <= ROUNDS; round++) {
    for (const rawAcks of ["leader", "all"] as const) {
      const { p50, p99, ticks } = await measure(rawAcks);
      console.log(`round ${round}, ${rawAcks}: append p50 ${p50} ms, p99 ${p99} ms; ${ticks} ticks/s`);
      expect(ticks).toBeGreaterThan(0);
    }
  }
});
