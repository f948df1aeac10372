import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EmbeddedLog } from "../../infra/log/embedded-log.js";
import type { LogRecord } from "../../infra/log/log.js";
import { diskFiles, type SegmentFiles } from "../../infra/log/segment.js";
import { bytes, text } from "../conformance/collector.js";
import { logFolder } from "./log-folder.js";

let place: Awaited<ReturnType<typeof logFolder>>;
const full = { code: "TP_LOG_FULL" };

beforeEach(async () => {
  place = await logFolder();
});

afterEach(async () => {
  await place.cleanup();
});

const record = (value: string, partition = 0): LogRecord => {
  return { topic: "t", partition, key: null, value: bytes(value), timestamp: 1_000_000 };
};
const values = async (log: EmbeddedLog, partition = 0) =>
  (await log.read("t", partition, (await log.offsets("t", partition)).start, 1e6)).map(({ value }) => text(value!));

const bytesOf = (partition: number): number =>
  statSync(join(place.folder, "topics", "t", `${partition}`, "0000000000000000.segment")).size;

/** A disk with room for so many more bytes; the write that passes it goes out in part, as a real one may. */
function smallDisk(): SegmentFiles & { room: number; code: string } {
  return {
    ...diskFiles,
    room: Infinity,
    code: "ENOSPC",
    write(file, from, at, length, position) {
      if (this.room <= 0) throw Object.assign(new Error(`write failed: ${this.code}`), { code: this.code });
      const done = diskFiles.write(file, from, at, Math.min(length, this.room), position);
      this.room -= done;
      return done;
    },
  };
}

test("a full disk refuses by its code, keeps nothing half-written, and appending goes on when there is room", async () => {
  const files = smallDisk();
  const log = await place.open({ files });
  await log.createTopics([{ name: "t", partitions: 2, cleanup: "delete" }]);
  await log.append([record("before")]);
  const size = bytesOf(0);
  for (let room = 0; room < 150; room += 7) {
    files.room = room;
    await expect(log.append([record("x".repeat(150))])).rejects.toMatchObject(full);
    expect(bytesOf(0)).toBe(size);
    expect(await values(log)).toEqual(["before"]);
  }
  files.room = Infinity;
  await log.append([record("after")]);
  await log.close();
  const again = await place.open();
  expect(await values(again)).toEqual(["before", "after"]);
});

