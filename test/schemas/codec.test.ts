import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AvroRecord } from "../../schemas/avro/fields.js";
import { TRADE } from "../../schemas/avro/trade.js";
import { codecsFor, MessageCodec, openCodecs } from "../../schemas/codec.js";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import type { Depth, Trade } from "../../schemas/messages.js";
import { RawBatchReader } from "../../schemas/raw-batch-reader.js";
import { RawBatchWriter } from "../../schemas/raw-batch-writer.js";
import { registerAll, SCHEMAS, subjectOf, TOPICS } from "../../schemas/subjects.js";
import { FIELDS, messageOf, NESTED, type Words } from "./messages.js";

type AvroShape = string | AvroShape[] | { type: string; symbols?: string[]; items?: AvroShape; fields?: unknown[] };
const LEVELS = JSON.stringify({ type: "array", items: { type: "array", items: "string" } });
const PLAIN: Record<string, string> = { string: "text", long: "long", boolean: "flag", bytes: "bytes" };

const trade: Trade = {
  ...{
    symbol: "BTC/USDT",
    exchange: "kraken",
    trade_id: "1",
    price: "100.1",
    qty: "0.5",
    side: "sell",
    retracts: null,
    first_trade_id: null,
    last_trade_id: null,
    flags: [],
  },
  ...{ timestamp: 1_762_795_420_000_000, epoch: 1, sequence_num: 7 },
  ...{ log_time: 1_762_795_420_000_002, receive_time: 1_762_795_420_000_001 },
};

/** An Avro type in the words of the field lists; the records inside are held to their own lists on the way. */
function wordOf(field: string, type: AvroShape): string {
  if (typeof type === "string") return PLAIN[type] ?? type;
  if (Array.isArray(type)) {
    expect(type[0]).toBe("null");
    return `${wordOf(field, type[1]!)}?`;
  }
  if (type.type === "enum") return `enum ${type.symbols?.join(" ")}`;
  if (JSON.stringify(type) === LEVELS) return "levels";
  if (type.items === "string") return "texts";
  expect(wordsOf(type.items as unknown as AvroRecord)).toEqual(NESTED[field as keyof typeof NESTED]);
  return "records";
}

function wordsOf(schema: AvroRecord): Words {
  return Object.fromEntries(schema.fields.map(({ name, type }) => [name, wordOf(name, type as AvroShape)]));
}

describe("the schemas", () => {
  it.each(TOPICS)("%s has the fields of its TypeScript type, no more, no less, alike in type and absence", (topic) => {
    expect(wordsOf(SCHEMAS[topic])).toEqual(FIELDS[topic]);
    expect(SCHEMAS[topic].namespace).toBe("tickplant");
  });

  it("give whatever may be absent null as its default, so that it can be added to older data", () => {
    for (const topic of TOPICS) {
      for (const field of SCHEMAS[topic].fields) {
        if (Array.isArray(field.type)) expect(field).toMatchObject({ default: null });
      }
    }
  });
});

