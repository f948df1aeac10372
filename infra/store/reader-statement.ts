import { systemTables } from "./engine-access.js";
import { type SqlToken, sqlTokens, UnreadableSql } from "./sql-tokens.js";
import { mayCall, type SqlVocabulary } from "./sql-vocabulary.js";
import { StatementRefused } from "./statement-refused.js";
import { refuseRemainders } from "./value-remainders.js";
import { refuseTextOrder } from "./value-texts.js";

/** A reader's statement that may run. */
export interface ReaderStatement {
  /** Without its own SETTINGS clause. */
  readonly sql: string;
  /** What that clause asked for; not yet judged. */
  readonly settings: ReadonlyMap<string, string>;
}

const writes = new Set(
  (
    "INSERT CREATE ALTER DROP TRUNCATE OPTIMIZE RENAME EXCHANGE DELETE UPDATE ATTACH DETACH UNDROP REPLACE GRANT REVOKE " +
    "KILL SYSTEM SET USE BACKUP RESTORE MOVE CHECK WATCH EXECUTE BEGIN COMMIT ROLLBACK COPY"
  ).split(" "),
);
const shows = new Set(["TABLES", "DATABASES", "COLUMNS", "CREATE", "FULL", "EXTENDED", "INDEX", "INDEXES", "INDICES"]);
const explains = new Set(["AST", "SYNTAX", "PLAN", "PIPELINE", "ESTIMATE", "QUERY"]);
const noWriters = new Set("SYSTEM BACKUP RESTORE ATTACH DETACH EXECUTE KILL GRANT REVOKE".split(" "));
const readable = new Set(systemTables);
const files = new Set(["OUTFILE", "INFILE"]);
const value = new Set(["word", "string"]);

/**
 * Judges a statement of somebody who may only read: one SELECT, EXPLAIN of one, SHOW, DESCRIBE or EXISTS, and before
 * each `(` only a name of the vocabulary. Which databases and tables it may read is the engine's to say (its grants),
 * and it runs with `readonly = 1`, so that what this lets pass can neither write nor change a setting.
 *
 * @throws StatementRefused
 */
export function readerStatement(sql: string, vocabulary: SqlVocabulary): ReaderStatement {
  const tokens = tokensOf(sql);
  while (isMark(tokens.at(-1), ";")) tokens.pop();
  if (tokens.length === 0) throw StatementRefused.syntax("Empty query");
  if (tokens.some((token) => isMark(token, ";"))) {
    throw StatementRefused.syntax("Multi-statements are not allowed: send one statement a request");
  }
  judgeKind(tokens);
  refuseFiles(tokens);
  refuseCalls(tokens, vocabulary);
  refuseTables(tokens);
  refuseRemainders(tokens);
  refuseTextOrder(tokens);
  return withoutSettings(sql, tokens);
}

/**
 * What even a writer may not do over HTTP: read and write files of the machine, several statements at once.
 *
 * @param sql without the rows of an INSERT
 * @throws StatementRefused
 */
export function judgeWriter(sql: string): void {
  const tokens = tokensOf(sql);
  while (isMark(tokens.at(-1), ";")) tokens.pop();
  if (tokens.some((token) => isMark(token, ";"))) {
    throw StatementRefused.syntax("Multi-statements are not allowed: send one statement a request");
  }
  const first = upper(tokens[0]);
  if (noWriters.has(first)) throw StatementRefused.access(`${first} is the server's own matter`);
  refuseFiles(tokens);
  for (let index = 1; index < tokens.length; index++) {
    const called = callAt(tokens, index)?.toLowerCase();
    if (called === "file" || called === "executable" || called === "filesystem") throw refusedCall(called);
  }
}

function tokensOf(sql: string): SqlToken[] {
  try {
    return sqlTokens(sql);
  } catch (error) {
    if (error instanceof UnreadableSql) throw StatementRefused.syntax(`Syntax error: ${error.message}`);
    throw error;
  }
}

function judgeKind(tokens: readonly SqlToken[]): void {
  let at = 0;
  while (isMark(tokens[at], "(")) at += 1;
  let first = upper(tokens[at]);
  if (first === "EXPLAIN") {
    at += 1;
    // its kind and its own settings (`actions = 1`) stand before the SELECT
    while (at < tokens.length && !startsSelect(tokens, at)) {
      const text = upper(tokens[at]);
      const setting = isMark(tokens[at + 1], "=") && tokens[at + 2]?.kind === "word";
      if (setting) at += isMark(tokens[at + 3], ",") ? 4 : 3;
      else if (explains.has(text) || (text === "TREE" && upper(tokens[at - 1]) === "QUERY")) at += 1;
      else throw StatementRefused.access(`EXPLAIN ${text} is not for readers: EXPLAIN a SELECT`);
    }
    first = upper(tokens[at]);
  }
  if (startsSelect(tokens, at) || first === "DESCRIBE" || first === "DESC" || first === "EXISTS") {
    if (first === "WITH" && tokens.some((token) => upper(token) === "INSERT")) throw notReading("INSERT");
    return;
  }
  if (first === "SHOW") {
    const what = upper(tokens[at + 1]);
    if (shows.has(what)) return;
    throw StatementRefused.access(`SHOW ${what} is not for readers`);
  }
  if (writes.has(first)) throw notReading(first);
  throw StatementRefused.syntax(`Syntax error: ${shown(tokens[at])} begins no statement that readers have`);
}

function startsSelect(tokens: readonly SqlToken[], at: number): boolean {
  while (isMark(tokens[at], "(")) at += 1;
  const text = upper(tokens[at]);
  return text === "SELECT" || text === "WITH" || text === "FROM";
}

