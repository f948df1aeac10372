import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import avro from "avsc";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Ingest } from "../../../ingest/ingest.js";
import { ConfluentRegistry } from "../../../schemas/confluent-registry.js";
import type { DepthTick, QuoteTick, TradeTick } from "../../../schemas/ticks.js";
import { sourceCases } from "../../conformance/source-table.js";
import {
  kafkaForTests,
  registryForTests,
  type SharedKafka,
  type SharedRegistry,
} from "../../services/shared-services.js";
import { engineRig, engineTopics } from "./engine-rig.js";

const conforms = sourceCases("engine", {
  V02: "the topics are subscribed to whole",
  V07: "topics carry no checksums",
  V12: "brokers refuse nothing for its rate",
  V13: "brokers announce no end",
  V14: "connections have no greatest age",
  V17: "markets are configured",
  V19: "members of a group give signs of life by themselves",
});

let kafka: SharedKafka;
let registry: SharedRegistry;
beforeAll(async () => {
  [kafka, registry] = await Promise.all([kafkaForTests(), registryForTests()]);
}, 120_000);
afterAll(() => Promise.all([kafka?.stop(), registry?.stop()]));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const markets = [
  { symbol: "BTC/USDT", nativeId: "BTCUSDT", tickSize: "0.01", lotSize: "0.00001" },
  { symbol: "ETH/USDT", nativeId: "ETHUSDT", tickSize: "0.01", lotSize: "0.0001" },
];
const tradeFields = { symbol: "s", tradeId: "id", price: "px", qty: "q", side: "side", time: "ts" };
const now = () => Date.now();
const trade = (id: number | string, fields: object = {}) => ({
  s: "BTCUSDT",
  id,
  px: "100.25",
  q: "0.5",
  side: "BUY",
  ts: now(),
  ...fields,
});

async function rigOf(streams: object[], partitions: Record<string, number>, more: object = {}) {
  const topics = await engineTopics(kafka.brokers, partitions);
  ends.push(() => topics.stop());
  const rig = await engineRig({
    id: "engine",
    kafka: { brokers: kafka.brokers, sessionTimeoutMs: 6_000 },
    group: topics.group,
    markets,
    streams: streams.map((stream) => ({
      ...stream,
      topic: topics.nameOf((stream as { topic: string }).topic),
    })) as never,
    ...more,
  });
  ends.push(() => rig.stop());
  const start = (): Ingest => {
    const ingest = rig.start();
    ends.push(() => ingest.stop());
    return ingest;
  };
  const trades = async () => (await rig.ticks()).filter((tick): tick is TradeTick => tick.kind === "trade");
  return { ...rig, topics, start, trades };
}

const patience = { timeout: 20_000, interval: 50 };