describe("the codecs", () => {
  it.each(TOPICS)("%s comes back as it went, in the wire format", async (topic) => {
    const codec = (await openCodecs(new EmbeddedRegistry()))[topic] as unknown as MessageCodec<Record<string, unknown>>;
    fc.assert(
      fc.property(messageOf(FIELDS[topic]), (message) => {
        const value = codec.encode(message);
        expect([...value.subarray(0, 5)]).toEqual([0, 0, 0, 0, codec.schemaId]);
        expect({ ...codec.decode(value) }).toEqual(message);
      }),
      { numRuns: 100 },
    );
  });

  it("keep the levels' very JSON form", async () => {
    const codecs = await openCodecs(new EmbeddedRegistry());
    const depth: Depth = {
      ...{ symbol: "BTC/USDT", exchange: "binance", bids: [["1.5", "2"]], asks: [], first_update_id: 1, update_id: 2 },
      ...{ is_snapshot: false, status: "live", reason: null, previous_sequence: 6 },
      ...{ timestamp: 1_762_795_420_000_000, epoch: 1, sequence_num: 7 },
      ...{ log_time: 1_762_795_420_000_002, receive_time: 1_762_795_420_000_001 },
    };
    const decoded = codecs["market.depth"].decode(codecs["market.depth"].encode(depth));
    expect(JSON.stringify(decoded.bids)).toBe('[["1.5","2"]]');
  });

  it("give bytes of their own, which later encoding leaves alone", async () => {
    const codec = (await openCodecs(new EmbeddedRegistry()))["market.trade"];
    const first = codec.encode(trade);
    codec.encode({ ...trade, price: "999999.99" });
    expect(codec.decode(first)).toEqual(trade);
  });

  it("say which message can not be encoded", async () => {
    const codec = (await openCodecs(new EmbeddedRegistry()))["market.trade"];
    const broken = { ...trade, qty: 5 as unknown as string };
    expect(() => codec.encode(broken)).toThrow(expect.objectContaining({ code: "TP_RECORD_UNWRITABLE" }));
    expect(codec.decode(codec.encode(trade))).toEqual(trade);
  });

  it("refuse garbage, truncation and bytes behind the end", async () => {
    const codec = (await openCodecs(new EmbeddedRegistry()))["market.trade"];
    const value = codec.encode(trade);
    const unreadable = expect.objectContaining({ code: "TP_RECORD_UNREADABLE" });
    for (let length = 0; length < value.length; length++) {
      expect(() => codec.decode(value.subarray(0, length))).toThrow(unreadable);
    }
    expect(() => codec.decode(Buffer.concat([value, Buffer.of(1)]))).toThrow(unreadable);
    expect(() => codec.decode(Buffer.from("garbage"))).toThrow(unreadable);
  });

  it("refuse a count or a length that outgrows the record before anything is made of it", async () => {
    const codecs = await openCodecs(new EmbeddedRegistry());
    const huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0x0f];
    const head = (topic: "market.depth" | "market.trade") => [0, 0, 0, 0, codecs[topic].schemaId];
    const unreadable = expect.objectContaining({ code: "TP_RECORD_UNREADABLE" });
    expect(() => codecs["market.depth"].decode(Buffer.from([...head("market.depth"), 0, 0, ...huge]))).toThrow(
      unreadable,
    );
    expect(() => codecs["market.trade"].decode(Buffer.from([...head("market.trade"), ...huge]))).toThrow(unreadable);
  });

  it.each(TOPICS)("%s survives any flipped bytes: a message or a refusal", async (topic) => {
    const codec = (await openCodecs(new EmbeddedRegistry()))[topic] as unknown as MessageCodec<Record<string, unknown>>;
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(messageOf(FIELDS[topic]), flips, (message, changes) => {
        const value = Buffer.from(codec.encode(message));
        for (const [at, byte] of changes) value[5 + (at % (value.length - 5))] = byte;
        try {
          codec.decode(value);
        } catch (error) {
          expect(error).toMatchObject({ code: "TP_RECORD_UNREADABLE" });
        }
      }),
      { numRuns: 200 },
    );
  });

  it("read a batch that the specialised writer made, and make one that the specialised reader reads", async () => {
    const codec = (await openCodecs(new EmbeddedRegistry()))["market.raw"];
    const writer = new RawBatchWriter(codec.schemaId, "s");
    const { symbol, exchange, price, qty, side } = trade;
    const tick = {
      kind: "trade",
      exchange,
      symbol,
      exchangeTime: 1,
      receiveTime: 2,
      tradeId: "1",
      price,
      qty,
      side,
    } as const;
    writer.append(tick, 9);
    const value = writer.finish();
    const batch = codec.decode(value);
    expect(batch).toMatchObject({ session: "s", ticks: [{ kind: "trade", number: 9, price, bids: null }] });
    expect(Buffer.from(codec.encode(batch)).equals(value)).toBe(true);
    const reader = new RawBatchReader(codec.schemaId);
    reader.open(codec.encode(batch));
    reader.next();
    expect(reader.tick()).toEqual(tick);
  });
});

describe("data of an older schema", () => {
  const older: AvroRecord = { ...TRADE, fields: TRADE.fields.filter(({ name }) => name !== "retracts") };

  it("is read once its schema is prepared, new fields at their defaults", async () => {
    const registry = new EmbeddedRegistry();
    const oldId = await registry.register(subjectOf("market.trade"), JSON.stringify(older));
    const { retracts: _, ...message } = trade;
    const written = new MessageCodec("market.trade", older, oldId, registry).encode(message);

    const ids = await registerAll(registry);
    expect(ids["market.trade"]).not.toBe(oldId);
    const codec = codecsFor(ids, registry)["market.trade"];
    expect(codec.isPreparedFor(written)).toBe(false);
    expect(() => codec.decode(written)).toThrow(expect.objectContaining({ code: "TP_SCHEMA_UNKNOWN" }));
    expect(await codec.read(written)).toEqual(trade);
    expect(codec.decode(written)).toEqual(trade);
    expect(codec.decode(codec.encode(trade))).toEqual(trade);
  });

  it("that no registry knows is refused by its id", async () => {
    const codec = (await openCodecs(new EmbeddedRegistry()))["market.trade"];
    const value = Buffer.from(codec.encode(trade));
    value.writeInt32BE(4711, 1);
    await expect(codec.read(value)).rejects.toMatchObject({ code: "TP_SCHEMA_UNKNOWN", message: /4711/ });
  });
});
