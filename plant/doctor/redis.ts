import { Redis } from "ioredis";
import type { RedisConfig } from "../../infra/config/services-config.js";
import { tlsOptions } from "../../infra/config/tls-options.js";
import { type Check, clockFinding, type Finding, ok, reason, wrong } from "./finding.js";

const CONNECT_TIMEOUT_MS = 3_000;
const COMMAND_TIMEOUT_MS = 5_000;
const LEAST_VERSION = [6, 2] as const;
/** Sharded pub/sub. */
const LEAST_CLUSTER_VERSION = [7, 0] as const;

/** Every node that the configuration names: a server, or some of a cluster. */
export function redisCheck(redis: RedisConfig): Check {
  const todo = `start it, or mend bus.redis (${redis.nodes.join(", ")}: nodes, user, password, tls)`;
  return {
    name: "redis",
    todo,
    run: async () => (await Promise.all(redis.nodes.map((node) => nodeFindings(redis, node, todo)))).flat(),
  };
}

async function nodeFindings(redis: RedisConfig, node: string, todo: string): Promise<Finding[]> {
  const name = `redis ${node}`;
  const colon = node.lastIndexOf(":");
  const client = new Redis({
    host: node.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(node.slice(colon + 1)),
    ...(redis.user !== "" && { username: redis.user }),
    ...(redis.password !== "" && { password: redis.password }),
    ...(redis.tls && { tls: tlsOptions(redis.tls) }),
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  let refused: Error | undefined;
  client.on("error", (error: Error) => {
    refused ??= error;
  });
  try {
    await client.connect();
    return await findingsOf(client, name, redis);
  } catch (error) {
    return [wrong(name, reason(refused ?? error), todo)];
  } finally {
    client.disconnect();
  }
}

async function findingsOf(client: Redis, name: string, redis: RedisConfig): Promise<Finding[]> {
  const info = infoOf(await client.info());
  const version = info.get("redis_version") ?? "0";
  const mode = info.get("redis_mode") ?? "standalone";
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  const findings: Finding[] = [];
  const least = redis.cluster ? LEAST_CLUSTER_VERSION : LEAST_VERSION;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < least[0] || (major === least[0] && minor < least[1]))
    findings.push(wrong(name, `version ${version} is too old`, `install Redis ${least.join(".")} or later`));
  if ((mode === "cluster") !== redis.cluster)
    findings.push(
      wrong(
        name,
        `it runs in ${mode} mode, configured is bus.redis.cluster: ${redis.cluster}`,
        `set bus.redis.cluster to ${mode === "cluster"}, or name other nodes`,
      ),
    );
  if (policy.startsWith("allkeys-"))
    findings.push(
      wrong(
        name,
        `maxmemory-policy ${policy} lets it drop last values`,
        "set maxmemory-policy noeviction in redis.conf",
      ),
    );
  if (info.get("role") === "slave" && !redis.cluster)
    findings.push(wrong(name, "it is a replica, which takes no writes", "name the primary in bus.redis.nodes"));
  if (mode === "cluster") {
    const state = infoOf((await client.cluster("INFO")) as string).get("cluster_state");
    if (state !== "ok")
      findings.push(wrong(name, `the cluster's state is ${state}`, "mend the cluster: redis-cli --cluster check"));
  }
  if (findings.length === 0) findings.push(ok(name, `Redis ${version}, ${mode}, ${policy}`));
  const before = Date.now();
  const [seconds, micros] = await client.time();
  findings.push(clockFinding(`${name} clock`, Number(seconds) * 1000 + Number(micros) / 1000, before, Date.now()));
  return findings;
}

const infoOf = (text: string): Map<string, string> =>
  new Map(
    text
      .split(/\r?\n/)
      .filter((line) => line.includes(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