describe("JSON topics", () => {
  const executions = { topic: "trades.exec", kind: "trade", fields: tradeFields, where: { "$.type": ["FILL"] } };

  conforms(
    "V01 V03 V11 V15 V16",
    "become trades by the mapping, after their instruments; what is not asked for is counted",
    async () => {
      const { topics, start, trades, ticks, dropped, letters } = await rigOf([executions], { "trades.exec": 2 });
      const fill = { type: "FILL" };
      await topics.send("trades.exec", [
        trade(1, { ...fill, px: 61837.63 }),
        trade("b", { ...fill, side: "s", s: "ETHUSDT", ts: 1_762_795_420_123 }),
        trade(3, { type: "FEE" }),
        trade(4, { ...fill, s: "DOGEUSDT" }),
      ]);
      await topics.send(
        "trades.exec",
        [JSON.stringify(trade(0, fill)).replace('"id":0', '"id":1234567890123456789')],
        1,
      );
      await topics.send(
        "trades.exec",
        ["{no json", trade(5, { ...fill, side: "up" }), trade(6, { ...fill, px: null })],
        1,
      );
      const ingest = start();
      await expect.poll(async () => (await trades()).length, patience).toBe(3);
      await expect.poll(async () => (await letters()).length, patience).toBe(3);
      const byId = new Map((await trades()).map((one) => [one.tradeId, one]));
      expect([...byId.keys()].sort()).toEqual(["1", "1234567890123456789", "b"]);
      expect(byId.get("1")).toMatchObject({ exchange: "engine", symbol: "BTC/USDT", price: "61837.63", side: "buy" });
      expect(byId.get("b")).toMatchObject({
        symbol: "ETH/USDT",
        side: "sell",
        exchangeTime: 1_762_795_420_123_000,
        backfilled: true,
      });
      expect(byId.get("1")!.backfilled).toBeUndefined();
      for (const symbol of ["BTC/USDT", "ETH/USDT"]) {
        const first = (await ticks()).find((tick) => tick.symbol === symbol);
        expect(first).toMatchObject({ kind: "instrument", tickSize: "0.01" });
      }
      expect(await dropped("filtered")).toBe(1);
      expect(await dropped("unknown_market")).toBe(1);
      expect((await letters()).map(({ reason, detail }) => [reason, detail.replace(/^.*?: /, "")])).toEqual([
        ["unreadable_record", expect.stringContaining("JSON")],
        ["unreadable_record", 'side: "up" is no word of sides'],
        ["unreadable_record", "price: expected a number"],
      ]);
      expect(Buffer.from((await letters())[0]!.original).toString()).toBe("{no json");
      expect(ingest.isReady).toBe(true);
      expect(ingest.feeds()).toMatchObject([{ exchange: "engine", feed: "topics", connected: true }]);
    },
  );

  it("may hold lists of events, whole numbers at a scale, and other units of time", async () => {
    const stream = {
      topic: "fills",
      kind: "trade",
      each: "fills",
      fields: { symbol: "$.market", price: "p", qty: "v", side: "m", time: "$.t" },
      timeUnit: "ns",
      priceScale: 8,
      qtyScale: 5,
      sides: { buy: ["false"], sell: ["true"] },
    };
    const { topics, start, trades } = await rigOf([stream], { fills: 1 });
    const fills = [
      { p: "6183763000000", v: 50_000, m: false },
      { p: 6_183_764_000_000, v: 1, m: true },
    ];
    await topics.send("fills", [{ market: "BTCUSDT", t: "1762795420123456789", fills }]);
    start();
    await expect.poll(async () => (await trades()).length, patience).toBe(2);
    expect(await trades()).toMatchObject([
      { price: "61837.63", qty: "0.5", side: "buy", exchangeTime: 1_762_795_420_123_456, tradeId: "0-0-0" },
      { price: "61837.64", qty: "0.00001", side: "sell", tradeId: "0-0-1" },
    ]);
  });

  conforms("V04 V05", "become books and quotes: whole books and changes, lists and single levels", async () => {
    const book = {
      topic: "book",
      kind: "depth",
      fields: { symbol: "s", bids: "b", asks: "a", updateId: "u", levelPrice: "p", levelQty: "v", time: "ts" },
      snapshotWhere: { e: ["SNAPSHOT"] },
      where: { e: ["SNAPSHOT", "DELTA"] },
    };
    const level = {
      topic: "levels",
      kind: "depth",
      fields: { symbol: "s", side: "side", price: "p", qty: "v", updateId: "u", previousUpdateId: "pu" },
      sequence: "linked",
      removeWhere: { e: ["DELETE"] },
    };
    const quote = {
      topic: "book",
      kind: "quote",
      where: { e: ["TOP"] },
      fields: { symbol: "s", bidPrice: "b.p", bidQty: "b.v", askPrice: "a.p", time: "ts", updateId: "u" },
    };
    const { topics, start, ticks } = await rigOf([book, level, quote], { book: 1, levels: 1 });
    const ts = now();
    await topics.send("book", [
      { e: "SNAPSHOT", s: "BTCUSDT", u: 10, ts, b: [{ p: "99", v: "1" }], a: [{ p: "101", v: "2" }] },
      { e: "DELTA", s: "BTCUSDT", u: 14, ts, b: [{ p: "99", v: "0" }] },
      { e: "TOP", s: "BTCUSDT", u: 15, ts, b: { p: "98", v: "3" }, a: { p: "101" } },
    ]);
    await topics.send("levels", [
      { s: "ETHUSDT", side: "ask", p: 10.5, v: 3, u: 7, pu: 5 },
      { e: "DELETE", s: "ETHUSDT", side: "bid", p: 10.25, v: 3, u: 8, pu: 7 },
    ]);
    start();
    const found = async () => (await ticks()).filter(({ kind }) => kind !== "instrument");
    await expect.poll(async () => (await found()).length, patience).toBe(5);
    const of = (symbol: string) => found().then((all) => all.filter((tick) => tick.symbol === symbol));
    expect((await of("BTC/USDT")) as (DepthTick | QuoteTick)[]).toMatchObject([
      { action: "snapshot", updateId: 10, bids: [["99", "1"]], asks: [["101", "2"]] },
      { action: "increment", firstUpdateId: 11, updateId: 14, bids: [["99", "0"]], asks: [] },
      { kind: "quote", bidPrice: "98", bidQty: "3", askPrice: "101", askQty: "", updateId: 15 },
    ]);
    expect((await of("ETH/USDT")) as DepthTick[]).toMatchObject([
      { action: "increment", firstUpdateId: 6, updateId: 7, previousUpdateId: 5, asks: [["10.5", "3"]] },
      { action: "increment", updateId: 8, previousUpdateId: 7, bids: [["10.25", "0"]] },
    ]);
  });
});

