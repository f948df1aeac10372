import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BusMessage } from "../../infra/bus/bus.js";
import { EncodedMessage } from "../../infra/bus/encoded-message.js";
import { LastValues } from "../../infra/bus/last-values.js";
import { RedisBus } from "../../infra/bus/redis-bus.js";
import { createLogger, type Logger } from "../../infra/logging.js";
import { type RedisHandle, startRedis } from "../../scripts/services/redis.mjs";
import { busContract, Listener } from "../conformance/bus-contract.js";
import { message } from "../push/messages.js";
import { freePorts } from "../push/plant.js";
import { startRedisCluster } from "../services/redis-cluster.js";
import { seeded } from "./seeded.js";

const logger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" });

interface Connecting {
  readonly namespace?: string;
  readonly cluster?: boolean;
  readonly hours?: number;
  readonly logger?: Logger;
}

function connect(nodes: string[], more: Connecting = {}) {
  const redis = { nodes, cluster: more.cluster ?? false, user: "", password: "" };
  const { namespace = "", hours: lastValueHours = 1 } = more;
  return RedisBus.connect({ redis, namespace, lastValueHours, logger: more.logger ?? logger });
}

const opened = async (bus: RedisBus) => ({ bus, cleanup: () => bus.close() });
/** As a processor makes them: bytes of one chunk. */
function encoded(messages: readonly BusMessage[], renews = true): BusMessage[] {
  const bytes = Buffer.from(messages.map(({ payload }) => payload).join(""), "latin1");
  let at = 0;
  return messages.map(({ channel, epoch, sequence, kind, payload }) => {
    const start = at;
    at += payload.length;
    return new EncodedMessage(channel, epoch, sequence, kind, renews, bytes, start, at);
  });
}
const trades = (channel: string, from: number, to: number): BusMessage[] =>
  Array.from({ length: to - from + 1 }, (_, i) => message(channel, from + i, "event", { price: "1" }));

