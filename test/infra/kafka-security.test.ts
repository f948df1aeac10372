import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KafkaConfig } from "../../infra/config/services-config.js";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import { freePort } from "../../scripts/services/free-port.mjs";
import { type KafkaHandle, startKafka } from "../../scripts/services/kafka.mjs";
import { Authority } from "./certificates.js";
import { kafkaConfig, testLogger } from "./kafka-rig.js";

const quickMs = 15_000;
const mechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const;
const loginModules = "org.apache.kafka.common.security";
const user = { username: "plant", password: "right" };

let folder: string;
let kafka: KafkaHandle;
let ours: Authority;
let others: Authority;
/** host:port of what demands TLS and a user, TLS and a certificate of the client, TLS under another name, a user alone. */
const places = { secure: "", mutual: "", named: "", sasl: "", plain: "" };
let client: Awaited<ReturnType<Authority["issue"]>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tickplant-security-"));
  [ours, others] = await Promise.all([Authority.create(folder, "ours"), Authority.create(folder, "others")]);
  const server = await ours.issue("server", "IP:127.0.0.1");
  const named = await ours.issue("named", "DNS:kafka.example");
  client = await ours.issue("client", "DNS:client.example");
  const port = await freePort();
  const controllerPort = await freePort();
  for (const name of Object.keys(places) as (keyof typeof places)[])
    places[name] = `127.0.0.1:${name === "plain" ? port : await freePort()}`;
  const listeners = Object.entries({
    PLAINTEXT: places.plain,
    SECURE: places.secure,
    MUTUAL: places.mutual,
    NAMED: places.named,
    SASL: places.sasl,
  }).map(([name, place]) => `${name}://${place}`);
  const users = (listener: string) => ({
    [`listener.name.${listener}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    [`listener.name.${listener}.plain.sasl.jaas.config`]: `${loginModules}.plain.PlainLoginModule required user_${user.username}="${user.password}";`,
    [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`]: `${loginModules}.scram.ScramLoginModule required;`,
    [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`]: `${loginModules}.scram.ScramLoginModule required;`,
  });
  const keys = (listener: string, bothFile: string) => ({
    [`listener.name.${listener}.ssl.keystore.type`]: "PEM",
    [`listener.name.${listener}.ssl.keystore.location`]: bothFile,
    [`listener.name.${listener}.ssl.truststore.type`]: "PEM",
    [`listener.name.${listener}.ssl.truststore.location`]: ours.caFile,
  });
  kafka = await startKafka({
    port,
    controllerPort,
    scramUsers: ["256", "512"].map((bits) => `SCRAM-SHA-${bits}=[name=${user.username},password=${user.password}]`),
    properties: {
      listeners: [...listeners, `CONTROLLER://127.0.0.1:${controllerPort}`].join(","),
      "advertised.listeners": listeners.join(","),
      "listener.security.protocol.map":
        "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL,NAMED:SSL,SASL:SASL_PLAINTEXT",
      ...users("secure"),
      ...users("sasl"),
      ...keys("secure", server.bothFile),
      ...keys("mutual", server.bothFile),
      ...keys("named", named.bothFile),
      "listener.name.mutual.ssl.client.auth": "required",
    },
  });
}, 300_000);
afterAll(async () => {
  await kafka?.stop();
  await rm(folder, { recursive: true, force: true });
});

const open = (place: string, more: Partial<KafkaConfig>) =>
  KafkaLog.open({
    kafka: kafkaConfig([place], more),
    namespace: `t${randomUUID().slice(0, 8)}`,
    logger: testLogger,
  });

