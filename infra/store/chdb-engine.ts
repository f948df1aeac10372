import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Session } from "chdb";
import type { ClickHouseRequest } from "./clickhouse-request.js";
import { type InsertStatement, readInsert } from "./insert-statement.js";

export interface Answer {
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
  readonly bytesRead: number;
  readonly rowsWritten: number;
  readonly bytesWritten: number;
  readonly seconds: number;
}

/** Formats whose bytes chDB's raw insert takes as they are, parsed on all cores. */
const rawFormats = new Set([
  "JSONEachRow",
  "JSONCompactEachRow",
  "CSV",
  "CSVWithNames",
  "TSV",
  "TabSeparated",
  "TSVWithNames",
  "TabSeparatedWithNames",
]);
type RawFormat = "TabSeparated";

/** A FORMAT clause stands within this many bytes of a body, else the body is taken as plain SQL. */
const headBytes = 65_536;

/**
 * chDB behind one data directory. Every request gets a connection of its own (0.5 ms), so that database, settings and
 * parameters of one query never reach another: chDB keeps a query's settings on its connection.
 */
export class ChdbEngine {
  readonly version: string;
  private readonly root: Session;

  /** @param database where queries go that name none; created where missing */
  constructor(
    private readonly folder: string,
    private readonly database = "default",
  ) {
    this.root = new Session(folder);
    this.root.query(`CREATE DATABASE IF NOT EXISTS ${identifier(database)}`);
    this.version = this.root.query("SELECT version()", "TabSeparated").trim();
  }

  /** Runs one request. @throws chDB's error, whose text holds ClickHouse's */
  async run(request: ClickHouseRequest, body: Buffer): Promise<Answer> {
    const session = new Session(this.folder);
    try {
      prepare(session, request, this.database);
      const inUrl = request.query === "" ? undefined : readInsert(request.query);
      if (inUrl !== undefined) {
        const inline = request.query.slice(inUrl.end);
        return await this.insert(session, inUrl, inline === "" ? body : Buffer.concat([Buffer.from(inline), body]));
      }
      if (request.query === "") {
        const head = body.toString("latin1", 0, headBytes);
        const insert = readInsert(head);
        if (insert !== undefined) return await this.insert(session, insert, body.subarray(insert.end));
      }
      return await this.query(session, request, body);
    } finally {
      session.close();
    }
  }

  /** Runs a statement on the engine's own connection. */
  execute(sql: string): string {
    return this.root.query(sql, "TabSeparated");
  }

  close(): void {
    this.root.close();
  }

  private async query(session: Session, request: ClickHouseRequest, body: Buffer): Promise<Answer> {
    const text = body.toString("utf8");
    const sql = request.query === "" ? text : text === "" ? request.query : `${request.query}\n${text}`;
    const result = await session.queryAsync(sql, { format: request.format });
    const { rowsRead, bytesRead, elapsed } = result;
    return { bytes: result.bytes(), rowsRead, bytesRead, rowsWritten: 0, bytesWritten: 0, seconds: elapsed };
  }

  private async insert(session: Session, insert: InsertStatement, rows: Buffer): Promise<Answer> {
    if (rows.length === 0) return written(0, 0, 0);
    if (insert.plain && rawFormats.has(insert.format)) {
      const columns = insert.columns === undefined ? {} : { columns: insert.columns };
      const format = insert.format as RawFormat;
      const summary = await session.insert({ table: insert.table, format, values: rows, ...columns });
      return written(summary.rowsWritten, summary.bytesWritten, summary.elapsed);
    }
    return await this.insertFromFile(session, insert, rows);
  }

  /** Binary formats can not travel in a query's text: their bytes go by a file. */
  private async insertFromFile(session: Session, insert: InsertStatement, rows: Buffer): Promise<Answer> {
    const folder = await mkdtemp(join(this.folder, "upload-"));
    try {
      const file = join(folder, "rows");
      await writeFile(file, rows);
      const sql = `${insert.head} FROM INFILE ${literal(file)} FORMAT ${insert.format}`;
      const result = await session.queryAsync(sql);
      return written(result.rowsRead, result.bytesRead, result.elapsed);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

function prepare(session: Session, request: ClickHouseRequest, defaultDatabase: string): void {
  const database = request.database ?? defaultDatabase;
  if (database !== "default") session.query(`USE ${identifier(database)}`);
  // Off in a server, on in chDB: a query that is a mere expression.
  const assignments = ["implicit_select = 0"];
  for (const [name, value] of request.settings) assignments.push(`${settingName(name)} = ${literal(value)}`);
  for (const [name, value] of request.parameters) assignments.push(`param_${settingName(name)} = ${literal(value)}`);
  if (request.readonly && !request.settings.has("readonly")) assignments.push("readonly = 2");
  session.query(`SET ${assignments.join(", ")}`);
}

function written(rowsWritten: number, bytesWritten: number, seconds: number): Answer {
  return {
    bytes: new Uint8Array(0),
    rowsRead: rowsWritten,
    bytesRead: bytesWritten,
    rowsWritten,
    bytesWritten,
    seconds,
  };
}

function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function identifier(name: string): string {
  return `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
}

/** @throws an error in ClickHouse's words when it is no name, so that nothing else can hide in a SET */
function settingName(name: string): string {
  if (/^\w+$/.test(name)) return name;
  throw new Error(`Code: 115. DB::Exception: Unknown setting '${name}'. (UNKNOWN_SETTING)`);
}
