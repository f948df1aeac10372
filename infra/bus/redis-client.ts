import { setTimeout as pause } from "node:timers/promises";
import { Cluster, Redis } from "ioredis";
import type { RedisConfig } from "../config/services-config.js";
import { tlsOptions } from "../config/tls-options.js";
import type { Logger } from "../logging.js";
import { RedisUnavailable } from "./errors.js";

export type RedisClient = Redis | Cluster;

const CONNECT_DEADLINE_MS = 10_000;
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 1_000;

/** Connects, and goes on connecting by itself when the connection is lost. @throws RedisUnavailable after 10 s */
export async function openRedis(redis: RedisConfig, logger: Logger): Promise<RedisClient> {
  const options = {
    ...(redis.user !== "" && { username: redis.user }),
    ...(redis.password !== "" && { password: redis.password }),
    ...(redis.tls && { tls: tlsOptions(redis.tls) }),
    maxRetriesPerRequest: 0,
    connectTimeout: 3_000,
    lazyConnect: true,
  };
  const retryMs = (attempt: number) => Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * attempt);
  const nodes = redis.nodes.map(hostAndPort);
  const client: RedisClient = redis.cluster
    ? new Cluster(nodes, {
        redisOptions: options,
        lazyConnect: true,
        shardedSubscribers: true,
        clusterRetryStrategy: retryMs,
      })
    : new Redis({ ...nodes[0]!, ...options, retryStrategy: retryMs });
  client.on("error", (error: Error) => logger.debug({ why: error.message }, "Redis"));
  const deadline = performance.now() + CONNECT_DEADLINE_MS;
  void client.connect().catch(() => {});
  for (;;) {
    try {
      await client.ping();
      return client;
    } catch (error) {
      if (performance.now() < deadline) {
        await pause(100);
        continue;
      }
      client.disconnect();
      throw new RedisUnavailable(redis.nodes.join(", "), error);
    }
  }
}

function hostAndPort(node: string): { host: string; port: number } {
  const colon = node.lastIndexOf(":");
  return { host: node.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(node.slice(colon + 1)) };
}
