import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import { EmbeddedStoreServer } from "../../infra/store/embedded-store-server.js";
import type { Finding } from "../../plant/doctor/finding.js";
import { SCHEMAS, subjectOf } from "../../schemas/subjects.js";
import { startRedis } from "../../scripts/services/redis.mjs";
import { testLogger } from "../infra/kafka-rig.js";
import { Cluster } from "./cluster-rig.js";
import { freePort, PlantProcess, temporaryFolder, testConfig, until } from "./plant-process.js";

let folders: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folders = await temporaryFolder();
});
afterAll(() => folders.remove());

interface Answer {
  readonly code: number | null;
  readonly findings: readonly Finding[];
  readonly wrong: readonly Finding[];
  readonly tookMs: number;
}

/** Runs the command to its end. */
async function examine(config: object | string, ...more: string[]): Promise<Answer> {
  const file = join(folders.folder, `${randomUUID()}.yaml`);
  await writeFile(file, typeof config === "string" ? config : JSON.stringify(config));
  const before = performance.now();
  const command = new PlantProcess(["doctor", "--json", "--config", file, ...more]);
  const { code } = await command.ended;
  const tookMs = performance.now() - before;
  const { ok, findings } = JSON.parse(command.stdout) as { ok: boolean; findings: Finding[] };
  const wrong = findings.filter(({ verdict }) => verdict === "wrong");
  expect(ok).toBe(wrong.length === 0);
  expect(code).toBe(ok ? 0 : 1);
  // every check has 10 s, Node itself takes a while on a loaded machine
  expect(tookMs).toBeLessThan(30_000);
  for (const { name, todo } of wrong) expect(todo, name).not.toBe("");
  return { code, findings, wrong, tookMs };
}

const about = (findings: readonly Finding[], name: string | RegExp) =>
  findings.filter((one) => (typeof name === "string" ? one.name === name : name.test(one.name)));

describe("doctor of an embedded plant", () => {
  const embedded = (name: string) => testConfig({ dataFolder: join(folders.folder, name) });

  it("finds nothing wrong before the first start, and makes nothing", async () => {
    const { code, findings } = await examine(embedded("fresh"));
    expect(code).toBe(0);
    expect(findings.map(({ name }) => name)).toEqual(["configuration", "node", "data folder", "ports", "log"]);
    await expect(mkdir(join(folders.folder, "fresh"))).resolves.toBeUndefined();
  });

  it("says a line each to people", async () => {
    const file = join(folders.folder, "lines.yaml");
    await writeFile(file, JSON.stringify(embedded("lines")));
    const command = new PlantProcess(["doctor", "--config", file]);
    expect((await command.ended).code).toBe(0);
    const lines = command.stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(line).toMatch(/^(ok|note) {2,}\S/);
  });

  it("names what is wrong with the configuration", async () => {
    const { wrong } = await examine("partitons: 3\n");
    expect(wrong).toMatchObject([
      { name: "configuration", found: expect.stringMatching(/TP_CONFIG_INVALID.*partitons/) },
    ]);
  });

  it("names a port that somebody else has", async () => {
    const port = await freePort();
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    const { wrong } = await examine({ ...embedded("port"), store: { port } });
    server.close();
    expect(wrong).toMatchObject([{ name: "ports", found: expect.stringContaining(`${port} (store.port)`) }]);
  });

  it("knows the ports of the plant that runs here, and that its log has more partitions than configured", async () => {
    const config = { ...embedded("running"), push: { restPort: await freePort(), webSocketPort: 0 } };
    const plant = await PlantProcess.start(config as PlantConfig);
    try {
      await plant.running();
      const { code, findings } = await examine(config);
      expect(code).toBe(0);
      expect(about(findings, "ports")).toMatchObject([{ verdict: "note" }]);
    } finally {
      await plant.kill();
    }
    const { wrong } = await examine({ ...config, partitions: 2 });
    expect(wrong[0]).toMatchObject({ name: "log", todo: expect.stringMatching(/set partitions to/) });
  });

  it("names a data folder that can not be written", async () => {
    const { dataFolder, ...rest } = embedded("closed");
    // a file stands where the folder should be; rights alone would not stop root
    await writeFile(dataFolder, "");
    expect((await examine({ ...rest, dataFolder: join(dataFolder, "within") })).wrong).toMatchObject([
      { name: "data folder" },
    ]);
  });

  it("only notes a venue that does not answer, and asks it only when told to", async () => {
    const port = await freePort();
    const ingest = { venues: [{ id: "binance", symbols: ["BTC/USDT"], restUrl: `http://127.0.0.1:${port}` }] };
    const config = { ...embedded("venues"), ingest };
    expect(about((await examine(config)).findings, /^venue/)).toEqual([]);
    const { code, findings } = await examine(config, "--venues");
    expect(code).toBe(0);
    expect(about(findings, "venue binance")).toMatchObject([{ verdict: "note" }]);
  });
});

