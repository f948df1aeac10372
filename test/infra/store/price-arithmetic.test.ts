import { Decimal } from "decimal.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trade } from "../../conformance/store-contract.js";
import { type EmbeddedStore, openEmbeddedStore } from "./embedded-store.js";

const Exact = Decimal.clone({ precision: 200, toExpNeg: -1e4, toExpPos: 1e4 });
type Pair = readonly [price: string, qty: string];

/** Markets as they are: a large coin, a token of many zeros, 18 decimals, amounts in wei, and what only text keeps. */
const markets: Readonly<Record<string, readonly Pair[]>> = {
  coin: [
    ["60006.06", "0.00112"],
    ["60006.07", "1.5"],
    ["60006.06", "0.25"],
    ["96193.4", "12.34567"],
    ["0.1", "0.3"],
  ],
  meme: [
    ["0.00001234", "123456789012"],
    ["0.0000000000000123", "987654321098765.5"],
    ["0.000012", "1"],
  ],
  eighteen: [
    ["1.000000000000000001", "0.000000000000000001"],
    ["1234.123456789012345678", "98765.987654321098765432"],
    ["3", "7"],
  ],
  wei: [
    ["60006.06", "1000000000000000000000000000"],
    ["99999999999999999999999999999999999999", "99999999999999999999999999999999999999"],
    ["0.000000000000000001", "115792089237316195423570985008687907853"],
  ],
};

type Rows = readonly (readonly [price: Decimal, qty: Decimal])[];
const sumOf = (rows: Rows, one: (price: Decimal, qty: Decimal) => Decimal): Decimal =>
  rows.reduce((sum, [price, qty]) => sum.plus(one(price, qty)), new Exact(0));
const average = (values: readonly Decimal[]): Decimal =>
  values.reduce((sum, value) => sum.plus(value), new Exact(0)).div(values.length);
const literal = new Exact("60006.06");
const bool = (value: boolean): Decimal => new Exact(value ? 1 : 0);

/** What an analyst writes of each row, and what it is. */
const perRow: Readonly<Record<string, (price: Decimal, qty: Decimal) => Decimal>> = {
  price: (price) => price,
  "price * qty": (price, qty) => price.mul(qty),
  "price * qty * qty": (price, qty) => price.mul(qty).mul(qty),
  "price / qty": (price, qty) => price.div(qty),
  "qty / price": (price, qty) => qty.div(price),
  "1 / price": (price) => new Exact(1).div(price),
  "price / 3": (price) => price.div(3),
  "price * 1.001": (price) => price.mul("1.001"),
  "price + qty": (price, qty) => price.plus(qty),
  "price + 0.01": (price) => price.plus("0.01"),
  "-price": (price) => price.neg(),
  "abs(price)": (price) => price.abs(),
  "pow(price, 2)": (price) => price.mul(price),
  "sqrt(price * price)": (price) => price,
  "price = 60006.06": (price) => bool(price.eq(literal)),
  "price != 60006.06": (price) => bool(!price.eq(literal)),
  "price < 60006.06": (price) => bool(price.lt(literal)),
  "price <= 60006.06": (price) => bool(price.lte(literal)),
  "price > 60006.06": (price) => bool(price.gt(literal)),
  "price >= 60006.06": (price) => bool(price.gte(literal)),
  "price IN (60006.06, 0.1)": (price) => bool(price.eq(literal) || price.eq("0.1")),
  "price BETWEEN 60006.06 AND 60006.06": (price) => bool(price.eq(literal)),
  "price > 60006": (price) => bool(price.gt(60006)),
  "price = 3": (price) => bool(price.eq(3)),
  "qty = 0.25": (_, qty) => bool(qty.eq("0.25")),
  "price = '60006.06'": (price) => bool(price.eq(literal)),
  "price > qty": (price, qty) => bool(price.gt(qty)),
};

const perMarket: Readonly<Record<string, (rows: Rows) => Decimal>> = {
  "sum(price * qty) / sum(qty)": (rows) => sumOf(rows, (p, q) => p.mul(q)).div(sumOf(rows, (_, q) => q)),
  "sum(price * qty)": (rows) => sumOf(rows, (p, q) => p.mul(q)),
  "sumKahan(price * qty)": (rows) => sumOf(rows, (p, q) => p.mul(q)),
  "sum(qty)": (rows) => sumOf(rows, (_, q) => q),
  "avg(price)": (rows) => average(rows.map(([price]) => price)),
  "avgWeighted(price, qty)": (rows) => sumOf(rows, (p, q) => p.mul(q)).div(sumOf(rows, (_, q) => q)),
  "max(price)": (rows) => Exact.max(...rows.map(([price]) => price)),
  "min(price)": (rows) => Exact.min(...rows.map(([price]) => price)),
  "max(qty) / min(qty)": (rows) => Exact.max(...rows.map(([, q]) => q)).div(Exact.min(...rows.map(([, q]) => q))),
  "quantileExact(0)(price)": (rows) => Exact.min(...rows.map(([price]) => price)),
  "argMax(price, sequence_num)": (rows) => rows.at(-1)![0],
  "count(DISTINCT price)": (rows) => new Exact(new Set(rows.map(([price]) => Number(price))).size),
  "countIf(price = 60006.06)": (rows) => new Exact(rows.filter(([price]) => price.eq(literal)).length),
};

