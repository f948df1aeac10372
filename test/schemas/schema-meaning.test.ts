import avro from "avsc";
import { describe, expect, it } from "vitest";
import { AvroValues } from "../../ingest/engine/avro-values.js";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import { type StoredSchema, withReferences } from "../../schemas/referenced-schemas.js";
import { meaningOf } from "../../schemas/schema-meaning.js";

const record = (fields: unknown, more: object = {}) => ({ type: "record", name: "Thing", fields, ...more });
const field = (type: unknown, more: object = {}) => [{ name: "price", type, ...more }];
const side = (more: object = {}) => ({ type: "enum", name: "Side", symbols: ["buy", "sell"], ...more });
const decimal = (more: object) => ({ type: "bytes", logicalType: "decimal", precision: 12, ...more });
const meant = (schema: unknown) => meaningOf(JSON.stringify(schema));

describe("the meaning of a schema", () => {
  it.each([
    ["an enum's default", side(), side({ default: "buy" })],
    ["which default of an enum", side({ default: "sell" }), side({ default: "buy" })],
    ["a field's default", record(field("long")), record(field("long", { default: 0 }))],
    ["a decimal's scale", record(field(decimal({ scale: 2 }))), record(field(decimal({ scale: 4 })))],
    ["a decimal's precision", record(field(decimal({}))), record(field(decimal({ precision: 13 })))],
    ["a logical type", record(field("long")), record(field({ type: "long", logicalType: "timestamp-micros" }))],
    [
      "a time's unit",
      record(field({ type: "long", logicalType: "timestamp-millis" })),
      record(field({ type: "long", logicalType: "timestamp-micros" })),
    ],
    [
      "an attribute of somebody's own",
      record(field("long", { unit: "satoshi" })),
      record(field("long", { unit: "BTC" })),
    ],
    ["a field's alias", record(field("long")), record(field("long", { aliases: ["last"] }))],
    ["a type's alias", record(field("long")), record(field("long"), { aliases: ["Other"] })],
    ["an order", record(field("long")), record(field("long", { order: "descending" }))],
    ["a namespace", record(field("long")), record(field("long"), { namespace: "exchange" })],
    ["the order of a union", record(field(["null", "long"])), record(field(["long", "null"]))],
    ["symbols", side(), side({ symbols: ["buy", "sell", "short"] })],
  ])("%s is part of it", (_, one, other) => {
    expect(meant(one)).not.toBe(meant(other));
  });

  it.each([
    ["notes", record(field("long", { doc: "in cents" }), { doc: "a thing" }), record(field("long"))],
    ["the order of attributes", { fields: field("long"), name: "Thing", type: "record" }, record(field("long"))],
    ["a primitive in an object", record(field({ type: "long" })), record(field("long"))],
    ["a name in full", record(field("long"), { namespace: "a.b" }), { ...record(field("long")), name: "a.b.Thing" }],
    [
      "what holds without being said",
      record(field("long", { order: "ascending", aliases: [] })),
      record(field("long")),
    ],
    [
      "a name within its namespace",
      record([...field(side()), { name: "other", type: "Side" }], { namespace: "x" }),
      record([...field(side({ namespace: "x" })), { name: "other", type: "x.Side" }], { namespace: "x" }),
    ],
  ])("%s is spelling", (_, one, other) => {
    expect(meant(one)).toBe(meant(other));
  });

  it("schemas that mean something else get ids of their own, and are not found in each other's place", async () => {
    const registry = new EmbeddedRegistry();
    const [two, four] = [2, 4].map((scale) => JSON.stringify(record(field(decimal({ scale })))));
    const id = await registry.register("a-value", two!);
    expect(await registry.register("a-value", four!)).not.toBe(id);
    expect(await registry.lookup("a-value", two!)).toBe(id);
  });

  it("what is no schema is an error", () => {
    for (const text of [
      "{}",
      "null",
      '{"type":"record","name":"X"}',
      '"nothing"',
      '{"type":"record","name":"1","fields":[]}',
    ]) {
      expect(() => meaningOf(text), text).toThrow();
    }
  });
});

