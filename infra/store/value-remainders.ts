import type { SqlToken } from "./sql-tokens.js";
import { StatementRefused } from "./statement-refused.js";

/** Columns of the views that hold values as doubles, beside a `…_text` that is exact. */
export const valueColumns: ReadonlySet<string> = new Set(
  (
    "price qty bid_price bid_qty ask_price ask_qty last_price volume_24h quote_volume_24h open_24h high_24h low_24h " +
    "weighted_price median_price bids asks open high low close volume quote_volume taker_buy_volume " +
    "taker_buy_quote_volume value constituents expected_profit legs"
  ).split(" "),
);

const remainders = /^(positive_?|p)?mod(ulo)?(legacy|_?or_?(zero|null))?$/i;
/** Words at which an expression ends, and another one or a table begins. */
const ends = new Set(
  (
    "SELECT DISTINCT FROM PREWHERE WHERE HAVING QUALIFY GROUP ORDER LIMIT BY ON USING UNION INTERSECT EXCEPT WITH AND OR " +
    "SETTINGS WINDOW JOIN OFFSET FORMAT"
  ).split(" "),
);
const tables = new Set(["FROM", "JOIN"]);

/** One expression: its own tokens, and those of the subqueries in it. */
interface Expression {
  readonly own: SqlToken[];
  readonly all: SqlToken[];
  /** It names tables: what is selected in them is no value of it. */
  readonly isTable: boolean;
}

/**
 * A remainder of a double is nearly the divisor where it should be 0, and who reads it can not see that: of a column of
 * values, or of what a statement makes of one, it is an error that says how to ask for it exactly. Judged by names, so a
 * remainder of something else in the same expression as a value is refused, too.
 *
 * @throws StatementRefused
 */
export function refuseRemainders(tokens: readonly SqlToken[]): void {
  if (!tokens.some((token, at) => isRemainder(tokens, token, at))) return;
  const expressions = expressionsOf(tokens);
  const values = new Set(valueColumns);
  const hasValue = ({ all, isTable }: Expression) =>
    !isTable && all.some((token, at) => isValue(token, values) && !isAlias(all, at));
  // what a value was named is one; names of names are found in later rounds
  for (let known = -1; known < values.size; ) {
    known = values.size;
    for (const expression of expressions) {
      if (!hasValue(expression)) continue;
      const name = aliasOf(expression.own);
      if (name !== undefined) values.add(name);
    }
  }
  for (const expression of expressions) {
    const { own } = expression;
    if (own.some((token, at) => isRemainder(own, token, at)) && hasValue(expression)) throw refused();
  }
}

function refused(): StatementRefused {
  const exactly = "toDecimal128(price_text, 18) % toDecimal128('0.01', 18)";
  return new StatementRefused(
    43,
    "ILLEGAL_TYPE_OF_ARGUMENT",
    `a remainder of a Float64 value is wrong by up to the divisor: write it exactly, as in ${exactly}; ` +
      "one of anything else in an expression without values (docs/sql.md)",
  );
}

function expressionsOf(tokens: readonly SqlToken[]): Expression[] {
  const found: Expression[] = [];
  /** Expressions that are open: the outermost first, and how deep in parentheses the innermost lies. */
  const open: { expression: Expression; depth: number }[] = [];
  const begin = (isTable: boolean, depth: number) => {
    const expression = { own: [], all: [], isTable };
    found.push(expression);
    open.push({ expression, depth });
  };
  begin(false, 0);
  let depth = 0;
  for (const [at, token] of tokens.entries()) {
    const word = token.kind === "word" ? token.text.toUpperCase() : "";
    if (isMark(token, ")")) {
      depth -= 1;
      while (open.length > 1 && open.at(-1)!.depth > depth) open.pop();
    }
    const inner = open.at(-1)!;
    const isQuery = isMark(tokens[at - 1], "(") && (word === "SELECT" || word === "WITH" || word === "FROM");
    if (isQuery) begin(tables.has(word), depth);
    else if (inner.depth === depth && (ends.has(word) || isMark(token, ","))) {
      const { isTable } = inner.expression;
      const isArray = tokens[at - 1]?.text.toUpperCase() === "ARRAY";
      open.pop();
      begin((tables.has(word) && !isArray) || (isMark(token, ",") && isTable), depth);
    } else {
      inner.expression.own.push(token);
      for (const { expression } of open) expression.all.push(token);
    }
    if (isMark(token, "(")) depth += 1;
  }
  return found;
}

/** `… AS name`, or a name that simply follows. */
function aliasOf(own: readonly SqlToken[]): string | undefined {
  const last = own.at(-1);
  if (last === undefined || own.length < 2 || !isAlias(own, own.length - 1)) return undefined;
  return last.text;
}

function isAlias(tokens: readonly SqlToken[], at: number): boolean {
  const token = tokens[at]!;
  const before = tokens[at - 1];
  if (before === undefined || (token.kind !== "word" && token.kind !== "name")) return false;
  if (before.kind === "word" && before.text.toUpperCase() === "AS") return true;
  return at === tokens.length - 1 && (isName(before) || isMark(before, ")"));
}

const isValue = (token: SqlToken, values: ReadonlySet<string>): boolean =>
  isName(token) && (values.has(token.text) || /^(columns|apply)$/i.test(token.text));

function isRemainder(tokens: readonly SqlToken[], token: SqlToken, at: number): boolean {
  if (isMark(token, "%")) return true;
  if (!isName(token) || !remainders.test(token.text)) return false;
  return isMark(tokens[at + 1], "(") || token.text.toUpperCase() === "MOD";
}

const isName = (token: SqlToken): boolean => token.kind === "word" || token.kind === "name";

const isMark = (token: SqlToken | undefined, mark: string): boolean => token?.kind === "mark" && token.text === mark;
