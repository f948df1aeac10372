import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BusMessage } from "../../infra/bus/bus.js";
import { LastValues } from "../../infra/bus/last-values.js";
import { RedisBus } from "../../infra/bus/redis-bus.js";
import { loadConfig } from "../../infra/config/load-config.js";
import { type RedisHandle, startRedis } from "../../scripts/services/redis.mjs";
import { busContract, Listener } from "../conformance/bus-contract.js";
import { testLogger } from "./kafka-rig.js";
import { seeded } from "./seeded.js";

let redis: RedisHandle;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

async function connect(namespace = "", address = redis.address): Promise<RedisBus> {
  const { bus } = loadConfig({ env: {}, overrides: { bus: { redis: { nodes: [address] } } } });
  return RedisBus.connect({ redis: bus.redis!, namespace, lastValueHours: 1, logger: testLogger });
}

for (const namespace of ["", "plant-a"]) {
  busContract(`RedisBus${namespace && " in a namespace"}`, async () => {
    const bus = await connect(namespace);
    return { bus, cleanup: () => bus.close() };
  });
}

describe("a bus in Redis", () => {
  const value = (channel: string, sequence: number, kind: BusMessage["kind"] = "value"): BusMessage => {
    const data = channel.startsWith("depth:") ? { is_snapshot: kind !== "increment" } : {};
    const payload = JSON.stringify({ channel, epoch: 1, sequence, data });
    return { channel, kind, epoch: 1, sequence, payload };
  };

  test("a last value is the very payload, under the documented key, for some time", async () => {
    const bus = await connect();
    const client = new Redis(redis.port);
    await bus.publish([value("ticker:KEY/USDT", 3)]);
    expect(await client.get("last:{ticker:KEY/USDT}")).toBe(value("ticker:KEY/USDT", 3).payload);
    expect(await client.ttl("last:{ticker:KEY/USDT}")).toBeGreaterThan(3_500);
    client.disconnect();
    await bus.close();
  });

  test("plants of different namespaces do not hear each other", async () => {
    const [one, two] = [await connect("one"), await connect("two")];
    const listener = new Listener();
    await two.subscribe(() => true, listener);
    await one.publish([value("ticker:A/USDT", 1)]);
    await two.publish([value("ticker:A/USDT", 2)]);
    await listener.count(1);
    expect(listener.heard.map(({ sequence }) => sequence)).toEqual([2]);
    expect((await one.last("ticker:A/USDT"))!.sequence).toBe(1);
    await one.close();
    await two.close();
  });

  test("any sequence of messages leaves the last values that it leaves in process", async () => {
    const random = seeded("last values");
    const bus = await connect(randomUUID().slice(0, 8));
    const model = new LastValues();
    const channels = ["depth:A/USDT", "ticker:A/USDT", "trade:A/USDT"];
    for (let round = 0; round < 400; round++) {
      const messages = Array.from({ length: 1 + random(4) }, (): BusMessage => {
        const channel = channels[random(3)]!;
        const kind = channel.startsWith("depth")
          ? (["value", "increment", "increment", "snapshot"] as const)[random(4)]!
          : channel.startsWith("trade")
            ? "event"
            : "value";
        const [epoch, sequence] = [1 + Math.floor(round / 150), 1 + random(1 + (round % 150) * 2)];
        const data = channel.startsWith("depth") ? { is_snapshot: kind !== "increment" } : {};
        return { channel, kind, epoch, sequence, payload: JSON.stringify({ channel, epoch, sequence, data }) };
      });
      await bus.publish(messages);
      for (const message of messages) model.put(message);
      for (const channel of channels) expect(await bus.last(channel), `round ${round}`).toEqual(model.get(channel));
    }
    await bus.close();
  });

  test("while Redis is away publishing waits, and a subscriber that is back is told", async () => {
    const own = await startRedis();
    const bus = await connect("", own.address);
    const listener = new Listener();
    await bus.subscribe(() => true, listener);
    await bus.publish([value("ticker:B/USDT", 1)]);
    await listener.count(1);
    await own.kill();
    const waiting = bus.publish([value("ticker:B/USDT", 2)]);
    const after = bus.publish([value("ticker:B/USDT", 3)]);
    await own.start();
    await Promise.all([waiting, after]);
    await listener.until(() => listener.reconnections > 0);
    await bus.publish([value("ticker:B/USDT", 4)]);
    await listener.until(() => listener.heard.at(-1)?.sequence === 4);
    expect((await bus.last("ticker:B/USDT"))!.sequence).toBe(4);
    await bus.close();
    await own.stop();
  });

  test("an address where nobody answers is said by its code", async () => {
    await expect(connect("", "127.0.0.1:9")).rejects.toMatchObject({ code: "TP_REDIS_UNAVAILABLE" });
  });
});
