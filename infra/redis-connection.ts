import { Cluster, Redis } from "ioredis";
import type { RedisConfig } from "./config/services-config.js";
import { tlsOptions } from "./config/tls-options.js";
import { PlantError } from "./errors.js";
import { makeStringsFast } from "./fast-strings.js";
import type { Logger } from "./logging.js";

makeStringsFast();

/** Redis could not be reached at the start. */
export class RedisUnavailable extends PlantError {
  constructor(nodes: readonly string[], cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      "TP_REDIS_UNAVAILABLE",
      `Redis at ${nodes.join(", ")} can not be used (${reason}): see that it runs, and that nodes, user, password and TLS are right`,
      { cause },
    );
  }
}

export type RedisClient = Redis | Cluster;

export interface RedisConnectionSettings {
  readonly redis: RedisConfig;
  readonly logger: Logger;
  /** What it is for, in log lines and in Redis' list of clients. */
  readonly purpose: string;
  /** Cluster only: connections for SSUBSCRIBE. */
  readonly sharded?: boolean;
  /** How long the start may take, milliseconds. */
  readonly timeoutMs?: number;
}

const startMs = 10_000;
/** Silence after a command that counts as a dead connection. */
const silenceMs = 15_000;

/**
 * A connection that comes back by itself. Commands fail while it is away: who sends them tries again in the order that
 * the matter wants. It says once when it is away, and once when it is back.
 *
 * @throws RedisUnavailable when it has not been ready within `timeoutMs`
 */
export async function connectRedis(settings: RedisConnectionSettings): Promise<RedisClient> {
  const { redis, logger, purpose } = settings;
  const client = redis.cluster ? clusterClient(settings) : singleClient(settings);
  let lastError: unknown = new Error("no answer");
  let away = false;
  let ready = false;
  client.on("error", (error: Error & { lastNodeError?: Error }) => {
    lastError = error.lastNodeError ?? error;
  });
  try {
    await firstReady(client, () => lastError, settings.timeoutMs ?? startMs);
    ready = true;
  } catch (error) {
    client.disconnect();
    throw new RedisUnavailable(redis.nodes, error);
  }
  client.on("close", () => {
    if (away || !ready) return;
    away = true;
    logger.warn({ purpose, err: lastError }, "the connection to Redis is lost: trying again until it is back");
  });
  client.on("ready", () => {
    if (away) logger.info({ purpose }, "the connection to Redis is back");
    away = false;
  });
  client.on("end", () => {
    ready = false;
  });
  return client;
}

function firstReady(client: RedisClient, reason: () => unknown, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(reason()), timeoutMs);
    client.once("ready", () => {
      clearTimeout(timer);
      resolve();
    });
    // waiting does not make a wrong password right
    client.on("error", (error: Error) => {
      if (!/WRONGPASS|NOAUTH|NOPERM|cluster support disabled/.test(error.message)) return;
      clearTimeout(timer);
      reject(error);
    });
  });
}

const again = (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), 1000);

function commonOptions({ redis, purpose }: RedisConnectionSettings) {
  return {
    connectionName: `tickplant-${purpose}`,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    // else what is under way when the connection breaks is never settled
    maxRetriesPerRequest: 0,
    connectTimeout: 5000,
    socketTimeout: silenceMs,
    ...(redis.user === "" ? {} : { username: redis.user }),
    ...(redis.password === "" ? {} : { password: redis.password }),
    ...(redis.tls === undefined ? {} : { tls: tlsOptions(redis.tls) }),
  };
}

function singleClient(settings: RedisConnectionSettings): Redis {
  const { host, port } = addressOf(settings.redis.nodes[0]!);
  return new Redis({
    ...commonOptions(settings),
    host,
    port,
    enableOfflineQueue: false,
    retryStrategy: again,
  });
}

function clusterClient(settings: RedisConnectionSettings): Cluster {
  return new Cluster(settings.redis.nodes.map(addressOf), {
    clusterRetryStrategy: again,
    enableOfflineQueue: false,
    shardedSubscribers: settings.sharded ?? false,
    slotsRefreshInterval: 2000,
    redisOptions: commonOptions(settings),
    ...(settings.redis.tls === undefined
      ? {}
      : { dnsLookup: (host: string, done: (error: null, address: string) => void) => done(null, host) }),
  });
}

function addressOf(node: string): { host: string; port: number } {
  const at = node.lastIndexOf(":");
  return { host: node.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(node.slice(at + 1)) };
}
