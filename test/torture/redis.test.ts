import { execFile } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, expect, it, type TestContext } from "vitest";
import { type RedisHandle, startRedis } from "../../scripts/services/redis.mjs";
import { ask, follows, primaryAndReplica, Traffic } from "../infra/redis-rig.js";
import { seeded } from "../infra/seeded.js";
import { startRedisCluster } from "../services/redis-cluster.js";
import { startSentinels } from "../services/redis-sentinels.js";
import { TcpLine } from "../services/tcp-line.js";

const run = promisify(execFile);
const rounds = Number(process.env.TICKPLANT_TORTURE_ROUNDS ?? 6);
const random = seeded("torture of Redis");
const figures: string[] = [];
afterAll(() => {
  process.stdout.write(
    `\nwhat               | times | published | lost | heard twice | two owners | s to go on, most\n`,
  );
  for (const line of figures) process.stdout.write(`${line}\n`);
});

/** How long after the moment that is meant until everything goes on, in s. */
type Seconds = number;

async function tortured(
  { onTestFinished }: TestContext,
  name: string,
  redis: Parameters<typeof Traffic.start>[0],
  strike: (traffic: Traffic, round: number) => Promise<Seconds>,
  times = rounds,
): Promise<void> {
  const traffic = await Traffic.start(redis, 24);
  onTestFinished(() => traffic.stop());
  await traffic.goesOn();
  const took: Seconds[] = [];
  for (let round = 0; round < times; round++) {
    await wait(500 + random(3000));
    took.push(await strike(traffic, round));
    expect(took.at(-1)!, `round ${round} of ${name}`).toBeLessThan(15);
  }
  await traffic.endPublishing();
  const lost = await traffic.lost();
  const most = Math.max(...took).toFixed(1);
  figures.push(
    `${name.padEnd(18)} | ${times} | ${traffic.published} | ${lost} | ${traffic.doubled} | ${Math.round(traffic.twoOwnersMs)} ms | ${most}`,
  );
  expect(lost).toBe(0);
  expect(traffic.twoOwnersMs).toBe(0);
}

async function pair({ onTestFinished }: TestContext): Promise<[RedisHandle, RedisHandle]> {
  const servers = await primaryAndReplica();
  onTestFinished(async () => {
    for (const one of servers) one.resume();
    await Promise.all(servers.map((one) => one.stop()));
  });
  return servers;
}

it("a name that moves to and fro", async (context) => {
  let [primary, replica] = await pair(context);
  const name = await TcpLine.start(primary.port);
  context.onTestFinished(() => name.close());
  await tortured(context, "name moves", { nodes: [name.address] }, async (traffic) => {
    const before = performance.now();
    await ask(replica.port, (client) => client.replicaof("NO", "ONE"));
    await wait(random(500));
    name.target = replica.port;
    await wait(random(500));
    await ask(primary.port, (client) => client.replicaof("127.0.0.1", replica.port));
    const seconds = await traffic.goesOn(before);
    [primary, replica] = [replica, primary];
    await follows(replica.port);
    return seconds;
  });
});

it("a name that moves away from a frozen primary", async (context) => {
  let [primary, replica] = await pair(context);
  const name = await TcpLine.start(primary.port);
  context.onTestFinished(() => name.close());
  await tortured(context, "name, frozen", { nodes: [name.address] }, async (traffic) => {
    const before = performance.now();
    primary.pause();
    await ask(replica.port, (client) => client.replicaof("NO", "ONE"));
    name.target = replica.port;
    const seconds = await traffic.goesOn(before);
    primary.resume();
    await ask(primary.port, (client) => client.replicaof("127.0.0.1", replica.port));
    [primary, replica] = [replica, primary];
    await follows(replica.port);
    return seconds;
  });
});

for (const frozenSeconds of [20, 60]) {
  it(`a server that freezes for ${frozenSeconds} s`, async (context) => {
    const server = await startRedis();
    context.onTestFinished(() => server.stop());
    await tortured(
      context,
      `frozen ${frozenSeconds} s`,
      { nodes: [server.address] },
      async (traffic) => {
        server.pause();
        await wait(frozenSeconds * 1000);
        server.resume();
        return traffic.goesOn();
      },
      2,
    );
  });
}

it("bytes that are swallowed for 30 s", async (context) => {
  const server = await startRedis();
  const name = await TcpLine.start(server.port);
  context.onTestFinished(() => name.close());
  context.onTestFinished(() => server.stop());
  await tortured(
    context,
    "swallowed 30 s",
    { nodes: [name.address] },
    async (traffic) => {
      name.swallow();
      await wait(30_000);
      name.mend();
      return traffic.goesOn();
    },
    2,
  );
});

it("a server that is killed and started again, empty", async (context) => {
  const server = await startRedis();
  context.onTestFinished(() => server.stop());
  await tortured(context, "started anew", { nodes: [server.address] }, async (traffic) => {
    await server.kill();
    await wait(random(2) * random(5000));
    await server.start();
    return traffic.goesOn();
  });
});

it("memory that is full", async (context) => {
  const server = await startRedis();
  context.onTestFinished(() => server.stop());
  await tortured(context, "full", { nodes: [server.address] }, async (traffic) => {
    await ask(server.port, (client) => client.config("SET", "maxmemory", "1"));
    await wait(random(10_000));
    await ask(server.port, (client) => client.config("SET", "maxmemory", "0"));
    return traffic.goesOn();
  });
});

it("fail-overs by Sentinel", async (context) => {
  const servers = await pair(context);
  const sentinels = await startSentinels("plant", servers[0].port);
  context.onTestFinished(async () => {
    await Promise.all(sentinels.map((one) => one.stop()));
  });
  const redis = { sentinels: { name: "plant", nodes: sentinels.map(({ address }) => address) } };
  const isReplica = ({ port }: RedisHandle) =>
    ask(port, async (client) => /role:slave/.test(await client.info("replication")));
  await tortured(context, "Sentinel", redis, async (traffic, round) => {
    const primary = (await isReplica(servers[0])) ? servers[1] : servers[0];
    const before = performance.now();
    if (round % 2 === 0) await primary.kill();
    else primary.pause();
    const seconds = await traffic.goesOn(before);
    if (round % 2 === 0) await primary.start();
    else primary.resume();
    while (!(await isReplica(primary))) await wait(100);
    await follows(primary.port);
    // a fail-over that is over is followed by another after twice its time at the earliest
    await wait(13_000);
    return seconds;
  });
});

it("fail-overs of a cluster's nodes", async (context) => {
  const cluster = await startRedisCluster(1, 1500);
  context.onTestFinished(async () => {
    for (const node of cluster.nodes) node.resume();
    await cluster.stop();
  });
  const nodes = cluster.nodes.map(({ address }) => address);
  const primaries = async (asked: RedisHandle) => {
    const { stdout } = await run("redis-cli", ["-p", `${asked.port}`, "cluster", "nodes"]);
    return cluster.nodes.filter(({ port }) => new RegExp(`:${port}@\\S+ (?:myself,)?master `).test(stdout));
  };
  await tortured(context, "Cluster", { nodes, cluster: true }, async (traffic, round) => {
    const now = await primaries(cluster.nodes[0]!);
    const struck = now[random(now.length)]!;
    const before = performance.now();
    if (round % 2 === 0) await struck.kill();
    else struck.pause();
    const seconds = await traffic.goesOn(before);
    if (round % 2 === 0) await struck.start();
    else struck.resume();
    while ((await primaries(struck)).length !== 3 || (await primaries(struck)).includes(struck)) await wait(100);
    await follows(struck.port);
    return seconds;
  });
});
