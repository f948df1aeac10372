import type { Redis } from "ioredis";
import type { RedisConfig } from "../../infra/config/services-config.js";
import { whyFailed } from "../../infra/errors.js";
import { addressOf } from "../../infra/redis/address.js";
import { askNode } from "../../infra/redis/ask-node.js";
import { addressesOf } from "../../infra/redis/options.js";
import { primaryOf } from "../../infra/redis/primary-connector.js";
import { type Check, clockFinding, type Finding, ok, wrong } from "./finding.js";

const DEADLINE_MS = 5_000;
const LEAST_VERSION = [6, 2] as const;
/** Sharded pub/sub. */
const LEAST_CLUSTER_VERSION = [7, 0] as const;

/** Every node that the configuration names: a server, some of a cluster, or the sentinels and the primary that they name. */
export function redisCheck(redis: RedisConfig): Check {
  const todo = `start it, or mend bus.redis (${addressesOf(redis).join(", ")}: addresses, user, password, tls)`;
  return {
    name: "redis",
    todo,
    run: async () => {
      if (redis.sentinels !== undefined) return sentinelFindings(redis, redis.sentinels, todo);
      return (await Promise.all(redis.nodes.map((node) => nodeFindings(redis, node, todo)))).flat();
    },
  };
}

async function sentinelFindings(
  redis: RedisConfig,
  sentinels: NonNullable<RedisConfig["sentinels"]>,
  todo: string,
): Promise<Finding[]> {
  const asked = await Promise.all(
    sentinels.nodes.map(async (node) => {
      const name = `sentinel ${node}`;
      try {
        const { host, port } = await primaryOf({ ...sentinels, nodes: [node] });
        const primary = `${host.includes(":") ? `[${host}]` : host}:${port}`;
        return { primary, finding: ok(name, `${sentinels.name} is at ${primary}`) };
      } catch (error) {
        return { primary: undefined, finding: wrong(name, whyFailed(error), todo) };
      }
    }),
  );
  const findings = asked.map(({ finding }) => finding);
  const primaries = new Set(asked.flatMap(({ primary }) => primary ?? []));
  if (primaries.size > 1) {
    findings.push(
      wrong(
        "sentinels",
        `they differ: ${[...primaries].join(", ")}`,
        "see that they reach each other, or wait for a fail-over's end",
      ),
    );
  }
  const servers = await Promise.all([...primaries].map((node) => nodeFindings(redis, node, todo)));
  return [...findings, ...servers.flat()];
}

async function nodeFindings(redis: RedisConfig, node: string, todo: string): Promise<Finding[]> {
  const name = `redis ${node}`;
  try {
    return await askNode(addressOf(node), redis, DEADLINE_MS, (client) => findingsOf(client, name, redis));
  } catch (error) {
    return [wrong(name, whyFailed(error), todo)];
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
    findings.push(
      wrong(
        name,
        "it is a replica, which takes no writes",
        "name the primary in bus.redis.nodes, or its sentinels in bus.redis.sentinels",
      ),
    );
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
