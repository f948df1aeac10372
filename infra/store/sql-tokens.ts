/** A piece of ClickHouse's SQL. Spaces and comments are no tokens. */
export interface SqlToken {
  /** `word`: a bare word or number. `name`: an identifier in quotes. `mark`: any other single character. */
  readonly kind: "word" | "name" | "string" | "mark";
  /** As it stands; of a name what stands between its quotes. */
  readonly text: string;
  /** Offsets in the statement. */
  readonly start: number;
  readonly end: number;
}

/** The statement can not be taken apart with certainty: it says where and why. */
export class UnreadableSql extends Error {}

const space = /[ \t\n\r\f\v]+/y;
const word = /[A-Za-z0-9_]+/y;
const quoted = {
  "'": /'(?:[^'\\]|\\[\s\S]|'')*'/y,
  '"': /"(?:[^"\\]|\\[\s\S]|"")*"/y,
  "`": /`(?:[^`\\]|\\[\s\S]|``)*`/y,
} as const;

/**
 * Takes a statement apart as the engine's lexer does (src/Parsers/Lexer.cpp), where it is stricter: what the engine
 * might read otherwise than this does is refused, not guessed. That is: letters beyond ASCII outside of quotes (the
 * engine knows curly quotes and other spaces), heredocs and any other `$`, a comment within a comment, NUL.
 *
 * @throws UnreadableSql
 */
export function sqlTokens(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  let at = 0;
  while (at < sql.length) {
    const end = skipped(sql, at);
    if (end > at) {
      at = end;
      continue;
    }
    const token = tokenAt(sql, at);
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

/** @returns where the spaces or the comment at this place end; the place itself where there are none */
function skipped(sql: string, at: number): number {
  space.lastIndex = at;
  if (space.test(sql)) return space.lastIndex;
  const two = sql.slice(at, at + 2);
  if (two === "--" || two === "# " || two === "#!") {
    const end = sql.indexOf("\n", at);
    return end < 0 ? sql.length : end;
  }
  if (two !== "/*") return at;
  const end = sql.indexOf("*/", at + 2);
  if (end < 0) throw new UnreadableSql(`the comment at ${at} does not end`);
  const inner = sql.indexOf("/*", at + 2);
  if (inner >= 0 && inner < end) throw new UnreadableSql(`a comment within a comment at ${inner}`);
  return end + 2;
}

function tokenAt(sql: string, start: number): SqlToken {
  const first = sql[start]!;
  word.lastIndex = start;
  if (word.test(sql)) return { kind: "word", text: sql.slice(start, word.lastIndex), start, end: word.lastIndex };
  if (first === "'" || first === '"' || first === "`") {
    const pattern = quoted[first];
    pattern.lastIndex = start;
    if (!pattern.test(sql)) throw new UnreadableSql(`the quote at ${start} does not end`);
    const end = pattern.lastIndex;
    const kind = first === "'" ? "string" : "name";
    return { kind, text: sql.slice(start + 1, end - 1), start, end };
  }
  const code = first.charCodeAt(0);
  if (first === "$" || code < 0x20 || code > 0x7e) {
    throw new UnreadableSql(`${JSON.stringify(first)} at ${start} outside of quotes is not taken here`);
  }
  return { kind: "mark", text: first, start, end: start + 1 };
}
