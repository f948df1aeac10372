import { randomUUID } from "node:crypto";
import type { Answer, ChdbEngine, StatementContext } from "./chdb-engine.js";
import type { ClickHouseRequest } from "./clickhouse-request.js";
import { readInsert } from "./insert-statement.js";
import { type ReaderLimits, readerSettings } from "./reader-settings.js";
import { judgeWriter, readerStatement } from "./reader-statement.js";
import { StatementRefused } from "./statement-refused.js";
import type { StoreCaller } from "./store-callers.js";

/** Which queue a statement waits in. */
export type LaneName = "write" | "history" | "read";

/** What a request comes to: judged, and ready to run when its turn comes. */
export interface StoreStatement {
  readonly id: string;
  readonly lane: LaneName;
  /** Of the answer. */
  readonly format: string;
  run(engine: ChdbEngine): Promise<Answer>;
}

/** A FORMAT clause stands within this many bytes of a body, else the body is taken as plain SQL. */
const headBytes = 65_536;
const reads = /^\s*(?:SELECT|WITH|SHOW|DESC|DESCRIBE|EXISTS|EXPLAIN)\b/i;

/** @throws StatementRefused when this caller may not do this */
export function storeStatement(
  engine: ChdbEngine,
  caller: StoreCaller,
  request: ClickHouseRequest,
  body: Buffer,
  limits: ReaderLimits,
): StoreStatement {
  return caller === "reader" ? readingStatement(engine, request, body, limits) : writerStatement(caller, request, body);
}

function readingStatement(
  engine: ChdbEngine,
  request: ClickHouseRequest,
  body: Buffer,
  limits: ReaderLimits,
): StoreStatement {
  // there, every name would be one of its tables
  if (/^system$/i.test(request.database ?? "")) throw StatementRefused.access("name system's tables in full");
  const { sql, settings } = readerStatement(joined(request, body), engine.vocabulary);
  const context: StatementContext = {
    id: randomUUID(),
    database: request.database,
    settings: readerSettings(limits, engine.vocabulary.settings, request.settings, settings),
    parameters: request.parameters,
    readonly: 1,
  };
  const format = request.format;
  return {
    id: context.id,
    lane: "read",
    format: formatClause(sql) ?? format,
    run: (engine) => engine.query(context, sql, format),
  };
}

function writerStatement(caller: StoreCaller, request: ClickHouseRequest, body: Buffer): StoreStatement {
  const settings = new Map([...request.settings].filter(([name]) => name !== "log_comment"));
  const context: StatementContext = {
    id: randomUUID(),
    database: request.database,
    settings,
    parameters: request.parameters,
    readonly: request.readonly && !settings.has("readonly") ? 2 : 0,
  };
  const head = request.query === "" ? body.toString("latin1", 0, headBytes) : request.query;
  const insert = readInsert(head);
  if (insert !== undefined) {
    judgeWriter(insert.head);
    const inline = Buffer.from(request.query.slice(insert.end));
    const rows = request.query === "" ? body.subarray(insert.end) : Buffer.concat([inline, body]);
    return { id: context.id, lane: "write", format: "", run: (engine) => engine.insert(context, insert, rows) };
  }
  const sql = joined(request, body);
  judgeWriter(sql);
  const lane = !reads.test(sql) ? "write" : caller === "plant" ? "history" : "read";
  const format = request.format;
  return {
    id: context.id,
    lane,
    format: formatClause(sql) ?? format,
    run: (engine) => engine.query(context, sql, format),
  };
}

/** The query in the URL goes on in the body. */
function joined({ query }: ClickHouseRequest, body: Buffer): string {
  const text = body.toString("utf8");
  return query === "" ? text : text === "" ? query : `${query}\n${text}`;
}

/** The format that a query's own FORMAT clause names. */
function formatClause(sql: string): string | undefined {
  return /\bFORMAT\s+(\w+)\s*(?:SETTINGS\s[^']*?)?;?\s*$/i.exec(sql.slice(-2_000))?.[1];
}
