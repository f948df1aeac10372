import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RedisBus } from "../../infra/bus/redis-bus.js";
import { loadConfig } from "../../infra/config/load-config.js";
import { type RedisHandle, startRedis } from "../../scripts/services/redis.mjs";
import { busContract, Listener } from "../conformance/bus-contract.js";
import { freePort } from "../plant/plant-process.js";
import { testLogger } from "./kafka-rig.js";

const run = promisify(execFile);
const nodes: RedisHandle[] = [];

beforeAll(async () => {
  for (let i = 0; i < 3; i++) {
    // its bus between nodes takes the port 10,000 above unless told
    const args = [
      "--cluster-enabled",
      "yes",
      "--cluster-port",
      String(await freePort()),
      "--cluster-node-timeout",
      "2000",
    ];
    nodes.push(await startRedis({ args }));
  }
  await run("redis-cli", ["--cluster", "create", ...nodes.map(({ address }) => address), "--cluster-yes"]);
}, 60_000);
afterAll(async () => {
  for (const node of nodes) await node.stop();
});

async function connect(namespace = ""): Promise<RedisBus> {
  const redis = { nodes: nodes.map(({ address }) => address), cluster: true };
  const { bus } = loadConfig({ env: {}, overrides: { bus: { redis } } });
  return RedisBus.connect({ redis: bus.redis!, namespace, lastValueHours: 1, logger: testLogger });
}

busContract("RedisBus in a cluster", async () => {
  const bus = await connect();
  return { bus, cleanup: () => bus.close() };
});

describe("a cluster's sharded channels", () => {
  test("a subscriber of another process hears channels that were not there when it came", async () => {
    const [publisher, reader] = [await connect("other"), await connect("other")];
    const listener = new Listener();
    await reader.subscribe(() => true, listener);
    const channels = Array.from({ length: 30 }, (_, i) => `ticker:SYM${i}/USDT`);
    for (let sequence = 1; ; sequence++) {
      await publisher.publish(
        channels.map((channel) => {
          const payload = JSON.stringify({ channel, epoch: 1, sequence, data: {} });
          return { channel, kind: "value" as const, epoch: 1, sequence, payload };
        }),
      );
      if (channels.every((channel) => listener.heard.some((message) => message.channel === channel))) break;
      expect(sequence).toBeLessThan(1_000);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // new channels came up while it listened: it was told to look at the last values
    expect(listener.reconnections).toBeGreaterThan(0);
    expect(await publisher.channels()).toEqual([...channels].sort());
    await publisher.close();
    await reader.close();
  });
});