describe("one server", () => {
  let server: RedisHandle;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  busContract("RedisBus", async () => opened(await connect([server.address])));
  busContract("RedisBus in a namespace", async () =>
    opened(await connect([server.address], { namespace: "test_1-a" })),
  );

  it("keeps the literal payload under the literal key, with a time to live, a full book byte for byte", async () => {
    const client = new Redis(server.port);
    for (const namespace of ["", "desk"]) {
      const bus = await connect([server.address], { namespace, hours: 2 });
      const prefix = namespace === "" ? "" : "desk.";
      const side = Array.from({ length: 20_000 }, (_, i) => [`${61_837.63 + i}`, "0.001"]);
      const book = message("depth:BTC/USDT", 7, "snapshot", { bids: side, asks: side, is_snapshot: true, é: "数" });
      const ticker = message("ticker:BTC/USDT", 1, "value", { last_price: "61837.63" });
      await bus.publish([
        book,
        message("depth:BTC/USDT", 8, "increment", { is_snapshot: false }),
        ticker,
        ...trades("trade:BTC/USDT", 1, 1),
      ]);
      expect((await bus.last("depth:BTC/USDT"))!.payload).toBe(book.payload);
      expect(await client.get(`last:{${prefix}depth:BTC/USDT}`)).toBe(book.payload);
      expect(await client.get(`last:{${prefix}ticker:BTC/USDT}`)).toBe(ticker.payload);
      expect(await bus.channels()).toContain("ticker:BTC/USDT");
      const names = ["last:{DEPTH}", "increments:{DEPTH}", "position:{DEPTH}", "last:{TICKER}", "events:{TRADE}"];
      for (const name of names) {
        const key = name.replace(/\{(\w+)\}/, (_, kind) => `{${prefix}${kind.toLowerCase()}:BTC/USDT}`);
        expect(await client.ttl(key), key).toBeGreaterThan(7190);
        expect(await client.ttl(key), key).toBeLessThanOrEqual(7200);
      }
      await bus.close();
    }
    client.disconnect();
  });

  it("a book whose position is in a form that it does not know is shown again with the next whole book", async () => {
    const client = new Redis(server.port);
    const bus = await connect([server.address]);
    const channel = `depth:${randomUUID()}`;
    await bus.publish([message(channel, 1, "value"), message(channel, 2, "increment")]);
    await client.set(`position:{${channel}}`, "1 2 1 1 1");
    expect(await bus.last(channel)).toBeUndefined();
    await bus.publish([message(channel, 3, "increment"), message(channel, 3, "snapshot")]);
    expect(await bus.last(channel)).toMatchObject({ sequence: 3, increments: [] });
    await bus.publish([message(channel, 4, "increment")]);
    expect(await bus.last(channel)).toMatchObject({ sequence: 3, increments: [{ sequence: 4 }] });
    await bus.close();
    client.disconnect();
  });

  it("namespaces do not see each other's channels", async () => {
    const [bare, desk] = [await connect([server.address]), await connect([server.address], { namespace: "apart" })];
    const name = `ticker:${randomUUID()}`;
    await desk.publish([message(name, 1, "value")]);
    expect(await bare.channels()).not.toContainEqual(expect.stringContaining(name));
    expect(await bare.last(name)).toBeUndefined();
    expect(await desk.channels()).toEqual([name]);
    await Promise.all([bare.close(), desk.close()]);
  });

  it("holds the same last values as the bus in memory, whatever comes in whatever order", async () => {
    const random = seeded("last values");
    const bus = await connect([server.address]);
    for (let round = 0; round < 25; round++) {
      const memory = new LastValues();
      const at = randomUUID();
      const channels = [`depth:${at}`, `trade:${at}`, `ticker:${at}`];
      const kinds = ["increment", "increment", "increment", "snapshot", "value"] as const;
      const sequences = new Map<string, number>();
      for (let step = 0; step < 12; step++) {
        const batch = Array.from({ length: 1 + random(30) }, () => {
          const channel = channels[random(3)]!;
          const kind = channel.startsWith("depth")
            ? kinds[random(5)]!
            : channel.startsWith("trade")
              ? "event"
              : "value";
          const sequence = (sequences.get(channel) ?? 1) + (random(10) === 0 ? 2 - random(6) : 1);
          sequences.set(channel, sequence);
          const epoch = 1_795_000_000_000_000 + Math.floor(step / 4) - (random(20) === 0 ? 1 : 0);
          return message(channel, Math.max(1, sequence), kind, { is_snapshot: kind !== "increment" }, epoch);
        });
        for (const one of batch) memory.put(one);
        await bus.publish(random(2) === 0 ? batch : encoded(batch));
        for (const channel of channels) expect(await bus.last(channel)).toEqual(memory.get(channel));
      }
      expect((await bus.channels()).filter((name) => name.includes(at))).toEqual(memory.channels());
    }
    await bus.close();
  });

  it("renews a value's time to live when a message says so, and gives one to a value that has none", async () => {
    const [bus, client] = [await connect([server.address], { hours: 2 }), new Redis(server.port)];
    const name = `ticker:${randomUUID()}`;
    const key = `last:{${name}}`;
    const publish = (sequence: number, renews: boolean) =>
      bus.publish(encoded([message(name, sequence, "value")], renews));
    const soon = async () => ((await client.ttl(key)) <= 100 ? "soon" : "in two hours");
    await publish(1, false);
    expect(await soon()).toBe("in two hours");
    await client.expire(key, 100);
    await publish(2, false);
    expect(await soon()).toBe("soon");
    await publish(3, true);
    expect(await soon()).toBe("in two hours");
    await client.expire(key, 100);
    await publish(3, true);
    expect(await soon()).toBe("soon");
    await client.del(key);
    await publish(4, false);
    expect(await soon()).toBe("in two hours");
    expect(await bus.last(name)).toMatchObject({ sequence: 4 });
    client.disconnect();
    await bus.close();
  });

  it("a book of which Redis has lost the increments counts as gone until the next whole one", async () => {
    const [bus, client] = [await connect([server.address]), new Redis(server.port)];
    const increment = (sequence: number) => message("depth:LOST", sequence, "increment", { is_snapshot: false });
    await bus.publish([message("depth:LOST", 1, "snapshot", { is_snapshot: true }), increment(2), increment(3)]);
    await client.del("increments:{depth:LOST}");
    expect(await bus.last("depth:LOST")).toBeUndefined();
    await bus.publish([increment(4)]);
    expect(await bus.last("depth:LOST")).toBeUndefined();
    await bus.publish([message("depth:LOST", 4, "snapshot", { is_snapshot: true }), increment(5)]);
    expect(await bus.last("depth:LOST")).toMatchObject({ sequence: 4, increments: [{ sequence: 5 }] });
    client.disconnect();
    await bus.close();
  });

  it("many publishes at once arrive in their order, and a lost script is no loss", async () => {
    const [bus, client] = [await connect([server.address]), new Redis(server.port)];
    const listener = new Listener();
    const channel = `trade:${randomUUID()}`;
    await (await bus.subscribe(listener)).add(channel);
    const publishes = [];
    for (let i = 0; i < 200; i++) {
      publishes.push(bus.publish(trades(channel, i * 50 + 1, i * 50 + 50)));
      if (i % 50 === 25) await client.script("FLUSH");
    }
    await Promise.all(publishes);
    await listener.count(10_000);
    expect(listener.heard.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1));
    client.disconnect();
    await bus.close();
  });

  it("readers whose connections are cut are told, and get what comes then", async () => {
    const [bus, client] = [await connect([server.address]), new Redis(server.port)];
    const listener = new Listener();
    const subscription = await bus.subscribe(listener);
    await subscription.add("trade:CUT");
    await subscription.addKind("kline");
    await client.call("CLIENT", "KILL", "TYPE", "pubsub");
    await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await listener.until(() => listener.reconnections === 1);
    await bus.publish([...trades("trade:CUT", 1, 3), message("kline:CUT:1m", 1, "value")]);
    await listener.count(4);
    expect(listener.heard.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 1]);
    client.disconnect();
    await bus.close();
  });
});

