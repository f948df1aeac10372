import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Trade } from "../../../schemas/messages.js";
import { ensureColumnar } from "../../../scripts/services/columnar.mjs";
import { trade } from "../../conformance/store-contract.js";
import { asPlant, type EmbeddedStore, openEmbeddedStore } from "./embedded-store.js";

const run = promisify(execFile);
/** Each reader's rows: place in the stream, price and quantity as exact text, side, time in µs, what it retracts. */
const reader = `
import decimal, json, sys
import duckdb, polars, pyarrow.parquet
path = sys.argv[1]
decimal.getcontext().prec = 80
def text(value):
    return format(value.normalize(), "f")
def rows(columns):
    return [[n, text(p), text(q), s, int(t.timestamp()) * 1000000 + t.microsecond, r]
            for n, p, q, s, t, r in sorted(columns, key=lambda row: row[0])]
names = ["sequence_num", "price", "qty", "side", "timestamp", "retracts"]
table = pyarrow.parquet.read_table(path)
frame = polars.read_parquet(path)
connection = duckdb.connect(config={"threads": 1})
connection.sql("SET TimeZone = 'UTC'")
found = connection.sql("SELECT " + ", ".join(names[:4]) + ", epoch_us(timestamp), retracts FROM '" + path + "' ORDER BY 1").fetchall()
print(json.dumps({
  "duckdb": [[n, text(p), text(q), s, t, r] for n, p, q, s, t, r in found],
  "polars": rows(frame.select(names).rows()),
  "pyarrow": rows(list(zip(*[table[name].to_pylist() for name in names]))),
  "types": {
    "duckdb": [str(type) for type in connection.sql("SELECT price, qty FROM '" + path + "'").types],
    "polars": [str(frame.schema["price"]), str(frame.schema["qty"])],
    "pyarrow": [str(table.schema.field("price").type), str(table.schema.field("qty").type)],
  },
}))
`;

const values: readonly (readonly [price: string, qty: string])[] = [
  ["60006.06", "0.00112"],
  ["0.000000000000000001", "99999999999999999999.999999999999999999"],
  ["12345678901234567890.123456789012345678", "1"],
  ["0.1", "0.3"],
  ["9007199254740993", "0.000012345678901234"],
];

describe("the documented backup", () => {
  let opened: EmbeddedStore;
  let folder: string;
  /** The statement within the page's curl, and the address of the one that brings it back. */
  let statement: string;
  let back: string;
  const trades: Trade[] = values.map(([price, qty], at) =>
    trade("backup", at + 1, { price, qty, retracts: at === 2 ? "1001" : null }),
  );
  beforeAll(async () => {
    opened = await openEmbeddedStore({ database: "tickplant" });
    await opened.store.migrate();
    folder = await mkdtemp(join(tmpdir(), "tickplant-backup-"));
    const page = await readFile(join(import.meta.dirname, "../../../docs/operations.md"), "utf8");
    const section = page.slice(page.indexOf("**Backup.**"), page.indexOf("## Health"));
    statement = /--data-binary "\s*([\s\S]*?FORMAT Parquet)"/.exec(section)?.[1] ?? "";
    back = /query=(INSERT\+[^']*)'/.exec(section)?.[1]?.replaceAll("+", " ") ?? "";
    expect([statement, back]).toEqual([expect.stringMatching(/^SELECT/), expect.stringMatching(/^INSERT INTO/)]);
    await opened.store.insert("market.trade", trades);
  });
  afterAll(async () => {
    await opened.close();
    await rm(folder, { recursive: true, force: true });
  });

  const post = async (query: string, body: string | Uint8Array<ArrayBuffer> = ""): Promise<Uint8Array<ArrayBuffer>> => {
    const url = body === "" ? opened.url : `${opened.url}/?query=${encodeURIComponent(query)}`;
    const headers = query.startsWith("SELECT") ? {} : asPlant(opened.server);
    const response = await fetch(url, { method: "POST", headers, body: body === "" ? query : body });
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (!response.ok) throw new Error(Buffer.from(bytes).toString());
    return bytes;
  };
  const everything = (): string => statement.replace("toDate(timestamp) = yesterday()", "exchange = 'backup'");

  it("reads back exactly in DuckDB, polars and pyarrow, as decimals", async () => {
    const { python, folder: packages } = await ensureColumnar();
    const file = join(folder, "trades.parquet");
    await writeFile(file, await post(everything()));
    const script = join(folder, "read.py");
    await writeFile(script, reader);
    const { stdout } = await run(python, [script, file], { env: { ...process.env, PYTHONPATH: packages } });
    const { types, ...found } = JSON.parse(stdout) as Record<string, unknown>;
    const rows = trades.map((one) => [one.sequence_num, one.price, one.qty, one.side, one.timestamp, one.retracts]);
    expect(found).toEqual({ duckdb: rows, polars: rows, pyarrow: rows });
    expect(types).toEqual({
      duckdb: ["DECIMAL(38,18)", "DECIMAL(38,18)"],
      polars: Array(2).fill("Decimal(precision=38, scale=18)"),
      pyarrow: ["decimal128(38, 18)", "decimal128(38, 18)"],
    });
  });

  it("is an error for a value that is too large for it", async () => {
    await opened.store.insert("market.trade", [trade("large", 1, { price: "123456789012345678901" })]);
    await expect(post(everything().replace("'backup'", "'large'"))).rejects.toThrow(/too big|ARGUMENT_OUT_OF_BOUND/);
  });

  it("comes back with the documented statement as it was", async () => {
    const parquet = await post(everything());
    await post("CREATE TABLE tickplant.kept AS tickplant.trades_data");
    await post(back.replace("tickplant.trades_data", "tickplant.kept"), parquet);
    const columns =
      "symbol, exchange, trade_id, price, qty, side, timestamp, epoch, sequence_num, retracts, log_time, receive_time, sent_at, first_trade_id, last_trade_id";
    const text = async (table: string): Promise<string> =>
      Buffer.from(
        await post(
          `SELECT ${columns} FROM tickplant.${table} WHERE exchange = 'backup' ORDER BY sequence_num FORMAT TSV`,
        ),
      ).toString();
    expect(await text("kept")).toBe(await text("trades_data"));
  });
});
