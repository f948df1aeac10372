import { afterAll, beforeAll, expect, it } from "vitest";
import { loadConfig } from "../../infra/config/load-config.js";
import { examine } from "../../plant/doctor/finding.js";
import { redisCheck } from "../../plant/doctor/redis.js";
import { type RedisHandle, startSentinel } from "../../scripts/services/redis.mjs";
import { primaryAndReplica } from "../infra/redis-rig.js";
import { startSentinels } from "../services/redis-sentinels.js";

let first: RedisHandle;
let second: RedisHandle;
let sentinels: RedisHandle[];
beforeAll(async () => {
  [first, second] = await primaryAndReplica();
  sentinels = await startSentinels("plant", first.port, 60_000);
});
afterAll(() => Promise.all([first, second, ...sentinels].map((one) => one.stop())));

/** What doctor finds of Redis behind these sentinels. */
function look(nodes: readonly RedisHandle[], name = "plant") {
  const redis = { sentinels: { name, nodes: nodes.map(({ address }) => address) } };
  return examine([redisCheck(loadConfig({ env: {}, overrides: { bus: { redis } } }).bus.redis!)]);
}
const named = (findings: Awaited<ReturnType<typeof look>>) => findings.map(({ verdict, name }) => [verdict, name]);

it("each sentinel says where the primary is, and the primary is looked into", async () => {
  const primary = `redis 127.0.0.1:${first.port}`;
  const findings = await look(sentinels);
  expect(named(findings)).toEqual([
    ...sentinels.map(({ address }) => ["ok", `sentinel ${address}`]),
    ["ok", primary],
    ["ok", `${primary} clock`],
  ]);
  expect(findings[0]?.found).toBe(`plant is at 127.0.0.1:${first.port}`);
});

it("a name that they do not know is wrong, of each of them", async () => {
  const findings = await look(sentinels, "other");
  expect(named(findings)).toEqual(sentinels.map(({ address }) => ["wrong", `sentinel ${address}`]));
  for (const { found, todo } of findings) {
    expect(found).toContain("other");
    expect(todo).toContain("mend bus.redis");
  }
});

it("one that is away is named, and the others' primary is looked into", async () => {
  const [away, ...others] = sentinels as [RedisHandle, ...RedisHandle[]];
  away.pause();
  try {
    const findings = await look(sentinels);
    expect(named(findings).slice(0, 4)).toEqual([
      ["wrong", `sentinel ${away.address}`],
      ...others.map(({ address }) => ["ok", `sentinel ${address}`]),
      ["ok", `redis 127.0.0.1:${first.port}`],
    ]);
  } finally {
    away.resume();
  }
});

it("sentinels that name different primaries are told, and each server is looked into", async () => {
  const [alone, replica] = await primaryAndReplica();
  const stray = await startSentinel({ name: "plant", primary: alone.port, quorum: 2, downMs: 60_000 });
  try {
    const findings = await look([sentinels[0]!, stray]);
    const differ = findings.find(({ name }) => name === "sentinels");
    expect(differ).toMatchObject({
      verdict: "wrong",
      found: `they differ: 127.0.0.1:${first.port}, 127.0.0.1:${alone.port}`,
    });
    for (const { port } of [first, alone]) expect(named(findings)).toContainEqual(["ok", `redis 127.0.0.1:${port}`]);
  } finally {
    await Promise.all([alone, replica, stray].map((one) => one.stop()));
  }
});