describe("a server that crashes", () => {
  it("holds publishes back until it is there again, and readers are told", async () => {
    const server = await startRedis();
    const said: string[] = [];
    const bus = await connect([server.address], {
      logger: pino({ level: "warn" }, { write: (line: string) => void said.push(line) }),
    });
    const listener = new Listener();
    const subscription = await bus.subscribe(listener);
    await subscription.add("trade:A");
    await bus.publish(trades("trade:A", 1, 10));
    await listener.count(10);
    await server.kill();
    const held = [bus.publish(trades("trade:A", 11, 400)), bus.publish(trades("trade:A", 401, 500))];
    const added = subscription.add("ticker:A");
    let settled = 0;
    const count = () => void settled++;
    for (const one of [...held, added]) one.then(count, count);
    // said when three attempts were in vain
    await expect
      .poll(() => said.some((line) => line.includes("Redis does not take messages")), { timeout: 20_000 })
      .toBe(true);
    expect(settled).toBe(0);
    await server.start();
    await Promise.all([...held, added]);
    await listener.until(() => listener.reconnections === 1);
    const last = await bus.last("trade:A");
    expect(last!.increments.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 100 }, (_, i) => i + 401));
    await bus.publish([...trades("trade:A", 501, 501), message("ticker:A", 1, "value")]);
    await listener.until(() => listener.heard.at(-1)?.channel === "ticker:A");
    expect(listener.heard.at(-2)!.sequence).toBe(501);
    await server.kill();
    const lost = bus.publish(trades("trade:A", 502, 502));
    await Promise.all([bus.close(), expect(lost).rejects.toMatchObject({ code: "TP_BUS_CLOSED" })]);
    await server.stop();
  });

  it("sends again, in order, what was under way when it died", async () => {
    const server = await startRedis();
    const bus = await connect([server.address]);
    const listener = new Listener();
    const subscription = await bus.subscribe(listener);
    await subscription.add("trade:A");
    await bus.publish(trades("trade:A", 1, 10));
    server.pause();
    const lots = Array.from({ length: 10 }, (_, i) => trades("trade:A", 11 + 1000 * i, 1010 + 1000 * i));
    const underWay = lots.map((lot) => bus.publish(lot));
    const read = bus.last("trade:A");
    await Promise.all([server.kill(), expect(read).rejects.toThrow()]);
    await server.start();
    await Promise.all(underWay);
    const last = await bus.last("trade:A");
    expect(last!.increments.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 100 }, (_, i) => i + 9911));
    const client = new Redis(server.port);
    expect(await client.info("errorstats")).not.toContain("NOSCRIPT");
    client.disconnect();
    await bus.close();
    await server.stop();
  });

  it("is an error by its code when it is not there at the start", async () => {
    const [port] = await freePorts();
    const refused = expect(connect([`127.0.0.1:${port}`])).rejects;
    await refused.toMatchObject({
      code: "TP_REDIS_UNAVAILABLE",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
    const server = await startRedis({ args: ["--requirepass", "secret"] });
    await expect(connect([server.address])).rejects.toMatchObject({ code: "TP_REDIS_UNAVAILABLE" });
    await server.stop();
  });
});

describe("a cluster", () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());
  const nodes = () => cluster.nodes.map(({ address }) => address);

  busContract("RedisBus over a cluster", async () => opened(await connect(nodes().slice(0, 1), { cluster: true })));

  it("spreads channels over the nodes, and readers get each in order", async () => {
    const bus = await connect(nodes(), { cluster: true, namespace: "spread" });
    const listener = new Listener();
    const subscription = await bus.subscribe(listener);
    const channels = Array.from({ length: 60 }, (_, i) => `trade:S${i}/USDT`);
    await Promise.all(channels.map((channel) => subscription.add(channel)));
    for (let i = 1; i <= 20; i++) await bus.publish(channels.map((channel) => message(channel, i, "event")));
    await listener.count(1200);
    for (const channel of channels) {
      const heard = listener.heard.filter((one) => one.channel === channel).map(({ sequence }) => sequence);
      expect(heard).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    }
    expect(await bus.channels()).toEqual([...channels].sort());
    await bus.close();
  });

  it("readers whose connections are cut are told, and get what comes then", async () => {
    const bus = await connect(nodes(), { cluster: true });
    const listener = new Listener();
    const subscription = await bus.subscribe(listener);
    const channels = Array.from({ length: 12 }, (_, i) => `trade:CUT${i}`);
    await Promise.all(channels.map((channel) => subscription.add(channel)));
    for (const { port } of cluster.nodes) {
      const client = new Redis(port);
      await client.call("CLIENT", "KILL", "TYPE", "pubsub");
      client.disconnect();
    }
    await listener.until(() => listener.reconnections > 0);
    let sequence = 0;
    const everyChannel = () => new Set(listener.heard.map(({ channel }) => channel)).size === channels.length;
    while (!everyChannel()) {
      sequence++;
      await bus.publish(channels.map((channel) => message(channel, sequence, "event")));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await bus.close();
  });
});
