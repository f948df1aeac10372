import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Session } from "chdb";
import { writeEngineAccess } from "./engine-access.js";
import type { InsertStatement } from "./insert-statement.js";
import { type SqlVocabulary, vocabularyOf, vocabularyQueries } from "./sql-vocabulary.js";
import { StatementRefused } from "./statement-refused.js";

export interface Answer {
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
  readonly bytesRead: number;
  readonly rowsWritten: number;
  readonly bytesWritten: number;
  readonly seconds: number;
}

/** What holds for one statement only. */
export interface StatementContext {
  /** By which it is cancelled; of this process alone. */
  readonly id: string;
  /** The engine's default where undefined. */
  readonly database: string | undefined;
  readonly settings: ReadonlyMap<string, string>;
  /** Values of `{name:Type}` placeholders, escaped as in TabSeparated. */
  readonly parameters: ReadonlyMap<string, string>;
  /** 1: nothing can be written and no setting changed any more. 2: nothing can be written. */
  readonly readonly: 0 | 1 | 2;
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

export interface ChdbEngineOptions {
  /** chDB's data directory. */
  readonly folder: string;
  /** Where statements go that name no database; created where missing. */
  readonly database: string;
  /** What statements reach: `database` alone, or every database. */
  readonly everyDatabase: boolean;
}

/**
 * chDB behind one data directory. Every statement gets a connection of its own (0.5 ms), so that database, settings and
 * parameters of one never reach another: chDB keeps a query's settings on its connection.
 */
export class ChdbEngine {
  readonly version: string;
  private known: SqlVocabulary | undefined;
  private readonly root: Session;
  private readonly connectionArgs: string[];

  constructor(private readonly options: ChdbEngineOptions) {
    const { folder, database, everyDatabase } = options;
    this.connectionArgs = writeEngineAccess(folder, everyDatabase ? "*" : database);
    this.root = this.connect();
    this.root.query(`CREATE DATABASE IF NOT EXISTS ${identifier(database)}`);
    this.version = this.root.query("SELECT version()", "TabSeparated").trim();
  }

  /**
   * What may be called in a reader's statement. Asked of the engine with the first such statement: its list of functions
   * costs 25 MiB and a tenth of a second, which a plant that nobody queries does not need.
   */
  get vocabulary(): SqlVocabulary {
    this.known ??= vocabularyOf({
      functions: this.rows(vocabularyQueries.functions),
      types: this.names(vocabularyQueries.types),
      combinators: this.names(vocabularyQueries.combinators),
      settings: this.names(vocabularyQueries.settings),
    });
    return this.known;
  }

  /** Runs one statement. @throws chDB's error, whose text holds ClickHouse's */
  async query(context: StatementContext, sql: string, format: string): Promise<Answer> {
    return await this.within(context, async (session) => {
      const result = await session.queryAsync(sql, { format });
      const { rowsRead, bytesRead, elapsed } = result;
      return { bytes: result.bytes(), rowsRead, bytesRead, rowsWritten: 0, bytesWritten: 0, seconds: elapsed };
    });
  }

  /** Inserts rows in the statement's format. @throws as `query` */
  async insert(context: StatementContext, insert: InsertStatement, rows: Buffer): Promise<Answer> {
    if (rows.length === 0) return written(0, 0, 0);
    return await this.within(context, async (session) => {
      if (!insert.plain || !rawFormats.has(insert.format)) return await this.insertFromFile(session, insert, rows);
      const columns = insert.columns === undefined ? {} : { columns: insert.columns };
      const format = insert.format as RawFormat;
      const summary = await session.insert({ table: insert.table, format, values: rows, ...columns });
      return written(summary.rowsWritten, summary.bytesWritten, summary.elapsed);
    });
  }

  /** Asks a statement to end; it may take the engine a moment. Harmless when it has ended, or not begun. */
  async cancel(id: string): Promise<void> {
    const session = this.connect();
    try {
      await session.queryAsync(`KILL QUERY WHERE Settings['log_comment'] = ${literal(id)} ASYNC`);
    } finally {
      session.close();
    }
  }

  /** Whether the engine still answers: the smallest query, on a connection of its own. */
  async health(): Promise<void> {
    const session = this.connect();
    try {
      await session.queryAsync("SELECT 1");
    } finally {
      session.close();
    }
  }

  close(): void {
    this.root.close();
  }

  private connect(): Session {
    return new Session(this.options.folder, { connectionArgs: this.connectionArgs });
  }

  private rows<Row>(sql: string): Row[] {
    const text = this.root.query(sql, "JSONEachRow").trim();
    return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Row);
  }

  private names(sql: string): string[] {
    return this.rows<{ name: string }>(sql).map(({ name }) => name);
  }

  private async within(context: StatementContext, work: (session: Session) => Promise<Answer>): Promise<Answer> {
    const session = this.connect();
    try {
      const database = context.database ?? this.options.database;
      if (database !== "default") session.query(`USE ${identifier(database)}`);
      // Off in a server, on in chDB: a query that is a mere expression.
      const assignments = ["implicit_select = 0"];
      for (const [name, value] of context.settings) assignments.push(`${settingName(name)} = ${literal(value)}`);
      for (const [name, value] of context.parameters) {
        assignments.push(`param_${settingName(name)} = ${literal(value)}`);
      }
      assignments.push(`log_comment = ${literal(context.id)}`);
      if (context.readonly > 0) assignments.push(`readonly = ${context.readonly}`);
      session.query(`SET ${assignments.join(", ")}`);
      return await work(session);
    } finally {
      session.close();
    }
  }

  /** Binary formats can not travel in a query's text: their bytes go by a file. */
  private async insertFromFile(session: Session, insert: InsertStatement, rows: Buffer): Promise<Answer> {
    const folder = await mkdtemp(join(this.options.folder, "upload-"));
    try {
      const file = join(folder, "rows");
      await writeFile(file, rows, { mode: 0o600 });
      const sql = `${insert.head} FROM INFILE ${literal(file)} FORMAT ${insert.format}`;
      const result = await session.queryAsync(sql);
      return written(result.rowsRead, result.bytesRead, result.elapsed);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
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

/** @throws StatementRefused when it is no name, so that nothing else can hide in a SET */
function settingName(name: string): string {
  if (/^\w+$/.test(name)) return name;
  throw new StatementRefused(115, "UNKNOWN_SETTING", `Unknown setting '${name.slice(0, 60)}'`);
}