describe("doctor of a cluster", () => {
  let cluster: Cluster;
  const redo: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    cluster = await Cluster.start();
    for (const [topic, schema] of Object.entries(SCHEMAS)) await register(topic, JSON.stringify(schema));
  }, 300_000);
  afterEach(async () => {
    for (const one of redo.splice(0)) await one();
  });
  afterAll(() => cluster.stop());

  async function register(topic: string, schema: string, namespace = cluster.config.namespace): Promise<void> {
    const subject = `${namespace}.${subjectOf(topic)}`;
    const response = await fetch(`${cluster.registry.url}/subjects/${subject}/versions`, {
      method: "POST",
      headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
      body: JSON.stringify({ schema }),
    });
    expect(response.status, await response.text()).toBe(200);
  }

  /** The cluster's configuration with one group changed. */
  const withLog = (kafka: object) => ({
    ...cluster.config,
    log: { ...cluster.config.log, kafka: { ...cluster.config.log.kafka, ...kafka } },
  });
  const withStore = (store: object) => ({ ...cluster.config, store: { ...cluster.config.store, ...store } });
  const withRedis = (redis: object) => ({
    ...cluster.config,
    bus: { ...cluster.config.bus, redis: { ...cluster.config.bus.redis, ...redis } },
  });

  it("finds nothing wrong where all is right", async () => {
    const { code, findings, wrong } = await examine(cluster.config);
    expect(wrong).toEqual([]);
    expect(code).toBe(0);
    for (const name of ["kafka brokers", "kafka topics", "registry", "store", "store clock", "store migrations"])
      expect(about(findings, name), name).toMatchObject([{ verdict: "ok" }]);
    expect(about(findings, /^redis .*/).map(({ verdict }) => verdict)).toEqual(["ok", "ok"]);
  });

  it("tells a group's members and what waits for it", async () => {
    const process = await cluster.role("process");
    try {
      // the tasks open their writers one after the other
      await until(
        async () => about((await examine(cluster.config)).findings, "kafka transactions")[0]?.verdict === "ok",
        "transactions are coordinated",
      );
      const { code, findings } = await examine(cluster.config);
      expect(code).toBe(0);
      expect(about(findings, "kafka group process")).toMatchObject([
        { verdict: "ok", found: expect.stringMatching(/^1 members .*nothing waits/) },
      ]);
      expect(about(findings, "kafka group sink")).toMatchObject([{ verdict: "note" }]);
    } finally {
      await process.process.kill();
    }
  });

  it("names topics that are missing, and partitions and settings that differ", async () => {
    const missing = await examine({ ...cluster.config, namespace: "nobody" });
    expect(about(missing.wrong, "kafka topics")[0]).toMatchObject({
      found: "market.raw does not exist",
      todo: expect.stringContaining("topics apply"),
    });
    expect(about(missing.wrong, "registry")[0]?.found).toMatch(/not registered: nobody\.market\.raw-value/);
    const { wrong } = await examine({ ...cluster.config, partitions: 2 });
    expect(about(wrong, "kafka topics")[0]).toMatchObject({
      found: "market.raw: partitions is 3, configured 2",
      todo: expect.stringContaining("set partitions to 3"),
    });
    const kept = await examine({
      ...cluster.config,
      log: { ...cluster.config.log, retentionHours: { ...cluster.config.log.retentionHours, "market.raw": 1 } },
    });
    expect(kept.wrong).toMatchObject([{ name: "kafka topics", found: expect.stringMatching(/retention\.ms is \d+/) }]);
  });

  it("names replication that the brokers can not give", async () => {
    const { wrong } = await examine(withLog({ replication: 3, minInSyncReplicas: 2 }));
    expect(about(wrong, "kafka brokers")).toMatchObject([{ found: expect.stringContaining("replication is 3") }]);
  });

  it("names schemas that are not the plant's", async () => {
    const namespace = `t${randomUUID().slice(0, 8)}`;
    const strange = { type: "record", name: "Other", fields: [{ name: "other", type: "string" }] };
    for (const topic of Object.keys(SCHEMAS)) await register(topic, JSON.stringify(strange), namespace);
    const { wrong, findings } = await examine({ ...cluster.config, namespace });
    const said = about(findings, "registry");
    expect(said.length).toBeGreaterThan(0);
    expect(said.some(({ verdict }) => verdict === "ok")).toBe(false);
    expect(wrong.length).toBeGreaterThan(0);
  });

  it("names migrations that are not applied, and those that were changed since", async () => {
    expect(about((await examine(withStore({ database: "elsewhere" }))).wrong, "store migrations")).toMatchObject([
      { todo: expect.stringContaining("tickplant migrate") },
    ]);
    const sql = (body: string) =>
      fetch(`${cluster.store.url}/?database=${cluster.config.store.database}`, { method: "POST", body });
    await sql("CREATE TABLE kept ENGINE = Memory AS SELECT * FROM schema_migrations FINAL");
    redo.push(async () => {
      await sql("TRUNCATE TABLE schema_migrations");
      await sql("INSERT INTO schema_migrations SELECT * FROM kept");
      await sql("DROP TABLE kept");
    });
    await sql("TRUNCATE TABLE schema_migrations");
    const said = async () => about((await examine(cluster.config)).wrong, "store migrations").map(({ found }) => found);
    expect(await said()).toEqual([expect.stringMatching(/^not applied yet: 001_/)]);
    await sql("INSERT INTO schema_migrations SELECT * REPLACE ('other' AS checksum) FROM kept WHERE number = 1");
    expect(await said()).toContainEqual(expect.stringMatching(/^applied with another text: 001_/));
  });

  it("names the password that the store refuses", async () => {
    const port = await freePort();
    const folder = join(folders.folder, "locked");
    const server = await EmbeddedStoreServer.start({
      folder,
      port,
      user: "plant",
      password: "right",
      logger: testLogger,
    });
    redo.push(() => server.stop());
    const { wrong } = await examine(withStore({ url: server.url, user: "plant", password: "wrong" }));
    expect(wrong).toMatchObject([
      { name: "store", found: expect.stringMatching(/password/i), todo: expect.stringContaining("store.password") },
    ]);
  });

  it("names what is wrong with Redis: its password, eviction, mode", async () => {
    const open = await startRedis();
    redo.push(() => open.stop());
    const admin = new Redis(open.port, "127.0.0.1");
    await admin.config("SET", "maxmemory-policy", "allkeys-lru");
    await admin.config("SET", "requirepass", "right");
    admin.disconnect();
    const at = { nodes: [open.address] };
    const name = `redis ${open.address}`;
    expect((await examine(withRedis({ ...at, password: "wrong" }))).wrong).toMatchObject([
      { name, found: expect.stringMatching(/WRONGPASS/), todo: expect.stringContaining("password") },
    ]);
    expect((await examine(withRedis(at))).wrong).toMatchObject([{ name, found: expect.stringMatching(/NOAUTH/) }]);
    const { wrong } = await examine(withRedis({ ...at, password: "right", cluster: true }));
    expect(wrong.map(({ found }) => found)).toEqual([
      expect.stringMatching(/standalone mode, configured is bus\.redis\.cluster: true/),
      expect.stringMatching(/allkeys-lru/),
    ]);
  });

  it.each([
    ["kafka", "kafka", (rig: Cluster) => rig.kafka],
    ["redis", /^redis 127/, (rig: Cluster) => rig.redis],
    ["registry", "registry", (rig: Cluster) => rig.registry],
  ] as const)("says so when %s is paused, and when it is gone", async (_what, name, of) => {
    const service = of(cluster);
    service.pause();
    const paused = await examine(cluster.config);
    service.resume();
    expect(paused.wrong.length).toBeGreaterThan(0);
    expect(about(paused.wrong, name)).toHaveLength(paused.wrong.length);
    await service.kill();
    redo.push(() => service.start());
    const gone = await examine(cluster.config);
    expect(gone.wrong).toHaveLength(1);
    expect(about(gone.wrong, name)[0]).toMatchObject({
      found: expect.stringMatching(/ECONNREFUSED|not reach|refused/i),
      todo: expect.stringMatching(/^start /),
    });
  });

  it("says so when the store is gone", async () => {
    const { wrong } = await examine(withStore({ url: `http://127.0.0.1:${await freePort()}` }));
    expect(wrong).toMatchObject([{ name: "store", found: expect.stringMatching(/ECONNREFUSED|can not do it now/) }]);
  });
});