describe("Avro topics", () => {
  conforms(
    "V18",
    "are read by the registry's schemas, the older ones too, with decimals and long ids exact",
    async () => {
      const stream = {
        topic: "trades",
        kind: "trade",
        format: "avro",
        fields: { symbol: "market.id", tradeId: "id", price: "price", qty: "qty", side: "taker", time: "at" },
        timeUnit: "us",
      };
      const namespace = randomUUID();
      const confluent = new ConfluentRegistry({ url: registry.url, namespace });
      const fields = [
        { name: "market", type: { type: "record", name: "Market", fields: [{ name: "id", type: "string" }] } },
        { name: "id", type: "long" },
        { name: "price", type: { type: "bytes", logicalType: "decimal", precision: 30, scale: 8 } },
        {
          name: "qty",
          type: ["null", { type: "fixed", name: "Qty", size: 12, logicalType: "decimal", precision: 28, scale: 5 }],
        },
        { name: "taker", type: { type: "enum", name: "Side", symbols: ["BUY", "SELL"] } },
        { name: "at", type: { type: "long", logicalType: "timestamp-micros" } },
      ];
      const older = { type: "record", name: "Trade", fields };
      const newer = { ...older, fields: [{ name: "note", type: "string", default: "" }, ...fields] };
      const { topics, start, trades, letters } = await rigOf(
        [stream],
        { trades: 1 },
        { registry: { url: registry.url } },
      );
      // avsc, which reads nothing that we wrote: its own encoding of the plain schema
      const plainLong = avro.types.LongType.__with({
        fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
        toBuffer: (value: bigint) => {
          const bytes = Buffer.alloc(8);
          bytes.writeBigInt64LE(value);
          return bytes;
        },
        fromJSON: BigInt,
        toJSON: String,
        isValid: (value: unknown) => typeof value === "bigint",
        compare: () => 0,
      });
      const typeHook = (schema: unknown) => {
        const { type } = schema as { type?: unknown };
        return schema === "long" || type === "long" ? plainLong : undefined;
      };
      const encode = (schema: object, id: number, value: object) => {
        const type = avro.Type.forSchema(structuredClone(schema) as avro.Schema, { typeHook } as never);
        const head = Buffer.alloc(5);
        head.writeUInt32BE(id, 1);
        return Buffer.concat([head, type.toBuffer(value)]);
      };
      const olderId = await confluent.register("trades-value", JSON.stringify(older));
      const newerId = await confluent.register("trades-value", JSON.stringify(newer));
      const at = BigInt(now()) * 1000n;
      const value = {
        market: { id: "BTCUSDT" },
        id: 1_234_567_890_123_456_789n,
        price: Buffer.from(6_183_763_123_456n.toString(16).padStart(16, "0"), "hex"),
        qty: Buffer.from(123_456n.toString(16).padStart(24, "0"), "hex"),
        taker: "SELL",
        at,
      };
      const right = encode(older, olderId, value);
      const negative = { ...value, id: -5n, note: "n", price: Buffer.from([0xff]), taker: "BUY" };
      await topics.send("trades", [
        right,
        encode(newer, newerId, negative),
        right.subarray(0, 20),
        Buffer.from([0, 0x7f, 0, 0, 0, 1]),
        Buffer.from("text"),
      ]);
      start();
      await expect.poll(async () => (await letters()).length, patience).toBe(3);
      await expect.poll(async () => (await trades()).length, patience).toBe(2);
      expect(await trades()).toMatchObject([
        {
          tradeId: "1234567890123456789",
          price: "61837.63123456",
          qty: "1.23456",
          side: "sell",
          exchangeTime: Number(at),
        },
        { tradeId: "-5", price: "-0.00000001", side: "buy" },
      ]);
      expect((await letters()).map(({ reason }) => reason)).toEqual(Array(3).fill("unreadable_record"));
      expect(Buffer.from((await letters())[0]!.original)).toEqual(right.subarray(0, 20));
    },
  );
});

