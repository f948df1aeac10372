import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { freePorts } from "../push/plant.js";

const run = promisify(execFile);

export interface RedisServer {
  readonly port: number;
  /** host:port. */
  readonly node: string;
  readonly url: string;
  readonly pid: number;
  /** As a crash: kill -9. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it and deletes its folder. */
  stop(): Promise<void>;
}

/** A Redis of one's own without persistence, ready to be used. */
export async function startRedis(
  options: { port?: number; folder?: string; args?: readonly string[] } = {},
): Promise<RedisServer> {
  const port = options.port ?? (await freePorts())[0];
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "tickplant-redis-")));
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
  const server = spawn("redis-server", [...args, ...(options.args ?? [])], { stdio: "ignore" });
  const gone = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  try {
    await ready(port, server);
  } catch (error) {
    server.kill("SIGKILL");
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const end = async (signal: "SIGKILL" | "SIGTERM") => {
    if (server.exitCode === null && server.signalCode === null) server.kill(signal);
    await gone;
  };
  return {
    port,
    node: `127.0.0.1:${port}`,
    url: `redis://127.0.0.1:${port}`,
    pid: server.pid!,
    kill: () => end("SIGKILL"),
    stop: async () => {
      await end("SIGKILL");
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function ready(port: number, server: ChildProcess): Promise<void> {
  const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on("error", () => {});
  const ended = new Promise((_resolve, reject) => {
    server.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
    server.once("error", reject);
  });
  ended.catch(() => {});
  try {
    await Promise.race([client.ping(), ended]).catch((error: Error) => {
      if (!error.message.startsWith("NOAUTH")) throw error;
    });
  } finally {
    client.disconnect();
  }
}

export interface RedisClusterServers {
  readonly nodes: readonly RedisServer[];
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
async function startMasters(count: number): Promise<{ servers: RedisServer[]; addresses: string[] }> {
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
