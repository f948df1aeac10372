import { z } from "zod";
import { httpUrl, milliseconds, unique, whole } from "./words.js";

/** Files and names that a TLS connection needs; shared by every service that can be reached through TLS. */
const tls = z
  .strictObject({
    caFile: z.string().min(1).optional().describe("PEM file of the authority that signed the server's certificate."),
    certFile: z.string().min(1).optional().describe("PEM file of the client's own certificate, where one is demanded."),
    keyFile: z.string().min(1).optional().describe("PEM file of that certificate's key."),
    serverName: z
      .string()
      .min(1)
      .optional()
      .describe("Name that the server's certificate must carry, where it differs."),
  })
  .describe("TLS; an empty group trusts the system's authorities.");

const secret = (description: string) => z.string().default("").meta({ description, secret: true });

const broker = z
  .string()
  .regex(/^[^\s:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, "expected host:port, e.g. 127.0.0.1:9092");

const sasl = z
  .strictObject({
    mechanism: z.enum(["plain", "scram-sha-256", "scram-sha-512"]).describe("How to prove who one is."),
    username: z.string().min(1).describe("User."),
    password: secret("Password of that user."),
  })
  .describe("SASL, where the brokers demand it.");

export const kafkaConfig = z
  .strictObject({
    brokers: unique(broker, (one) => one)
      .min(1, "expected at least one broker")
      .describe("Brokers to begin with, host:port."),
    clientId: z.string().min(1).default("tickplant").describe("Name that the brokers' logs and quotas know."),
    tls: tls.optional(),
    sasl: sasl.optional(),
    replication: whole(1).max(32).default(1).describe("Replicas of each partition of topics that are created."),
    minInSyncReplicas: whole(1)
      .max(32)
      .default(1)
      .describe("Replicas that must have an append before it counts; of market.raw only where rawAcks says all."),
    rawAcks: z
      .enum(["leader", "all"])
      .default("leader")
      .describe(
        "Who acknowledges ticks of market.raw: the partition's leader alone (acks=1), or all replicas in sync. With the leader alone, ticks are lost that no follower has yet when the leader is lost.",
      ),
    lingerMs: whole(0)
      .max(1000)
      .default(5)
      .describe(
        "Milliseconds for which records gather before they are sent, those of market.raw apart; more at once costs brokers less.",
      ),
    sessionTimeoutMs: whole(1000)
      .default(10_000)
      .describe("Milliseconds without a sign of life after which a process loses its partitions."),
    deliveryTimeoutMs: whole(1000)
      .max(240_000)
      .default(30_000)
      .describe(
        "Milliseconds after which an append that was not acknowledged counts as failed; the plant tries again.",
      ),
    stallMs: whole(1000)
      .default(60_000)
      .describe("Milliseconds that one batch may be worked on; beyond, the process is stuck and gives its place up."),
  })
  .describe("Kafka as the log. Without this group the log lies in the data folder.");

export const registryConfig = z
  .strictObject({
    url: httpUrl.describe("Base URL of a Confluent-compatible schema registry."),
    user: z.string().default("").describe("User for basic authentication; empty for none."),
    password: secret("Password of that user."),
  })
  .describe("Schema registry. Without this group schemas lie in the data folder.");

const sentinels = z
  .strictObject({
    nodes: unique(broker, (one) => one)
      .min(1, "expected at least one sentinel")
      .describe("The sentinels' host:port; name all of them, since each of them may be the one that is away."),
    name: z.string().min(1).describe("What the sentinels call the primary."),
    user: z.string().default("").describe("User at the sentinels, where access lists are in use."),
    password: secret("Password at the sentinels; that of the servers is `bus.redis.password`."),
    tls: tls.optional(),
  })
  .describe("Redis Sentinel, which says where the primary is; in place of `nodes`.");

const redis = z
  .strictObject({
    nodes: unique(broker, (one) => one)
      .default([])
      .describe("The server's host:port, or a name that follows its primary; of a cluster some of its nodes."),
    sentinels: sentinels.optional(),
    cluster: z.boolean().default(false).describe("Redis Cluster, with sharded pub/sub."),
    user: z.string().default("").describe("User, where access lists are in use."),
    password: secret("Password."),
    tls: tls.optional(),
  })
  .superRefine(({ nodes, sentinels, cluster }, context) => {
    const wrong = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
    if (sentinels === undefined && nodes.length === 0)
      wrong("nodes", "expected at least one node, or bus.redis.sentinels");
    if (sentinels !== undefined && nodes.length > 0) wrong("nodes", "either nodes or sentinels: these say where it is");
    if (sentinels !== undefined && cluster) wrong("cluster", "a cluster fails over by itself, without sentinels");
    if (!cluster && nodes.length > 1) {
      wrong(
        "nodes",
        "expected one node: several are for cluster: true; bus.redis.sentinels finds the primary of several",
      );
    }
  })
  .describe("Redis for fan-out and last values. Without this group both stay in the process.");

export const busConfig = z
  .strictObject({
    redis: redis.optional(),
    lastValueHours: whole(1)
      .default(7 * 24)
      .describe("Hours after which the last value of a channel that has fallen silent goes."),
  })
  .prefault({})
  .describe("Fan-out to readers, and each channel's last value.");

export const leaseConfig = z
  .strictObject({
    ttlMs: milliseconds
      .min(500)
      .default(3000)
      .describe("Milliseconds after which the feeds of an ingest process that fell silent go to another."),
  })
  .prefault({})
  .describe("Who takes in which feed, where several ingest processes share a Redis.");

export type KafkaConfig = z.output<typeof kafkaConfig>;
export type RegistryConfig = z.output<typeof registryConfig>;
export type RedisConfig = z.output<typeof redis>;
export type TlsConfig = z.output<typeof tls>;