/** On the exact text: an error, or right. */
const onText: Readonly<Record<string, (price: Decimal, qty: Decimal) => Decimal>> = {
  price_text: (price) => price,
  "price_text * qty_text": (price, qty) => price.mul(qty),
  "price_text / 2": (price) => price.div(2),
  "price_text + 0.01": (price) => price.plus("0.01"),
  "price_text % 1": (price) => price.mod(1),
  "price_text % 0.01": (price) => price.mod("0.01"),
  "price_text = 60006.06": (price) => bool(price.eq(literal)),
  "price_text = '60006.06'": (price) => bool(price.eq(literal)),
  "price_text > 5": (price) => bool(price.gt(5)),
};
const onTexts = [
  "sum(price_text)",
  "avg(price_text)",
  "sum(price_text * qty_text) / sum(qty_text)",
  "median(price_text)",
];

/** Right to 12 digits, which a double keeps through these. */
const right = (found: Decimal, wanted: Decimal): boolean =>
  wanted.isZero() ? found.isZero() : found.minus(wanted).div(wanted).abs().lt("1e-12");

type Value = string | number | boolean;
const exactly = (value: Value | undefined): Decimal => new Exact(typeof value === "boolean" ? Number(value) : value!);

describe("arithmetic on price columns is right, or an error", () => {
  let opened: EmbeddedStore;
  beforeAll(async () => {
    opened = await openEmbeddedStore();
    await opened.store.migrate();
    for (const [exchange, pairs] of Object.entries(markets)) {
      await opened.store.insert(
        "market.trade",
        pairs.map(([price, qty], at) => trade(exchange, at + 1, { price, qty })),
      );
    }
  });
  afterAll(async () => {
    await opened.close();
  });

  /** Values of each expression, rows in order. */
  const ask = async (expressions: readonly string[], rest: string): Promise<Decimal[][]> => {
    const columns = expressions.map((sql, at) => `${sql} AS v${at}`).join(", ");
    const rows = await opened.store.query<Record<string, Value>>(`SELECT ${columns} ${rest}`);
    return expressions.map((_, at) => rows.map((row) => exactly(row[`v${at}`])));
  };
  const faults = (sql: string, found: readonly Decimal[], wanted: readonly Decimal[]): string[] =>
    wanted.flatMap((value, at) =>
      right(found[at]!, value) ? [] : [`${sql} = ${found[at]}, not ${value.toPrecision(20)}`],
    );

  for (const compatibility of ["", "25.8"]) {
    const settings = `SETTINGS compatibility = '${compatibility}'`;
    const title = compatibility === "" ? "this engine" : compatibility;
    it.each(Object.keys(markets))(`%s, with the defaults of ${title}`, async (exchange) => {
      const rows = markets[exchange]!.map(([price, qty]) => [new Exact(price), new Exact(qty)] as const);
      const where = `FROM trades WHERE exchange = '${exchange}'`;
      const eachRow = Object.keys(perRow);
      const found = await ask(eachRow, `${where} ORDER BY sequence_num ${settings}`);
      const each = eachRow.flatMap((sql, at) =>
        faults(
          sql,
          found[at]!,
          rows.map(([price, qty]) => perRow[sql]!(price, qty)),
        ),
      );
      const wholes = Object.keys(perMarket);
      const sums = await ask(wholes, `${where} ${settings}`);
      expect([...each, ...wholes.flatMap((sql, at) => faults(sql, sums[at]!, [perMarket[sql]!(rows)]))]).toEqual([]);
    });

    it(`on the exact texts, with the defaults of ${title}`, async () => {
      const rows = markets.coin!.map(([price, qty]) => [new Exact(price), new Exact(qty)] as const);
      const where = "FROM trades WHERE exchange = 'coin'";
      const refused: string[] = [];
      for (const sql of [...Object.keys(onText), ...onTexts]) {
        const order = onTexts.includes(sql) ? "" : "ORDER BY sequence_num";
        const found = await ask([sql], `${where} ${order} ${settings}`).catch((error: unknown) => {
          expect(error).toMatchObject({ code: "TP_STORE_REFUSED" });
          refused.push(sql);
        });
        if (found === undefined) continue;
        const wanted = rows.map(([price, qty]) => onText[sql]!(price, qty));
        expect(faults(sql, found[0]!, wanted)).toEqual([]);
      }
      expect(refused).toEqual([
        ...["price_text * qty_text", "price_text / 2", "price_text + 0.01", "price_text % 1", "price_text % 0.01"],
        ...["price_text = 60006.06", "price_text > 5", ...onTexts],
      ]);
    });
  }
});
