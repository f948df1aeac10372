import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import kafkajs from "kafkajs";
import type { z } from "zod";
import { engineConfig } from "../../../infra/config/engine-config.js";
import { EmbeddedLog } from "../../../infra/log/embedded-log.js";
import { createLogger } from "../../../infra/logging.js";
import { Metrics } from "../../../infra/metrics.js";
import { engineSource } from "../../../ingest/engine/engine-source.js";
import { runIngest } from "../../../ingest/ingest.js";
import { openCodecs } from "../../../schemas/codec.js";
import { EmbeddedRegistry } from "../../../schemas/embedded-registry.js";
import { rawBatchType } from "../../../schemas/raw-batch-type.js";
import { type RawBatch, tickOfRecord } from "../../../schemas/raw-tick-record.js";
import type { RawTick } from "../../../schemas/ticks.js";

const { Kafka, logLevel } = kafkajs;
const logger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" });

type EngineInput = z.input<typeof engineConfig>;

/** An engine's topics at real brokers, and a producer into them. */
export async function engineTopics(brokers: readonly string[], partitions: Readonly<Record<string, number>>) {
  const suffix = randomUUID().slice(0, 8);
  const nameOf = (topic: string) => `${topic}-${suffix}`;
  const kafka = new Kafka({ brokers: [...brokers], clientId: "engine", logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: true,
    topics: Object.entries(partitions).map(([topic, numPartitions]) => ({ topic: nameOf(topic), numPartitions })),
  });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  return {
    nameOf,
    group: `plant-${suffix}`,
    admin,
    /** Appends values in order to one partition. */
    async send(topic: string, values: readonly (object | Buffer | string)[], partition = 0): Promise<void> {
      const messages = values.map((value) => ({
        partition,
        value: typeof value === "string" || Buffer.isBuffer(value) ? value : JSON.stringify(value),
      }));
      await producer.send({ topic: nameOf(topic), messages, acks: -1 });
    },
    async stop() {
      await Promise.all([producer.disconnect(), admin.disconnect()]);
    },
  };
}

export interface NumberedTick {
  readonly session: string;
  readonly number: number;
  readonly tick: RawTick;
}

/** What a record of market.raw holds but heartbeats. */
function ticksIn(value: Uint8Array): NumberedTick[] {
  const { session, ticks } = rawBatchType.fromBuffer(Buffer.from(value.subarray(5))) as RawBatch;
  return ticks
    .map((record) => ({ session, number: record.number, tick: tickOfRecord(record) }))
    .filter(({ tick }) => tick.kind !== "heartbeat");
}

/** A plant's log, and runs of ingest one after another over it. */
export async function engineRig(input: EngineInput) {
  const config = engineConfig.parse(input);
  const folder = await mkdtemp(join(tmpdir(), "tickplant-engine-"));
  const metrics = new Metrics();
  const codecs = await openCodecs(new EmbeddedRegistry());
  const log = await EmbeddedLog.open({ folder, logger, metrics });
  await log.createTopics([
    { name: "market.raw", partitions: 2, cleanup: "delete" },
    { name: "market.dlq", partitions: 1, cleanup: "delete" },
  ]);
  /** When set, appends of ticks wait: what was published does not come into the log. */
  let gate: Promise<void> | undefined;
  let arrived = () => {};
  const gated = new Proxy(log, {
    get(target, name) {
      if (name === "append") {
        return async (records: Parameters<EmbeddedLog["append"]>[0]) => {
          if (gate !== undefined && records.some(({ value }) => ticksIn(value!).length > 0)) {
            arrived();
            await gate;
          }
          return target.append(records);
        };
      }
      const member = Reflect.get(target, name) as unknown;
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  /** All that stands in market.raw but heartbeats, partition by partition. */
  const numbered = async (): Promise<NumberedTick[]> => {
    const found: NumberedTick[] = [];
    for (let partition = 0; partition < 2; partition++) {
      for await (const records of log.readToEnd("market.raw", partition, 0, 1 << 20)) {
        for (const { value } of records) {
          found.push(...ticksIn(value!));
        }
      }
    }
    return found;
  };
  return {
    log,
    numbered,
    start: () =>
      runIngest({
        venues: [],
        sources: [engineSource({ config, schemaId: codecs["market.raw"].schemaId, lagEveryMs: 50 })],
        log: gated,
        schemaIds: { "market.raw": codecs["market.raw"].schemaId },
        encodeDeadLetter: (letter) => codecs["market.dlq"].encode(letter),
        metrics,
        logger,
        heartbeatMs: 50,
      }),
    /** From here on ticks do not get into the log. @returns what lets them, and when the first waits */
    hang() {
      let open = () => {};
      gate = new Promise((resolve) => {
        open = resolve;
      });
      const waiting = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      return { open, waiting };
    },
    /** As the processors see it: numbers of a session that do not rise are repeats. */
    async ticks(): Promise<RawTick[]> {
      const highest = new Map<string, number>();
      return (await numbered()).flatMap(({ session, number, tick }) => {
        const key = `${session} ${tick.symbol}`;
        if (number <= (highest.get(key) ?? -1)) return [];
        highest.set(key, number);
        return [tick];
      });
    },
    async letters() {
      const records = await log.read("market.dlq", 0, 0, 1 << 20);
      return records.map(({ value }) => codecs["market.dlq"].decode(value!));
    },
    async dropped(reason: string): Promise<number> {
      const { values } = await metrics.dropped.get();
      return values.find(({ labels }) => labels.place === "engine" && labels.reason === reason)?.value ?? 0;
    },
    async stop() {
      await log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
