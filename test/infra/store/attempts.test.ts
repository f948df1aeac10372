import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Attempt, attempts } from "./attempts.js";
import { asPlant, type EmbeddedStore, openEmbeddedStore } from "./embedded-store.js";

const word = "the-word-in-the-file";
let opened: EmbeddedStore;
let folder: string;
let visits = 0;
const bait = createServer((_request, response) => {
  visits += 1;
  response.end(word);
});
bait.on("connection", () => {
  visits += 1;
});

beforeAll(async () => {
  opened = await openEmbeddedStore(
    {},
    { readers: { seconds: 20, resultRows: 1e7, resultBytes: 2 ** 28, memoryBytes: 2 ** 28, threads: 2 } },
  );
  folder = await mkdtemp(join(tmpdir(), "tickplant-bait-"));
  await writeFile(join(folder, "bait"), word);
  await new Promise<void>((resolve) => bait.listen(0, "127.0.0.1", resolve));
  for (const body of ["CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a", "INSERT INTO kept VALUES (1)"]) {
    expect(
      (await send({ kind: "", what: "", method: "POST", body, headers: asPlant(opened.server), gets: /^ok/ })).got,
    ).toMatch(/^ok/);
  }
});
afterAll(async () => {
  bait.close();
  await opened.close();
  await rm(folder, { recursive: true, force: true });
});

/** Sends exactly this, whatever fetch would make of it. @returns `ok` and the answer, or status and error's name */
function send(attempt: Attempt): Promise<{ got: string; text: string }> {
  const { port, host } = new URL(opened.url);
  const parameters = new URLSearchParams({
    ...(attempt.query === undefined ? {} : { query: attempt.query }),
    ...attempt.settings,
  });
  const { Host = host, ...headers } = attempt.headers ?? {};
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ host: "127.0.0.1", port, method: attempt.method ?? "GET", path: attempt.target ?? `/?${parameters}` },
        ...{ headers: { ...headers, ...(Host !== "" && { Host }) }, setHost: false, agent: false },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const name = /\(([A-Z_0-9]+)\) \(version/.exec(text)?.[1];
          const got = answer.statusCode === 200 ? `ok ${text.trim()}` : `${answer.statusCode} ${name ?? ""}`.trim();
          resolve({ got, text });
        });
      },
    );
    sent.on("error", (error: NodeJS.ErrnoException) => resolve({ got: `413 TOO_LARGE ${error.code}`, text: "" }));
    sent.end(attempt.body);
  });
}

const short = (text: string, length: number) => text.replaceAll(folder, "…").replace(/\s+/g, " ").slice(0, length);

