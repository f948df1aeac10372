import { afterEach, beforeEach, expect, test } from "vitest";
import type { EmbeddedLog } from "../../infra/log/embedded-log.js";
import { text } from "../conformance/collector.js";
import { LogChild } from "./log-child.js";
import { logFolder } from "./log-folder.js";
import { seeded } from "./seeded.js";

let place: Awaited<ReturnType<typeof logFolder>>;

beforeEach(async () => {
  place = await logFolder({ segmentBytes: 65536 });
});

afterEach(async () => {
  await place.cleanup();
});

const rounds = 6;

/** Each partition's values are 0, 1, 2, … from the start on, across rounds. */
const appender = `
  const next = [];
  for (const p of [0, 1, 2]) next[p] = (await log.offsets("t", p)).end;
  for (;;) {
    const batch = [];
    for (const p of [0, 1, 2]) {
      for (let i = 0; i < 1 + (next[p] % 7); i++) {
        batch.push({ topic: "t", partition: p, key: null, value: Buffer.from(String(next[p]++).padEnd(200)), timestamp: 1 });
      }
    }
    await log.append(batch);
    say(next.join(" "));
  }`;

test("everything acknowledged survives kill -9 at random instants", async () => {
  const random = seeded("kill -9");
  const setup = await place.open();
  await setup.createTopics([{ name: "t", partitions: 3, cleanup: "delete" }]);
  await setup.close();
  for (let round = 0; round < rounds; round++) {
    const child = new LogChild(place.folder, appender);
    const lines = 1 + random(3000);
    await child.until(() => child.lines.length >= lines);
    await child.kill();
    const acknowledged = child.lines.at(-1)!.split(" ").map(Number);
    const log = await place.open();
    for (const partition of [0, 1, 2]) {
      const values = await valuesOf(log, partition);
      expect(values.length).toBeGreaterThanOrEqual(acknowledged[partition]!);
      expect(values.every((value, i) => Number(value) === i)).toBe(true);
    }
    await log.close();
  }
});

/** The n-th transaction writes n to three partitions and commits offset n. */
const transactor = `
  await log.append([{ topic: "t", partition: 3, key: null, value: null, timestamp: 1 }]);
  const writer = await log.transactions("task");
  for (let n = (await log.offsets("t", 0)).end; ; n++) {
    const value = Buffer.from(String(n).padEnd(500));
    const records = [0, 1, 2].map((partition) => ({ topic: "t", partition, key: "k" + n, value, timestamp: 1 }));
    await writer.write(records, [{ group: "g", topic: "raw", partition: 0, offset: n }]);
    say(String(n));
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }`;

test("a transaction over partitions and offsets is there whole or not at all after kill -9", async () => {
  const random = seeded("transactions under kill -9");
  const setup = await place.open();
  await setup.createTopics([{ name: "t", partitions: 4, cleanup: "delete" }]);
  await setup.close();
  for (let round = 0; round < rounds; round++) {
    const openBefore = round % 2 === 0 ? await place.open() : undefined;
    const child = new LogChild(place.folder, transactor);
    const lines = 1 + random(2000);
    await child.until(() => child.lines.length >= lines);
    await child.kill();
    const log = openBefore ?? (await place.open());
    // Taking a dead writer's partition over completes what it had begun, for a log that was open all the while too.
    await log.append([{ topic: "t", partition: 3, key: null, value: null, timestamp: 1 }]);
    const ends = [];
    for (const partition of [0, 1, 2]) ends.push((await valuesOf(log, partition)).length);
    expect(new Set(ends).size).toBe(1);
    expect(ends[0]).toBeGreaterThan(Number(child.lines.at(-1)));
    expect(await log.committed("g", "raw", 0)).toBe(ends[0]! - 1);
    await log.close();
  }
});

async function valuesOf(log: EmbeddedLog, partition: number): Promise<string[]> {
  const values: string[] = [];
  for (let offset = 0; ; offset = values.length) {
    const records = await log.read("t", partition, offset, 4_000_000);
    if (records.length === 0) return values;
    for (const record of records) values.push(text(record.value!).trim());
  }
}
