import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeTick,
  KIND_DEPTH,
  KIND_ORACLE,
  KIND_QUOTE,
  KIND_TRADE,
  RawBatchReader,
} from "../../schemas/raw-batch-reader.js";
import { rawBatchType, rawTickType } from "../../schemas/raw-batch-type.js";
import { RawBatchWriter } from "../../schemas/raw-batch-writer.js";
import { type RawBatch, recordOfTick, tickOfRecord } from "../../schemas/raw-tick-record.js";
import type { DepthTick, QuoteTick, RawTick, TradeTick } from "../../schemas/ticks.js";
import { anyTick } from "./raw-ticks.js";

const SCHEMA_ID = 70_000;
const head = Buffer.from([0, 0, 1, 0x11, 0x70]);
const ticks = fc.array(anyTick, { maxLength: 12 });
const number = fc.oneof(fc.nat(), fc.maxSafeNat());
const trade: TradeTick = {
  kind: "trade",
  exchange: "binance",
  symbol: "BTC/USDT",
  exchangeTime: 1_762_795_420_000_000,
  receiveTime: 1_762_795_420_001_234,
  tradeId: "4711",
  price: "61837.63",
  qty: "0.00125",
  side: "sell",
};

/** The batch as avsc, which knows nothing of our writer, encodes it. */
function byAvsc(session: string, batch: readonly RawTick[], first: number): Uint8Array {
  const record: RawBatch = { session, ticks: batch.map((tick, index) => recordOfTick(tick, first + index)) };
  return Buffer.concat([head, rawBatchType.toBuffer(record)]);
}

function byWriter(writer: RawBatchWriter, batch: readonly RawTick[], first: number): Uint8Array {
  batch.forEach((tick, index) => {
    writer.append(tick, first + index);
  });
  return writer.finish();
}

function opened(value: Uint8Array): RawBatchReader {
  const reader = new RawBatchReader(SCHEMA_ID);
  reader.open(value);
  return reader;
}

/** What the reader's positions say, as a tick again; undefined for kinds that it only hands out whole. */
function byPositions(reader: RawBatchReader): Partial<RawTick> | undefined {
  const text = (start: number, end: number) => reader.bytes.toString("utf8", start, end);
  switch (reader.kind) {
    case KIND_TRADE:
      return {
        tradeId: text(reader.tradeIdStart, reader.tradeIdEnd),
        price: text(reader.priceStart, reader.priceEnd),
        qty: text(reader.qtyStart, reader.qtyEnd),
        side: reader.side === 0 ? "buy" : "sell",
        ...(reader.retractsStart < 0 ? {} : { retracts: text(reader.retractsStart, reader.retractsEnd) }),
        ...(reader.firstTradeId < 0 ? {} : { firstTradeId: reader.firstTradeId }),
        ...(reader.lastTradeId < 0 ? {} : { lastTradeId: reader.lastTradeId }),
      } satisfies Partial<TradeTick>;
    case KIND_QUOTE:
      return {
        bidPrice: text(reader.bidPriceStart, reader.bidPriceEnd),
        bidQty: text(reader.bidQtyStart, reader.bidQtyEnd),
        askPrice: text(reader.askPriceStart, reader.askPriceEnd),
        askQty: text(reader.askQtyStart, reader.askQtyEnd),
        ...(reader.updateId < 0 ? {} : { updateId: reader.updateId }),
      } satisfies Partial<QuoteTick>;
    case KIND_DEPTH: {
      const level = (index: number): [string, string] => {
        const [priceStart, priceEnd, qtyStart, qtyEnd] = reader.levels.subarray(index * 4, index * 4 + 4);
        return [text(priceStart!, priceEnd!), text(qtyStart!, qtyEnd!)];
      };
      const side = (from: number, count: number) => Array.from({ length: count }, (_, index) => level(from + index));
      return {
        action: (["snapshot", "increment", "gap"] as const)[reader.action]!,
        firstUpdateId: reader.firstUpdateId,
        updateId: reader.updateId,
        ...(reader.previousUpdateId < 0 ? {} : { previousUpdateId: reader.previousUpdateId }),
        bids: side(0, reader.bidCount),
        asks: side(reader.bidCount, reader.askCount),
      } satisfies Partial<DepthTick>;
    }
    case KIND_ORACLE:
      return { price: text(reader.priceStart, reader.priceEnd) };
    default:
      return undefined;
  }
}