it("while the registry does not answer nothing is skipped", async () => {
  const stream = {
    ...{ topic: "trades", kind: "trade", format: "avro" },
    fields: { symbol: "s", price: "p", qty: "q", side: "x" },
  };
  const schema = {
    type: "record",
    name: "Fill",
    fields: ["s", "p", "q", "x"].map((name) => ({ name, type: "string" })),
  };
  const namespace = randomUUID();
  const id = await new ConfluentRegistry({ url: registry.url, namespace }).register("t", JSON.stringify(schema));
  let up = false;
  let asked = 0;
  const between = createServer((incoming, outgoing) => {
    asked += 1;
    if (!up) {
      outgoing.writeHead(503).end();
      return;
    }
    const { pathname } = new URL(registry.url);
    void fetch(new URL(incoming.url!.replace(/^\//, ""), `${registry.url.replace(pathname, "")}/`), {
      headers: { accept: incoming.headers.accept ?? "" },
    }).then(async (answer) =>
      outgoing.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text()),
    );
  });
  await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
  ends.push(async () => between.close());
  const { port } = between.address() as { port: number };
  const url = registry.url.replace(/:\d+/, `:${port}`);
  const { topics, start, trades, letters } = await rigOf([stream], { trades: 1 }, { registry: { url } });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  const body = avro.Type.forSchema(schema as avro.Schema).toBuffer({ s: "BTCUSDT", p: "1", q: "2", x: "buy" });
  await topics.send("trades", [Buffer.concat([head, body])]);
  start();
  await expect.poll(() => asked, patience).toBeGreaterThan(2);
  up = true;
  await expect.poll(async () => (await trades()).length, { timeout: 40_000, interval: 50 }).toBe(1);
  expect(await letters()).toEqual([]);
}, 300_000);

