import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ClickHouseStore } from "../../../infra/store/clickhouse-store.js";
import { migrationsFolder, readMigrations } from "../../../infra/store/migrations.js";
import { storeContract, trade } from "../../conformance/store-contract.js";
import { type EmbeddedStore, openEmbeddedStore } from "./embedded-store.js";

storeContract("embedded chDB", async () => openEmbeddedStore());

// a server of one's own, e.g. that of infra/compose.yaml; user and password as the plant's own variables have them
const server = process.env.TICKPLANT_CLICKHOUSE_URL;
if (server !== undefined) {
  storeContract(`ClickHouse at ${server}`, async () => {
    const { TICKPLANT__STORE__USER: user, TICKPLANT__STORE__PASSWORD: password } = process.env;
    const database = `contract_${Date.now().toString(36)}`;
    const store = new ClickHouseStore({ url: server, database, user, password });
    return {
      store,
      close: async () => {
        await store.query(`DROP DATABASE ${database} SYNC`).catch(() => undefined);
        await store.close();
      },
    };
  });
}

describe("migrations and retention", () => {
  let opened: EmbeddedStore;
  let folder: string;
  beforeAll(async () => {
    opened = await openEmbeddedStore({}, { standIn: true });
    folder = await mkdtemp(join(tmpdir(), "tickplant-migrations-"));
    await writeFile(join(folder, "001_first.sql"), "-- one; two\nCREATE TABLE a (x UInt8) ENGINE = Memory;\n");
  });
  afterAll(async () => {
    await opened.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("a new migration is applied, a changed one is refused with its number", async () => {
    const store = new ClickHouseStore({ url: opened.url, migrations: folder });
    await store.migrate();
    await writeFile(join(folder, "002_second.sql"), "CREATE TABLE b (x UInt8) ENGINE = Memory;\n");
    await store.migrate();
    expect(await store.query("SELECT name FROM schema_migrations ORDER BY number")).toEqual([
      { name: "first" },
      { name: "second" },
    ]);
    await writeFile(join(folder, "001_first.sql"), "CREATE TABLE a (x UInt16) ENGINE = Memory;\n");
    await expect(store.migrate()).rejects.toMatchObject({
      code: "TP_MIGRATION_CHANGED",
      message: /migration 1 \(first\)/,
    });
    await store.query("DROP TABLE schema_migrations SYNC").catch(() => undefined);
    await store.close();
  });

  it("files that are no migrations or share a number are named", async () => {
    await writeFile(join(folder, "2_bad.sql"), "SELECT 1;");
    await expect(readMigrations(folder)).rejects.toMatchObject({ code: "TP_MIGRATION_MISNAMED", message: /2_bad/ });
    await rm(join(folder, "2_bad.sql"));
    await writeFile(join(folder, "0002_again.sql"), "SELECT 1;");
    await expect(readMigrations(folder)).rejects.toMatchObject({ code: "TP_MIGRATION_MISNAMED" });
    expect((await readFile(join(migrationsFolder, "001_history.sql"), "utf8")).length).toBeGreaterThan(1000);
  });

  it("retention follows the configuration, and a recording of years ago is kept as long as today's data", async () => {
    const database = "retained";
    const ttl = async (store: ClickHouseStore): Promise<string> => {
      const [row] = await store.query<{ engine_full: string }>(
        "SELECT engine_full FROM system.tables WHERE database = 'retained' AND name = 'trades_data'",
      );
      return / TTL (.*?) SETTINGS/.exec(row?.engine_full ?? "")?.[1] ?? "";
    };
    const month = new ClickHouseStore({ url: opened.url, database, retention: { trades: 30 } });
    await month.migrate();
    expect(await ttl(month)).toBe("stored_at + toIntervalDay(30)");
    await month.insert("market.trade", [trade("old", 1, { timestamp: 1_500_000_000_000_000 })]);
    await month.query("SELECT 1");
    expect(await month.trades({ exchange: "old", symbol: "BTC/USDT", limit: 1 })).toHaveLength(1);
    const forever = new ClickHouseStore({ url: opened.url, database });
    await forever.migrate();
    expect(await ttl(forever)).toBe("");
    await month.close();
    await forever.close();
  });

  it("a store that does not answer is unavailable, not refusing", async () => {
    const nobody = new ClickHouseStore({ url: "http://127.0.0.1:9" });
    expect(await nobody.ping()).toBe(false);
    await expect(nobody.insert("market.trade", [trade("a", 1)])).rejects.toMatchObject({
      code: "TP_STORE_UNAVAILABLE",
    });
    await expect(nobody.query("SELECT 1")).rejects.toMatchObject({ code: "TP_STORE_UNAVAILABLE" });
    await nobody.close();
  });
});
