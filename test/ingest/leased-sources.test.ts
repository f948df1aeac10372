import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { loadConfig } from "../../infra/config/load-config.js";
import { oraclesConfig } from "../../infra/config/oracle-config.js";
import { RedisLeases } from "../../infra/lease/redis-leases.js";
import { connectRedis } from "../../infra/redis/connection.js";
import { pythSource } from "../../ingest/oracles/pyth/pyth-source.js";
import { testLogger } from "../infra/kafka-rig.js";
import { redisForTests, type SharedRedis } from "../services/shared-services.js";
import { hermesServer } from "./oracles/hermes-server.js";
import { asOfPythnet, hermesUpdates } from "./oracles/hermes-updates.js";
import { oracleRig } from "./oracles/oracle-rig.js";

let redis: SharedRedis;
beforeAll(async () => {
  redis = await redisForTests();
}, 300_000);
afterAll(() => redis?.stop());
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const patience = { timeout: 15_000, interval: 20 };

it("of two ingest processes one has an oracle, and the other takes it over", async () => {
  const server = await hermesServer();
  ends.push(server.stop);
  const [update] = hermesUpdates();
  server.answer(update!.bytes);
  const namespace = randomUUID().slice(0, 8);
  const feedId = update!.decoded[0]!.id;
  const { pyth } = oraclesConfig.parse({
    pyth: [{ url: server.url, mode: "poll", pollMs: 100, feeds: [{ symbol: "BTC/USD", feedId }], ...asOfPythnet }],
  });
  const ingest = async () => {
    const { bus } = loadConfig({ env: {}, overrides: { bus: { redis: { nodes: [redis.address] } } } });
    const connection = await connectRedis({ redis: bus.redis!, logger: testLogger, purpose: "leases" });
    ends.push(() => connection.client.disconnect());
    const leases = { leases: new RedisLeases(connection, namespace), ttlMs: 900 };
    const rig = await oracleRig(pythSource(pyth[0]!), undefined, { leases });
    let stopped: Promise<void> | undefined;
    const stop = () => {
      stopped ??= rig.stop();
      return stopped;
    };
    ends.push(stop);
    return { ...rig, stop, has: () => rig.ingest.feeds().some(({ connected }) => connected) };
  };
  const first = await ingest();
  await expect.poll(() => first.has(), patience).toBe(true);
  await expect.poll(async () => (await first.prices()).length, patience).toBe(1);
  const second = await ingest();
  const asked = server.asked.length;
  await expect.poll(() => server.asked.length, patience).toBeGreaterThan(asked + 10);
  expect(second.ingest.feeds()).toEqual([]);
  expect(await second.prices()).toEqual([]);
  expect(await first.gauge("oracleStale", "BTC/USD")).toBe(1);
  await first.stop();
  expect(await first.gauge("oracleStale", "BTC/USD")).toBeUndefined();
  await expect.poll(() => second.has(), patience).toBe(true);
  await expect.poll(async () => (await second.prices()).length, patience).toBe(1);
});
