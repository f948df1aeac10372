/** An INSERT whose rows stand behind its FORMAT clause, taken apart. */
export interface InsertStatement {
  /** `INSERT INTO t (a, b)`, without FORMAT. */
  readonly head: string;
  /** `database.table`; "" unless plain. */
  readonly table: string;
  /** Bare names, or undefined where the statement names no columns. */
  readonly columns: string[] | undefined;
  readonly format: string;
  /** Where the rows begin in the text. */
  readonly end: number;
  /** Nothing but a table and columns stands before FORMAT, so the bytes can go to the engine's raw insert. */
  readonly plain: boolean;
}

const token = /'(?:[^'\\]|\\[\s\S])*'|`[^`]*`|"(?:[^"\\]|\\[\s\S])*"|--[^\n]*|\/\*[\s\S]*?\*\/|\w+|\s+|[\s\S]/y;
const formatName = /\s+(\w+)[ \t]*;?[ \t]*(?:\r?\n)?/y;
const plainHead = /^INSERT\s+INTO\s+(?:TABLE\s+)?((?:`?\w+`?\.)?`?\w+`?)\s*(?:\(([\s\w`,]*)\))?$/i;
const otherSources = new Set(["SELECT", "VALUES", "WITH", "FROM", "WATCH"]);

/**
 * @param text the statement, or as much of its beginning as may hold the FORMAT clause
 * @returns undefined for any statement but an INSERT with FORMAT (SELECT and VALUES go to the engine as they stand)
 */
export function readInsert(text: string): InsertStatement | undefined {
  let start = -1;
  let depth = 0;
  token.lastIndex = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const piece = match[0];
    if (/^(?:\s|--|\/\*)/.test(piece)) continue;
    const word = piece.toUpperCase();
    if (start < 0) {
      if (word !== "INSERT") return undefined;
      start = match.index;
    } else if (piece === "(") depth += 1;
    else if (piece === ")") depth -= 1;
    else if (depth === 0 && otherSources.has(word)) return undefined;
    else if (depth === 0 && word === "FORMAT") return takeApart(text, start, match.index);
  }
  return undefined;
}

function takeApart(text: string, start: number, formatAt: number): InsertStatement | undefined {
  formatName.lastIndex = formatAt + "FORMAT".length;
  const format = formatName.exec(text)?.[1];
  if (format === undefined || format.toLowerCase() === "values") return undefined;
  const head = text.slice(start, formatAt).trimEnd();
  const plain = plainHead.exec(head);
  return {
    head,
    table: (plain?.[1] ?? "").replaceAll("`", ""),
    columns: plain?.[2] === undefined ? undefined : bareNames(plain[2]),
    format,
    end: formatName.lastIndex,
    plain: plain !== null,
  };
}

function bareNames(list: string): string[] {
  return list
    .split(",")
    .map((name) => name.replaceAll("`", "").trim())
    .filter((name) => name !== "");
}
