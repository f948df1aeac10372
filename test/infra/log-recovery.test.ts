import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EmbeddedLog } from "../../infra/log/embedded-log.js";
import type { LogRecord } from "../../infra/log/log.js";
import { diskFiles, type SegmentFiles } from "../../infra/log/segment.js";
import type { Logger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import { bytes, Collector, text } from "../conformance/collector.js";
import { logFolder } from "./log-folder.js";

let place: Awaited<ReturnType<typeof logFolder>>;

beforeEach(async () => {
  place = await logFolder();
});

afterEach(async () => {
  await place.cleanup();
});

const record = (value: string, partition = 0, topic = "t"): LogRecord => {
  return { topic, partition, key: `key of ${value}`, value: bytes(value), timestamp: 1 };
};
const segmentPath = (folder: string) => {
  const partition = join(folder, "topics", "t", "0");
  return join(partition, readdirSync(partition).find((name) => name.endsWith(".segment"))!);
};
const values = async (log: EmbeddedLog, partition = 0, topic = "t") =>
  (await log.read(topic, partition, (await log.offsets(topic, partition)).start, 1e6)).map(({ value }) => text(value!));

/** A logger that keeps what it is told. */
function listening() {
  const warnings: { text: string; position?: number; bytes?: number }[] = [];
  const keep = (fields: object, words: string) => warnings.push({ ...fields, text: words });
  return { warnings, logger: { warn: keep, error: keep, info: () => {} } as unknown as Logger };
}

async function threeFrames(): Promise<{ whole: Buffer; ends: number[] }> {
  const log = await place.open();
  await log.createTopics([{ name: "t", partitions: 3, cleanup: "delete" }]);
  const ends: number[] = [];
  for (const batch of [["a"], ["b", "c"], ["d", "e", "f"]]) {
    await log.append(batch.map((value) => record(value)));
    ends.push(readFileSync(segmentPath(place.folder)).length);
  }
  await log.close();
  return { whole: readFileSync(segmentPath(place.folder)), ends };
}

test("a tail torn at any byte of its last frame is cut off with a warning, and all before it is there", async () => {
  const { whole, ends } = await threeFrames();
  const path = segmentPath(place.folder);
  for (let size = ends[1]!; size < whole.length; size++) {
    writeFileSync(path, whole.subarray(0, size));
    const { warnings, logger } = listening();
    const log = await place.open({ logger });
    expect(await values(log)).toEqual(["a", "b", "c"]);
    await log.append([record("new")]);
    expect(await values(log)).toEqual(["a", "b", "c", "new"]);
    await log.close();
    // A frame as the first one, but for "new" instead of "a" in key and value.
    expect(statSync(path).size).toBe(ends[1]! + ends[0]! + 4);
    const torn = size - ends[1]!;
    expect(warnings).toEqual(torn === 0 ? [] : [expect.objectContaining({ position: ends[1], bytes: torn })]);
  }
});

test("a bit flipped anywhere in the last frame takes that frame away, never serves it", async () => {
  const { whole, ends } = await threeFrames();
  const path = segmentPath(place.folder);
  for (let at = ends[1]!; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 1 << (at % 8);
    writeFileSync(path, damaged);
    const log = await place.open();
    expect(await values(log)).toEqual(["a", "b", "c"]);
    await log.close();
  }
});

test("a damaged frame in the middle is said aloud and counted, and what follows is there", async () => {
  const { whole, ends } = await threeFrames();
  const path = segmentPath(place.folder);
  for (let at = ends[0]!; at < ends[1]!; at++) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 1 << (at % 8);
    writeFileSync(path, damaged);
    const { warnings, logger } = listening();
    const metrics = new Metrics();
    const log = await place.open({ logger, metrics });
    const collector = new Collector();
    const consumer = await log.consume("g", ["t"], collector);
    await collector.count(4);
    expect(collector.values(0)).toEqual(["a", "d", "e", "f"]);
    expect(collector.lostRecords).toEqual([2]);
    await log.append([record("new")]);
    await collector.count(5);
    expect(collector.all.at(-1)).toMatchObject({ offset: 6, value: "new" });
    expect(warnings.length).toBeGreaterThan(0);
    expect(await metrics.registry.metrics()).toContain('reason="damaged_frame"} 2');
    await consumer.close();
    await log.close();
  }
});

