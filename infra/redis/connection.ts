import { Cluster, Redis } from "ioredis";
import type { RedisConfig } from "../config/services-config.js";
import { PlantError } from "../errors.js";
import { makeStringsFast } from "../fast-strings.js";
import type { Logger } from "../logging.js";
import { addressOf } from "./address.js";
import { ClusterWatch } from "./cluster-watch.js";
import { ConnectionWatch } from "./connection-watch.js";
import { addressesOf, clusterOptions, serverOptions } from "./options.js";
import { PrimaryFinder } from "./primary-finder.js";
import type { WriteState } from "./write-state.js";

makeStringsFast();

/** Redis could not be reached at the start. */
export class RedisUnavailable extends PlantError {
  constructor(nodes: readonly string[], cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      "TP_REDIS_UNAVAILABLE",
      `Redis at ${nodes.join(", ")} can not be used (${reason}): see that it runs, and that addresses, user, password and TLS are right`,
      { cause },
    );
  }
}

export type RedisClient = Redis | Cluster;

/** A connection with what is known of the server at its other end. */
export interface RedisConnection {
  readonly client: RedisClient;
  /** Whether its server would take writes, as far as it has said by itself. */
  readonly state: WriteState;
}

export interface RedisConnectionSettings {
  readonly redis: RedisConfig;
  readonly logger: Logger;
  /** What it is for, in log lines and in Redis' list of clients. */
  readonly purpose: string;
  /** Cluster only: connections for SSUBSCRIBE. */
  readonly sharded?: boolean;
  /** How long the start may take, milliseconds. */
  readonly timeoutMs?: number;
  /** Shared by connections of one address. */
  readonly finder?: PrimaryFinder;
}

const startMs = 10_000;

/**
 * A connection that comes back by itself, and leaves a server for the one that has replaced it (`ConnectionWatch`,
 * `ClusterWatch`). Commands fail while it is away: who sends them tries again in the order that the matter wants. It says
 * once when it is away, and once when it is back.
 *
 * @throws RedisUnavailable when it has not been ready within `timeoutMs`
 */
export async function connectRedis(settings: RedisConnectionSettings): Promise<RedisConnection> {
  const { redis, logger, purpose } = settings;
  const { client, watch } = redis.cluster ? openCluster(settings) : openServer(settings);
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
    throw new RedisUnavailable(addressesOf(redis), error);
  }
  client.on("close", () => {
    if (away || !ready) return;
    away = true;
    logger.warn({ purpose, why: watch.state.why }, "the connection to Redis is lost: trying again until it is back");
  });
  client.on("ready", () => {
    if (away) logger.info({ purpose }, "the connection to Redis is back");
    away = false;
  });
  client.on("end", () => {
    ready = false;
  });
  return {
    client,
    get state() {
      return watch.state;
    },
  };
}

/** One finder for all connections of a part of the plant; undefined for a cluster, whose nodes tell where slots lie. */
export const finderOf = (redis: RedisConfig): PrimaryFinder | undefined =>
  redis.cluster ? undefined : new PrimaryFinder(serverOptions(redis));

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

function openServer(settings: RedisConnectionSettings) {
  const { redis, logger, purpose } = settings;
  let watch: ConnectionWatch | undefined;
  const client = new Redis({
    ...serverOptions(redis),
    connectionName: `tickplant-${purpose}`,
    reconnectOnError: (error) => {
      watch?.heard(error);
      return false;
    },
  });
  watch = new ConnectionWatch(client, settings.finder ?? finderOf(redis)!, purpose, logger);
  return { client, watch };
}

function openCluster({ redis, logger, purpose, sharded }: RedisConnectionSettings) {
  const client = new Cluster(redis.nodes.map(addressOf), clusterOptions(redis, purpose, sharded ?? false));
  return { client, watch: new ClusterWatch(client, purpose, logger) };
}
