import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { it as base, describe, type TestContext } from "vitest";
import { loadConfig } from "../../infra/config/load-config.js";
import { primaryOf } from "../../infra/redis/primary-connector.js";
import type { RedisHandle } from "../../scripts/services/redis.mjs";
import { startRedisCluster } from "../services/redis-cluster.js";
import { startSentinels } from "../services/redis-sentinels.js";
import { connectionsAt, primaryAndReplica, Traffic } from "./redis-rig.js";

const run = promisify(execFile);
// they wait for most of their time
const it = base.concurrent;
const soon = { timeout: 15_000, interval: 20 };

async function watched({ onTestFinished }: TestContext) {
  const [first, second] = await primaryAndReplica();
  onTestFinished(async () => {
    first.resume();
    await Promise.all([first.stop(), second.stop()]);
  });
  const sentinels = await startSentinels("plant", first.port);
  onTestFinished(async () => {
    await Promise.all(sentinels.map((one) => one.stop()));
  });
  const redis = { sentinels: { name: "plant", nodes: sentinels.map(({ address }) => address) } };
  const traffic = await Traffic.start(redis);
  onTestFinished(() => traffic.stop());
  await traffic.goesOn();
  return { first, second, sentinels, traffic };
}

describe("Redis Sentinel", () => {
  it("a primary that was killed, and a sentinel with it", async (context) => {
    const { expect } = context;
    const { first, second, sentinels, traffic } = await watched(context);
    const before = performance.now();
    await Promise.all([first.kill(), sentinels[0]!.kill()]);
    expect(await traffic.goesOn(before)).toBeLessThan(15);
    await expect.poll(() => connectionsAt(second.port), soon).toBe(8);
    await first.start();
    await traffic.endPublishing();
    expect(await traffic.lost()).toBe(0);
    expect(traffic.twoOwnersMs).toBe(0);
  });

  it("a primary that freezes, and comes back as a replica", async (context) => {
    const { expect } = context;
    const { first, second, traffic } = await watched(context);
    const before = performance.now();
    first.pause();
    expect(await traffic.goesOn(before)).toBeLessThan(15);
    first.resume();
    await expect.poll(() => connectionsAt(first.port), soon).toBe(0);
    await expect.poll(() => connectionsAt(second.port), soon).toBe(8);
    await traffic.endPublishing();
    expect(await traffic.lost()).toBe(0);
    expect(traffic.twoOwnersMs).toBe(0);
  });

  it("a name that they do not know, and sentinels that are away, are an error that says so", async (context) => {
    const { expect, onTestFinished } = context;
    const [first, second] = await primaryAndReplica();
    const sentinels = await startSentinels("plant", first.port);
    onTestFinished(async () => {
      await Promise.all([first, second, ...sentinels].map((one) => one.stop()));
    });
    const asked = (name: string, nodes: string[]) => {
      const { bus } = loadConfig({ env: {}, overrides: { bus: { redis: { sentinels: { name, nodes } } } } });
      return primaryOf(bus.redis!.sentinels!);
    };
    const [one] = sentinels.map(({ address }) => address);
    await expect(asked("plant", ["127.0.0.1:1", one!])).resolves.toMatchObject({ port: first.port });
    await expect(asked("another", [one!])).rejects.toThrow(/no sentinel says where another is: .*No such master/);
    await expect(asked("plant", ["127.0.0.1:1"])).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe("Redis Cluster", () => {
  /** The servers, and of each slot's first primaries the one with the port and its replica. */
  async function clustered({ onTestFinished }: TestContext) {
    const cluster = await startRedisCluster(1, 1500);
    onTestFinished(async () => {
      for (const node of cluster.nodes) node.resume();
      await cluster.stop();
    });
    const traffic = await Traffic.start({ nodes: cluster.nodes.map(({ address }) => address), cluster: true }, 24);
    onTestFinished(() => traffic.stop());
    await traffic.goesOn();
    return { cluster, traffic };
  }
  const rolesOf = async (nodes: readonly RedisHandle[]) => {
    const { stdout } = await run("redis-cli", ["-p", `${nodes[0]!.port}`, "cluster", "nodes"]);
    const isPrimary = (port: number) => new RegExp(`:${port}@.*master`).test(stdout);
    return {
      primaries: nodes.filter(({ port }) => isPrimary(port)),
      replicas: nodes.filter(({ port }) => !isPrimary(port)),
    };
  };

  it("a node that was killed, one that freezes, and one that is asked to fail over", async (context) => {
    const { expect } = context;
    const { cluster, traffic } = await clustered(context);
    const [killed, frozen] = (await rolesOf(cluster.nodes)).primaries;
    let before = performance.now();
    await killed!.kill();
    expect(await traffic.goesOn(before)).toBeLessThan(15);
    await killed!.start();
    before = performance.now();
    frozen!.pause();
    expect(await traffic.goesOn(before)).toBeLessThan(15);
    frozen!.resume();
    // a replica takes over by itself
    const { replicas } = await rolesOf(cluster.nodes);
    await expect
      .poll(
        () => run("redis-cli", ["-p", `${replicas[0]!.port}`, "cluster", "failover"]).then(({ stdout }) => stdout),
        soon,
      )
      .toContain("OK");
    expect(await traffic.goesOn()).toBeLessThan(15);
    await traffic.endPublishing();
    expect(await traffic.lost()).toBe(0);
    expect(traffic.twoOwnersMs).toBe(0);
  });
});