describe("attempts on the store's port", () => {
  it("each gets what readers may have, and nothing else", async () => {
    const { port } = bait.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const list = attempts({ file: join(folder, "bait"), writes: join(folder, "written"), url });
    const pid = opened.server.pid;
    const table: string[] = [];
    const wrong: string[] = [];
    for (const attempt of list) {
      const { got, text } = await send(attempt);
      const line = `${attempt.kind.padEnd(9)} | ${short(attempt.what, 60).padEnd(60)} | ${short(got, 40)}`;
      table.push(line);
      // a refusal may show the attempt, never the bait
      if (!attempt.gets.test(got) || text.includes(word)) wrong.push(`${line} | wanted ${attempt.gets} | ${text}`);
    }
    console.log(`${table.length} attempts\n${table.join("\n")}`);
    expect(wrong).toEqual([]);
    expect(list.length).toBeGreaterThan(150);
    expect(await readdir(folder)).toEqual(["bait"]);
    expect(visits).toBe(0);
    expect(opened.server.pid).toBe(pid);
    expect((await send({ kind: "", what: "", query: "SELECT groupArray(a) FROM kept", gets: /./ })).got).toBe("ok [1]");
    const tables = "SELECT groupArray(name) FROM system.tables WHERE database = 'default'";
    expect((await send({ kind: "", what: "", query: tables, gets: /./ })).got).toBe("ok ['kept']");
  }, 120_000);

  it("behind the front the engine itself has no grant on files, the network, and the server's life", async () => {
    const { port } = bait.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const statements = [
      `SELECT * FROM url('${url}', 'LineAsString')`,
      `SELECT * FROM remote('127.0.0.1:${port}', 'default', 'kept')`,
      `SELECT * FROM s3('${url}/b/k', 'CSV')`,
      `SELECT * FROM mysql('127.0.0.1:${port}', 'a', 'b', 'c', 'd')`,
      `CREATE TABLE made (a String) ENGINE = URL('${url}', 'CSV')`,
      "CREATE TABLE made (a String) ENGINE = File('CSV')",
      "CREATE DATABASE made",
      "CREATE USER made",
      "CREATE FUNCTION made AS (x) -> x",
      "CREATE DICTIONARY made (a UInt64) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT()) LIFETIME(0)",
      "SYSTEM SHUTDOWN",
      "SYSTEM STOP MERGES",
      "SELECT * FROM system.users",
      "BACKUP TABLE kept TO Disk('default', 'x')",
    ];
    for (const body of statements) {
      const { got } = await send({
        kind: "",
        what: "",
        method: "POST",
        body,
        headers: asPlant(opened.server),
        gets: /./,
      });
      expect(got, body).toMatch(/ACCESS_DENIED|INVALID_CONFIG_PARAMETER|400 BAD_ARGUMENTS/);
    }
    for (const body of [
      `SELECT file('${join(folder, "bait")}')`,
      `SELECT 1 INTO OUTFILE '${join(folder, "written")}'`,
    ]) {
      const { got } = await send({
        kind: "",
        what: "",
        method: "POST",
        body,
        headers: asPlant(opened.server),
        gets: /./,
      });
      expect(got, body).toMatch(/ACCESS_DENIED/);
    }
    expect(visits).toBe(0);
    expect(await readdir(folder)).toEqual(["bait"]);
  });

  it("what readers need works without a password: queries of clients and dashboards", async () => {
    const queries: Record<string, RegExp> = {
      "SELECT 1": /^ok 1$/,
      "select version(), revision(), displayName(), timezone() FORMAT JSONCompact": /"rows": 1/,
      "SELECT name FROM system.databases WHERE name = 'default'": /^ok default$/,
      "SELECT name FROM system.tables WHERE database = 'default'": /^ok kept$/,
      "SELECT name, type FROM system.columns WHERE database = 'default' AND table = 'kept'": /^ok a\tUInt8$/,
      "SHOW TABLES": /^ok kept$/,
      "SHOW DATABASES": /default/,
      "SHOW CREATE TABLE kept": /CREATE TABLE default\.kept/,
      "DESCRIBE TABLE kept": /^ok a\tUInt8/,
      "DESC (SELECT toDecimal64(1, 2) AS x)": /Decimal\(18, 2\)/,
      "EXISTS TABLE kept": /^ok 1$/,
      "EXPLAIN SELECT * FROM kept": /ReadFromMergeTree/,
      "EXPLAIN indexes = 1, actions = 1 SELECT * FROM kept WHERE a = 1": /ReadFromMergeTree/,
      "EXPLAIN PIPELINE SELECT 1": /^ok /,
      "WITH t AS (SELECT a, a AS b FROM kept) SELECT sumIf(a, b = 1), quantile(0.5)(a), uniqExact(b) FROM t":
        /^ok 1\t1\t1$/,
      "(SELECT 1) UNION ALL (SELECT 1)": /^ok 1\s1$/,
      "FROM kept SELECT a": /^ok 1$/,
      "SELECT a IN (1, 2), (a, 1) = (1, 1), [a](1)[1] FROM kept": /SYNTAX_ERROR/,
      "SELECT a IN (1, 2) AND (a = 1 OR a = 2), CASE WHEN a = 1 THEN (2) ELSE 3 END FROM kept": /^ok 1\t2$/,
      "SELECT row_number() OVER (PARTITION BY a ORDER BY a ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM kept":
        /^ok 1$/,
      "SELECT argMaxIf(a, a, 1), sumMapMerge(x) FROM (SELECT a, sumMapState([a], [a]) AS x FROM kept GROUP BY a) GROUP BY a":
        /^ok 1/,
      "SELECT * APPLY(toString) FROM kept": /^ok 1$/,
      "SELECT * APPLY(x -> x + 1) FROM kept": /^ok 2$/,
      "SELECT * EXCEPT (b) REPLACE (a + 1 AS a) FROM (SELECT a, 2 AS b FROM kept)": /^ok 2$/,
      "SELECT CAST(a AS Nullable(Decimal(38, 3))), a::DateTime64(3, 'UTC') FROM kept": /^ok 1\t1970/,
      "SELECT number FROM numbers(3) ORDER BY number WITH FILL FROM 0 TO 4 LIMIT 1 BY number": /^ok 0\s1\s2\s3$/,
      "SELECT count() AS n FROM kept SETTINGS max_threads = 1 FORMAT JSONEachRow": /"n":"?1/,
      "SELECT 'INTO OUTFILE; DROP TABLE kept', \"a\", `a` FROM kept -- file('x')": /DROP TABLE kept\t1\t1$/,
      "SELECT '\u2018\u00e9\u2019 $ \u00a0'": /^ok \u2018/,
      "SELECT toStartOfInterval(now(), INTERVAL 1 MINUTE) > 0": /^ok 1$/,
      "SELECT name FROM system.settings WHERE name = 'max_threads'": /^ok max_threads$/,
      "SELECT database, table, sum(rows) FROM system.parts WHERE active GROUP BY database, table":
        /^ok default\tkept\t1$/,
    };
    for (const [query, wanted] of Object.entries(queries)) {
      expect((await send({ kind: "", what: "", query, gets: wanted })).got, query).toMatch(wanted);
    }
  });

  it.runIf(process.platform === "linux")(
    "the child has a session of its own and holds nothing of its parent's",
    async () => {
      const pid = opened.server.pid!;
      const status = await readFile(`/proc/${pid}/stat`, "utf8");
      const [, group] = status
        .slice(status.lastIndexOf(")") + 2)
        .split(" ")
        .slice(1);
      expect(Number(group)).not.toBe(process.pid);
      const names = (await readFile(`/proc/${pid}/environ`, "utf8"))
        .split("\0")
        .map((entry) => entry.split("=", 1)[0]!);
      const known = /^(PATH|TZ|LANG|LC_ALL|TMPDIR|LD_LIBRARY_PATH|UV_THREADPOOL_SIZE|NODE_CHANNEL_.*|)$/;
      expect(names.filter((name) => !known.test(name))).toEqual([]);
      expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).not.toContain(opened.server.secret);
      expect((await readFile(`${opened.folder}/chdb.secret`, "utf8")).length).toBe(43);
    },
  );
});
