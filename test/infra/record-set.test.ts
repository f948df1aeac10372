import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBatch } from "../../infra/log/kafka/record-batch.js";
import { type AbortedTransaction, decodeRecords } from "../../infra/log/kafka/record-set.js";
import { seed } from "../processors/seed.js";

const inside = createRequire(import.meta.url);
/** kafkajs's own writer of batches, as another hand's. */
const { RecordBatch: theirBatch } = inside("kafkajs/src/protocol/recordBatch/v0") as {
  RecordBatch(batch: object): Promise<{ buffer: Buffer }>;
};
const theirRecord = inside("kafkajs/src/protocol/recordBatch/record/v0") as (record: object) => unknown;

const GZIP = 1;
const CONTROL = 0x20;

interface Written {
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly timestamp: number;
}

const written = fc.record({
  key: fc.option(fc.string({ unit: "grapheme" })),
  value: fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
  // µs at whole ms, years apart
  timestamp: fc.integer({ min: 1_300_000_000_000, max: 2_000_000_000_000 }).map((ms) => ms * 1000),
});

interface Kind {
  readonly compression?: number;
  readonly producerId?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
}

async function batchOf(base: number, records: readonly Written[], kind: Kind = {}): Promise<Buffer> {
  const { compression = 0, producerId = -1, transactional = false, control = false } = kind;
  const first = records[0]!.timestamp / 1000;
  const { buffer } = await theirBatch({
    compression,
    producerId,
    transactional,
    firstOffset: base,
    firstTimestamp: first,
    maxTimestamp: first,
    lastOffsetDelta: records.length - 1,
    records: records.map(({ key, value, timestamp }, offsetDelta) =>
      theirRecord({
        offsetDelta,
        timestampDelta: timestamp / 1000 - first,
        key: key === null ? null : Buffer.from(key),
        value,
        headers: offsetDelta % 2 === 0 ? {} : { source: "another" },
      }),
    ),
  });
  if (control) buffer.writeInt16BE(buffer.readInt16BE(21) | CONTROL, 21);
  return buffer;
}

/** Of a transaction: https://kafka.apache.org/documentation/#controlbatch */
const marker = (base: number, producerId: number, commits: boolean) =>
  batchOf(base, [{ key: commits ? "\0\0\0\u0001" : "\0\0\0\0", value: Buffer.alloc(6), timestamp: 1e15 }], {
    producerId,
    transactional: true,
    control: true,
  });

describe("records of an answer", () => {
  test("are what was written, by this plant's writer and by another's, plain and compressed", async () => {
    await checkAsync(
      fc.asyncProperty(
        fc.array(fc.array(written, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.nat(40),
        async (batches, base, skip) => {
          const parts: Buffer[] = [];
          let offset = base;
          for (const [at, records] of batches.entries()) {
            const ours = at % 3 === 2;
            const part = ours
              ? encodeBatch(records)
              : await batchOf(offset, records, { compression: at % 3 === 1 ? GZIP : 0 });
            if (ours) part.writeBigInt64BE(BigInt(offset), 0);
            parts.push(part);
            offset += records.length;
          }
          const from = base + Math.min(skip, offset - base - 1);
          const { records, next } = decodeRecords(Buffer.concat(parts), from, []);
          expect(next).toBe(offset);
          expect(records.map((record) => ({ ...record, value: record.value && Buffer.from(record.value) }))).toEqual(
            batches
              .flat()
              .map((record, at) => ({ ...record, offset: base + at }))
              .filter((record) => record.offset >= from),
          );
        },
      ),
    );
  });

  test("that are cut off are left for the next answer", async () => {
    const one = { key: "k", value: Buffer.from("v"), timestamp: 1_700_000_000_000_000 };
    const whole = await batchOf(7, [one, one]);
    const both = Buffer.concat([whole, await batchOf(9, [one])]);
    for (let length = 0; length < both.length; length++) {
      const { records, next } = decodeRecords(both.subarray(0, length), 7, []);
      expect([records.length, next]).toEqual(length < whole.length ? [0, 7] : [2, 9]);
    }
  });

  test("of transactions that were aborted are left out, with all markers", async () => {
    const step = fc.record({
      producer: fc.nat(3),
      count: fc.integer({ min: 1, max: 3 }),
      ends: fc.option(fc.boolean()),
    });
    await checkAsync(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const parts: Buffer[] = [];
        const open = new Map<number, number[]>();
        const firsts = new Map<number, number>();
        const aborted: AbortedTransaction[] = [];
        const stay: number[] = [];
        let offset = 100;
        for (const { producer, count, ends } of steps) {
          const records = Array.from({ length: count }, () => ({
            key: null,
            value: Buffer.from("v"),
            timestamp: 1e15,
          }));
          const numbers = records.map((_, at) => offset + at);
          // producer 0 writes without transactions
          parts.push(
            await batchOf(offset, records, producer === 0 ? {} : { producerId: producer, transactional: true }),
          );
          if (producer === 0) stay.push(...numbers);
          else {
            if (!open.has(producer)) firsts.set(producer, offset);
            open.set(producer, [...(open.get(producer) ?? []), ...numbers]);
          }
          offset += count;
          if (producer === 0 || ends === null) continue;
          parts.push(await marker(offset++, producer, ends));
          if (ends) stay.push(...open.get(producer)!);
          else aborted.push({ producerId: producer, firstOffset: firsts.get(producer)! });
          open.delete(producer);
        }
        // brokers answer up to the first open transaction; here all of these commit after it
        stay.push(...[...open.values()].flat());
        const { records, next } = decodeRecords(Buffer.concat(parts), 100, aborted);
        expect(records.map((record) => record.offset)).toEqual(stay.sort((a, b) => a - b));
        expect(next).toBe(offset);
      }),
    );
  });

  test("in a form that can not be read are an error that says so", async () => {
    const one = { key: null, value: Buffer.from("v"), timestamp: 1e15 };
    const zstd = await batchOf(0, [one]);
    zstd.writeInt16BE(4, 21);
    expect(() => decodeRecords(zstd, 0, [])).toThrow(/zstd/);
    const old = await batchOf(0, [one]);
    old[16] = 1;
    expect(() => decodeRecords(old, 0, [])).toThrow(/format 1/);
    const broken = await batchOf(0, [one]);
    broken.writeInt32BE(2, 57);
    expect(() => decodeRecords(broken, 0, [])).toThrow(/within a record/);
  });
});

const checkAsync = async (property: fc.IAsyncProperty<[unknown] | [unknown, unknown, unknown]>) => {
  await fc.assert(property as fc.IAsyncProperty<unknown>, { seed, numRuns: 100 });
};