function notReading(statement: string): StatementRefused {
  return StatementRefused.readonly(
    `Cannot execute query in readonly mode: ${statement} needs the plant's secret or a configured user`,
  );
}

function refuseFiles(tokens: readonly SqlToken[]): void {
  const found = tokens.find((token) => token.kind === "word" && files.has(upper(token)));
  if (found !== undefined) throw StatementRefused.access(`${upper(found)}: files are not reached over HTTP`);
}

function refuseCalls(tokens: readonly SqlToken[], vocabulary: SqlVocabulary): void {
  for (let index = 1; index < tokens.length; index++) {
    const called = callAt(tokens, index);
    if (called !== undefined && !mayCall(vocabulary, called)) throw refusedCall(called);
    // `* APPLY name` calls without a parenthesis
    if (
      upper(tokens[index - 1]) === "APPLY" &&
      !isMark(tokens[index], "(") &&
      !mayCall(vocabulary, text(tokens[index]))
    )
      throw refusedCall(text(tokens[index]));
    if (upper(tokens[index - 2]) === "APPLY" && isMark(tokens[index - 1], "(") && !isMark(tokens[index + 1], "-")) {
      const applied = tokens[index]!;
      if (!isMark(applied, "(") && !mayCall(vocabulary, applied.text)) throw refusedCall(applied.text);
    }
  }
}

/** The name before the `(` at this place; undefined where none stands there. */
function callAt(tokens: readonly SqlToken[], index: number): string | undefined {
  if (!isMark(tokens[index], "(")) return undefined;
  const before = tokens[index - 1]!;
  if (before.kind === "word") return /^[0-9]+$/.test(before.text) ? undefined : before.text;
  // a name that comes as a parameter, `{f:Identifier}(…)`, or as a text
  if (before.kind !== "mark" || before.text === "}") return before.text;
  return undefined;
}

function refusedCall(name: string): StatementRefused {
  return StatementRefused.access(`${JSON.stringify(name.slice(0, 60))} may not be called here`);
}

/**
 * Tables of `system` are named one by one: the engine shows many of them without a grant. So the name has to be plain:
 * no parameter, no escape.
 */
function refuseTables(tokens: readonly SqlToken[]): void {
  for (const [index, token] of tokens.entries()) {
    if (token.kind === "name" && /[\\"`]/.test(token.text)) {
      throw StatementRefused.access("a name with a quote or a backslash in it is not for readers");
    }
    if (upper(token) === "IDENTIFIER" && isMark(tokens[index - 1], ":")) {
      throw StatementRefused.access("a parameter of type Identifier is not for readers");
    }
    const isName = token.kind === "word" || token.kind === "name";
    if (!isName || token.text.toLowerCase() !== "system" || !isMark(tokens[index + 1], ".")) continue;
    const table = text(tokens[index + 2]);
    if (!readable.has(table)) throw StatementRefused.access(`system.${table.slice(0, 60)} is not for readers`);
  }
}

/**
 * Cuts the SETTINGS clause out of the statement. A subquery may have none: the engine takes its settings whatever
 * `readonly` says (seen with 26.7).
 */
function withoutSettings(sql: string, tokens: readonly SqlToken[]): ReaderStatement {
  const settings = new Map<string, string>();
  let cut = "";
  let from = 0;
  let depth = 0;
  for (let index = 1; index < tokens.length; index++) {
    if (isMark(tokens[index - 1], "(")) depth += 1;
    if (isMark(tokens[index - 1], ")")) depth -= 1;
    if (upper(tokens[index]) !== "SETTINGS" || isMark(tokens[index - 1], ".")) continue;
    if (depth > 0) throw StatementRefused.readonly("Cannot modify settings in readonly mode within a subquery");
    const start = tokens[index]!.start;
    let at = index + 1;
    for (;;) {
      const name = tokens[at];
      const given = settingAt(tokens, at + 2);
      if (name?.kind !== "word" || !isMark(tokens[at + 1], "=") || given === undefined) {
        throw StatementRefused.syntax(`Syntax error: the SETTINGS clause at ${start} is not name = value, …`);
      }
      settings.set(name.text, given.text);
      at = given.next;
      if (!isMark(tokens[at], ",")) break;
      at += 1;
    }
    cut += sql.slice(from, start);
    from = tokens[at - 1]!.end;
    index = at - 1;
  }
  return { sql: cut + sql.slice(from), settings };
}

function settingAt(tokens: readonly SqlToken[], at: number): { text: string; next: number } | undefined {
  const token = tokens[at];
  if (token === undefined || !value.has(token.kind)) return undefined;
  if (token.kind === "string") return { text: unescaped(token.text), next: at + 1 };
  // 0.5 comes in three pieces
  const fraction = isMark(tokens[at + 1], ".") && tokens[at + 2]?.kind === "word";
  return fraction
    ? { text: `${token.text}.${tokens[at + 2]!.text}`, next: at + 3 }
    : { text: token.text, next: at + 1 };
}

function unescaped(text: string): string {
  return text.replace(/\\([\s\S])|''/g, (_, escaped: string | undefined) => escaped ?? "'");
}

function isMark(token: SqlToken | undefined, mark: string): boolean {
  return token?.kind === "mark" && token.text === mark;
}

/** Of a bare word; "" for any other token. */
function upper(token: SqlToken | undefined): string {
  return token?.kind === "word" ? token.text.toUpperCase() : "";
}

function text(token: SqlToken | undefined): string {
  return token?.text ?? "";
}

function shown(token: SqlToken | undefined): string {
  return JSON.stringify(text(token).slice(0, 60));
}
