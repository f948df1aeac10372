import { cpSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EmbeddedLog } from "../../infra/log/embedded-log.js";
import type { LogRecord, StoredRecord } from "../../infra/log/log.js";
import { diskFiles } from "../../infra/log/segment.js";
import { bytes, Collector, text } from "../conformance/collector.js";
import { logFolder, type OpenSettings } from "./log-folder.js";

let place: Awaited<ReturnType<typeof logFolder>>;
const now = 1_762_795_420_000_000;
const minute = 60_000_000;

beforeEach(async () => {
  place = await logFolder({ compactionBytes: 0 });
});

afterEach(async () => {
  await place.cleanup();
});

const record = (key: string | null, value: string | null, timestamp = now): LogRecord => {
  return { topic: "state", partition: 0, key, value: value === null ? null : bytes(value), timestamp };
};

async function stateLog(settings: OpenSettings = {}): Promise<EmbeddedLog> {
  const log = await place.open(settings);
  await log.createTopics([{ name: "state", partitions: 1, cleanup: "compact" }]);
  return log;
}

async function everything(log: EmbeddedLog): Promise<StoredRecord[]> {
  const all: StoredRecord[] = [];
  for (let offset = 0; ; offset = all.at(-1)!.offset + 1) {
    const some = await log.read("state", 0, offset, 100_000);
    if (some.length === 0) return all;
    all.push(...some);
  }
}

function latest(records: readonly { key: string | null; value: Uint8Array | null }[]): Map<string, string | null> {
  const byKey = new Map<string, string | null>();
  for (const { key, value } of records) if (key !== null) byKey.set(key, value && text(value));
  for (const [key, value] of byKey) if (value === null) byKey.delete(key);
  return byKey;
}

const partitionFolder = () => join(place.folder, "topics", "state", "0");
const files = () => readdirSync(partitionFolder()).filter((name) => !name.startsWith("writer-"));

test("the latest value of each key is the same before and after, at the same offset, whatever is written when", async () => {
  const write = fc.record({
    key: fc.constantFrom("a", "b", "c", "d", "e"),
    value: fc.option(fc.string({ maxLength: 40 }), { nil: null }),
  });
  const steps = fc.array(fc.array(write, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 60, max: 400 }), async (batches, segmentBytes) => {
      const own = await logFolder({ compactionBytes: 0, segmentBytes, tombstoneRetentionMs: 0 });
      try {
        let log = await own.open();
        await log.createTopics([{ name: "state", partitions: 1, cleanup: "compact" }]);
        const written: LogRecord[] = [];
        for (const batch of batches) {
          const records = batch.map(({ key, value }, i) => record(key, value, now + (written.length + i) * minute));
          await log.append(records);
          written.push(...records);
          await log.maintain(now);
          if (batch.length % 3 === 0) {
            await log.close();
            log = await own.open();
          }
          const kept = await everything(log);
          expect(latest(kept)).toEqual(latest(written));
          for (const { offset, key, value } of kept) {
            expect([key, value && text(value)]).toEqual([written[offset]!.key, value && text(written[offset]!.value!)]);
          }
          expect((await log.offsets("state", 0)).end).toBe(written.length);
        }
      } finally {
        await own.cleanup();
      }
    }),
    { numRuns: 60 },
  );
});

test("a tombstone goes once it is older than its retention by the log's own time, a younger one stays", async () => {
  const log = await stateLog({ tombstoneRetentionMs: 60_000 });
  await log.append([record("old", "x"), record("old", null, now), record("young", "y"), record("stays", "z")]);
  await log.append([record("young", null, now + 2 * minute), record(null, "no key"), record(null, "no key either")]);
  await log.maintain(now);
  expect((await everything(log)).map(({ key, value }) => [key, value && text(value)])).toEqual([
    ["stays", "z"],
    ["young", null],
    [null, "no key"],
    [null, "no key either"],
  ]);
});

test("a partition that is only written to stays within its bound, without anybody's help", async () => {
  const log = await stateLog({ compactionBytes: 200_000, segmentBytes: 100_000 });
  const keys = Array.from({ length: 100 }, (_, i) => `operator/${i}`);
  const writer = await log.transactions("task");
  let largest = 0;
  for (let i = 0; i < 300; i++) {
    const value = `${i}`.padEnd(200);
    await (i % 2 === 0
      ? writer.write(keys.map((key) => record(key, value)))
      : log.append(keys.map((key) => record(key, value))));
    largest = Math.max(largest, await bytesOnDisk(log));
  }
  expect(largest).toBeLessThan(5 * 200_000);
  await log.maintain(now);
  expect(latest(await everything(log)).size).toBe(100);
});

async function bytesOnDisk(log: EmbeddedLog): Promise<number> {
  const records = await everything(log);
  return records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
}

test("a consumer in the middle of it all gets every key's latest value", async () => {
  const log = await stateLog({ segmentBytes: 5000 });
  const reader = await place.open();
  const collector = new Collector();
  const consumer = await reader.consume("g", ["state"], collector);
  const expected = new Map<string, string>();
  for (let i = 0; i < 400; i++) {
    const [key, value] = [`k${i % 37}`, `${i}`];
    expected.set(key, value);
    await log.append([record(key, value)]);
    if (i % 20 === 0) await log.maintain(now);
  }
  await log.append([record("last", "end")]);
  expected.set("last", "end");
  await collector.until(() => collector.all.at(-1)?.key === "last");
  expect(new Map(collector.all.map(({ key, value }) => [key, value]))).toEqual(expected);
  const offsets = collector.all.map(({ offset }) => offset);
  expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
  expect(collector.lostRecords).toEqual([]);
  await consumer.close();
});

test("segments that a crash left beside the compacted one that stands for them are not read, and deleted", async () => {
  const log = await stateLog({ segmentBytes: 100 });
  for (let i = 0; i < 9; i++) await log.append([record(`k${i % 2}`, `${i}`)]);
  const before = `${place.folder}/before`;
  cpSync(partitionFolder(), before, { recursive: true, filter: (path) => !path.includes("/writer-") });
  await log.maintain(now);
  await log.close();
  cpSync(before, partitionFolder(), { recursive: true });
  const again = await place.open();
  expect((await everything(again)).map(({ offset }) => offset)).toEqual([7, 8]);
  await again.append([record("k0", "new")]);
  expect(files().filter((name) => name.endsWith(".segment"))).toEqual(["0000000000000009.segment"]);
  expect((await everything(again)).map(({ offset }) => offset)).toEqual([7, 8, 9]);
});

test("a compaction that finds no room leaves everything as it was and is made up for later", async () => {
  let full = false;
  const log = await stateLog({
    files: {
      ...diskFiles,
      write: (file, from, at, length, position) => {
        if (full) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
        return diskFiles.write(file, from, at, length, position);
      },
    },
    compactionBytes: 1000,
  });
  const fill = (from: number, to: number) => {
    const values = Array.from({ length: to - from }, (_, i) => `${from + i}`.padEnd(50));
    return log.append(values.map((value, i) => record(`k${(from + i) % 3}`, value)));
  };
  await fill(0, 10);
  full = true;
  await log.maintain(now);
  full = false;
  expect((await everything(log)).length).toBe(10);
  expect(existsSync(join(partitionFolder(), "compacting"))).toBe(false);
  await fill(10, 60);
  await log.maintain(now);
  expect((await everything(log)).map(({ offset }) => offset)).toEqual([57, 58, 59]);
});
