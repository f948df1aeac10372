import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Index } from "../../../schemas/messages.js";
import { start, trade } from "../../conformance/store-contract.js";
import { type EmbeddedStore, openEmbeddedStore } from "./embedded-store.js";

const folder = join(import.meta.dirname, "../../../infra/grafana/dashboards");

/** SQL of all panels, by title, with the macros of Grafana's ClickHouse plugin filled in for all of time. */
async function panels(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const file of await readdir(folder)) {
    const { panels } = JSON.parse(await readFile(join(folder, file), "utf8")) as {
      panels: { title: string; targets?: { rawSql?: string }[] }[];
    };
    for (const { title, targets = [] } of panels) {
      for (const { rawSql } of targets) {
        if (rawSql === undefined) continue;
        found.set(
          title,
          rawSql.replace(/\$__timeFilter\((\w+)\)/g, "$1 >= toDateTime(0) AND $1 <= toDateTime(4000000000)"),
        );
      }
    }
  }
  return found;
}

const value = (name: string, sequence_num: number, change: Partial<Index> = {}): Index => ({
  ...{ name, value: String(100 + sequence_num), status: "live", timestamp: start + sequence_num, epoch: 1 },
  ...{ sequence_num, constituents: [], log_time: start, receive_time: start, ...change },
});

describe("panels that ask the store", () => {
  let opened: EmbeddedStore;
  let all: Map<string, string>;
  beforeAll(async () => {
    opened = await openEmbeddedStore({ database: "tickplant" });
    await opened.store.migrate();
    all = await panels();
    await opened.store.insert("market.trade", [trade("a", 1), trade("b", 2)]);
    await opened.store.insert("market.index", [
      ...[value("newest is none", 1), value("newest is none", 2, { value: null, status: "unavailable" })],
      ...[value("one time", 7, { timestamp: start }), value("one time", 8, { timestamp: start, status: "degraded" })],
      ...[value("new epoch", 9, { timestamp: start }), value("new epoch", 1, { timestamp: start, epoch: 2 })],
    ]);
  });
  afterAll(async () => {
    await opened.close();
  });

  it.each(["", "25.8"])("are answered, with the defaults of %s", async (compatibility) => {
    expect(all.size).toBeGreaterThanOrEqual(3);
    for (const [title, sql] of all) {
      await opened.store.query(`${sql} SETTINGS compatibility = '${compatibility}'`).catch((error: unknown) => {
        throw new Error(`${title}: ${error}`);
      });
    }
  });

  it("the newest value of an index is one real row, also where it is none or several share a time", async () => {
    const rows = await opened.store.query<Record<string, unknown>>(all.get("Indices in the store")!);
    expect(rows.map(({ name, value, status }) => [name, value, status])).toEqual([
      ["new epoch", 101, "live"],
      ["newest is none", null, "unavailable"],
      ["one time", 108, "degraded"],
    ]);
  });

  it("no panel takes the newest value column by column", () => {
    for (const [title, sql] of all) expect(sql, title).not.toMatch(/argMax|anyLast/);
  });
});