describe("the raw batch's writer", () => {
  it("writes every kind byte for byte as avsc does, batch after batch", () => {
    const writer = new RawBatchWriter(SCHEMA_ID, "session-1");
    fc.assert(
      fc.property(ticks, number, (batch, first) => {
        fc.pre(first + batch.length < Number.MAX_SAFE_INTEGER);
        expect(Buffer.from(byWriter(writer, batch, first)).equals(byAvsc("session-1", batch, first))).toBe(true);
        expect(writer.count).toBe(0);
      }),
      { numRuns: 1500 },
    );
  });

  it("grows with a batch of many ticks and with a single snapshot of many levels", () => {
    const levels = Array.from({ length: 46_000 }, (_, index): [string, string] => [`${index}.5`, "1"]);
    const { exchange, symbol, exchangeTime, receiveTime } = trade;
    const snapshot: DepthTick = {
      ...{ kind: "depth", exchange, symbol, exchangeTime, receiveTime, action: "snapshot" },
      ...{ firstUpdateId: 1, updateId: 2, bids: levels, asks: levels },
    };
    const batch = [trade, snapshot, ...new Array<RawTick>(5000).fill(trade)];
    const writer = new RawBatchWriter(SCHEMA_ID, "sitzung-ü");
    expect(Buffer.from(byWriter(writer, batch, 0)).equals(byAvsc("sitzung-ü", batch, 0))).toBe(true);
  });

  it("grows with a heartbeat of a thousand feeds, which avsc writes", () => {
    const { exchange, symbol, exchangeTime, receiveTime } = trade;
    const feeds = Array.from({ length: 1000 }, (_, n) => ({
      exchange,
      feed: `market-${n}`,
      connected: true,
      since: n,
    }));
    const batch: RawTick[] = [{ kind: "heartbeat", exchange, symbol, exchangeTime, receiveTime, feeds }, trade];
    const writer = new RawBatchWriter(SCHEMA_ID, "s");
    expect(Buffer.from(byWriter(writer, batch, 0)).equals(byAvsc("s", batch, 0))).toBe(true);
  });

  it("refuses a tick that can not be written and keeps the batch as it was", () => {
    const writer = new RawBatchWriter(SCHEMA_ID, "s");
    writer.append(trade, 1);
    const broken: unknown[] = [
      { ...trade, price: undefined },
      { ...trade, qty: 5 },
      { ...trade, side: "both" },
      { ...trade, receiveTime: 1.5 },
      { ...trade, exchangeTime: Number.NaN },
      { ...trade, kind: "depth", bids: [["1"]], asks: [] },
    ];
    for (const tick of broken) {
      expect(() => writer.append(tick as RawTick, 2)).toThrow(
        expect.objectContaining({ code: "TP_RECORD_UNWRITABLE" }),
      );
    }
    writer.append(trade, 2);
    expect(writer.count).toBe(2);
    expect(Buffer.from(writer.finish()).equals(byAvsc("s", [trade, trade], 1))).toBe(true);
  });
});

