import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort, mustBeFree } from "./free-port.mjs";
import { ensureProgram } from "./programs.mjs";
import { ServiceProcess } from "./service-process.mjs";

/** Path of redis-server; installs Debian's where it may. @throws Error which says how to get it */
export function ensureRedis() {
  return ensureProgram("redis-server", "redis-server", "Redis");
}

/**
 * Starts a Redis on 127.0.0.1 that keeps nothing on disk.
 *
 * @param options.args further arguments of redis-server, e.g. `["--appendonly", "yes"]`
 * @returns its handle, when it answers
 */
export async function startRedis(options = {}) {
  const path = await ensureRedis();
  const port = options.port ?? (await freePort());
  await mustBeFree(port, "Redis");
  const address = `127.0.0.1:${port}`;
  const command = async (folder) => {
    const memory = ["--save", "", "--appendonly", "no"];
    const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--daemonize", "no"];
    return { path, args: [...place, ...memory, ...(options.args ?? [])] };
  };
  const service = new ServiceProcess({
    name: "redis",
    folder: options.folder,
    command,
    answers: () => redisAnswers(address),
  });
  await service.start();
  return service.handle({ port, address });
}

/**
 * Starts a sentinel on 127.0.0.1 that watches a primary.
 *
 * @param options.name    what it calls the primary
 * @param options.primary its port
 * @param options.quorum  sentinels that have to agree that it is down
 * @param options.downMs  ms without an answer after which it counts as down
 * @param options.lines   further lines of its configuration
 * @returns its handle, when it answers
 */
export async function startSentinel({ name, primary, quorum, downMs, lines = [] }) {
  const path = await ensureRedis();
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const command = async (folder) => {
    const file = join(folder, "sentinel.conf");
    const settings = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${folder}`,
      `sentinel monitor ${name} 127.0.0.1 ${primary} ${quorum}`,
      `sentinel down-after-milliseconds ${name} ${downMs}`,
      `sentinel failover-timeout ${name} 6000`,
      ...lines,
    ];
    await writeFile(file, `${settings.join("\n")}\n`);
    return { path, args: [file, "--sentinel"] };
  };
  const service = new ServiceProcess({ name: "sentinel", command, answers: () => redisAnswers(address) });
  await service.start();
  return service.handle({ port, address });
}

/** Whether a Redis at host:port or redis://… answers a ping. Never throws. */
export async function redisAnswers(address) {
  const url = address.includes("://") ? address : `redis://${address}`;
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 3000,
    commandTimeout: 3000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let wantsPassword = false;
  redis.on("error", ({ message }) => {
    wantsPassword ||= message.startsWith("NOAUTH");
  });
  try {
    await redis.connect();
    return (await redis.ping()) === "PONG";
  } catch {
    // it is there, and whoever asks may not know its password
    return wantsPassword;
  } finally {
    redis.disconnect();
  }
}
