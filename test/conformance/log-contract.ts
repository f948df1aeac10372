import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Log, LogRecord, PartitionHandler, StoredRecord } from "../../infra/log/log.js";
import { partitionOf } from "../../infra/log/partitioner.js";
import { bytes, Collector, text } from "./collector.js";

export interface OpenedLog {
  readonly log: Log;
  /** Closes the log that is open and opens it again on the same records. */
  reopen(): Promise<Log>;
  cleanup(): Promise<void>;
}

const start = 1_762_795_420_000_000;

/** What every `Log` does, whatever lies beneath. */
export function logContract(name: string, open: () => Promise<OpenedLog>): void {
  describe(`${name} as a log`, () => {
    let opened: OpenedLog;
    let log: Log;
    let topic: string;
    let group: string;

    const record = (value: string | null, partition = 0, key: string | null = null, nth = 0): LogRecord => {
      return { topic, partition, key, value: value === null ? null : bytes(value), timestamp: start + nth * 1000 };
    };
    const numbered = (from: number, to: number, partition = 0): LogRecord[] =>
      Array.from({ length: to - from }, (_, i) => record(`${from + i}`, partition, null, from + i));
    const readAll = async (partition = 0, from = 0): Promise<StoredRecord[]> => {
      const records: StoredRecord[] = [];
      for (let offset = from; ; offset = records.at(-1)!.offset + 1) {
        const some = await log.read(topic, partition, offset, 1_000_000);
        if (some.length === 0) return records;
        records.push(...some.map((one) => ({ ...one, value: one.value && Buffer.from(one.value) })));
      }
    };
    const collected = async (reads: AsyncIterable<StoredRecord[]>): Promise<StoredRecord[]> => {
      const records: StoredRecord[] = [];
      for await (const some of reads) records.push(...some);
      return records;
    };
    const valuesOf = (records: readonly StoredRecord[]) => records.map(({ value }) => value && text(value));

    beforeEach(async () => {
      opened = await open();
      log = opened.log;
      topic = `contract-${randomUUID()}`;
      group = `group-${randomUUID()}`;
      await log.createTopics([{ name: topic, partitions: 3, cleanup: "delete" }]);
    });

    afterEach(async () => {
      await opened.cleanup();
    });

    test("bytes of a record may be written over once its append has resolved", async () => {
      const records = numbered(0, 100);
      await log.append(records);
      for (const { value } of records) value!.fill(0);
      expect(valuesOf(await readAll())).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
    });

    test("a topic has the partitions it was created with, and more when created again with more", async () => {
      expect(log.partitions(topic)).toBe(3);
      await log.createTopics([{ name: topic, partitions: 5, cleanup: "delete" }]);
      expect(log.partitions(topic)).toBe(5);
      await log.createTopics([{ name: topic, partitions: 2, cleanup: "delete" }]);
      expect(log.partitions(topic)).toBe(5);
      await log.append([record("in the last one", 4)]);
      expect(valuesOf(await readAll(4))).toEqual(["in the last one"]);
    });

    test("an unknown topic or partition is refused by its code", async () => {
      expect(() => log.partitions("nowhere")).toThrow(expect.objectContaining({ code: "TP_TOPIC_UNKNOWN" }));
      const code = { code: "TP_TOPIC_UNKNOWN" };
      await expect(log.append([{ ...record("x"), topic: "nowhere" }])).rejects.toMatchObject(code);
      await expect(log.append([record("fine"), record("x", 3)])).rejects.toMatchObject(code);
      await expect(log.read("nowhere", 0, 0, 1000)).rejects.toMatchObject(code);
      expect(await readAll()).toEqual([]);
    });

    test("records come back as they were appended: order, keys, values, timestamps, offsets one by one", async () => {
      const batch = [
        record("first", 0, "kéy ✓", 1),
        record("", 0, "", 2),
        record(null, 0, "tombstone", 3),
        record("no key", 0, null, 4),
      ];
      await log.append(batch);
      const read = await readAll();
      expect(read.map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
      expect(read.map(({ key }) => key)).toEqual(["kéy ✓", "", "tombstone", null]);
      expect(valuesOf(read)).toEqual(["first", "", null, "no key"]);
      expect(read.map(({ timestamp }) => timestamp)).toEqual(batch.map(({ timestamp }) => timestamp));
    });

    test("appends that are not awaited keep their order", async () => {
      const appends = [];
      for (let i = 0; i < 300; i++) appends.push(log.append(numbered(i, i + 1)));
      await Promise.all(appends);
      expect(valuesOf(await readAll())).toEqual(numbered(0, 300).map(({ value }) => text(value!)));
    });

    test("a record without a partition goes where Kafka's default partitioner puts its key", async () => {
      const keys = Array.from({ length: 50 }, (_, i) => `SYM${i}/USDT`);
      await log.append(keys.map((key) => ({ topic, key, value: bytes(key), timestamp: start })));
      for (const partition of [0, 1, 2]) {
        const expected = keys.filter((key) => partitionOf(key, 3) === partition);
        expect(valuesOf(await readAll(partition))).toEqual(expected);
      }
    });

    test("a read starts at its offset and stops after about its bytes, but never without a record", async () => {
      await log.append(numbered(0, 1000));
      const some = await log.read(topic, 0, 500, 600);
      expect(some[0]!.offset).toBe(500);
      expect(some.length).toBeLessThan(500);
      expect((await log.read(topic, 0, 999, 1)).map(({ offset }) => offset)).toEqual([999]);
    });

    test("a read at the end gives nothing, beyond it is refused by its code", async () => {
      await log.append(numbered(0, 10));
      expect(await log.read(topic, 0, 10, 1000)).toEqual([]);
      await expect(log.read(topic, 0, 11, 1000)).rejects.toMatchObject({ code: "TP_OFFSET_OUT_OF_RANGE" });
    });

    test("a read to the end gives all from an offset, whatever the size of the reads, and nothing that comes later", async () => {
      await log.append(numbered(0, 300));
      const found: string[] = [];
      for await (const records of log.readToEnd(topic, 0, 50, 500)) {
        if (found.length === 0) await log.append(numbered(300, 310));
        found.push(...valuesOf(records).map(String));
      }
      expect(found.slice(0, 250)).toEqual(numbered(50, 300).map(({ value }) => text(value!)));
      expect(await collected(log.readToEnd(topic, 1, 0, 500))).toEqual([]);
    });

    test("a read to the end of transactions ends, and has all of them", async () => {
      const writer = await log.transactions(`writer-${topic}`);
      for (let i = 0; i < 5; i++) await writer.write([record(`${i}`, 0, "key"), record(`${i}`, 1, "key")]);
      const values: unknown[] = [];
      for await (const records of log.readToEnd(topic, 0, 0, 1_000_000)) values.push(...valuesOf(records));
      expect(values).toEqual(["0", "1", "2", "3", "4"]);
      await writer.close();
    });

    test("a large value comes back whole", async () => {
      const large = Buffer.alloc(900_000, 7);
      await log.append([record("before"), { ...record(null), value: large }, record("after")]);
      const read = await readAll();
      expect(read.length).toBe(3);
      expect(Buffer.compare(Buffer.from(read[1]!.value!), large)).toBe(0);
    });

    test("offsets say where the log starts and ends", async () => {
      expect(await log.offsets(topic, 1)).toEqual({ start: 0, end: 0 });
      await log.append(numbered(0, 7, 1));
      expect(await log.offsets(topic, 1)).toEqual({ start: 0, end: 7 });
    });

    test("everything is there after closing and opening again, and numbering goes on", async () => {
      await log.append(numbered(0, 10));
      await log.commit(group, topic, 0, 4);
      log = await opened.reopen();
      expect(log.partitions(topic)).toBe(3);
      await log.append(numbered(10, 12));
      expect(valuesOf(await readAll()).length).toBe(12);
      expect((await log.offsets(topic, 0)).end).toBe(12);
      expect(await log.committed(group, topic, 0)).toBe(4);
    });

    test("a consumer gets what is there and what comes, each partition in order, one call at a time", async () => {
      await log.append([...numbered(0, 5, 0), ...numbered(0, 5, 2)]);
      const collector = new Collector();
      const running = new Map<number, number>();
      const handler: PartitionHandler = {
        records: async (name, partition, records) => {
          running.set(partition, (running.get(partition) ?? 0) + 1);
          expect(running.get(partition)).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          running.set(partition, running.get(partition)! - 1);
          await collector.records(name, partition, records);
        },
      };
      const consumer = await log.consume(group, [topic], handler);
      await collector.count(10);
      for (let i = 5; i < 25; i++) await log.append(numbered(i, i + 1, 2));
      await collector.count(30);
      expect(collector.values(0)).toEqual(["0", "1", "2", "3", "4"]);
      expect(collector.values(2)).toEqual(Array.from({ length: 25 }, (_, i) => `${i}`));
      await consumer.close();
    });

    test("a consumer starts at the handler's position, else at the committed offset, else at the start", async () => {
      await log.append([...numbered(0, 10, 0), ...numbered(0, 10, 1), ...numbered(0, 10, 2)]);
      await log.commit(group, topic, 0, 2);
      await log.commit(group, topic, 1, 5);
      expect(await log.committed(group, topic, 1)).toBe(5);
      expect(await log.committed(group, topic, 2)).toBeUndefined();
      const collector = new Collector({ [`${topic}/0`]: 9 });
      const consumer = await log.consume(group, [topic], collector);
      await collector.count(1 + 5 + 10);
      expect(collector.values(0)).toEqual(["9"]);
      expect(collector.values(1)[0]).toBe("5");
      expect(collector.values(2)[0]).toBe("0");
      await consumer.close();
      expect(collector.revokedPartitions.sort()).toEqual([0, 1, 2].map((partition) => `${topic}/${partition}`));
    });

    test("commits are the group's own, and the last one holds", async () => {
      await log.commit(group, topic, 0, 3);
      await log.commit(group, topic, 0, 1);
      expect(await log.committed(group, topic, 0)).toBe(1);
      expect(await log.committed(`${group}-other`, topic, 0)).toBeUndefined();
    });

    test("lag counts the records between the handled position and the end", async () => {
      await log.append(numbered(0, 10));
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const collector = new Collector();
      const consumer = await log.consume(group, [topic], {
        assigned: async (_, partition) => (partition === 0 ? 6 : undefined),
        records: async (name, partition, records) => {
          await collector.records(name, partition, records);
          await held;
        },
      });
      await collector.count(4);
      const lag = await consumer.lag();
      expect(lag.find(({ partition }) => partition === 0)).toEqual({ topic, partition: 0, lag: 4 });
      release();
      await consumer.close();
      expect((await consumer.lag()).find(({ partition }) => partition === 0)!.lag).toBe(0);
    });

    test("what a handler writes when its partition is revoked, closing the log, is there", async () => {
      await log.append(numbered(0, 3));
      const collector = new Collector();
      await log.consume(group, [topic], {
        records: (name, partition, records) => collector.records(name, partition, records),
        revoked: async (name, partition) => {
          if (partition === 0) await log.commit(group, name, partition, 3);
        },
      });
      await collector.count(3);
      log = await opened.reopen();
      expect(await log.committed(group, topic, 0)).toBe(3);
    });

    test("a failing handler stops its consumer, whose `failed` says why", async () => {
      await log.append(numbered(0, 1));
      const consumer = await log.consume(group, [topic], {
        records: async () => {
          throw new Error("the handler's own");
        },
      });
      await expect(consumer.failed).rejects.toThrow("the handler's own");
      await consumer.close();
    });

    test("a held partition that fails while no handler runs stops its consumer too", async () => {
      await log.append(numbered(0, 1));
      const collector = new Collector();
      const consumer = await log.consume(group, [topic], collector);
      await collector.count(1);
      consumer.partitionFailed("another topic", 0, new Error("not held"));
      consumer.partitionFailed(topic, 0, new Error("behind its back"));
      await expect(consumer.failed).rejects.toThrow("behind its back");
      await consumer.close();
    });

    test("a group goes on where it committed after its consumer was closed", async () => {
      await log.append(numbered(0, 10));
      const first = new Collector();
      const consumer = await log.consume(group, [topic], first);
      await first.count(10);
      await log.commit(group, topic, 0, 8);
      await consumer.close();
      const second = new Collector();
      const again = await log.consume(group, [topic], second);
      await second.count(2);
      expect(second.values(0)).toEqual(["8", "9"]);
      await again.close();
    });

    test("a transaction's records and offsets are there together, over partitions and topics", async () => {
      const other = `${topic}-state`;
      await log.createTopics([{ name: other, partitions: 1, cleanup: "compact" }]);
      const writer = await log.transactions(`writer-${topic}`);
      await log.append([record("before", 1)]);
      await writer.write(
        [record("a", 1), { ...record("state", 0, "key"), topic: other }, record("b", 2)],
        [{ group, topic, partition: 1, offset: 17 }],
      );
      await log.append([record("after", 1)]);
      // brokers may take a moment after the commit to show it in every partition
      const seen = async () => [
        valuesOf(await readAll(1)),
        valuesOf(await readAll(2)),
        (await log.read(other, 0, 0, 1000)).map(({ key }) => key),
      ];
      await expect.poll(seen, { timeout: 20_000, interval: 20 }).toEqual([["before", "a", "after"], ["b"], ["key"]]);
      expect(await log.committed(group, topic, 1)).toBe(17);
      await writer.close();
    });

    test("a consumer sees transactions as other records", async () => {
      const collector = new Collector();
      const consumer = await log.consume(group, [topic], collector);
      const writer = await log.transactions(`writer-${topic}`);
      await writer.write([record("one", 0), record("two", 1)]);
      await writer.write([record("three", 0)]);
      await collector.count(3);
      expect(collector.values(0)).toEqual(["one", "three"]);
      expect(collector.values(1)).toEqual(["two"]);
      await writer.close();
      await consumer.close();
    });

    test("a newer writer of the same id fences the older one out", async () => {
      const older = await log.transactions(`writer-${topic}`);
      await older.write([record("older")]);
      const newer = await log.transactions(`writer-${topic}`);
      await newer.write([record("newer")]);
      await expect(older.write([record("too late")])).rejects.toMatchObject({ code: "TP_WRITER_FENCED" });
      await newer.write([record("still newer")]);
      expect(valuesOf(await readAll())).toEqual(["older", "newer", "still newer"]);
      await newer.close();
    });

    test("a writer that was opened fences the older one out before it has written anything", async () => {
      const older = await log.transactions(`writer-${topic}`);
      await older.write([record("older")]);
      const newer = await log.transactions(`writer-${topic}`);
      await expect(older.write([record("too late")])).rejects.toMatchObject({ code: "TP_WRITER_FENCED" });
      expect(valuesOf(await readAll())).toEqual(["older"]);
      await newer.close();
    });

    test("a transaction with an unknown topic leaves nothing behind", async () => {
      const writer = await log.transactions(`writer-${topic}`);
      const unknown = { ...record("nowhere"), topic: "nowhere" };
      await expect(writer.write([record("x"), unknown])).rejects.toMatchObject({ code: "TP_TOPIC_UNKNOWN" });
      expect(await readAll()).toEqual([]);
      await writer.close();
    });
  });
}
