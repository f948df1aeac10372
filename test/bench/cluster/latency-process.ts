import type { us_listen_socket } from "uWebSockets.js";
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import kafkajs, { type Producer } from "kafkajs";
import type { PlantConfig } from "../../../infra/config/plant-config.js";
import { partitionOf } from "../../../infra/log/partitioner.js";
import { Metrics } from "../../../infra/metrics.js";
import { Publisher } from "../../../ingest/publisher.js";
import { codecsOf, openKafkaLog } from "../../../plant/parts.js";
import { uwsLibrary } from "../../../push/sockets/choose.js";
import type { RawTick } from "../../../schemas/ticks.js";
import { quiet } from "./services.js";
import { SyntheticTicks } from "./synthetic-ticks.js";

/** Trades and depth as in the recordings, without the quotes, which have no message of their own. */
const MIX = { trade: 2, quote: 0, depth: 1 };
export const SYMBOLS = 20;
/** About what a raw trade and raw depth of 20 levels take. */
const RAW_BYTES = { trade: 100, depth: 420 } as const;

/** A machine that others use may stand still for a second; nothing shall be dropped then. */
const MOST_WAITING = 200_000;

/** What a feeding process is told: one turn. */
export interface FeedTurn {
  readonly rate: number;
  readonly seconds: number;
}

/** What it answers: when each tick was published, by `keyOf`. */
export type FeedAnswer = ReadonlyMap<string, number>;

export interface FloorPlaces {
  readonly broker: string;
  readonly redisPort: number;
  readonly topic: string;
}

/** µs, the same in every process of a machine. */
export const now = () => (performance.timeOrigin + performance.now()) * 1000;

export function keyOf(tick: RawTick): string {
  if (tick.kind === "trade") return `trade:${tick.symbol}/${tick.tradeId}`;
  return tick.kind === "depth" ? `depth:${tick.symbol}/${tick.updateId}` : "";
}

const [, , part, given] = process.argv;
if (process.argv[1]?.endsWith("latency-process.js")) {
  const parts: Record<string, (given: string) => Promise<void>> = { ingest, produce, relay, serve };
  await parts[part!]!(given!);
  process.send!({ ready: true });
}

/** The plant's: a publisher over Kafka. */
async function ingest(configFile: string): Promise<void> {
  const config = JSON.parse(readFileSync(configFile, "utf8")) as PlantConfig;
  const metrics = new Metrics();
  const log = await openKafkaLog(config, { logger: quiet, metrics });
  const { schemaId } = (await codecsOf(config))["market.raw"];
  const publisher = new Publisher({ log, schemaId, session: "bench", metrics, logger: quiet, maxTicks: MOST_WAITING });
  const ticks = new SyntheticTicks(SYMBOLS, MIX);
  for (const tick of ticks.before(Math.floor(now()))) publisher.publish(tick);
  await publisher.flushed();
  turns(
    ticks,
    (tick) => {
      if (!publisher.publish(tick)) throw new Error("a tick was dropped");
    },
    () => {},
  );
}

/** The floor's: kafkajs's producer, what is due at once in one call. */
async function produce(given: string): Promise<void> {
  const { broker, topic } = JSON.parse(given) as FloorPlaces;
  const kafka = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING });
  const producer: Producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  let due: { key: null; partition: number; value: string }[] = [];
  turns(
    new SyntheticTicks(SYMBOLS, MIX),
    (tick) => {
      const value = `${keyOf(tick)}|`.padEnd(RAW_BYTES[tick.kind as "trade" | "depth"], "x");
      due.push({ key: null, partition: partitionOf(tick.symbol, 12), value });
    },
    () => {
      void producer.send({ topic, acks: 1, messages: due });
      due = [];
    },
  );
}

/** Feeds a turn whenever told: what is due each millisecond. */
function turns(ticks: SyntheticTicks, publish: (tick: RawTick) => void, flush: () => void): void {
  process.on("message", ({ rate, seconds }: FeedTurn) => {
    const sent = new Map<string, number>();
    const began = now();
    const wanted = rate * seconds;
    const step = () => {
      const due = Math.min(wanted, Math.floor(((now() - began) / 1e6) * rate));
      const some = due > sent.size;
      while (sent.size < due) {
        const time = now();
        const tick = ticks.next(Math.floor(time));
        sent.set(keyOf(tick), time);
        publish(tick);
      }
      if (some) flush();
      if (due < wanted) setTimeout(step, 1);
      else process.send!({ sent });
    };
    step();
  });
}

/** From the topic to Redis, message by message. */
async function relay(given: string): Promise<void> {
  const { broker, topic, redisPort } = JSON.parse(given) as FloorPlaces;
  const redis = new Redis({ port: redisPort });
  const filler: Record<string, string> = { trade: "", depth: "" };
  process.on("message", (bytes: Record<string, number>) => {
    for (const kind of ["trade", "depth"]) filler[kind] = "y".repeat(Math.max(0, Math.round(bytes[kind]!) - 40));
  });
  const kafka = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `${topic}-relay` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({
    partitionsConsumedConcurrently: 12,
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) {
        const text = value!.toString("latin1");
        const key = text.slice(0, text.indexOf("|"));
        const slash = key.lastIndexOf("/");
        void redis.publish(`${topic}.${key.slice(0, slash)}`, `${key}|${filler[key.slice(0, 5)]}`);
      }
    },
  });
  await joined;
}

/** From Redis to WebSocket clients. */
async function serve(given: string): Promise<void> {
  const { topic, redisPort } = JSON.parse(given) as FloorPlaces;
  const redis = new Redis({ port: redisPort });
  const uWS = await uwsLibrary();
  if (typeof uWS === "string") throw new Error(`the floor needs uWebSockets.js: ${uWS}`);
  const app = uWS.App();
  app.ws("/*", {
    maxBackpressure: 64 * 1024 * 1024,
    open: (socket) => {
      socket.subscribe("all");
    },
  });
  redis.on("pmessage", (_pattern, _channel, payload: string) => {
    app.publish("all", payload, false);
  });
  await redis.psubscribe(`${topic}.*`);
  await new Promise<void>((resolve) => {
    app.listen("127.0.0.1", 0, (socket) => {
      process.send!({ port: uWS.us_socket_local_port(socket as us_listen_socket) });
      resolve();
    });
  });
}
