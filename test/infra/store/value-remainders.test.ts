import { Decimal } from "decimal.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { valueColumns } from "../../../infra/store/value-remainders.js";
import { trade } from "../../conformance/store-contract.js";
import { type EmbeddedStore, openEmbeddedStore } from "./embedded-store.js";

const prices = ["60006.06", "60006.07", "0.3", "96193.4"];

let opened: EmbeddedStore;
beforeAll(async () => {
  opened = await openEmbeddedStore({}, { database: "tickplant" });
  await opened.store.migrate();
  await opened.store.insert(
    "market.trade",
    prices.map((price, at) => trade("coin", at + 1, { price })),
  );
});
afterAll(() => opened.close());

/** What an analyst's client gets, who has no secret. */
async function ask(sql: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${opened.url}/?database=tickplant`, { method: "POST", body: sql });
  return { status: response.status, text: (await response.text()).trim() };
}

describe("a remainder of a value is an error that says how to ask for it", () => {
  it.each([
    "SELECT price % 0.01 FROM trades",
    "SELECT count() FROM trades WHERE price % 0.01 = 0",
    "SELECT count() FROM trades WHERE exchange = 'coin' AND (qty > 0 AND modulo(price, 0.01) = 0)",
    "SELECT price MOD 1 FROM trades",
    "SELECT positiveModulo(price, 1), moduloOrZero(qty, 1) FROM trades",
    "SELECT `price`%0.01 FROM trades",
    "SELECT t.price % 1 FROM trades AS t",
    "SELECT p % 0.01 FROM (SELECT price AS p FROM trades)",
    "SELECT p % 0.01 FROM (SELECT price p FROM trades)",
    "SELECT q % 1 FROM (SELECT p * 2 AS q FROM (SELECT price AS p FROM trades))",
    "WITH price * qty AS notional SELECT notional % 1 FROM trades",
    "SELECT sum(price * qty) % 1 FROM trades",
    "SELECT lagInFrame(price) OVER (ORDER BY timestamp) % 1 FROM trades",
    "SELECT CAST(price AS Float32) % 1 FROM trades",
    "SELECT arrayMap(x -> x % 0.01, groupArray(price)) FROM trades",
    "SELECT (SELECT max(price) FROM trades) % 1",
    "SELECT * APPLY(x -> x % 2) FROM (SELECT qty FROM trades)",
    "SELECT b.1 % 0.01 FROM depth ARRAY JOIN bids AS b",
    "SELECT exchange FROM trades GROUP BY exchange HAVING max(price) % 1 = 0",
    "SELECT close % 0.5 FROM klines",
  ])("%s", async (sql) => {
    const { status, text } = await ask(sql);
    expect(text).toContain("ILLEGAL_TYPE_OF_ARGUMENT");
    expect(text).toContain("toDecimal128(price_text, 18) % toDecimal128('0.01', 18)");
    expect(status).toBe(400);
  });
});

describe("other remainders are asked for as ever", () => {
  it.each([
    ["SELECT count() FROM trades WHERE sequence_num % 2 = 0", "2"],
    [
      "SELECT toUnixTimestamp(timestamp) % 1 AS second, max(price) FROM trades GROUP BY second ORDER BY second",
      "0\t96193.4",
    ],
    ["SELECT sum(price > 1) FROM trades WHERE price > 0.5 AND sequence_num % 2 = 1", "1"],
    ["SELECT 7 % 3, 'price % 1'", "1\tprice % 1"],
    ["SELECT max(price) AS top FROM (SELECT price, sequence_num % 2 AS odd FROM trades) WHERE odd = 1", "60006.06"],
    ["SELECT count() FROM trades WHERE price_text LIKE '60006%'", "2"],
  ])("%s", async (sql, wanted) => {
    expect(await ask(sql)).toEqual({ status: 200, text: wanted });
  });

  it("and what the error says is right", async () => {
    const { text } = await ask(
      "SELECT toDecimal128(price_text, 18) % toDecimal128('0.07', 18) FROM trades ORDER BY sequence_num",
    );
    const wanted = prices.map((price) => new Decimal(price).mod("0.07").toString());
    expect(text.split("\n").map((one) => new Decimal(one).toString())).toEqual(wanted);
  });
});

describe("an exact text that would be ordered as text is an error that names the column", () => {
  it.each([
    "SELECT max(price_text) FROM trades",
    "SELECT minIf(t.qty_text, t.side = 'buy') FROM trades AS t",
    "SELECT argMax(trade_id, price_text) FROM trades",
    "SELECT price_text FROM trades ORDER BY price_text DESC",
    "SELECT count() FROM trades WHERE price_text > '9'",
    "SELECT count() FROM trades WHERE '9' <= qty_text",
    "SELECT greatest(open_text, close_text) FROM klines",
  ])("%s", async (sql) => {
    const { status, text } = await ask(sql);
    expect(text).toMatch(/(price|qty|open)_text is text and would be ordered as text/);
    expect(status).toBe(400);
  });

  it.each([
    ["SELECT argMax(price_text, price) FROM trades", "96193.4"],
    ["SELECT max(toDecimal128(price_text, 18)) FROM trades", "96193.4"],
    ["SELECT price_text FROM trades ORDER BY price LIMIT 1", "0.3"],
    ["SELECT count() FROM trades WHERE price_text <> '0.3' AND '7' != qty_text", "3"],
    ["SELECT arrayCount(x -> price_text = x, ['0.3']) FROM trades WHERE sequence_num = 3", "1"],
    ["SELECT count() FROM trades WHERE price_text = '0.3' AND sequence_num > 0", "1"],
  ])("%s", async (sql, wanted) => {
    expect(await ask(sql)).toEqual({ status: 200, text: wanted });
  });
});

it("the columns of values are those that have an exact text beside them", async () => {
  const sql =
    "SELECT DISTINCT replaceRegexpOne(name, '_text$', '') FROM system.columns WHERE database = 'tickplant' AND " +
    "table NOT LIKE '%\\_data' AND name LIKE '%\\_text'";
  const { text } = await ask(sql);
  expect(new Set(text.split("\n"))).toEqual(new Set(valueColumns));
});