describe("a schema with references", () => {
  const stored = (schema: unknown, ...subjects: string[]): StoredSchema => ({
    schema: JSON.stringify(schema),
    references: subjects.map((subject) => ({ name: subject, subject, version: 1 })),
  });
  const joined = (main: StoredSchema, others: Record<string, StoredSchema> = {}) =>
    withReferences("schema 7", main, async (subject) => others[subject]);
  const typeOf = async (main: StoredSchema, others: Record<string, StoredSchema>) =>
    avro.Type.forSchema(JSON.parse(await joined(main, others)) as avro.Schema);
  const price = { type: "record", name: "Price", namespace: "money", fields: [{ name: "units", type: "long" }] };
  const trade = (type: unknown, more: object = {}) => ({
    type: "record",
    name: "Trade",
    namespace: "exchange",
    fields: [
      { name: "price", type },
      { name: "other", type: ["null", type] },
    ],
    ...more,
  });

  it("defines each type where it is named first, those of references' references too", async () => {
    const type = await typeOf(stored(trade("money.Quote"), "quotes"), {
      quotes: stored(
        { type: "record", name: "Quote", namespace: "money", fields: [{ name: "bid", type: "Price" }] },
        "prices",
      ),
      prices: stored(price),
    });
    const value = { price: { bid: { units: 5 } }, other: { bid: { units: 6 } } };
    expect(JSON.stringify(type.fromBuffer(type.toBuffer(value)))).toBe(JSON.stringify(value));
  });

  it("has types without a namespace of their own in one that has", async () => {
    const { namespace: _, ...bare } = price;
    const type = await typeOf(stored(trade("Price"), "prices"), { prices: stored(bare) });
    const bytes = Buffer.from([10, 2, 12]);
    expect(JSON.stringify(type.fromBuffer(bytes))).toContain('"units":6');
    const all = await typeOf(stored(trade("Price", { namespace: "" }), "prices"), { prices: stored(bare) });
    expect(JSON.stringify(all.fromBuffer(bytes))).toContain('"units":6');
  });

  it("reads schemas that name each other in a circle once each", async () => {
    const node = (name: string, other: string) => ({
      type: "record",
      name,
      namespace: "ring",
      fields: [{ name: "next", type: ["null", other] }],
    });
    const type = await typeOf(stored(node("A", "B"), "b"), {
      b: stored(node("B", "A"), "a"),
      a: stored(node("A", "B"), "b"),
    });
    const value = { next: { next: { next: null } } };
    expect(JSON.stringify(type.fromBuffer(type.toBuffer(value)))).toBe(JSON.stringify(value));
  });

  it("is refused where a reference leads nowhere, to what is no schema, or to too many", async () => {
    const refused = (message: RegExp) => ({ code: "TP_RECORD_UNREADABLE", message: expect.stringMatching(message) });
    await expect(joined(stored(trade("money.Price"), "prices"))).rejects.toMatchObject(
      refused(/schema 7 refers to prices version 1, which the registry does not have/),
    );
    const broken = { prices: { schema: "<html>", references: [] } };
    await expect(joined(stored(trade("money.Price"), "prices"), broken)).rejects.toMatchObject(
      refused(/can not be read/),
    );
    const chain = (subject: string): Promise<StoredSchema> =>
      Promise.resolve(stored({ ...price, name: `P${subject}` }, String(Number(subject) + 1)));
    await expect(withReferences("schema 7", stored(price, "1"), chain)).rejects.toMatchObject(refused(/more than 500/));
  });

  it("an engine's records are read by it, exactly", async () => {
    const text = await joined(stored(trade("money.Price"), "prices"), { prices: stored(price) });
    const registry = new EmbeddedRegistry();
    const id = await registry.register("engine-value", text);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(id, 1);
    const values = new AvroValues(registry);
    const value = await values.read(Buffer.concat([head, Buffer.from([10, 0])]));
    expect(value).toMatchObject({ price: { units: 5 }, other: null });
  });
});
