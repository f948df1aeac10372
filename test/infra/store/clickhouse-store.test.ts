import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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

/** One row or more of every kind, as plants of before have them. */
const rowsOfBefore = `
INSERT INTO trades_data (symbol, exchange, trade_id, price, qty, side, timestamp, epoch, sequence_num, retracts)
SELECT 'A', 'v', toString(number), toDecimal256('60006.06', 24) + number, toDecimal256('0.000000000000000001', 24),
  'buy', fromUnixTimestamp64Micro(toInt64(1762795380000000 + number)), 1, number, NULL FROM numbers(1000);
INSERT INTO depth_data (symbol, exchange, bids, asks, update_id, timestamp, epoch, sequence_num)
SELECT 'A', 'v', [(toDecimal256('0.000000000000000000000001', 24), toDecimal256('2', 24))], [], 2,
  fromUnixTimestamp64Micro(toInt64(1762795380000000)), 1, number FROM numbers(10);
INSERT INTO klines_data (symbol, exchange, interval, open_time, open, quote_volume, epoch, revision)
SELECT 'A', 'v', '1m', fromUnixTimestamp64Micro(toInt64(1762795380000000)), toDecimal256('1.5', 24),
  toDecimal256('0.000000000000000000000000000000000001', 36), 1, number FROM numbers(3);
INSERT INTO tickers_data (symbol, exchange, bid_price, timestamp, epoch, sequence_num)
SELECT 'A', 'v', toDecimal256('61837.63', 24), fromUnixTimestamp64Micro(toInt64(1762795380000000)), 1, 1;
INSERT INTO index_values_data (name, value, status, timestamp, epoch, sequence_num, constituents)
SELECT 'I', toDecimal256('1.25', 24), 'live', fromUnixTimestamp64Micro(toInt64(1762795380000000)), 1, 1,
  [('v', 'A', toDecimal256('1.5', 24), toDecimal256('0.5', 24), true, 'ok')];
INSERT INTO signals_data (signal_id, strategy, symbol, legs, expected_profit, timestamp, epoch, sequence_num)
SELECT 's', 'x', 'A', [('v', 'buy', toDecimal256('1', 24), toDecimal256('2', 24))], toDecimal256('-0.01', 36),
  fromUnixTimestamp64Micro(toInt64(1762795380000000)), 1, 1;
`;

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

  it("history of before keeps every value when it becomes text, and reads right at once", async () => {
    const database = "older";
    const old = join(folder, "old");
    await mkdir(old);
    for (const file of ["001_history.sql", "002_retractions.sql"]) {
      await copyFile(join(migrationsFolder, file), join(old, file));
    }
    await writeFile(join(old, "900_rows.sql"), rowsOfBefore);
    const before = new ClickHouseStore({ url: opened.url, database, migrations: old });
    await before.migrate();
    await before.close();
    const store = new ClickHouseStore({ url: opened.url, database });
    await store.migrate();
    const look = async () => {
      const [first] = await store.trades({ exchange: "v", symbol: "A", limit: 1, to: 1_762_795_380_000_008 });
      expect(first).toEqual({
        ...trade("v", 7, { symbol: "A", trade_id: "7", price: "60013.06", qty: "0.000000000000000001", side: "buy" }),
        ...{ timestamp: 1_762_795_380_000_007, log_time: 0, receive_time: 0 },
      });
      const [{ rows, sums } = {}] = await store.query<{ rows: number; sums: number }>(
        "SELECT count() AS rows, sum(price) AS sums FROM trades WHERE exchange = 'v'",
      );
      expect([rows, sums]).toEqual([1000, expect.closeTo(60_006_060 + 499_500, 6)]);
      expect(
        await store.query("SELECT bids, bids_text, asks, log_time, sent_at FROM depth ORDER BY sequence_num LIMIT 1"),
      ).toEqual([
        {
          bids: [{ price: 1e-24, qty: 2 }],
          bids_text: [{ price: "0.000000000000000000000001", qty: "2" }],
          ...{ asks: [], log_time: null, sent_at: null },
        },
      ]);
      const [kline] = await store.klines({ exchange: "v", symbol: "A", interval: "1m", limit: 1 });
      expect(kline).toMatchObject({ open: "1.5", quote_volume: "0.000000000000000000000000000000000001", revision: 2 });
      expect(await store.query("SELECT ask_price, bid_price, bid_price_text FROM tickers")).toEqual([
        { ask_price: null, bid_price: 61837.63, bid_price_text: "61837.63" },
      ]);
      expect(
        await store.query("SELECT value, constituents, constituents_text[1].price AS text FROM index_values"),
      ).toEqual([
        {
          value: 1.25,
          constituents: [{ exchange: "v", symbol: "A", price: 1.5, weight: 0.5, included: true, reason: "ok" }],
          text: "1.5",
        },
      ]);
      expect(await store.query("SELECT legs, expected_profit, expected_profit_text FROM signals")).toEqual([
        {
          legs: [{ exchange: "v", side: "buy", price: 1, qty: 2 }],
          expected_profit: -0.01,
          expected_profit_text: "-0.01",
        },
      ]);
    };
    await look();
    for (;;) {
      const [{ left } = { left: 0 }] = await store.query<{ left: number }>(
        "SELECT countIf(NOT is_done) AS left FROM system.mutations WHERE database = 'older'",
      );
      if (left === 0) break;
    }
    await look();
    // new rows beside old ones
    await store.insert("market.trade", [trade("new", 1)]);
    expect(await store.trades({ exchange: "new", symbol: "BTC/USDT", limit: 1 })).toEqual([trade("new", 1)]);
    // a crash before they were noted as applied: all of them come again
    await copyFile(join(migrationsFolder, "003_exact_text_and_times.sql"), join(old, "901_again.sql"));
    await copyFile(join(migrationsFolder, "004_sums_of_trades.sql"), join(old, "902_again.sql"));
    const again = new ClickHouseStore({ url: opened.url, database, migrations: old });
    await again.migrate();
    await again.close();
    await look();
    await store.close();
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

  it("tables that were not migrated yet are waited for: no row is refused for them", async () => {
    const before = join(folder, "before");
    await mkdir(before);
    for (const name of ["001_history.sql", "002_retractions.sql"]) {
      await copyFile(join(migrationsFolder, name), join(before, name));
    }
    const store = new ClickHouseStore({ url: opened.url, database: "older_still", migrations: before });
    await store.migrate();
    await expect(store.insert("market.trade", [trade("a", 1)])).rejects.toMatchObject({
      code: "TP_STORE_UNAVAILABLE",
      message: expect.stringContaining("log_time"),
    });
    await new ClickHouseStore({ url: opened.url, database: "older_still" }).migrate();
    await store.insert("market.trade", [trade("a", 1)]);
    expect(await store.trades({ exchange: "a", symbol: "BTC/USDT", limit: 1 })).toEqual([trade("a", 1)]);
    await store.close();
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
