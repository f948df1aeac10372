import { execFile } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { type RedisHandle, startRedis } from "../../scripts/services/redis.mjs";
import { freePorts } from "../push/plant.js";

const run = promisify(execFile);

export interface RedisClusterServers {
  readonly nodes: readonly RedisHandle[];
  stop(): Promise<void>;
}

/** Three masters that share the slots, and behind them, where there are more servers, a replica each. */
export async function startRedisCluster(replicasEach: 0 | 1 = 0, nodeTimeoutMs = 3000): Promise<RedisClusterServers> {
  const { servers, addresses } = await startServers(3 * (1 + replicasEach), nodeTimeoutMs);
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    const replicas = ["--cluster-replicas", `${replicasEach}`];
    await run("redis-cli", ["--cluster", "create", ...addresses, ...replicas, "--cluster-yes"]);
    for (const { port } of servers) {
      for (;;) {
        const { stdout } = await run("redis-cli", ["-p", String(port), "cluster", "info"]);
        if (stdout.includes("cluster_state:ok")) break;
        await wait(50);
      }
    }
    return { nodes: servers, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Each has a second port for its talk with the others. Somebody else may take a port first: then all begin anew. */
async function startServers(
  count: number,
  nodeTimeoutMs: number,
): Promise<{ servers: RedisHandle[]; addresses: string[] }> {
  for (let attempt = 1; ; attempt++) {
    const ports = new Set<number>();
    while (ports.size < 2 * count) ports.add((await freePorts())[0]);
    const [own, between] = [[...ports].slice(0, count), [...ports].slice(count)];
    const started = await Promise.allSettled(
      own.map((port, i) => {
        const timeout = ["--cluster-node-timeout", `${nodeTimeoutMs}`, "--repl-diskless-sync-delay", "0"];
        const args = ["--cluster-enabled", "yes", "--cluster-port", `${between[i]}`, ...timeout];
        return startRedis({ port, args });
      }),
    );
    const servers = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    if (servers.length === count) {
      return { servers, addresses: own.map((port, i) => `127.0.0.1:${port}@${between[i]}`) };
    }
    await Promise.all(servers.map((server) => server.stop()));
    if (attempt === 5) throw new Error("no cluster of Redis could be started");
  }
}
