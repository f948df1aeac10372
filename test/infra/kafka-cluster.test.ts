import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kafkaClient } from "../../infra/log/kafka/kafka-client.js";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import { type KafkaClusterHandle, startKafkaCluster } from "../../scripts/services/kafka.mjs";
import { CheckpointLoad } from "./checkpoint-load.js";
import { kafkaConfig, testLogger } from "./kafka-rig.js";

const TOO_FEW_MS = 10_000;

const NAMESPACE = `t${randomUUID().slice(0, 8)}`;
let kafka: KafkaClusterHandle;
let log: KafkaLog;
beforeAll(async () => {
  kafka = await startKafkaCluster();
  const settings = kafkaConfig(kafka.brokers, { replication: 3, minInSyncReplicas: 2, rawAcks: "all" });
  log = await KafkaLog.open({ kafka: settings, namespace: NAMESPACE, logger: testLogger });
}, 300_000);
afterAll(async () => {
  await log?.close();
  await kafka?.stop();
}, 300_000);

async function leaderOf(topic: string): Promise<number> {
  const admin = kafkaClient(kafkaConfig(kafka.brokers), testLogger).admin();
  await admin.connect();
  const { topics } = await admin.fetchTopicMetadata({ topics: [`${NAMESPACE}.${topic}`] });
  await admin.disconnect();
  return topics[0]!.partitions[0]!.leader;
}

test("a leader is killed, then too few are in sync: nothing acknowledged is lost, nothing doubled", async () => {
  const load = await CheckpointLoad.start(log);
  await load.goesOn();
  const leader = await leaderOf("plant.state");
  const killed = kafka.nodes.find(({ id }) => id === leader)!;
  await killed.kill();
  const afterKill = await load.goesOn();
  await killed.start();
  const followers = kafka.nodes.filter(({ id }) => id !== leader);
  for (const node of followers) node.pause();
  await new Promise((resolve) => setTimeout(resolve, TOO_FEW_MS));
  for (const node of followers) node.resume();
  const afterReturn = await load.goesOn();
  const balance = await load.balance();
  console.log(`three brokers: ${JSON.stringify({ afterKill, afterReturn, ...balance })}`);
  expect(balance).toMatchObject({ lost: 0, doubled: 0, disordered: 0 });
  expect(balance.checkpoints).toBeGreaterThan(10);
}, 300_000);
