import { Redis } from "ioredis";
import kafkajs from "kafkajs";
import type { Codecs } from "../../../schemas/codec.js";
import { placeOf } from "../../../schemas/names.js";
import type { ClusterPlant, Services } from "./services.js";

/** Outputs that are kept of a run, about. */
const MOST_KEPT = 150_000;
/** Records in one call of the producer, messages in one pipeline. */
const AT_ONCE = 2_000;
const READ_BYTES = 8 * 1024 * 1024;
const LIFE_SECONDS = 86_400;
const topics = ["market.trade", "market.ticker", "market.depth", "market.kline"] as const;

type OutputTopic = (typeof topics)[number];

interface Kept {
  readonly key: string;
  readonly value: Buffer;
  readonly partition: number;
  readonly messages: readonly { readonly channel: string; readonly payload: string }[];
}

/**
 * The outputs of a run by bare clients, a part of them, evenly chosen: each record by kafkajs to its partition, each message
 * by ioredis as SET and PUBLISH. Nothing is read, worked out, encoded or compared.
 *
 * @param ticks that made the outputs
 * @returns ticks a second that would be, on the wall
 */
export async function bareOutputs(
  { kafka, redis }: Services,
  plant: ClusterPlant,
  codecs: Codecs,
  ticks: number,
): Promise<number> {
  let total = 0;
  for (const topic of topics) total += await plant.end(topic);
  const kept = await keep(plant, codecs, Math.max(1, Math.ceil(total / MOST_KEPT)));
  const seconds = await write(kept, kafka.brokers, redis.port);
  return (ticks * kept.length) / total / seconds;
}

async function keep(plant: ClusterPlant, codecs: Codecs, every: number): Promise<Kept[]> {
  const log = await plant.log();
  const kept: Kept[] = [];
  let at = 0;
  for (const topic of topics) {
    for (let partition = 0; partition < log.partitions(topic); partition++) {
      for await (const records of log.readToEnd(topic, partition, 0, READ_BYTES)) {
        for (const { key, value } of records) {
          if (value === null || at++ % every !== 0) continue;
          kept.push({
            key: key ?? "",
            value: Buffer.from(value),
            partition,
            messages: messagesOf(topic, codecs, value),
          });
        }
      }
    }
  }
  return kept;
}

function messagesOf(topic: OutputTopic, codecs: Codecs, value: Uint8Array): Kept["messages"] {
  const data = codecs[topic].decode(value);
  const { symbol, exchange, epoch, sequence_num: sequence } = data;
  const kind = topic.slice("market.".length);
  const interval = "interval" in data ? `:${data.interval}` : "";
  const own = placeOf(symbol, exchange);
  // a trade stands on the symbol's tape, too
  const names = topic === "market.trade" ? [own, symbol] : [own];
  return names.map((name) => {
    const channel = `${kind}:${name}${interval}`;
    return { channel, payload: JSON.stringify({ channel, epoch, sequence, data }) };
  });
}

/** @returns seconds */
async function write(kept: readonly Kept[], brokers: string, redisPort: number): Promise<number> {
  const topic = `bareout${Date.now()}`;
  const kafka = new kafkajs.Kafka({ brokers: brokers.split(","), logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const numPartitions = kept.reduce((most, { partition }) => Math.max(most, partition + 1), 1);
  await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const redis = new Redis({ port: redisPort });
  const messages = kept.flatMap((one) => one.messages);
  const began = performance.now();
  await Promise.all([
    inParts(kept, async (part) => {
      await producer.send({ topic, acks: -1, messages: [...part] });
    }),
    inParts(messages, async (part) => {
      const pipeline = redis.pipeline();
      for (const { channel, payload } of part) {
        pipeline.set(`last:{${channel}}`, payload, "EX", LIFE_SECONDS);
        pipeline.publish(channel, payload);
      }
      await pipeline.exec();
    }),
  ]);
  const seconds = (performance.now() - began) / 1000;
  redis.disconnect();
  await producer.disconnect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
  return seconds;
}

async function inParts<T>(all: readonly T[], take: (part: readonly T[]) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += AT_ONCE) await take(all.slice(at, at + AT_ONCE));
}
