import { request } from "node:http";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plantUser } from "../../../infra/store/store-callers.js";
import { asPlant, type EmbeddedStore, openEmbeddedStore } from "./embedded-store.js";

let opened: EmbeddedStore;
let client: ClickHouseClient;

beforeAll(async () => {
  const lanes = { write: 1, history: 1, read: 1 };
  opened = await openEmbeddedStore({}, { maxBodyBytes: 2 ** 20, maxWaitingQueries: 3, lanes });
  client = createClient({ url: opened.url, username: plantUser, password: opened.server.secret });
});
afterAll(async () => {
  await client.close();
  await opened.close();
});

interface Sent {
  body?: string | Uint8Array;
  headers?: Record<string, string>;
  settings?: Record<string, string>;
}

/** What curl would send with the plant's secret. */
const write = (query: string, init: Sent = {}) =>
  ask(query, { ...init, headers: { ...asPlant(opened.server), ...init.headers } });

/** What curl would send. */
async function ask(query: string, init: Sent = {}): Promise<{ status: number; text: string; headers: Headers }> {
  const parameters = new URLSearchParams({ ...(query === "" ? {} : { query }), ...init.settings });
  const answer = await fetch(`${opened.url}/?${parameters}`, {
    method: init.body === undefined ? "GET" : "POST",
    ...(init.body === undefined ? {} : { body: init.body }),
    ...(init.headers === undefined ? {} : { headers: init.headers }),
  });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

/** With a Host header that fetch would not send. */
function asHost(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(opened.url);
    const sent = request({ host: "127.0.0.1", port, path: "/?query=SELECT+1", headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end();
  });
}

describe("ClickHouse's HTTP interface over chDB, as curl uses it", () => {
  it("answers / and /ping", async () => {
    expect(await (await fetch(`${opened.url}/`)).text()).toBe("Ok.\n");
    expect(await (await fetch(`${opened.url}/ping`)).text()).toBe("Ok.\n");
  });

  it("answers a query in the URL, in the body, and in both", async () => {
    expect(await ask("select 1")).toMatchObject({ status: 200, text: "1\n" });
    expect((await ask("", { body: "SELECT 2" })).text).toBe("2\n");
    expect((await ask("SELECT 3", { body: " + 4" })).text).toBe("7\n");
  });

  it("gives the format that is asked for: in the query, as a parameter, as a header", async () => {
    const inQuery = await ask("SELECT 1 AS a FORMAT JSONEachRow");
    expect(inQuery.text).toBe('{"a":1}\n');
    expect(inQuery.headers.get("x-clickhouse-format")).toBe("JSONEachRow");
    expect((await ask("SELECT 'x' AS a", { settings: { default_format: "CSVWithNames" } })).text).toBe('"a"\n"x"\n');
    expect((await ask("SELECT 1 AS a", { headers: { "X-ClickHouse-Format": "TSVWithNames" } })).text).toBe("a\n1\n");
  });

  it("gives a summary and the query's id", async () => {
    const answer = await ask("SELECT number FROM numbers(10)", { settings: { query_id: "mine" } });
    expect(answer.headers.get("x-clickhouse-query-id")).toBe("mine");
    expect(JSON.parse(answer.headers.get("x-clickhouse-summary") ?? "")).toMatchObject({ read_rows: "10" });
  });

  it.each([
    ["SELEC 1", 400, "62", "SYNTAX_ERROR"],
    ["SELECT * FROM nowhere", 404, "60", "UNKNOWN_TABLE"],
    ["SELECT nothing", 404, "47", "UNKNOWN_IDENTIFIER"],
    ["SELECT throwIf(1, 'on purpose')", 500, "395", "on purpose"],
    ["SELECT toDecimal32('x', 2)", 400, "6", "CANNOT_PARSE_TEXT"],
  ])("%s gives %i with ClickHouse's code and text", async (query, status, code, text) => {
    const answer = await ask(query);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("x-clickhouse-exception-code")).toBe(code);
    expect(answer.text).toMatch(/^Code: \d+\. DB::Exception: .*\(version 26\./s);
    expect(answer.text).toContain(text);
  });

  it("a setting holds for its query only", async () => {
    const setting = "SELECT getSetting('max_block_size')";
    const before = (await ask(setting)).text;
    expect((await ask(setting, { settings: { max_block_size: "77" } })).text).toBe("77\n");
    expect((await ask(`${setting} SETTINGS max_block_size = 78`)).text).toBe("78\n");
    expect((await write("", { body: "SET max_block_size = 79" })).status).toBe(200);
    expect((await ask(setting)).text).toBe(before);
    const unknown = await ask("SELECT 1", { settings: { no_such_setting: "1" } });
    expect(unknown).toMatchObject({ status: 404 });
    expect(unknown.text).toContain("UNKNOWN_SETTING");
  });

  it("parameters are bound, many queries at a time, none to another's query", async () => {
    const values = Array.from({ length: 6 }, (_, index) => `it's \\ ${index}`);
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(
        values
          .slice(0, 4)
          .map((value) =>
            ask("SELECT {a:String} FORMAT TSVRaw", { settings: { param_a: value.replaceAll("\\", "\\\\") } }),
          ),
      );
      expect(answers.map(({ text }) => text)).toEqual(values.slice(0, 4).map((value) => `${value}\n`));
    }
  });

  it("GET changes nothing, as with the server", async () => {
    const answer = await ask("CREATE TABLE by_get (a UInt8) ENGINE = Memory");
    expect(answer.text).toContain("READONLY");
    expect(answer.status).toBe(500);
    const withSecret = await write("CREATE TABLE by_get (a UInt8) ENGINE = Memory");
    expect(withSecret).toMatchObject({ status: 500, text: expect.stringContaining("READONLY") });
    expect((await ask("EXISTS TABLE by_get")).text).toBe("0\n");
  });

  it("rows are inserted from the body, in any format, packed or not", async () => {
    const insert = (format: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
      write(`INSERT INTO formats FORMAT ${format}`, { body, headers });
    await write("", { body: "CREATE TABLE formats (a UInt8, b String) ENGINE = MergeTree ORDER BY a" });
    await insert("TabSeparated", "1\ttsv\n");
    await insert("CSV", '2,"c,s,v"\n');
    await insert("JSONEachRow", '{"b":"json","a":3}\n');
    await insert("RowBinary", Uint8Array.of(4, 3, 98, 105, 110));
    await insert("TabSeparated", gzipSync("5\tgzip\n"), { "Content-Encoding": "gzip" });
    await write("", { body: "INSERT INTO formats (b, a) FORMAT CSV\nall,6\n" });
    await write("", { body: "INSERT INTO formats VALUES (7, 'values')" });
    await write("INSERT INTO formats (a, b) SELECT 8, 'select'", { body: "" });
    const summary = (await insert("TSV", "9\tnine\n10\tten\n")).headers.get("x-clickhouse-summary") ?? "";
    expect(JSON.parse(summary)).toMatchObject({ written_rows: "2" });
    expect((await ask("SELECT groupArray(b) FROM (SELECT b FROM formats ORDER BY a) FORMAT TSVRaw")).text.trim()).toBe(
      "['tsv','c,s,v','json','bin','gzip','all','values','select','nine','ten']",
    );
  });

  it("a row that does not parse is refused with its place", async () => {
    const answer = await write("INSERT INTO formats FORMAT TSV", { body: "1\tok\nx\tbad\n" });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("(at row 2)");
  });

  it("a large result arrives whole, packed where asked for", async () => {
    const settings = { enable_http_compression: "1" };
    const query = "SELECT number FROM numbers(2000000)";
    const packed = await ask(query, { settings, headers: { "Accept-Encoding": "gzip" } });
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    expect(packed.text.length).toBe(14_888_890);
    expect((await ask(query)).text).toBe(packed.text);
  });

  it("a body beyond the bound is refused, unpacked too", async () => {
    const large = Buffer.alloc(3 * 2 ** 20, "1\n");
    const query = "INSERT INTO formats (a) FORMAT TSV";
    const answer = await write(query, { body: gzipSync(large), headers: { "Content-Encoding": "gzip" } });
    expect(answer.status).toBe(413);
    expect(answer.text).toContain("QUERY_IS_TOO_LARGE");
  });

  it("more queries than may wait get 503, nothing of the plant waits for them, and they end when their clients leave", async () => {
    const leave = new AbortController();
    const query = `${opened.url}/?query=SELECT+count()+FROM+numbers(1000000000000)+WHERE+number+%25+7+=+9`;
    let refused = 0;
    const allRefused = new Promise<void>((resolve) => {
      for (let index = 0; index < 8; index += 1) {
        fetch(query, { signal: leave.signal }).then(
          ({ status }) => {
            if (status === 503 && ++refused === 4) resolve();
          },
          () => undefined,
        );
      }
    });
    // one runs, three wait
    await allRefused;
    const insert = await write("INSERT INTO formats FORMAT TSV", { body: "11\televen\n" });
    const history = await write("SELECT count() FROM formats WHERE a = 11");
    expect([insert.status, history.text]).toEqual([200, "1\n"]);
    leave.abort();
    const began = performance.now();
    let answer = await ask("SELECT 1");
    while (answer.status === 503) answer = await ask("SELECT 1");
    expect(answer.text).toBe("1\n");
    // far from the minute that each of them may run
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(opened.server.restarted).toBe(0);
    expect(refused).toBe(4);
  });

  it("pages of other sites get nothing, by no name and from no origin", async () => {
    expect(await asHost("evil.example")).toBe(403);
    expect(await asHost("localhost:8123")).toBe(200);
    expect((await ask("SELECT 1", { headers: { Origin: "http://evil.example" } })).status).toBe(403);
    expect((await ask("SELECT 1", { headers: { Origin: "http://localhost:3000" } })).status).toBe(403);
    expect((await ask("SELECT 1", { headers: { Origin: opened.url } })).status).toBe(200);
  });

  it("what is not served says so", async () => {
    expect((await fetch(`${opened.url}/nothing`)).status).toBe(404);
    expect((await ask("SELECT 1", { settings: { compress: "1" } })).status).toBe(501);
  });
});

describe("the unmodified @clickhouse/client", () => {
  it("pings, commands, binds parameters and reads", async () => {
    expect((await client.ping()).success).toBe(true);
    expect((await client.ping({ select: true })).success).toBe(true);
    await client.command({ query: "CREATE TABLE things (id UInt64, name String) ENGINE = MergeTree ORDER BY id" });
    const result = await client.query({
      query: "SELECT {ids:Array(UInt64)} AS ids, {at:DateTime64(3)} AS at, {none:Nullable(String)} AS none",
      query_params: { ids: [1, 2], at: new Date(1_700_000_000_123), none: null },
      format: "JSONEachRow",
    });
    const rows = await result.json<{ ids: unknown[]; at: string; none: unknown }>();
    expect(rows[0]).toMatchObject({ at: "2023-11-14 22:13:20.123", none: null });
    expect(rows[0]?.ids.map(Number)).toEqual([1, 2]);
    expect(await (await client.query({ query: "SELECT 1 AS a" })).json()).toMatchObject({ data: [{ a: 1 }], rows: 1 });
  });

  it("inserts objects, tuples and streams, asynchronously too", async () => {
    await client.insert({ table: "things", values: [{ id: 1, name: "a" }], format: "JSONEachRow" });
    await client.insert({ table: "things", values: [[2, "b"]], format: "JSONCompactEachRow", columns: ["id", "name"] });
    await client.insert({
      table: "things",
      values: Readable.from(["3,c\n", "4,d\n"], { objectMode: false }),
      format: "CSV",
    });
    await client.insert({
      table: "things",
      values: [{ id: 5, name: "e" }],
      format: "JSONEachRow",
      clickhouse_settings: { async_insert: 1, wait_for_async_insert: 1 },
    });
    const rows = await (
      await client.query({ query: "SELECT name FROM things ORDER BY id", format: "JSONEachRow" })
    ).json();
    expect(rows).toEqual(["a", "b", "c", "d", "e"].map((name) => ({ name })));
  });

  it("packs requests and answers, runs exec and names errors", async () => {
    const packing = createClient({
      url: opened.url,
      username: plantUser,
      password: opened.server.secret,
      compression: { request: true, response: true },
    });
    await packing.insert({ table: "things", values: [{ id: 6, name: "f" }], format: "JSONEachRow" });
    const { stream, summary } = await packing.exec({ query: "SELECT count() FROM things FORMAT CSV" });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe("6\n");
    expect(Number(summary?.read_rows ?? 0)).toBeGreaterThan(0);
    await expect(packing.query({ query: "SELECT * FROM nowhere" })).rejects.toMatchObject({
      code: "60",
      type: "UNKNOWN_TABLE",
    });
    await packing.close();
  });
});
