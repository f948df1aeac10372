import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { kafkaClient } from "../../infra/log/kafka/kafka-client.js";
import { clusterOf, libraryRequests } from "../../infra/log/kafka/kafkajs-internals.js";
import { kafkaConfig, testLogger } from "./kafka-rig.js";

/** As kafkajs passes them on. */
const noLogger = { namespace: () => noLogger };
const root = join(import.meta.dirname, "../..");
const library = join(root, "node_modules/kafkajs");

/** What the private parts do, and not only that they are there: each of these files was read for what is done with it. */
const sources = {
  "src/broker/index.js": "9cbea8898528c439",
  "src/cluster/brokerPool.js": "9994863e891ac2ab",
  "src/cluster/connectionPoolBuilder.js": "05a6be8bbf9e2bb9",
  "src/cluster/index.js": "3831a6845e4e9fb0",
  "src/index.js": "38d0022e448f0aaa",
  "src/network/connection.js": "2a993b2e74421ca6",
  "src/network/connectionPool.js": "ecba4ba6fc4f2a6e",
  "src/network/connectionStatus.js": "a0464f790cd64840",
  "src/network/requestQueue/index.js": "b55986089c14f8f7",
  "src/network/requestQueue/socketRequest.js": "dde28f8e26c6d17f",
  "src/network/socketFactory.js": "1493fc580263350f",
};

test("the version is pinned to the very one whose private parts are used", () => {
  const read = (file: string) => JSON.parse(readFileSync(file, "utf8"));
  expect(read(join(root, "package.json")).dependencies.kafkajs).toBe("2.2.4");
  expect(read(join(library, "package.json")).version).toBe("2.2.4");
});

test("the sources of the private parts are those that were read", () => {
  const hash = (file: string) =>
    createHash("sha256")
      .update(readFileSync(join(library, file)))
      .digest("hex")
      .slice(0, 16);
  expect(Object.fromEntries(Object.keys(sources).map((file) => [file, hash(file)]))).toEqual(sources);
});

test("the private parts have the shape that is described", async () => {
  const client = kafkaClient(kafkaConfig(["127.0.0.1:9"]), testLogger);
  const cluster = clusterOf(client);
  const kinds = (whole: object, names: string) =>
    names.split(" ").map((name) => `${name}: ${typeof (whole as Record<string, unknown>)[name]}`);
  const functions = (whole: object, names: string) =>
    expect(kinds(whole, names)).toEqual(names.split(" ").map((name) => `${name}: function`));
  functions(cluster, "connect disconnect removeBroker refreshMetadata refreshMetadataIfNecessary");
  functions(cluster, "addMultipleTargetTopics metadata");
  functions(cluster, "findTopicPartitionMetadata findBroker findGroupCoordinator isConnected");
  const { brokerPool } = cluster;
  functions(brokerPool, "createBroker connect findBroker findConnectedBroker withBroker");
  expect(kinds(brokerPool, "brokers seedBroker metadataExpireAt")).toEqual([
    "brokers: object",
    "seedBroker: undefined",
    "metadataExpireAt: object",
  ]);
  const pool = await brokerPool.connectionPoolBuilder.build({ host: "127.0.0.1", port: 9, rack: null });
  expect(pool).toMatchObject({ host: "127.0.0.1", port: 9, rack: null });
  expect(pool.pool).toHaveLength(2);
  functions(pool, "getConnection getConnectionByRequest destroy");
  const connection = pool.pool[0]!;
  functions(connection, "isConnected connect disconnect isAuthenticated authenticate send setVersions");
  functions(connection, "getSupportAuthenticationProtocol setSupportAuthenticationProtocol failIfNotConnected");
  functions(connection, "nextCorrelationId rejectRequests");
  expect(connection).toMatchObject({ clientId: "tickplant", connectionStatus: "disconnected", authHandlers: null });
  functions(connection.requestQueue, "push maybeThrottle waitForPendingRequests destroy");
  expect(connection.requestQueue.inflight).toBeInstanceOf(Map);
  const broker = brokerPool.createBroker({ connectionPool: pool, logger: noLogger });
  functions(broker, "connect isConnected disconnect listOffsets offsetFetch describeGroups offsetCommit");
  functions(broker, "joinGroup syncGroup heartbeat leaveGroup");
  functions(broker, "initProducerId addPartitionsToTxn addOffsetsToTxn txnOffsetCommit endTxn");
});

test("what kafkajs can ask is known by name, key and version", () => {
  for (const { request, key, versions } of libraryRequests())
    expect({ request, key, some: versions.length > 0 }).toEqual({ request, key: expect.any(Number), some: true });
});

test("nothing else of the plant reaches into kafkajs", () => {
  const inside = /kafkajs\/src|connectionPool|brokerPool|requestQueue|private:Kafka/;
  const own = new Set(["kafkajs-internals.ts", "sound-cluster.ts", "broker-request.ts"]);
  const rooms = ["commands", "infra", "ingest", "plant", "processors", "push", "schemas"];
  const files = rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: "utf8" }).map((file) => join(room, file)),
  );
  const reaching = files.filter(
    (file) =>
      file.endsWith(".ts") && !own.has(file.split("/").at(-1)!) && inside.test(readFileSync(join(root, file), "utf8")),
  );
  expect(reaching).toEqual([]);
});
