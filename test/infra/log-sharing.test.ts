import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LogRecord } from "../../infra/log/log.js";
import { bytes, Collector, text } from "../conformance/collector.js";
import { LogChild, logThread } from "./log-child.js";
import { logFolder } from "./log-folder.js";

let place: Awaited<ReturnType<typeof logFolder>>;
const locked = { code: "TP_LOG_LOCKED" };

beforeEach(async () => {
  place = await logFolder();
  const setup = await place.open();
  await setup.createTopics([{ name: "t", partitions: 2, cleanup: "delete" }]);
  await setup.close();
});

afterEach(async () => {
  await place.cleanup();
});

const record = (value: string, partition = 0): LogRecord => {
  return { topic: "t", partition, key: null, value: bytes(value), timestamp: 1 };
};
const values = async (partition = 0): Promise<string[]> => {
  const log = await place.open();
  const records = await log.read("t", partition, 0, 1e6);
  await log.close();
  return records.map(({ value }) => text(value!));
};
const append = (from: number, to: number, partition = 0) => `
  for (let i = ${from}; i < ${to}; i++) {
    await log.append([{ topic: "t", partition: ${partition}, key: null, value: Buffer.from(String(i)), timestamp: 1 }]);
  }`;
const untilInputEnds = `await new Promise((resolve) => process.stdin.on("end", resolve).resume());`;

test("a second writer of a partition is refused while the first lives, another partition is free", async () => {
  const one = await place.open();
  const two = await place.open();
  await one.append([record("one")]);
  await expect(two.append([record("two")])).rejects.toMatchObject(locked);
  await two.append([record("two", 1)]);
  await one.close();
  await two.append([record("two")]);
  expect(await values()).toEqual(["one", "two"]);
});

test("a second consumer of a group is refused while the first lives", async () => {
  const one = await place.open();
  const two = await place.open();
  const consumer = await one.consume("g", ["t"], new Collector());
  await expect(two.consume("g", ["t"], new Collector())).rejects.toMatchObject(locked);
  await expect(one.consume("g", ["t"], new Collector())).rejects.toMatchObject(locked);
  await consumer.close();
  await (await two.consume("g", ["t"], new Collector())).close();
});

test("another process's partition is refused while that lives, and taken over once it was killed", async () => {
  const child = new LogChild(place.folder, `${append(0, 10)} say("done"); ${untilInputEnds}`);
  await child.until(() => child.lines.includes("done"));
  const log = await place.open();
  await expect(log.append([record("mine")])).rejects.toMatchObject(locked);
  await child.kill();
  await log.append([record("mine")]);
  expect((await values()).length).toBe(11);
});

test("another thread's partition is refused while that lives, and taken over once it was terminated", async () => {
  const thread = logThread(place.folder, `${append(0, 10)} say("done"); setInterval(() => {}, 1000);`);
  await new Promise((resolve, reject) => thread.once("message", resolve).once("error", reject));
  const log = await place.open();
  await expect(log.append([record("mine")])).rejects.toMatchObject(locked);
  await thread.terminate();
  await log.append([record("mine")]);
  expect((await values()).length).toBe(11);
});

test("a lock of a process id that is somebody else's by now, or of another boot, does not hold", async () => {
  const folder = join(place.folder, "topics", "t", "0");
  writeFileSync(join(folder, `writer-${process.pid}-${process.pid}-1-00000000`), "");
  writeFileSync(join(folder, `writer-${process.ppid}-${process.ppid}-1-00000000`), "");
  const log = await place.open();
  await log.append([record("mine")]);
  expect(await values()).toEqual(["mine"]);
});

test("a consumer follows what another thread appends", async () => {
  const log = await place.open();
  const collector = new Collector();
  const consumer = await log.consume("g", ["t"], collector);
  const thread = logThread(place.folder, `${append(0, 2000)} await log.close();`);
  await collector.count(2000);
  expect(collector.values(0)).toEqual(Array.from({ length: 2000 }, (_, i) => `${i}`));
  await consumer.close();
  await thread.terminate();
});

test("a consumer follows what another process appends", async () => {
  const log = await place.open();
  const collector = new Collector();
  const consumer = await log.consume("g", ["t"], collector);
  const child = new LogChild(place.folder, `${append(0, 2000)} await log.close();`);
  await collector.count(2000);
  expect(collector.values(0)).toEqual(Array.from({ length: 2000 }, (_, i) => `${i}`));
  await consumer.close();
  await child.end();
});

test("another thread sees committed offsets, topics and ends at once", async () => {
  const log = await place.open();
  await log.append([record("a"), record("b")]);
  await log.commit("g", "t", 0, 1);
  await log.createTopics([{ name: "t", partitions: 4, cleanup: "delete" }]);
  await log.append([record("d", 3)]);
  const child = new LogChild(
    place.folder,
    `say(JSON.stringify([await log.committed("g", "t", 0), log.partitions("t"), await log.offsets("t", 0)]));`,
  );
  await child.exited;
  expect(JSON.parse(child.lines[0]!)).toEqual([1, 4, { start: 0, end: 2 }]);
});

test("a closed log refuses to write by its code", async () => {
  const log = await place.open();
  const writer = await log.transactions("task");
  await log.close();
  const closed = { code: "TP_LOG_CLOSED" };
  await expect(log.append([record("x")])).rejects.toMatchObject(closed);
  await expect(log.commit("g", "t", 0, 1)).rejects.toMatchObject(closed);
  await expect(writer.write([record("x")])).rejects.toMatchObject(closed);
  await expect(log.transactions("task")).rejects.toMatchObject(closed);
  await expect(log.consume("g", ["t"], new Collector())).rejects.toMatchObject(closed);
});

test("an open log with a consumer does not keep its process alive", async () => {
  const child = new LogChild(
    place.folder,
    `await log.consume("g", ["t"], { records: async () => {} }); ${append(0, 5)} say("appended");`,
  );
  await child.exited;
  expect(child.lines).toEqual(["appended"]);
});
