import { setTimeout as wait } from "node:timers/promises";
import { it as base, describe, type TestContext } from "vitest";
import { type RedisHandle, startRedis } from "../../scripts/services/redis.mjs";
import { TcpLine } from "../services/tcp-line.js";
import { ask, connectionsAt, primaryAndReplica, Traffic } from "./redis-rig.js";

// they wait for most of their time
const it = base.concurrent;
const soon = { timeout: 15_000, interval: 20 };

async function named(
  { onTestFinished }: TestContext,
  target: RedisHandle,
): Promise<{ name: TcpLine; traffic: Traffic }> {
  const name = await TcpLine.start(target.port);
  onTestFinished(() => name.close());
  const traffic = await Traffic.start({ nodes: [name.address] });
  onTestFinished(() => traffic.stop());
  await traffic.goesOn();
  return { name, traffic };
}

async function both({ onTestFinished }: TestContext): Promise<[RedisHandle, RedisHandle]> {
  const [first, second] = await primaryAndReplica();
  onTestFinished(async () => {
    first.resume();
    await Promise.all([first.stop(), second.stop()]);
  });
  return [first, second];
}

async function one({ onTestFinished }: TestContext, args: readonly string[] = []): Promise<RedisHandle> {
  const server = await startRedis({ args });
  onTestFinished(() => server.stop());
  return server;
}

describe("a name that moves to the new primary", () => {
  it("all connections leave the old one, which is a read-only replica now", async (context) => {
    const { expect } = context;
    const [first, second] = await both(context);
    const { name, traffic } = await named(context, first);
    const [token] = traffic.tokens();
    await ask(second.port, (client) => client.replicaof("NO", "ONE"));
    name.target = second.port;
    await ask(first.port, (client) => client.replicaof("127.0.0.1", second.port));
    expect(await traffic.goesOn()).toBeLessThan(10);
    await expect.poll(() => connectionsAt(first.port), soon).toBe(0);
    await expect.poll(() => connectionsAt(second.port), soon).toBe(8);
    expect(traffic.tokens()[0]).toBeGreaterThanOrEqual(token!);
    expect(traffic.twoOwnersMs).toBe(0);
    await traffic.endPublishing();
    expect(await traffic.lost()).toBe(0);
  });

  it("and leave one that was cut off and takes itself for the primary still", async (context) => {
    const { expect } = context;
    const [first, second] = await both(context);
    const { name, traffic } = await named(context, first);
    await ask(second.port, (client) => client.replicaof("NO", "ONE"));
    name.target = second.port;
    await expect.poll(() => connectionsAt(first.port), soon).toBe(0);
    expect(await traffic.goesOn()).toBeLessThan(10);
  });

  it("and leave one that is frozen, with nothing that was acknowledged lost but what no replica had", async (context) => {
    const { expect } = context;
    const [first, second] = await both(context);
    const { name, traffic } = await named(context, first);
    const before = performance.now();
    first.pause();
    await ask(second.port, (client) => client.replicaof("NO", "ONE"));
    name.target = second.port;
    expect(await traffic.goesOn(before)).toBeLessThan(10);
    expect(traffic.twoOwnersMs).toBe(0);
    first.resume();
    await expect.poll(() => connectionsAt(first.port), soon).toBe(0);
    await traffic.endPublishing();
    expect(await traffic.lost()).toBe(0);
  });
});

describe("a server that is ill", () => {
  it("that freezes and comes back, whose bytes are swallowed, that is slow", async (context) => {
    const { expect } = context;
    const server = await one(context);
    const { name, traffic } = await named(context, server);
    server.pause();
    await expect.poll(() => traffic.out.state.why, soon).toMatch(/no answer|not answer|no connection|Socket timeout/);
    await expect.poll(() => traffic.push.state.writable, soon).toBe(false);
    server.resume();
    expect(await traffic.goesOn()).toBeLessThan(10);
    name.swallow();
    await expect.poll(() => traffic.out.state.writable || traffic.push.state.writable, soon).toBe(false);
    name.mend();
    expect(await traffic.goesOn()).toBeLessThan(10);
    name.slow(300);
    await wait(1500);
    expect(await traffic.goesOn()).toBeLessThan(15);
    name.slow(0);
    expect(traffic.twoOwnersMs).toBe(0);
    await traffic.endPublishing();
    expect(await traffic.lost()).toBe(0);
  });

  it("that is full, can not persist, has too few replicas, or is a replica: said in words by all, and over with it", async (context) => {
    const { expect } = context;
    const server = await one(context);
    const { traffic } = await named(context, server);
    const configure = (...pairs: [string, string]) => ask(server.port, (client) => client.config("SET", ...pairs));
    const everybody = () => [traffic.out.state, traffic.push.state].map(({ why }) => why);
    const token = traffic.tokens();
    const said = async (why: RegExp) => {
      await expect.poll(everybody, soon).toEqual([expect.stringMatching(why), expect.stringMatching(why)]);
    };
    await configure("maxmemory", "1");
    await said(/memory is full/);
    // a lease's time
    await wait(3500);
    expect(traffic.tokens()).toEqual(token);
    await configure("maxmemory", "0");
    expect(await traffic.goesOn()).toBeLessThan(10);
    await configure("min-replicas-to-write", "1");
    await said(/fewer replicas/);
    await expect
      .poll(() => traffic.keepers.map(({ state }) => state.why), soon)
      .toEqual([expect.stringMatching(/fewer replicas/), expect.stringMatching(/fewer replicas/)]);
    await configure("min-replicas-to-write", "0");
    expect(await traffic.goesOn()).toBeLessThan(10);
    await ask(server.port, (client) => client.replicaof("127.0.0.1", 1));
    await said(/read-only replica/);
    await ask(server.port, (client) => client.replicaof("NO", "ONE"));
    expect(await traffic.goesOn()).toBeLessThan(10);
    await traffic.endPublishing();
    expect(await traffic.lost()).toBe(0);
  });

  it("that is started again at once and empty, and that loads its dataset", async (context) => {
    const { expect } = context;
    const loading = ["--enable-debug-command", "yes", "--loading-process-events-interval-bytes", "1024"];
    const server = await one(context, loading);
    const { traffic } = await named(context, server);
    await server.kill();
    await server.start();
    expect(await traffic.goesOn()).toBeLessThan(10);
    await ask(server.port, async (client) => {
      for (let i = 0; i < 2000; i++) client.set(`filler:${i}`, "x".repeat(100)).catch(() => {});
      await client.config("SET", "key-load-delay", "1000");
      void client.debug("RELOAD").catch(() => {});
      await expect.poll(() => traffic.out.state.why, soon).toMatch(/loads its dataset|LOADING/);
    });
    await ask(server.port, (client) => client.config("SET", "key-load-delay", "0"));
    expect(await traffic.goesOn()).toBeLessThan(10);
    expect(traffic.twoOwnersMs).toBe(0);
  });
});
