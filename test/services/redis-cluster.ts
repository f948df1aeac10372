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

/** Three masters that share the slots. */
export async function startRedisCluster(): Promise<RedisClusterServers> {
  const { servers, addresses } = await startMasters(3);
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    await run("redis-cli", ["--cluster", "create", ...addresses, "--cluster-yes"]);
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
async function startMasters(count: number): Promise<{ servers: RedisHandle[]; addresses: string[] }> {
  for (let attempt = 1; ; attempt++) {
    const ports = new Set<number>();
    while (ports.size < 2 * count) ports.add((await freePorts())[0]);
    const [own, between] = [[...ports].slice(0, count), [...ports].slice(count)];
    const started = await Promise.allSettled(
      own.map((port, i) => {
        const args = ["--cluster-enabled", "yes", "--cluster-node-timeout", "3000", "--cluster-port", `${between[i]}`];
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