test("a reader waits at a frame that is half there and takes it once it is whole", async () => {
  const { whole, ends } = await threeFrames();
  const path = segmentPath(place.folder);
  for (const size of [ends[1]! + 1, ends[1]! + 39, ends[1]! + 41, whole.length - 1]) {
    writeFileSync(path, whole.subarray(0, size));
    const reader = await place.open();
    const collector = new Collector();
    const consumer = await reader.consume(`g${size}`, ["t"], collector);
    await collector.count(3);
    writeFileSync(path, whole);
    await collector.count(6);
    expect(collector.values(0)).toEqual(["a", "b", "c", "d", "e", "f"]);
    await consumer.close();
    await reader.close();
  }
});

test("an empty newest segment, left by a crash, keeps the numbering", async () => {
  await threeFrames();
  writeFileSync(join(place.folder, "topics", "t", "0", "0000000000000006.segment"), "");
  const log = await place.open();
  expect(await log.offsets("t", 0)).toEqual({ start: 0, end: 6 });
  await log.append([record("g")]);
  expect(await values(log)).toEqual(["a", "b", "c", "d", "e", "f"]);
  expect((await log.read("t", 0, 6, 1e6))[0]).toMatchObject({ offset: 6, key: "key of g" });
});

test("a position behind the end, whose tail was lost, goes on at the end with a warning", async () => {
  await threeFrames();
  const { warnings, logger } = listening();
  const log = await place.open({ logger });
  const collector = new Collector({ "t/0": 9 });
  const consumer = await log.consume("g", ["t"], collector);
  await log.append([record("next")]);
  await collector.until(() => collector.values(0).includes("next"));
  expect(warnings.some((warning) => warning.text.includes("cut off"))).toBe(true);
  await consumer.close();
});

test("a transaction stopped between any two calls to the disk, or within one, is there whole or not at all", async () => {
  const setup = await place.open();
  await setup.createTopics([
    { name: "t", partitions: 2, cleanup: "delete" },
    { name: "state", partitions: 1, cleanup: "compact" },
  ]);
  const copies: string[] = [];
  const copy = () => {
    const to = `${place.folder}-copy-${copies.length}`;
    cpSync(place.folder, to, { recursive: true, filter: (path) => !path.includes("/writer-") });
    copies.push(to);
  };
  const files: SegmentFiles = {
    ...diskFiles,
    write: (file, from, at, length, position) => {
      copy();
      const half = diskFiles.write(file, from, at, length >> 1, position);
      copy();
      return half + diskFiles.write(file, from, at + half, length - half, position + half);
    },
    truncate: (file, size) => {
      copy();
      diskFiles.truncate(file, size);
    },
  };
  await setup.close();
  const log = await place.open({ files });
  const writer = await log.transactions("task");
  const write = (n: number) =>
    writer.write(
      [record(`${n}`, 0), record(`${n}`, 1), record(`${n}`, 0, "state")],
      [{ group: "g", topic: "t", partition: 0, offset: n }],
    );
  await write(1);
  const before = copies.length;
  await write(2);
  copy();
  expect(copies.length - before).toBeGreaterThan(15);
  const seen = new Set<number>();
  for (const [i, copied] of copies.slice(before).entries()) {
    const { folder, open, cleanup } = await logFolder();
    // Every other time the log is open already when the writer dies, and takes its partition over.
    if (i % 2 === 0) cpSync(copied, folder, { recursive: true });
    const after = await open();
    if (i % 2 === 1) {
      cpSync(copied, folder, { recursive: true });
      writeFileSync(join(folder, "topics", "t", "1", "writer-1-1-1-00000000"), "");
    }
    await after.append([record("goes on", 1)]);
    const committed = (await after.committed("g", "t", 0))!;
    seen.add(committed);
    const expected = committed === 2 ? ["1", "2"] : ["1"];
    expect(await values(after, 0)).toEqual(expected);
    expect(await values(after, 1)).toEqual([...expected, "goes on"]);
    expect(await values(after, 0, "state")).toEqual(expected);
    await cleanup();
  }
  for (const folder of copies) rmSync(folder, { recursive: true });
  expect([...seen].sort()).toEqual([1, 2]);
});

test("a segment cut to nothing loses its records and nothing else", async () => {
  const log = await place.open({ segmentBytes: 100 });
  await log.createTopics([{ name: "t", partitions: 1, cleanup: "delete" }]);
  for (const value of ["a", "b", "c", "d"]) await log.append([record(value)]);
  await log.close();
  truncateSync(join(place.folder, "topics", "t", "0", "0000000000000001.segment"), 0);
  const again = await place.open();
  const collector = new Collector();
  const consumer = await again.consume("g", ["t"], collector);
  await collector.count(3);
  expect(collector.values(0)).toEqual(["a", "c", "d"]);
  expect(collector.lostRecords).toEqual([1]);
  await consumer.close();
});
