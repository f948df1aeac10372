import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { LogRefused } from "../../infra/log/kafka/errors.js";
import { kafkaClient } from "../../infra/log/kafka/kafka-client.js";
import { KafkaReader } from "../../infra/log/kafka/kafka-reader.js";
import {
  clusterOf,
  type KafkaBroker,
  type KafkaCluster,
  type KafkaConnection,
} from "../../infra/log/kafka/kafkajs-internals.js";
import {
  OutcomeUnknown,
  ProducerFenced,
  TransactionCoordinator,
} from "../../infra/log/kafka/transaction-coordinator.js";
import { type PartitionRecords, TransactionalAppend } from "../../infra/log/kafka/transactional-append.js";
import { kafkaForTests, type SharedKafka } from "../services/shared-services.js";
import { kafkaConfig, testLogger } from "./kafka-rig.js";

const PARTITIONS = 2;
const MOST_BYTES = 64 * 1024;
const EVERYTHING = 64 * 1024 * 1024;
const PRODUCE = 0;

let kafka: SharedKafka;
const closing: (() => Promise<void>)[] = [];
beforeAll(async () => {
  kafka = await kafkaForTests();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(() => kafka.stop());

/** The brokers, of which some answers to appends get lost on the way. */
function losing(cluster: KafkaCluster, loses: () => boolean): KafkaCluster {
  const lossy = (connection: KafkaConnection): KafkaConnection =>
    withMember(connection, "requestQueue", {
      maybeThrottle: (ms: number) => connection.requestQueue.maybeThrottle(ms),
      push: (request: Parameters<KafkaConnection["requestQueue"]["push"]>[0]) => {
        const { entry } = request;
        const lost = entry.apiKey === PRODUCE && loses();
        const resolve = lost ? () => entry.reject(new Error("the connection broke")) : entry.resolve;
        connection.requestQueue.push({ ...request, entry: { ...entry, resolve } });
      },
    });
  return withMember(cluster, "findBroker", async (which: { nodeId: number }): Promise<KafkaBroker> => {
    const broker = await cluster.findBroker(which);
    const pool = withMember(broker.connectionPool, "getConnectionByRequest", async (request: never) =>
      lossy(await broker.connectionPool.getConnectionByRequest(request)),
    );
    return withMember(broker, "connectionPool", pool);
  });
}

function withMember<Whole extends object>(whole: Whole, name: keyof Whole & string, member: unknown): Whole {
  return new Proxy(whole, {
    get(target, asked) {
      if (asked === name) return member;
      const value = Reflect.get(target, asked);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function rig({ loses = () => false, patienceMs = 10_000 }: { loses?: () => boolean; patienceMs?: number } = {}) {
  const client = kafkaClient(kafkaConfig(kafka.brokers), testLogger);
  const topic = `transactions-${randomUUID().slice(0, 8)}`;
  const id = `writer-${topic}`;
  const admin = client.admin();
  await admin.connect();
  const configEntries = [{ name: "max.message.bytes", value: `${MOST_BYTES}` }];
  await admin.createTopics({
    topics: [{ topic, numPartitions: PARTITIONS, configEntries }],
    waitForLeaders: true,
  });
  await admin.disconnect();
  const open = async () => {
    const cluster = clusterOf(client);
    closing.push(() => cluster.disconnect());
    await cluster.connect();
    await cluster.addMultipleTargetTopics([topic]);
    const coordinator = new TransactionCoordinator({ cluster, transactionalId: id, timeoutMs: 20_000, patienceMs });
    await coordinator.open();
    const append = new TransactionalAppend(losing(cluster, loses), coordinator, id, patienceMs);
    return { cluster, coordinator, append };
  };
  const writer = await open();
  const reader = new KafkaReader(writer.cluster);
  const held = async (partition: number) => {
    const { end } = await reader.offsets(topic, partition);
    const texts: string[] = [];
    for (let offset = 0; offset < end; ) {
      const { records, next } = await reader.read(topic, partition, offset, EVERYTHING);
      texts.push(...records.map(({ value }) => Buffer.from(value!).toString("utf8", 0, 20)));
      if (next === offset) break;
      offset = next;
    }
    return texts;
  };
  const part = (partition: number, ...values: (string | Buffer)[]): PartitionRecords => ({
    topic,
    partition,
    records: values.map((value) => ({ topic, key: null, value: Buffer.from(value), timestamp: 1_000 })),
  });
  return { ...writer, open, held, part };
}

test("what is appended is there with the commit, and never what is aborted", async () => {
  const { coordinator, append, held, part } = await rig();
  await append.append([part(0, "a", "b"), part(1, "c")]);
  await coordinator.commit();
  await append.append([part(0, "not this")]);
  await coordinator.abort();
  await append.append([part(0, "d")]);
  await coordinator.commit();
  await expect.poll(() => held(0)).toEqual(["a", "b", "d"]);
  expect(await held(1)).toEqual(["c"]);
});

test("more than a batch of a partition goes in several, in order", async () => {
  const { coordinator, append, held, part } = await rig();
  // compressed they fit the topic's bound
  const values = Array.from({ length: 30 }, (_, at) => Buffer.alloc(100 * 1024, `${at} `.padEnd(20)));
  await append.append([part(0, ...values), part(1, "beside")]);
  await coordinator.commit();
  await expect.poll(() => held(0)).toEqual(values.map((value) => value.toString("utf8", 0, 20)));
  expect(await held(1)).toEqual(["beside"]);
});

test("a batch whose answer is lost goes again, and is there once; so is what follows", async () => {
  let lost = 0;
  const { coordinator, append, held, part } = await rig({ loses: () => lost++ < 2 });
  await append.append([part(0, "a", "b"), part(1, "c")]);
  expect(lost).toBe(3);
  await append.append([part(0, "d")]);
  await coordinator.commit();
  await expect.poll(() => held(0)).toEqual(["a", "b", "d"]);
  expect(await held(1)).toEqual(["c"]);
});

test("whose answers stay away is said to be uncertain", async () => {
  const { coordinator, append, part } = await rig({ loses: () => true, patienceMs: 100 });
  await expect(append.append([part(0, "a")])).rejects.toThrow(OutcomeUnknown);
  await coordinator.abort();
});

test("what the brokers refuse is refused, and the next transaction goes through", async () => {
  const { coordinator, append, held, part } = await rig();
  const random = Buffer.from(Array.from({ length: MOST_BYTES }, () => randomUUID()).join(""));
  await expect(append.append([part(0, random)])).rejects.toThrow(LogRefused);
  await coordinator.abort();
  await append.append([part(0, "small")]);
  await coordinator.commit();
  await expect.poll(() => held(0)).toEqual(["small"]);
});

test("one that was opened later fences it out", async () => {
  const { append, held, part, open } = await rig();
  await append.append([part(0, "a")]);
  const later = await open();
  await expect(append.append([part(0, "b")])).rejects.toThrow(ProducerFenced);
  await later.append.append([part(0, "c")]);
  await later.coordinator.commit();
  await expect.poll(() => held(0)).toEqual(["c"]);
});
