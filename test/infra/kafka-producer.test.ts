import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kafkaClient } from "../../infra/log/kafka/kafka-client.js";
import { KafkaProducer } from "../../infra/log/kafka/kafka-producer.js";
import { clusterOf, type KafkaBroker, type KafkaCluster } from "../../infra/log/kafka/kafkajs-internals.js";
import { kafkaForTests, type SharedKafka } from "../services/shared-services.js";
import { kafkaConfig, testLogger } from "./kafka-rig.js";

const PARTITIONS = 4;
const SOON_MS = 100;
/** No test waits for it. */
const NEVER_MS = 3_600_000;

let kafka: SharedKafka;
beforeAll(async () => {
  kafka = await kafkaForTests();
});
afterAll(() => kafka.stop());

/** A producer on topics of its own, those that begin with "slow" linger; and how many requests it sent. */
async function rig(slowMs: number) {
  const client = kafkaClient(kafkaConfig(kafka.brokers), testLogger);
  const cluster = clusterOf(client);
  const prefix = randomUUID().slice(0, 8);
  const topics = { slow: `slow-${prefix}`, other: `slow-other-${prefix}`, quick: `quick-${prefix}` };
  const names = Object.values(topics);
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({
    topics: names.map((topic) => ({ topic, numPartitions: PARTITIONS })),
    waitForLeaders: true,
  });
  await cluster.connect();
  await cluster.addMultipleTargetTopics(names);
  let requests = 0;
  const counted = new Proxy(cluster, {
    get(target, name) {
      if (name !== "findBroker") return Reflect.get(target, name).bind(target);
      return async (which: { nodeId: number }): Promise<KafkaBroker> => {
        requests++;
        return target.findBroker(which);
      };
    },
  }) as KafkaCluster;
  const lingerMs = (topic: string) => (topic.startsWith("slow") ? slowMs : 0);
  const producer = new KafkaProducer({
    cluster: counted,
    nameOf: (topic) => topic,
    partitionOf: ({ partition }) => partition!,
    acks: () => -1,
    lingerMs,
    deliveryTimeoutMs: 30_000,
    logger: testLogger,
  });
  const ended: string[] = [];
  const append = async (name: string, topic: string, partition: number, size = 10) => {
    const records = [{ topic, partition, key: null, value: Buffer.alloc(size, name), timestamp: 1_000 }];
    await producer.append(records, producer.lanesOf(records));
    ended.push(name);
  };
  const held = async () => {
    let sum = 0;
    for (const topic of names) {
      for (const { high } of await admin.fetchTopicOffsets(topic)) sum += Number(high);
    }
    return sum;
  };
  const close = async () => {
    producer.close();
    await admin.disconnect();
    await cluster.disconnect();
  };
  return { topics, append, ended, held, requests: () => requests, close };
}

test("what lingers gathers over topics and partitions, and goes in one request", async () => {
  const { topics, append, held, requests, close } = await rig(SOON_MS);
  // a new topic's first append may have to go twice
  const everywhere = [topics.slow, topics.other].flatMap((topic) =>
    Array.from({ length: PARTITIONS }, (_, partition) => append("first", topic, partition)),
  );
  await Promise.all(everywhere);
  const [before, stored] = [requests(), await held()];
  const appends = Array.from({ length: 100 }, (_, at) =>
    append(`${at}`, at % 2 === 0 ? topics.slow : topics.other, at % PARTITIONS),
  );
  await Promise.all(appends);
  expect(requests() - before).toBe(1);
  expect((await held()) - stored).toBe(100);
  await close();
});

test("topics that do not linger, and what has grown large, go before what lingers", async () => {
  const { topics, append, ended, held, close } = await rig(NEVER_MS);
  const lingering = append("lingers", topics.slow, 0);
  const large = Promise.all(Array.from({ length: 9 }, (_, at) => append(`large ${at}`, topics.slow, 1, 8 * 1024)));
  const quick = append("quick", topics.quick, 0);
  await Promise.all([large, quick]);
  expect(ended).toHaveLength(10);
  expect(ended).not.toContain("lingers");
  // now its partition has grown large, too
  await Promise.all([lingering, append("after", topics.slow, 0, 64 * 1024)]);
  expect(await held()).toBe(12);
  await close();
});
