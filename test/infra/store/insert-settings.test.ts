import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { ClickHouseStore } from "../../../infra/store/clickhouse-store.js";
import { trade } from "../../conformance/store-contract.js";

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

/** A server that says its release, and keeps the settings of inserts. Those in `refuses` it does not know. */
async function serverOf(version: string, refuses: readonly string[] = []) {
  const inserts: Record<string, string>[] = [];
  const release = { version, refuses };
  server = createServer((request, response) => {
    const given = Object.fromEntries(new URL(request.url!, "http://localhost").searchParams);
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      const unknown = release.refuses.find((name) => name in given);
      if (unknown !== undefined) {
        response.writeHead(404, { "X-ClickHouse-Exception-Code": "115" });
        response.end(`Code: 115. DB::Exception: Unknown setting '${unknown}'. (UNKNOWN_SETTING)`);
        return;
      }
      if (/version\(\)/.test(body)) response.end(`{"version":"${release.version}"}\n`);
      else {
        inserts.push(given);
        response.end();
      }
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, inserts, release };
}

const relied = {
  ...{ async_insert: "0", wait_for_async_insert: "1", insert_deduplicate: "0", materialized_views_ignore_errors: "0" },
  ...{ date_time_input_format: "basic", max_partitions_per_insert_block: "0" },
};

it.each([
  ["25.8.33.6", undefined],
  ["26.1.3.1", undefined],
  ["26.2.1.1", "disable"],
  ["26.8.18.2", "disable"],
  ["27.1.1.1", "disable"],
])("an insert into %s says what it relies on, deduplicate_insert: %s", async (version, deduplicate) => {
  const { url, inserts } = await serverOf(version, deduplicate === undefined ? ["deduplicate_insert"] : []);
  const store = new ClickHouseStore({ url });
  await store.insert("market.trade", [trade("a", 1)]);
  await store.insert("market.trade", [trade("a", 2)]);
  expect(inserts).toHaveLength(2);
  for (const given of inserts) {
    expect(given).toMatchObject(relied);
    expect(given.deduplicate_insert).toBe(deduplicate);
  }
  await store.close();
});

it("a server of another release behind the same address is asked anew", async () => {
  const { url, inserts, release } = await serverOf("26.8.18.2");
  const store = new ClickHouseStore({ url });
  await store.insert("market.trade", [trade("a", 1)]);
  Object.assign(release, { version: "25.8.33.6", refuses: ["deduplicate_insert"] });
  await expect(store.insert("market.trade", [trade("a", 2)])).rejects.toMatchObject({ code: "TP_STORE_UNAVAILABLE" });
  await store.insert("market.trade", [trade("a", 2)]);
  expect(inserts.map(({ deduplicate_insert }) => deduplicate_insert)).toEqual(["disable", undefined]);
  await store.close();
});