describe("the raw batch's reader", () => {
  it("reads what avsc wrote: whole ticks, positions, numbers and original bytes", () => {
    fc.assert(
      fc.property(ticks, number, (batch, first) => {
        fc.pre(first + batch.length < Number.MAX_SAFE_INTEGER);
        const reader = opened(byAvsc("session-1", batch, first));
        expect(reader.session).toBe("session-1");
        batch.forEach((tick, index) => {
          expect(reader.next()).toBe(true);
          expect(reader.tick()).toEqual(tick);
          expect(tick).toMatchObject(byPositions(reader) ?? {});
          const { exchange, symbol, exchangeTime, receiveTime } = reader;
          expect(tick).toMatchObject({ exchange, symbol, exchangeTime, receiveTime });
          expect([reader.index, reader.number]).toEqual([index, first + index]);
          const original = reader.original();
          expect(rawTickType.toBuffer(recordOfTick(tick, first + index)).equals(original)).toBe(true);
          expect(decodeTick(original)).toEqual(tick);
        });
        expect(reader.next()).toBe(false);
        expect(reader.next()).toBe(false);
      }),
      { numRuns: 1500 },
    );
  });

  it("gives what is optional its stated default", () => {
    const { exchange, symbol, exchangeTime, receiveTime } = trade;
    const depth: DepthTick = {
      ...{ kind: "depth", exchange, symbol, exchangeTime, receiveTime },
      ...{ action: "gap", firstUpdateId: 0, updateId: 0, bids: [], asks: [], reason: "reconnect" },
    };
    const reader = opened(byAvsc("s", [trade, depth, { ...depth, action: "increment", part: 2, parts: 3 }], 0));
    reader.next();
    expect([reader.backfilled, reader.retractsStart, reader.side]).toEqual([false, -1, 1]);
    reader.next();
    expect([reader.previousUpdateId, reader.part, reader.parts, reader.reason]).toEqual([-1, 0, 1, "reconnect"]);
    reader.next();
    expect([reader.part, reader.parts]).toEqual([2, 3]);
  });

  it("refuses another schema's id, another format and any truncation, and never reads on", () => {
    const value = byAvsc("s", [trade, trade], 0);
    const refused = expect.objectContaining({ code: "TP_RECORD_UNREADABLE" });
    const readAll = (bytes: Uint8Array) => {
      const reader = opened(bytes);
      while (reader.next());
    };
    expect(() => new RawBatchReader(3).open(value)).toThrow(refused);
    expect(() => opened(new Uint8Array([1, 2, 3, 4, 5, 6]))).toThrow(refused);
    for (let length = 0; length < value.length; length++) {
      expect(() => readAll(value.subarray(0, length))).toThrow(refused);
    }
    expect(() => readAll(Buffer.concat([value, Buffer.of(0)]))).toThrow(refused);
  });

  it("survives any flipped bytes: ticks as avsc reads them, or a refusal", () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(anyTick, { minLength: 1, maxLength: 4 }), flips, (batch, changes) => {
        const value = Buffer.from(byAvsc("s", batch, 0));
        for (const [at, byte] of changes) value[5 + (at % (value.length - 5))] = byte;
        const reader = new RawBatchReader(SCHEMA_ID);
        const read: RawTick[] = [];
        try {
          reader.open(value);
          while (reader.next()) read.push(reader.tick());
        } catch (error) {
          expect(error).toMatchObject({ code: "TP_RECORD_UNREADABLE" });
          expect(reader.next()).toBe(false);
          return;
        }
        const expected = rawBatchType.fromBuffer(value.subarray(5)) as RawBatch;
        expect(read).toEqual(expected.ticks.map(tickOfRecord));
      }),
      { numRuns: 3000 },
    );
  });

  it("reads arrays in several blocks and with their length in bytes, as other encoders write them", () => {
    const body = rawTickType.toBuffer(recordOfTick(trade, 5));
    const long = (value: number) => {
      const bytes: number[] = [];
      let rest = value >= 0 ? value * 2 : -value * 2 - 1;
      for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
      return Buffer.from([...bytes, rest]);
    };
    const sized = Buffer.concat([long(-2), long(body.length * 2), body, body]);
    const reader = opened(Buffer.concat([head, long(1), Buffer.from("s"), long(1), body, sized, long(0)]));
    let seen = 0;
    for (; reader.next(); seen++) expect(reader.tick()).toEqual(trade);
    expect(seen).toBe(3);
  });

  it("gives a name the same text however many names there are", () => {
    const batch = Array.from({ length: 20_000 }, (_, n): RawTick => ({ ...trade, symbol: `C${n % 9000}/USDT` }));
    const reader = opened(byAvsc("s", batch, 0));
    for (const tick of batch) {
      reader.next();
      if (reader.symbol !== tick.symbol) expect(reader.symbol).toBe(tick.symbol);
    }
  });
});
