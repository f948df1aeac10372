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
  await ready(port, server);
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

/** Three masters that share the slots. */
export async function startRedisCluster(): Promise<{ nodes: RedisServer[]; stop(): Promise<void> }> {
  const ports = await clusterPorts(3);
  const nodes = await Promise.all(
    ports.map((port) => startRedis({ port, args: ["--cluster-enabled", "yes", "--cluster-node-timeout", "3000"] })),
  );
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    await run("redis-cli", ["--cluster", "create", ...nodes.map(({ node }) => node), "--cluster-yes"]);
    for (const { port } of nodes) {
      for (;;) {
        const { stdout } = await run("redis-cli", ["-p", String(port), "cluster", "info"]);
        if (stdout.includes("cluster_state:ok")) break;
        await wait(50);
      }
    }
    return { nodes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Nodes talk to each other on their port plus 10,000, which has to be below 32768 too. */
async function clusterPorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const [port] = await freePorts();
    const below = port - 10_000;
    if (!ports.includes(below)) ports.push(below);
  }
  return ports;
}
