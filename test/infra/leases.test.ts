import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../infra/config/load-config.js";
import { LeaseKeeper } from "../../infra/lease/lease-keeper.js";
import { RedisLeases } from "../../infra/lease/redis-leases.js";
import { connectRedis, type RedisClient } from "../../infra/redis/connection.js";
import { type RedisHandle, startRedis } from "../../scripts/services/redis.mjs";
import { testLogger } from "./kafka-rig.js";

const ttlMs = 900;
const names = ["binance|trade|BTC/USDT", "binance|depth|BTC/USDT"];

describe("leases in Redis", () => {
  let redis: RedisHandle;
  let namespace: string;
  const clients: RedisClient[] = [];
  const keepers: LeaseKeeper[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(() => {
    namespace = randomUUID().slice(0, 8);
  });
  afterEach(async () => {
    for (const keeper of keepers.splice(0)) await keeper.stop();
    for (const client of clients.splice(0)) client.disconnect();
  });

  async function keeper(owner: string, progress = "", clock?: () => number) {
    const { bus } = loadConfig({ env: {}, overrides: { bus: { redis: { nodes: [redis.address] } } } });
    const connection = await connectRedis({ redis: bus.redis!, logger: testLogger, purpose: "leases" });
    const { client } = connection;
    clients.push(client);
    const seen = {
      held: new Set<string>() as ReadonlySet<string>,
      gained: [] as [string, string][],
      client,
      connection,
    };
    const made = new LeaseKeeper({
      leases: new RedisLeases(connection, namespace),
      ...{ owner, names, ttlMs, logger: testLogger },
      progressOf: () => progress,
      changed: (held, gained) => {
        seen.held = held;
        seen.gained.push(...gained);
      },
      ...(clock && { clock }),
    });
    keepers.push(made);
    made.start();
    return { keeper: made, seen };
  }
  const holds = (seen: { held: ReadonlySet<string> }) =>
    expect.poll(() => seen.held.size, { timeout: 10_000, interval: 10 });

  test("one of two has all, and what it gives back the other takes over, told how far it came, under higher tokens", async () => {
    const one = await keeper("one", "41");
    await holds(one.seen).toBe(2);
    const two = await keeper("two");
    const tokens = names.map((name) => one.keeper.token(name)!);
    await expect.poll(() => two.keeper.isValid).toBe(true);
    expect(two.seen.held.size).toBe(0);
    // a renewal says how far it came
    await new Promise((resolve) => setTimeout(resolve, ttlMs));
    await one.keeper.stop();
    await holds(two.seen).toBe(2);
    expect(new Map(two.seen.gained)).toEqual(new Map(names.map((name) => [name, "41"])));
    for (const [i, name] of names.entries()) expect(two.keeper.token(name)).toBeGreaterThan(tokens[i]!);
  });

  test("who is silent loses all: by its own clock before anybody else begins", async () => {
    const one = await keeper("one", "7");
    await holds(one.seen).toBe(2);
    const two = await keeper("two");
    const ended: string[] = [];
    one.seen.client.disconnect();
    const watch = setInterval(() => {
      if (ended.length === 0 && !one.keeper.isValid) ended.push("one");
      if (ended.length < 2 && two.seen.held.size > 0) ended.push("two");
    }, 1);
    await holds(two.seen).toBe(2);
    await expect.poll(() => ended.length).toBe(2);
    clearInterval(watch);
    expect(ended).toEqual(["one", "two"]);
    await holds(one.seen).toBe(0);
  });

  test("a note is kept for whoever comes next, and only of the holder", async () => {
    const [name] = names as [string, string];
    const one = await keeper("one");
    await holds(one.seen).toBe(2);
    const leases = new RedisLeases(one.seen.connection, namespace);
    expect(await leases.noted(name)).toBeUndefined();
    expect(await leases.note("one", name, '{"block":7}')).toBe(true);
    expect(await leases.note("two", name, "of another")).toBe(false);
    await one.keeper.stop();
    expect(await leases.note("one", name, "too late")).toBe(false);
    expect(await leases.noted(name)).toBe('{"block":7}');
  });

  test("a clock that jumps as after a pause ends what was held at once", async () => {
    let ahead = 0;
    const one = await keeper("one", "", () => performance.now() + ahead);
    await holds(one.seen).toBe(2);
    ahead = 60_000;
    expect(one.keeper.isValid).toBe(false);
    expect(one.keeper.token(names[0]!)).toBeUndefined();
    await expect.poll(() => one.keeper.isValid, { timeout: 10_000 }).toBe(true);
    await holds(one.seen).toBe(2);
  });

  test("while Redis is away the owner keeps until the end of its lease, and has all again after", async () => {
    const one = await keeper("one", "99");
    await holds(one.seen).toBe(2);
    await redis.kill();
    await expect.poll(() => one.keeper.isValid, { timeout: 10_000 }).toBe(false);
    await redis.start();
    await expect.poll(() => one.keeper.isValid && one.seen.held.size, { timeout: 10_000 }).toBe(2);
  });

  test("after the store forgot everything, who held the names comes before a standby", async () => {
    const one = await keeper("one", "12");
    await holds(one.seen).toBe(2);
    await one.seen.client.flushall();
    const two = await keeper("two");
    await new Promise((resolve) => setTimeout(resolve, 2 * ttlMs));
    expect(one.seen.held.size).toBe(2);
    expect(two.seen.held.size).toBe(0);
  });
});
