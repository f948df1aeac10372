import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { describe, expect, it } from "vitest";
import { ClickHouseStore } from "../../../infra/store/clickhouse-store.js";
import { EmbeddedStoreServer } from "../../../infra/store/embedded-store-server.js";
import { plantUser } from "../../../infra/store/store-callers.js";
import { trade } from "../../conformance/store-contract.js";
import { openEmbeddedStore, quiet } from "./embedded-store.js";

const gone = async (pid: number): Promise<void> => {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

describe("the embedded store's server", () => {
  it("keeps what it has stored over a stop and over a kill, at the same address", async () => {
    const restarts: number[] = [];
    let restarted: () => void = () => undefined;
    const opened = await openEmbeddedStore({}, { onRestart: (count) => restarts.push(count) && restarted() });
    const list = Array.from({ length: 100 }, (_, index) => trade("kept", index + 1));
    await opened.store.migrate();
    await opened.store.insert("market.trade", list);
    const again = new Promise<void>((resolve) => {
      restarted = resolve;
    });
    process.kill(opened.server.pid ?? 0, "SIGKILL");
    await again;
    expect(restarts).toEqual([1]);
    expect(opened.server.url).toBe(opened.url);
    const range = { exchange: "kept", symbol: "BTC/USDT", limit: 1000 };
    expect(await opened.store.trades(range)).toEqual(list);
    const before = opened.server.pid ?? 0;
    await opened.server.stop();
    await gone(before);
    const second = await EmbeddedStoreServer.start({ folder: join(opened.folder, "chdb"), port: 0, logger: quiet });
    const store = new ClickHouseStore({ url: second.url, user: plantUser, password: second.secret });
    expect(await store.trades(range)).toEqual(list);
    await store.close();
    await second.stop();
    await opened.close();
  });

  it("names the port and the setting when another program has the port", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const folder = await mkdtemp(join(tmpdir(), "tickplant-store-"));
    const options = { folder, port, portSetting: "store.port", logger: quiet, patienceMs: 0 };
    await expect(EmbeddedStoreServer.start(options)).rejects.toMatchObject({
      code: "TP_PORT_IN_USE",
      message: expect.stringMatching(new RegExp(`port ${port} .*store\\.port`)),
    });
    other.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("a query that names no database finds the plant's tables", async () => {
    const opened = await openEmbeddedStore({ database: "plant" }, { database: "plant" });
    await opened.store.migrate();
    await opened.store.insert("market.trade", [trade("named", 1)]);
    const count = async (suffix: string): Promise<string> =>
      (await fetch(`${opened.url}/?query=SELECT+count()+FROM+trades${suffix}`)).text();
    expect(await count("")).toBe("1\n");
    expect(await count("&database=plant")).toBe("1\n");
    expect(await count("&database=default")).toContain("UNKNOWN_TABLE");
    await opened.close();
  });

  it("asks for user and password where they are set", async () => {
    const opened = await openEmbeddedStore(
      { user: "reader", password: "s3cret" },
      { user: "reader", password: "s3cret" },
    );
    expect(await opened.store.query("SELECT 1 AS a")).toEqual([{ a: 1 }]);
    const basic = `Basic ${Buffer.from("reader:s3cret").toString("base64")}`;
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${opened.url}/?query=SELECT+1`, { headers })).status;
    expect(await status({ Authorization: basic })).toBe(200);
    expect(await status({ "X-ClickHouse-User": "reader", "X-ClickHouse-Key": "s3cret" })).toBe(200);
    expect(await status({ "X-ClickHouse-User": "reader", "X-ClickHouse-Key": "wrong" })).toBe(403);
    expect(await status({})).toBe(403);
    const client = createClient({ url: opened.url, username: "reader", password: "wrong", log: { level: 127 } });
    await expect(client.query({ query: "SELECT 1" })).rejects.toMatchObject({ type: "AUTHENTICATION_FAILED" });
    await client.close();
    await opened.close();
  });

  it("a wrong password holds rows back and refuses none of them", async () => {
    const opened = await openEmbeddedStore({ user: "a", password: "wrong" }, { user: "a", password: "right" });
    await expect(opened.store.insert("market.trade", [trade("x", 1)])).rejects.toMatchObject({
      code: "TP_STORE_UNAVAILABLE",
    });
    await opened.close();
  });
});