/** Appends, reads as a member of a group, writes a transaction with the group's offset. */
async function works(log: KafkaLog): Promise<void> {
  const text = (value: Uint8Array | null) => Buffer.from(value!).toString();
  const record = (value: string) => ({
    topic: "market.trade",
    partition: 0,
    key: null,
    value: Buffer.from(value),
    timestamp: Date.now() * 1000,
  });
  try {
    await log.createTopics([{ name: "market.trade", partitions: 1, cleanup: "delete", retentionMs: 3_600_000 }]);
    await log.append([record("appended")]);
    const seen: string[] = [];
    let both = () => {};
    const done = new Promise<void>((resolve) => {
      both = resolve;
    });
    const consumer = await log.consume("readers", ["market.trade"], {
      async records(_topic, _partition, records) {
        for (const { value } of records) if (seen.push(text(value)) === 2) both();
      },
    });
    const writer = await log.transactions("writer");
    await writer.write(
      [record("in a transaction")],
      [{ group: "others", topic: "market.trade", partition: 0, offset: 1 }],
    );
    await Promise.race([done, consumer.failed]);
    expect(seen).toEqual(["appended", "in a transaction"]);
    // the group's offset follows by the coordinator's own marker
    await expect.poll(() => log.committed("others", "market.trade", 0), { timeout: 30_000 }).toBe(1);
    await consumer.close();
    await writer.close();
  } finally {
    await log.close();
  }
}

/** It is refused quickly, and the message says what to check. */
async function refused(place: string, more: Partial<KafkaConfig>, says: RegExp): Promise<void> {
  const before = performance.now();
  const error = await open(place, more).then(
    async (log) => {
      await log.close();
      throw new Error("it was let in");
    },
    (error: unknown) => error,
  );
  expect(error).toMatchObject({ code: "TP_LOG_ACCESS", message: expect.stringMatching(says) });
  expect(performance.now() - before).toBeLessThan(quickMs);
}

describe("Kafka that demands TLS and a user", () => {
  it.each(mechanisms)(
    "lets the plant in with %s: it appends, reads in a group and writes transactions",
    async (mechanism) => {
      await works(await open(places.secure, { tls: { caFile: ours.caFile }, sasl: { mechanism, ...user } }));
    },
  );

  it.each(mechanisms)("refuses a wrong password and an unknown user of %s", async (mechanism) => {
    const tls = { caFile: ours.caFile };
    const says = /log\.kafka\.sasl/;
    await refused(places.secure, { tls, sasl: { mechanism, ...user, password: "wrong" } }, says);
    await refused(places.secure, { tls, sasl: { mechanism, ...user, username: "nobody" } }, says);
  });

  it("says that TLS is missing, that the user is missing", async () => {
    const sasl = { mechanism: "plain", ...user } as const;
    await refused(places.secure, { sasl }, /log\.kafka\.tls/);
    await refused(places.secure, {}, /log\.kafka\.tls/);
    await refused(places.secure, { tls: { caFile: ours.caFile } }, /log\.kafka\.sasl/);
  });

  it("says that the authority is not the one that signed", async () => {
    const sasl = { mechanism: "plain", ...user } as const;
    await refused(places.secure, { tls: { caFile: others.caFile }, sasl }, /log\.kafka\.tls\.caFile/);
    await refused(places.secure, { tls: {}, sasl }, /log\.kafka\.tls\.caFile/);
  });
});

describe("Kafka that demands a user, without TLS", () => {
  it("lets the plant in", async () => {
    await works(await open(places.sasl, { sasl: { mechanism: "scram-sha-512", ...user } }));
  });

  it("says that the user is missing", () => refused(places.sasl, {}, /log\.kafka\.sasl/));
});

describe("Kafka that demands a certificate of the client", () => {
  it("lets the plant in with one", async () => {
    const { certFile, keyFile } = client;
    await works(await open(places.mutual, { tls: { caFile: ours.caFile, certFile, keyFile } }));
  });

  it("says that it is missing", () =>
    refused(places.mutual, { tls: { caFile: ours.caFile } }, /log\.kafka\.tls\.certFile/));
});

describe("Kafka whose certificate carries another name", () => {
  it("lets the plant in that expects the name", async () => {
    await works(await open(places.named, { tls: { caFile: ours.caFile, serverName: "kafka.example" } }));
  });

  it("says what to set otherwise", () =>
    refused(places.named, { tls: { caFile: ours.caFile } }, /log\.kafka\.tls\.serverName/));
});

it("says that a plain port speaks no TLS", () =>
  refused(places.plain, { tls: { caFile: ours.caFile } }, /speak no TLS on this port/));

it("is only unavailable where nobody is", async () => {
  const error = open(`127.0.0.1:${await freePort()}`, { tls: {} });
  await expect(error).rejects.toMatchObject({ code: "TP_LOG_UNAVAILABLE" });
});