test("where one partition has no room the others' part is appended, and only who had records in it is refused", async () => {
  const files = smallDisk();
  const log = await place.open({ files });
  await log.createTopics([{ name: "t", partitions: 2, cleanup: "delete" }]);
  await log.append([record("first", 0), record("first", 1)]);
  files.room = 100;
  const outcomes = await Promise.allSettled([
    log.append([record("fits", 0)]),
    log.append([record("does not", 1)]),
    log.append([record("nor this", 1)]),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
  expect(await values(log, 0)).toEqual(["first", "fits"]);
  expect(await values(log, 1)).toEqual(["first"]);
});

test("a transaction without room leaves nothing in any partition", async () => {
  const files = smallDisk();
  const log = await place.open({ files });
  await log.createTopics([{ name: "t", partitions: 2, cleanup: "delete" }]);
  const writer = await log.transactions("task");
  const write = (value: string) => writer.write([record(value, 0), record(value, 1)]);
  await write("one");
  const sizes = [bytesOf(0), bytesOf(1)];
  for (let room = 0; room < 330; room += 13) {
    files.room = room;
    await expect(write("x".repeat(100))).rejects.toMatchObject({ message: expect.stringContaining("ENOSPC") });
    expect([await values(log, 0), await values(log, 1)]).toEqual([["one"], ["one"]]);
    expect([bytesOf(0), bytesOf(1)]).toEqual(sizes);
  }
  files.room = Infinity;
  await write("two");
  expect([await values(log, 0), await values(log, 1)]).toEqual([
    ["one", "two"],
    ["one", "two"],
  ]);
});

test("a transaction that finds no room, wherever in it, is refused by the code of a full disk, and goes in later", async () => {
  const files = smallDisk();
  const log = await place.open({ files });
  await log.createTopics([{ name: "t", partitions: 2, cleanup: "delete" }]);
  const writer = await log.transactions("task");
  const offset = { group: "g", topic: "t", partition: 0 };
  const write = (value: string, at: number) =>
    writer.write([record(value, 0), record(value, 1)], [{ ...offset, offset: at }]);
  await write("begin", 0);
  const expected = ["begin"];
  // every byte of the frames, of the journal, and of the four that make each of three frames readable
  for (let room = 0; room < 900; room += room < 700 ? 23 : 1) {
    files.room = room;
    const value = `${room}`;
    const outcome = await write(value, room).then(
      () => "written",
      (error: { code: string }) => error.code,
    );
    files.room = Infinity;
    expect(["written", "TP_LOG_FULL"]).toContain(outcome);
    if (outcome !== "written") {
      expect(log.waits.conditions()).toMatchObject([{ name: "disk_full", severity: "not_ready" }]);
      await write(value, room);
    }
    expect(log.waits.conditions()).toEqual([]);
    expected.push(value);
    for (const partition of [0, 1]) expect([...new Set(await values(log, partition))]).toEqual(expected);
    expect(await log.committed("g", "t", 0)).toBe(room);
  }
  await log.append([record("after", 0), record("after", 1)]);
  await log.close();
  const again = await place.open();
  for (const partition of [0, 1]) expect([...new Set(await values(again, partition))]).toEqual([...expected, "after"]);
});

test("a committed transaction that could not be made readable before the end is completed at the next start", async () => {
  const files = smallDisk();
  const log = await place.open({ files });
  await log.createTopics([{ name: "t", partitions: 2, cleanup: "delete" }]);
  const writer = await log.transactions("task");
  await writer.write([record("one", 0), record("one", 1)]);
  let lost = false;
  for (let room = 50; room < 900 && !lost; room++) {
    files.room = room;
    await writer.write([record("two", 0), record("two", 1)]).catch(() => {});
    // what was committed is found by who opens the log after this writer
    lost = files.room === 0 && (await journalLength()) > 0;
    if (!lost) files.room = Infinity;
  }
  expect(lost).toBe(true);
  await log.close();
  const again = await place.open();
  for (const partition of [0, 1]) expect(new Set(await values(again, partition))).toEqual(new Set(["one", "two"]));
});

async function journalLength(): Promise<number> {
  const folder = join(place.folder, "transactions");
  const journal = readdirSync(folder).find((name) => name.endsWith(".journal"));
  return journal === undefined ? 0 : statSync(join(folder, journal)).size;
}

test("a first write for which there is no file yet is refused by the same code", async () => {
  let isFull = true;
  const files: SegmentFiles = {
    ...diskFiles,
    create: (path) => {
      if (isFull) throw Object.assign(new Error("no inode"), { code: "ENOSPC" });
      return diskFiles.create(path);
    },
  };
  const log = await place.open({ files });
  await log.createTopics([{ name: "t", partitions: 1, cleanup: "delete" }]);
  await expect(log.append([record("first")])).rejects.toMatchObject(full);
  await expect(log.commit("g", "t", 0, 1)).rejects.toMatchObject(full);
  await expect(log.transactions("task")).rejects.toMatchObject(full);
  isFull = false;
  await log.append([record("first")]);
  await log.commit("g", "t", 0, 1);
  await (await log.transactions("task")).write([record("second")]);
  expect(await values(log)).toEqual(["first", "second"]);
});

test("the bound in bytes refuses by its code until retention makes room", async () => {
  const log = await place.open({ maxBytes: 10_000, segmentBytes: 1000 });
  await log.createTopics([{ name: "t", partitions: 1, cleanup: "delete" }]);
  let appended = 0;
  const fill = async (): Promise<void> => {
    for (;;) {
      await log.append([record(`${appended}`.padEnd(100))]);
      appended++;
    }
  };
  await expect(fill()).rejects.toMatchObject(full);
  expect(appended).toBeGreaterThan(50);
  expect((await log.offsets("t", 0)).end).toBe(appended);
  await log.maintain(10_000_000);
  await expect(log.append([record("still none".padEnd(1000))])).rejects.toMatchObject(full);
  await log.createTopics([{ name: "t", partitions: 1, cleanup: "delete", retentionBytes: 3000 }]);
  await log.maintain(10_000_000);
  await log.append([record("there is room")]);
  const [last] = await log.read("t", 0, (await log.offsets("t", 0)).end - 1, 1e6);
  expect(text(last!.value!)).toBe("there is room");
});

test("another failure of the disk is passed on as it is, and nothing half-written stays", async () => {
  const files = smallDisk();
  files.code = "EIO";
  const log = await place.open({ files });
  await log.createTopics([{ name: "t", partitions: 1, cleanup: "delete" }]);
  files.room = 60;
  await expect(log.append([record("lost")])).rejects.toMatchObject({ code: "EIO" });
  files.room = Infinity;
  await log.append([record("kept")]);
  expect(await values(log)).toEqual(["kept"]);
});
