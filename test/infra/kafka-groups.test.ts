import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Fenced } from "../../infra/log/errors.js";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import type { LogRecord } from "../../infra/log/log.js";
import type { Logger } from "../../infra/logging.js";
import { type KafkaHandle, startKafka } from "../../scripts/services/kafka.mjs";
import { bytes, Collector } from "../conformance/collector.js";
import { kafkaConfig, testLogger } from "./kafka-rig.js";

const start = 1_762_795_420_000_000;

describe("groups over Kafka", () => {
  let kafka: KafkaHandle;
  let namespace: string;
  const logs: KafkaLog[] = [];
  const topic = "numbers";

  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(async () => {
    for (const log of logs) await log.close();
    await kafka.stop();
  });
  beforeEach(() => {
    namespace = `t${randomUUID().slice(0, 8)}`;
  });

  async function open(more: Parameters<typeof kafkaConfig>[1] = {}, logger: Logger = testLogger): Promise<KafkaLog> {
    const config = kafkaConfig([kafka.brokers], { sessionTimeoutMs: 3000, ...more });
    const log = await KafkaLog.open({ kafka: config, namespace, logger });
    logs.push(log);
    return log;
  }
  const listening = (lines: string[]): Logger =>
    pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
  const created = async (partitions: number, settings = {}): Promise<KafkaLog> => {
    const log = await open();
    await log.createTopics([{ name: topic, partitions, cleanup: "delete", ...settings }]);
    return log;
  };
  const record = (n: number, partition: number): LogRecord => {
    return { topic, partition, key: null, value: bytes(`${n}`), timestamp: start + n * 1000 };
  };
  const fill = (log: KafkaLog, from: number, to: number, partitions: number) =>
    log.append(
      Array.from({ length: partitions }, (_, partition) =>
        Array.from({ length: to - from }, (_, i) => record(from + i, partition)),
      ).flat(),
    );

  /** Remembers how far it came, as a task with its checkpoint does. */
  class Member extends Collector {
    readonly held = new Set<number>();
    readonly gained: number[] = [];
    constructor(
      readonly log: KafkaLog,
      readonly group: string,
    ) {
      super();
    }
    override async assigned(_: string, partition: number): Promise<number | undefined> {
      this.held.add(partition);
      this.gained.push(partition);
      return undefined;
    }
    override async records(...given: Parameters<Collector["records"]>): Promise<void> {
      await super.records(...given);
      const [name, partition, records] = given;
      await this.log.commit(this.group, name, partition, records.at(-1)!.offset + 1);
    }
    override async revoked(name: string, partition: number): Promise<void> {
      this.held.delete(partition);
      await super.revoked(name, partition);
    }
  }

  test("two share the partitions, a third takes its part, what one leaves the others take over, and nothing is missed", async () => {
    const log = await created(6);
    const group = "shared";
    const members: Member[] = [];
    const join = async () => {
      const own = await open();
      const member = new Member(own, group);
      members.push(member);
      return { member, consumer: await own.consume(group, [topic], member) };
    };
    const shares = () => members.map(({ held }) => held.size);
    const values = () =>
      new Set(members.flatMap(({ all }) => all.map(({ partition, value }) => `${partition}:${value}`)));
    const one = await join();
    const two = await join();
    await expect.poll(shares, { timeout: 30_000 }).toEqual([3, 3]);
    await fill(log, 0, 50, 6);
    const three = await join();
    await expect.poll(shares, { timeout: 30_000 }).toEqual([2, 2, 2]);
    // who stays keeps what it may keep
    expect([...one.member.held].every((partition) => one.member.gained.includes(partition))).toBe(true);
    expect(three.member.gained.length).toBe(2);
    await fill(log, 50, 100, 6);
    await expect.poll(() => values().size, { timeout: 30_000 }).toBe(600);
    await two.consumer.close();
    await expect.poll(shares, { timeout: 30_000 }).toEqual([3, 0, 3]);
    await fill(log, 100, 120, 6);
    await expect.poll(() => values().size, { timeout: 30_000 }).toBe(720);
    for (const { all } of members) {
      for (let partition = 0; partition < 6; partition++) {
        const offsets = all.filter((one) => one.partition === partition).map(({ offset }) => offset);
        expect(new Set(offsets).size).toBe(offsets.length);
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      }
    }
    await one.consumer.close();
    await three.consumer.close();
  });

  test("a slow partition holds no other back", async () => {
    const log = await created(2);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const collector = new Collector();
    const consumer = await log.consume("slow", [topic], {
      records: async (name, partition, records) => {
        if (partition === 0) await held;
        await collector.records(name, partition, records);
      },
    });
    await fill(log, 0, 10, 2);
    await collector.count(10);
    await fill(log, 10, 20, 2);
    await collector.count(20);
    expect(collector.values(0)).toEqual([]);
    release();
    await collector.count(40);
    expect(collector.values(0)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    await consumer.close();
  });

  /** Works on its first batch until it is let go, and keeps its place with a transactional writer. */
  class Holder {
    readonly said: string[] = [];
    readonly #working: Promise<void>;
    letGo = () => {};
    constructor(
      readonly name: string,
      readonly log: KafkaLog,
      readonly events: string[],
      readonly leaves: boolean,
    ) {
      this.#working = new Promise((resolve) => {
        this.letGo = resolve;
      });
    }
    async #keep(partition: number, released: boolean): Promise<void> {
      const writer = await this.log.transactions(`task/${partition}`);
      await writer.write([], [{ group: "handed", topic, partition, offset: 5, released }]);
      await writer.close();
    }
    async assigned(_: string, partition: number): Promise<undefined> {
      this.events.push(`${this.name} gets ${partition}`);
    }
    async records(_: string, partition: number): Promise<void> {
      await this.#keep(partition, false);
      this.events.push(`${this.name} works on ${partition}`);
      await this.#working;
    }
    ending(_: string, partition: number): void {
      this.events.push(`${this.name} is to leave ${partition}`);
      if (this.leaves) this.letGo();
    }
    async revoked(_: string, partition: number): Promise<void> {
      await this.#keep(partition, true);
      this.events.push(`${this.name} gives ${partition} back`);
    }
  }

  test("a partition is not begun before a member that is still there has given it back", async () => {
    const events: string[] = [];
    const one = new Holder("one", await created(2), events, true);
    const consumer = await one.log.consume("handed", [topic], one);
    await fill(one.log, 0, 5, 2);
    await expect.poll(() => events.length, { timeout: 30_000 }).toBe(4);
    const two = new Holder("two", await open(), events, true);
    const next = await two.log.consume("handed", [topic], two);
    await expect.poll(() => events.filter((event) => event.startsWith("two gets")).length, { timeout: 30_000 }).toBe(1);
    const moved = events.at(-1)!.at(-1)!;
    expect(events.slice(4)).toEqual([`one is to leave ${moved}`, `one gives ${moved} back`, `two gets ${moved}`]);
    two.letGo();
    await Promise.all([consumer.close(), next.close()]);
  });

  test("a partition of which nothing was read goes over at once", async () => {
    const events: string[] = [];
    const one = new Holder("one", await created(2), events, false);
    one.revoked = async () => {};
    const consumer = await one.log.consume("handed", [topic], one);
    await expect.poll(() => events.length, { timeout: 30_000 }).toBe(2);
    const lines: string[] = [];
    const two = new Holder("two", await open({}, listening(lines)), events, false);
    const next = await two.log.consume("handed", [topic], two);
    await expect.poll(() => events.filter((event) => event.startsWith("two gets")).length, { timeout: 30_000 }).toBe(1);
    expect(lines.filter((line) => line.includes("does not give"))).toEqual([]);
    await Promise.all([consumer.close(), next.close()]);
  });

  test("a partition that is left before any of its first batch was worked on goes over at once", async () => {
    const events: string[] = [];
    const one = new Holder("one", await created(2), events, true);
    const working = new Promise<void>((resolve) => {
      one.letGo = resolve;
    });
    one.records = async (_, partition) => {
      events.push(`one has ${partition}`);
      await working;
    };
    one.revoked = async () => {};
    const consumer = await one.log.consume("handed", [topic], one);
    await fill(one.log, 0, 5, 2);
    await expect.poll(() => events.length, { timeout: 30_000 }).toBe(4);
    const lines: string[] = [];
    const two = new Holder("two", await open({}, listening(lines)), events, false);
    const next = await two.log.consume("handed", [topic], two);
    await expect.poll(() => events.filter((event) => event.startsWith("two gets")).length, { timeout: 30_000 }).toBe(1);
    expect(lines.filter((line) => line.includes("does not give"))).toEqual([]);
    two.letGo();
    await Promise.all([consumer.close(), next.close()]);
  });

  test("one that does not give a partition back is waited for a while only", async () => {
    const events: string[] = [];
    const one = new Holder("one", await created(2), events, false);
    const consumer = await one.log.consume("handed", [topic], one);
    await fill(one.log, 0, 5, 2);
    await expect.poll(() => events.length, { timeout: 30_000 }).toBe(4);
    const lines: string[] = [];
    const two = new Holder("two", await open({}, listening(lines)), events, true);
    const next = await two.log.consume("handed", [topic], two);
    await expect.poll(() => events.filter((event) => event.startsWith("two gets")).length, { timeout: 30_000 }).toBe(1);
    expect(events.filter((event) => event.includes("back"))).toEqual([]);
    expect(lines.filter((line) => line.includes("does not give"))).toHaveLength(1);
    two.letGo();
    await next.close();
    one.letGo();
    await consumer.close();
  });

  test("a stuck handler is noticed, and its partitions go to another member", async () => {
    const log = await created(2);
    await fill(log, 0, 1, 2);
    const stuck = await open({ stallMs: 1000 });
    const consumer = await stuck.consume("stuck", [topic], { records: () => new Promise(() => {}) });
    await expect(consumer.failed).rejects.toMatchObject({ code: "TP_HANDLER_STALLED" });
    const collector = new Collector();
    const other = await (await open()).consume("stuck", [topic], collector);
    await collector.count(2);
    await other.close();
  });

  test("positions that left the log are said, with how many records are gone", async () => {
    const log = await created(1);
    await fill(log, 0, 100, 1);
    await log.commit("late", topic, 0, 10);
    const admin = (await import("kafkajs")).default;
    const client = new admin.Kafka({ brokers: [kafka.brokers], logLevel: admin.logLevel.NOTHING }).admin();
    await client.connect();
    await client.fetchTopicOffsets(`${namespace}.${topic}`); // without it kafkajs does not know the leader
    await client.deleteTopicRecords({ topic: `${namespace}.${topic}`, partitions: [{ partition: 0, offset: "40" }] });
    await client.disconnect();
    const collector = new Collector();
    const consumer = await log.consume("late", [topic], collector);
    await collector.count(60);
    expect(collector.lostRecords).toEqual([30]);
    expect(collector.values(0)[0]).toBe("40");
    await consumer.close();
  });

  test("a handler whose writer was fenced gives all back and joins again", async () => {
    const log = await created(2);
    await fill(log, 0, 5, 2);
    const collector = new Collector();
    let failures = 1;
    const assigned: number[] = [];
    const consumer = await log.consume("fenced", [topic], {
      assigned: async (_, partition) => {
        assigned.push(partition);
        return undefined;
      },
      records: async (name, partition, records) => {
        if (partition === 1 && failures-- > 0) throw new Fenced("task");
        await collector.records(name, partition, records);
      },
    });
    await expect.poll(() => collector.values(1).length, { timeout: 30_000 }).toBe(5);
    expect(assigned.filter((partition) => partition === 1).length).toBe(2);
    await consumer.close();
  });

  test("a partition whose writer was fenced while nothing came is begun again", async () => {
    const log = await created(2);
    await fill(log, 0, 5, 2);
    const collector = new Collector();
    const assigned: number[] = [];
    const consumer = await log.consume("fenced-quietly", [topic], {
      assigned: async (_, partition) => {
        assigned.push(partition);
        return 0;
      },
      records: (...given) => collector.records(...given),
    });
    await expect.poll(() => collector.values(1).length, { timeout: 30_000 }).toBe(5);
    consumer.partitionFailed(topic, 1, new Fenced("task"));
    await expect.poll(() => collector.values(1).length, { timeout: 30_000 }).toBe(10);
    expect(assigned.filter((partition) => partition === 1).length).toBe(2);
    await consumer.close();
  });

  test("a broker that is killed and comes back costs no record and changes no order", async () => {
    const log = await created(3);
    const other = await open();
    const collector = new Collector();
    const consumer = await other.consume("outage", [topic], collector);
    const appends: Promise<void>[] = [];
    let n = 0;
    const more = async (count: number) => {
      for (let i = 0; i < count; i++, n++) {
        appends.push(log.append([record(n, n % 3)]));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    await more(100);
    const writing = more(400);
    await kafka.kill();
    await kafka.start();
    await writing;
    await more(50);
    await Promise.all(appends);
    const wanted = (partition: number) => Array.from({ length: n }, (_, i) => i).filter((i) => i % 3 === partition);
    const seen = (partition: number) => [...new Set(collector.values(partition).map(Number))];
    await expect
      .poll(() => [0, 1, 2].map((partition) => seen(partition).length), { timeout: 60_000 })
      .toEqual([0, 1, 2].map((partition) => wanted(partition).length));
    // repeats are allowed, but each first appearance is in its order
    for (const partition of [0, 1, 2]) expect(seen(partition)).toEqual(wanted(partition));
    await consumer.close();
  });

  test("an append that nobody acknowledges is given back in time", async () => {
    const log = await created(1);
    const impatient = await open({ deliveryTimeoutMs: 1000 });
    await impatient.append([record(0, 0)]);
    await kafka.kill();
    await expect(impatient.append([record(1, 0)])).rejects.toMatchObject({ code: "TP_LOG_UNAVAILABLE" });
    await kafka.start();
    await expect
      .poll(
        () =>
          impatient.append([record(2, 0)]).then(
            () => true,
            () => false,
          ),
        { timeout: 60_000 },
      )
      .toBe(true);
    const values: string[] = [];
    for await (const records of log.readToEnd(topic, 0, 0, 1_000_000)) {
      values.push(...records.map(({ value }) => Buffer.from(value!).toString()));
    }
    expect([...new Set(values)].filter((value) => value !== "1")).toEqual(["0", "2"]);
  });

  test("a record larger than the topic takes is refused by its code, and the next one goes", async () => {
    const log = await created(1);
    const noise = Buffer.from(Array.from({ length: 17 * 1024 * 1024 }, () => Math.floor(Math.random() * 256)));
    await expect(log.append([{ ...record(0, 0), value: noise }])).rejects.toMatchObject({ code: "TP_LOG_REFUSED" });
    await log.append([record(1, 0)]);
    expect((await log.read(topic, 0, 0, 1000)).length).toBe(1);
  });

  test("topics that are not as wanted are named with both values, and mended", async () => {
    const log = await created(2, { retentionMs: 1000 });
    const wanted = [
      { name: topic, partitions: 4, cleanup: "delete" as const, retentionMs: 5000 },
      { name: "missing", partitions: 1, cleanup: "compact" as const },
    ];
    expect(await log.drift(wanted)).toEqual([
      { topic: "missing", setting: "topic", actual: undefined, wanted: "exists" },
      { topic, setting: "partitions", actual: "2", wanted: "4" },
      { topic, setting: "retention.ms", actual: "1000", wanted: "5000" },
    ]);
    await log.createTopics(wanted);
    expect(await log.drift(wanted)).toEqual([]);
    expect(log.partitions(topic)).toBe(4);
    await log.createTopics([{ ...wanted[0]!, partitions: 1 }]);
    expect(log.partitions(topic)).toBe(4);
  });
});
