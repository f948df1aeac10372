import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LogRecord } from "../../infra/log/log.js";
import { bytes, Collector } from "../conformance/collector.js";
import { logFolder } from "./log-folder.js";

let place: Awaited<ReturnType<typeof logFolder>>;
const now = 1_762_795_420_000_000;
const second = 1_000_000;

beforeEach(async () => {
  place = await logFolder({ segmentBytes: 1000 });
});

afterEach(async () => {
  await place.cleanup();
});

const record = (nth: number, timestamp = now + nth * second, size = 100): LogRecord => {
  return { topic: "t", partition: 0, key: null, value: bytes(`${nth}`.padEnd(size)), timestamp };
};

test("records older than the retention go, by their own timestamps, and offsets stay", async () => {
  const log = await place.open();
  await log.createTopics([{ name: "t", partitions: 1, cleanup: "delete", retentionMs: 60_000 }]);
  for (let i = 0; i < 100; i++) await log.append([record(i)]);
  await log.maintain(now + 100 * second);
  const { start, end } = await log.offsets("t", 0);
  expect(end).toBe(100);
  expect(start).toBeGreaterThan(30);
  expect(start).toBeLessThanOrEqual(40);
  expect((await log.read("t", 0, start, 1000))[0]!.offset).toBe(start);
  await expect(log.read("t", 0, start - 1, 1000)).rejects.toMatchObject({ code: "TP_OFFSET_OUT_OF_RANGE" });
  await log.append([record(300)]);
  await log.maintain(now + 300 * second);
  expect((await log.offsets("t", 0)).end).toBe(101);
  expect((await log.offsets("t", 0)).start).toBeGreaterThan(90);
});

test("a recording of long ago is as old as its own newest record says, whatever today's date", async () => {
  const log = await place.open();
  await log.createTopics([{ name: "t", partitions: 1, cleanup: "delete", retentionMs: 60_000 }]);
  for (let i = 0; i < 50; i++) await log.append([record(i)]);
  await log.maintain(now + 1e6 * second);
  expect(await log.offsets("t", 0)).toEqual({ start: 0, end: 50 });
});

test("age is known of segments that an earlier process wrote", async () => {
  const first = await place.open();
  await first.createTopics([{ name: "t", partitions: 1, cleanup: "delete", retentionMs: 60_000 }]);
  for (let i = 0; i < 50; i++) await first.append([record(i)]);
  await first.close();
  const log = await place.open();
  await log.append([record(50, now + 100 * second)]);
  await log.maintain(now + 100 * second);
  const { start } = await log.offsets("t", 0);
  expect(start).toBeGreaterThan(30);
  expect(start).toBeLessThanOrEqual(50);
});

test("a partition stays within its bytes, the oldest go first, the newest stay", async () => {
  const log = await place.open();
  await log.createTopics([{ name: "t", partitions: 1, cleanup: "delete", retentionBytes: 5000 }]);
  for (let i = 0; i < 200; i++) await log.append([record(i)]);
  await log.maintain(now);
  const { start, end } = await log.offsets("t", 0);
  expect(end).toBe(200);
  expect((end - start) * 160).toBeLessThanOrEqual(5000);
  expect((end - start) * 160).toBeGreaterThan(3000);
});

test("a consumer whose position has gone is told how many records, and goes on at the start", async () => {
  const log = await place.open();
  await log.createTopics([{ name: "t", partitions: 1, cleanup: "delete", retentionBytes: 3000 }]);
  for (let i = 0; i < 100; i++) await log.append([record(i)]);
  await log.commit("g", "t", 0, 10);
  await log.maintain(now);
  const { start } = await log.offsets("t", 0);
  const collector = new Collector();
  const consumer = await log.consume("g", ["t"], collector);
  await collector.count(100 - start);
  expect(collector.lostRecords).toEqual([start - 10]);
  expect(collector.all[0]!.offset).toBe(start);
  await consumer.close();
});

test("a consumer reads on through segments that were there long before it, and into new ones", async () => {
  const log = await place.open();
  await log.createTopics([{ name: "t", partitions: 1, cleanup: "delete" }]);
  for (let i = 0; i < 100; i++) await log.append([record(i)]);
  const folder = join(place.folder, "topics", "t", "0");
  expect(readdirSync(folder).length).toBeGreaterThan(10);
  utimesSync(folder, 1, 1);
  const reader = await place.open();
  const collector = new Collector();
  const consumer = await reader.consume("g", ["t"], collector);
  await collector.count(100);
  for (let i = 100; i < 150; i++) await log.append([record(i)]);
  await collector.count(150);
  expect(collector.all.map(({ offset }) => offset)).toEqual(Array.from({ length: 150 }, (_, i) => i));
  await consumer.close();
});
