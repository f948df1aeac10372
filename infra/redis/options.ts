import type { RedisConfig } from "../config/services-config.js";
import { tlsOptions } from "../config/tls-options.js";
import { addressOf } from "./address.js";
import { primaryConnector } from "./primary-connector.js";

/** Silence after a command that counts as a dead connection. */
export const silenceMs = 4000;
const connectMs = 3000;
/** A peer that is silent does not close its end either. */
const disconnectMs = 200;
const loadingMs = 500;
const slotsMs = 2000;

const again = (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), 1000);

/** The addresses that the configuration names, as messages have them. */
export const addressesOf = ({ nodes, sentinels }: RedisConfig): readonly string[] =>
  sentinels === undefined ? nodes : sentinels.nodes.map((node) => `sentinel ${node}`);

function commonOptions(redis: RedisConfig) {
  return {
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    // else what is under way when the connection breaks is never settled
    maxRetriesPerRequest: 0,
    connectTimeout: connectMs,
    disconnectTimeout: disconnectMs,
    socketTimeout: silenceMs,
    maxLoadingRetryTime: loadingMs,
    ...(redis.user === "" ? {} : { username: redis.user }),
    ...(redis.password === "" ? {} : { password: redis.password }),
    ...(redis.tls === undefined ? {} : { tls: tlsOptions(redis.tls) }),
  };
}

/** How to connect to one server, by its name or by its sentinels. */
export function serverOptions(redis: RedisConfig) {
  const { sentinels, tls, nodes } = redis;
  return {
    ...commonOptions(redis),
    ...(sentinels === undefined
      ? addressOf(nodes[0]!)
      : { Connector: primaryConnector(sentinels, tls && tlsOptions(tls)) }),
    enableOfflineQueue: false,
    retryStrategy: again,
  };
}

export type ServerOptions = ReturnType<typeof serverOptions>;

/** @param purpose stands in Redis' list of clients */
export function clusterOptions(redis: RedisConfig, purpose: string, sharded: boolean) {
  return {
    clusterRetryStrategy: again,
    enableOfflineQueue: false,
    shardedSubscribers: sharded,
    slotsRefreshInterval: slotsMs,
    redisOptions: { ...commonOptions(redis), connectionName: `tickplant-${purpose}` },
    ...(redis.tls === undefined
      ? {}
      : { dnsLookup: (host: string, done: (error: null, address: string) => void) => done(null, host) }),
  };
}
