import type { SqlToken } from "./sql-tokens.js";
import { StatementRefused } from "./statement-refused.js";
import { valueColumns } from "./value-remainders.js";

const extremes = /^(any|arg)?(min|max|greatest|least)/i;

/**
 * Exact texts are ordered as text: '9' is above '60006.06'. So the largest of them, their order, and a comparison by size
 * are an error that names the column to take.
 *
 * @throws StatementRefused
 */
export function refuseTextOrder(tokens: readonly SqlToken[]): void {
  for (const [at, token] of tokens.entries()) {
    if (!isValueText(token)) continue;
    const first = begin(tokens, at);
    const before = tokens[first - 1];
    const called = mark(before) === "(" ? (tokens[first - 2]?.text ?? "") : "";
    const isArgOf = extremes.test(called) && !/^arg/i.test(called);
    // by which it is chosen: the second of argMax(what, by)
    const isBy = mark(before) === "," && /^arg(min|max)/i.test(callOf(tokens, first) ?? "");
    const isOrdered = before?.text.toUpperCase() === "BY" && tokens[first - 2]?.text.toUpperCase() === "ORDER";
    const isCompared = isSize(tokens, at + 1, 1) || isSize(tokens, first - 1, -1);
    if (isArgOf || isBy || isOrdered || isCompared) throw refused(token.text);
  }
}

function refused(name: string): StatementRefused {
  const value = name.replace(/_text$/, "");
  return new StatementRefused(
    43,
    "ILLEGAL_TYPE_OF_ARGUMENT",
    `${name} is text and would be ordered as text: take ${value}, or toDecimal128(${name}, 18) (docs/sql.md)`,
  );
}

/** Whether `<`, `<=`, `>` or `>=` stands there, read in a direction; `<>` asks for equality, `->` for nothing. */
function isSize(tokens: readonly SqlToken[], at: number, step: 1 | -1): boolean {
  const [near, far] = [mark(tokens[at]), mark(tokens[at + step])];
  const sign = step < 0 && near === "=" ? far : near;
  if (sign !== "<" && sign !== ">") return false;
  const pair = step > 0 ? near + far : far + near;
  return pair !== "<>" && pair !== "->";
}

function isValueText({ kind, text }: SqlToken): boolean {
  return (kind === "word" || kind === "name") && text.endsWith("_text") && valueColumns.has(text.slice(0, -5));
}

/** Where the name begins that ends here: `t.price_text` at its table. */
function begin(tokens: readonly SqlToken[], at: number): number {
  let first = at;
  while (mark(tokens[first - 1]) === ".") first -= 2;
  return first;
}

/** The function of whose arguments this is one. */
function callOf(tokens: readonly SqlToken[], at: number): string | undefined {
  for (let place = at - 1, depth = 0; place > 0; place--) {
    const one = mark(tokens[place]);
    if (one === ")") depth++;
    else if (one === "(" && depth-- === 0) return tokens[place - 1]!.text;
  }
  return undefined;
}

const mark = (token: SqlToken | undefined): string => (token?.kind === "mark" ? token.text : "");