describe("restarts", () => {
  const stream = { topic: "trades", kind: "trade", fields: { ...tradeFields, tradeId: undefined } };

  conforms(
    "V08 V09 V10",
    "go on at the group's offsets: nothing is lost, and what is read again is a repeat by its number",
    async () => {
      const { topics, start, trades, numbered, hang } = await rigOf([stream], { trades: 3 });
      const sent: string[] = [];
      const send = async (count: number) => {
        for (let partition = 0; partition < 3; partition++) {
          const values = Array.from({ length: count }, (_, index) => {
            sent.push(`${sent.length + 1}`);
            return trade(0, { px: sent.at(-1), s: index % 2 === 0 ? "BTCUSDT" : "ETHUSDT" });
          });
          await topics.send("trades", values, partition);
        }
      };
      const prices = async () => (await trades()).map(({ price }) => price);
      const sorted = (texts: readonly string[]) => [...texts].sort((a, b) => Number(a) - Number(b));
      await send(50);
      const first = start();
      await expect.poll(async () => (await prices()).length, patience).toBe(sent.length);
      // published but not in the log when it ends: none of it may count as taken
      const { open, waiting } = hang();
      await send(50);
      await waiting;
      await first.stop();
      open();
      await send(50);
      const second = start();
      await expect.poll(async () => (await prices()).length, patience).toBe(sent.length);
      expect(sorted(await prices())).toEqual(sent);
      await second.stop();
      // all of it once more: the offsets are set back, as after a crash before the commit
      await topics.admin.resetOffsets({ groupId: topics.group, topic: topics.nameOf("trades"), earliest: true });
      const third = start();
      await expect
        .poll(async () => (await numbered()).filter(({ tick }) => tick.kind === "trade").length, patience)
        .toBeGreaterThanOrEqual(2 * sent.length);
      await send(10);
      await expect.poll(async () => (await prices()).length, patience).toBe(sent.length);
      expect(sorted(await prices())).toEqual(sent);
      await third.stop();
    },
    90_000,
  );

  it("begin at the end where that is wanted and the group has no offset", async () => {
    const { topics, start, trades } = await rigOf([stream], { trades: 1 }, { from: "end" });
    await topics.send("trades", [trade(1, { px: "1" })]);
    const first = start();
    await expect.poll(() => first.isReady, patience).toBe(true);
    await expect
      .poll(async () => {
        await topics.send("trades", [trade(2, { px: "2" })]);
        return (await trades()).length;
      }, patience)
      .toBeGreaterThan(0);
    expect((await trades()).every(({ price }) => price === "2")).toBe(true);
  }, 300_000);

  conforms(
    "V06",
    "what retention took is counted, and the books of the topic have a gap until their next snapshot",
    async () => {
      const book = {
        ...{ topic: "book", kind: "depth", snapshotWhere: { e: ["SNAPSHOT"] } },
        fields: { symbol: "s", bids: "b", asks: "a", updateId: "u" },
      };
      const { topics, start, ticks, dropped } = await rigOf([book], { book: 1 });
      const event = (e: string, u: number) => ({ e, s: "BTCUSDT", u, b: [["99", String(u)]], a: [] });
      await topics.send("book", [event("SNAPSHOT", 1), event("DELTA", 2)]);
      const depth = async () => (await ticks()).filter((tick): tick is DepthTick => tick.kind === "depth");
      const first = start();
      await expect.poll(async () => (await depth()).length, patience).toBe(2);
      await first.stop();
      await topics.send("book", [event("DELTA", 3), event("DELTA", 4), event("DELTA", 5), event("SNAPSHOT", 6)]);
      // the client learns of the topic's leader
      await topics.admin.fetchTopicOffsets(topics.nameOf("book"));
      await topics.admin.deleteTopicRecords({
        topic: topics.nameOf("book"),
        partitions: [{ partition: 0, offset: "4" }],
      });
      start();
      const ofBitcoin = async () => (await depth()).filter(({ symbol }) => symbol === "BTC/USDT");
      await expect.poll(async () => (await ofBitcoin()).length, patience).toBe(5);
      expect(await ofBitcoin()).toMatchObject([
        { action: "snapshot", updateId: 1 },
        { action: "increment", updateId: 2 },
        { action: "gap", reason: "lost_to_retention" },
        { action: "increment", updateId: 5 },
        { action: "snapshot", updateId: 6 },
      ]);
      expect((await depth()).filter(({ symbol }) => symbol === "ETH/USDT")).toMatchObject([{ action: "gap" }]);
      expect(await dropped("lost_to_retention")).toBe(2);
    },
    60_000,
  );

  it("a topic that is not there yet is waited for", async () => {
    const { topics, start, trades } = await rigOf([{ ...stream, topic: "later" }], { other: 1 });
    const ingest = start();
    expect(ingest.isReady).toBe(false);
    await topics.admin.createTopics({
      topics: [{ topic: topics.nameOf("later"), numPartitions: 1 }],
      waitForLeaders: true,
    });
    await topics.send("later", [trade(1)]);
    await expect.poll(async () => (await trades()).length, patience).toBe(1);
    expect(ingest.isReady).toBe(true);
  }, 300_000);
});
