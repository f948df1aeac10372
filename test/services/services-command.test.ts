import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "../../scripts/services/free-port.mjs";
import { type RedisHandle, redisAnswers, startRedis } from "../../scripts/services/redis.mjs";

const script = fileURLToPath(new URL("../../scripts/services.mjs", import.meta.url));

/** The command with its output; `ready` resolves with stdout, or rejects with stderr when it ends before. */
function services(args: string[], env: Record<string, string> = {}) {
  const child: ChildProcess = spawn(process.execPath, [script, ...args], { env: { ...process.env, ...env } });
  let [out, err] = ["", ""];
  child.stderr!.on("data", (data) => {
    err += data;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout!.on("data", (data) => {
      out += data;
      if (out.includes("# ready")) resolve(out);
    });
    void ended.then(() => reject(new Error(err)));
  });
  ready.catch(() => undefined);
  const end = (): Promise<number | null> => {
    child.kill("SIGINT");
    return ended;
  };
  return { ready, ended, end };
}

/** A docker whose engine answers, that notes what it is asked and publishes redis at a port. */
function fakeDocker(folder: string, port: number): string {
  const config = { services: { redis: { ports: [{ target: 6379, published: String(port), host_ip: "127.0.0.1" }] } } };
  const file = join(folder, "docker");
  writeFileSync(
    file,
    `#!/bin/sh
echo "$@" >> "${folder}/asked"
case "$*" in *"config --format json") echo '${JSON.stringify(config)}';; esac
`,
  );
  chmodSync(file, 0o755);
  return `${folder}${delimiter}${process.env.PATH}`;
}

describe("npm run services", () => {
  let folder: string;
  let redis: RedisHandle | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tickplant-services-"));
  });
  afterEach(async () => {
    await redis?.stop();
    redis = undefined;
    rmSync(folder, { recursive: true });
  });

  it("starts what is asked for, says where, and ends it with Ctrl-C", async () => {
    const port = await freePort();
    const running = services(["--local", "--only", "redis", "--redis-port", String(port)], { TICKPLANT_REDIS_URL: "" });
    const said = await running.ready;
    expect(said).toContain(`export TICKPLANT_REDIS_URL=redis://127.0.0.1:${port}\n`);
    expect(said).toContain(`export TICKPLANT__BUS__REDIS__NODES='["127.0.0.1:${port}"]'\n`);
    expect(await redisAnswers(`127.0.0.1:${port}`)).toBe(true);
    expect(await running.end()).toBe(0);
    expect(await redisAnswers(`127.0.0.1:${port}`)).toBe(false);
  });

  it("uses what the environment names as it is, and leaves it running", async () => {
    redis = await startRedis();
    const running = services(["--only", "redis"], { TICKPLANT_REDIS_URL: `redis://${redis.address}` });
    expect(await running.ready).toContain("by TICKPLANT_REDIS_URL");
    expect(await running.end()).toBe(0);
    expect(await redisAnswers(redis.address)).toBe(true);
  });

  it("says so when what the environment names does not answer", async () => {
    const nowhere = `redis://user:secret@127.0.0.1:${await freePort()}`;
    const running = services(["--only", "redis"], { TICKPLANT_REDIS_URL: nowhere });
    await expect(running.ready).rejects.toThrow(/redis does not answer at redis:\/\/….*clear TICKPLANT_REDIS_URL/);
    expect(await running.ended).toBe(1);
  });

  it("brings the compose file's services up where a Docker engine answers, and removes them at the end", async () => {
    redis = await startRedis();
    const PATH = fakeDocker(folder, redis.port);
    const running = services(["--only", "redis"], { PATH, TICKPLANT_REDIS_URL: "" });
    expect(await running.ready).toContain(`redis://${redis.address}  (Docker)`);
    expect(await running.end()).toBe(0);
    const asked = readFileSync(join(folder, "asked"), "utf8").replaceAll(/-f \S*\/infra\//g, "-f ");
    expect(asked.trim().split("\n")).toEqual([
      "info",
      "compose -f compose.yaml ps --services --status running",
      "compose -f compose.yaml up -d redis",
      "compose -f compose.yaml config --format json",
      "compose -f compose.yaml rm -s -f -v redis",
    ]);
  });

  it("refuses a service that it does not know", async () => {
    await expect(services(["--only", "mysql"]).ready).rejects.toThrow("there is no service mysql");
  });
});
