import { mkdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { Metrics } from "../../../infra/metrics.js";
import { heartbeatOf, Publisher } from "../../../ingest/publisher.js";
import { codecsOf } from "../../../plant/parts.js";
import type { RawTick } from "../../../schemas/ticks.js";
import { inWords, median, type RateFigure } from "../figure.js";
import { bareKafka } from "./bare-kafka.js";
import { bareOutputs } from "./bare-outputs.js";
import { type ClusterPlant, progress, quiet, Services, turnsOr } from "./services.js";
import { RECORDED_MIX, SyntheticTicks, VENUE } from "./synthetic-ticks.js";

/** So many that the second for which V8 compiles in a process just begun counts for little. */
const TICKS = 2_000_000;
const RUNS = turnsOr(3);
const INGEST_GOAL = 250_000;
const PROCESS_GOAL = 150_000;
/** Ticks in a second of log time: what is shown once in 100 ms of it comes as often as it would live at the goal. */
const LOG_TIME_RATE = PROCESS_GOAL;
const AT_ONCE = 500;
const POLL_MS = 50;
/** What the group has committed is asked for when nothing has come for so many polls. */
const QUIET_POLLS = 4;
const RAW_BYTES = 130;

interface Setting {
  readonly symbols: number;
  readonly processes: number;
  readonly partitions: number;
}

const main: Setting = { symbols: 20, processes: 1, partitions: 12 };
const manySymbols: Setting = { ...main, symbols: 1_000 };
const settings: readonly Setting[] = [
  main,
  manySymbols,
  { ...main, processes: 2 },
  { ...main, partitions: 4 },
  { ...main, processes: 2, partitions: 4 },
];

interface Round {
  readonly ingested: number;
  readonly processed: number;
  readonly produced: number;
  readonly consumed: number;
  /** Ticks a second whose outputs bare clients write; 0 where they were not asked to. */
  readonly written: number;
  readonly verified: string;
}

/** Ticks into `market.raw`, and from there to the outputs' topics and Redis, by roles as processes. */
export async function clusterThroughput(): Promise<RateFigure[]> {
  const services = await Services.start();
  try {
    const rounds: Round[][] = settings.map(() => []);
    // brokers and Redis run for months: their first seconds are not counted
    await roundOf(services, main);
    for (let run = 0; run < RUNS; run++) {
      for (const [at, setting] of settings.entries()) rounds[at]!.push(await roundOf(services, setting));
    }
    return [
      ...[main, manySymbols].map((setting) => ingestFigure(setting, rounds[settings.indexOf(setting)]!)),
      ...settings.map((setting, at) => processFigure(setting, rounds[at]!)),
    ];
  } finally {
    await services.stop();
  }
}

const about = `${inWords(TICKS)} ticks, ${RECORDED_MIX.trade} % trades, ${RECORDED_MIX.quote} % quotes, ${RECORDED_MIX.depth} % depth of 20 levels`;

function ingestFigure({ symbols }: Setting, rounds: readonly Round[]): RateFigure {
  const rate = median(rounds.map(({ ingested }) => ingested));
  const floor = median(rounds.map(({ produced }) => produced));
  return {
    name: `cluster, ticks into market.raw, ${inWords(symbols)} symbols`,
    unit: "ticks",
    rate,
    about: `${about}; median of ${RUNS}`,
    floors: [
      {
        name: "kafkajs, a message a tick",
        rate: floor,
        ratio: median(rounds.map(({ ingested, produced }) => ingested / produced)),
      },
    ],
    goal: { text: `at least ${inWords(INGEST_GOAL)} ticks/s`, reached: rate >= INGEST_GOAL },
  };
}

function processFigure(setting: Setting, rounds: readonly Round[]): RateFigure {
  const { symbols, processes, partitions } = setting;
  const rate = median(rounds.map(({ processed }) => processed));
  const of = processes === 1 ? "one process" : `${processes} processes`;
  return {
    name: `cluster, market.raw to outputs, ${inWords(symbols)} symbols, ${of}, ${partitions} partitions`,
    unit: "ticks",
    rate,
    about: `${about}, ${inWords(LOG_TIME_RATE)} ticks in a second of log time; median of ${RUNS}`,
    floors: [
      {
        name: "kafkajs reads a message a tick, and makes nothing of it",
        rate: median(rounds.map(({ consumed }) => consumed)),
        ratio: median(rounds.map(({ processed, consumed }) => processed / consumed)),
      },
      ...(rounds[0]!.written > 0
        ? [
            {
              name: "kafkajs and ioredis write the same outputs, and make nothing",
              rate: median(rounds.map(({ written }) => written)),
              ratio: median(rounds.map(({ processed, written }) => processed / written)),
            },
          ]
        : []),
    ],
    ...((setting === main || setting === manySymbols) && {
      goal: { text: `at least ${inWords(PROCESS_GOAL)} ticks/s`, reached: rate >= PROCESS_GOAL },
    }),
    verified: rounds.at(-1)!.verified,
  };
}

async function roundOf(services: Services, setting: Setting): Promise<Round> {
  const plant = await services.plant({ partitions: setting.partitions });
  const redis = new Redis({ port: services.redis.port });
  try {
    await redis.flushall();
    const ticks = new SyntheticTicks(setting.symbols, RECORDED_MIX);
    const ingested = await ingest(plant, ticks);
    const floor = await bareKafka(
      services.kafka.brokers,
      Array.from({ length: TICKS / 2 }, (_, at) => Buffer.alloc(RAW_BYTES, String(at))),
    );
    const processed = await processAll(plant, redis, setting.processes);
    const verified = await verify(plant, ticks);
    const isPlain = setting.processes === 1 && setting.partitions === main.partitions;
    const written = isPlain ? await bareOutputs(services, plant, await codecsOf(plant.config), TICKS) : 0;
    const { symbols, processes, partitions } = setting;
    progress(
      `${symbols} symbols, ${processes} processes, ${partitions} partitions: in ${inWords(ingested)}, processed ${inWords(processed)}, ` +
        `kafkajs in ${inWords(floor.produced)}, out ${inWords(floor.consumed)} a second, bare outputs ${inWords(written)}`,
    );
    return { ingested, processed, ...floor, written, verified };
  } finally {
    redis.disconnect();
    await plant.stop();
    await removeTopics(plant);
  }
}

/** @returns ticks a second */
async function ingest(plant: ClusterPlant, source: SyntheticTicks): Promise<number> {
  const log = await plant.log();
  mkdirSync(plant.config.dataFolder, { recursive: true });
  const { schemaId } = (await codecsOf(plant.config))["market.raw"];
  const publisher = new Publisher({ log, schemaId, session: "bench", metrics: new Metrics(), logger: quiet });
  const publish = (tick: RawTick) => {
    if (!publisher.publish(tick)) throw new Error(`a ${tick.kind} was dropped`);
  };
  // in the past by what the log time takes: a broker keeps records by their times
  const start = Math.floor((Date.now() / 1000 - TICKS / LOG_TIME_RATE) * 1e6);
  for (const tick of source.before(start)) {
    await publisher.room();
    publish(tick);
  }
  await publisher.flushed();
  const began = performance.now();
  for (let at = 0; at < TICKS; at++) {
    if (at % AT_ONCE === 0) await publisher.room();
    publish(source.next(start + Math.floor((at * 1e6) / LOG_TIME_RATE)));
  }
  await publisher.flushed();
  const rate = (1000 * TICKS) / (performance.now() - began);
  publish(heartbeatOf([], start + Math.floor((TICKS * 1e6) / LOG_TIME_RATE) + 500_000));
  await publisher.flushed();
  return rate;
}

/**
 * Starts the roles on what is there. The clock runs from the first output of any to the last, at the brokers or in
 * Redis; it is the last when the group has committed everything, which it does after the outputs.
 *
 * @returns ticks a second
 */
async function processAll(plant: ClusterPlant, redis: Redis, processes: number): Promise<number> {
  const wanted = await plant.end("market.raw");
  const outputs = outputsOf(plant, redis);
  const before = await outputs();
  const roles = await Promise.all(Array.from({ length: processes }, () => plant.role("process")));
  let first = 0;
  let last = 0;
  let seen = before;
  for (let quietFor = 0; ; quietFor++) {
    const found = await outputs();
    const now = performance.now();
    if (found !== seen) {
      if (first === 0) first = now;
      last = now;
      seen = found;
      quietFor = 0;
    }
    if (roles.some(({ hasEnded }) => hasEnded)) throw new Error(roles.map(({ stderr }) => stderr).join("\n"));
    const isQuiet = quietFor > 0 && quietFor % QUIET_POLLS === 0;
    if (isQuiet && (await plant.committed("process", "market.raw")) >= wanted) break;
    await pause(POLL_MS);
  }
  return (1000 * TICKS) / (last - first);
}

/**
 * Counts all that Redis was given to publish, and while that stands still trades and depth at the brokers: what is asked
 * takes from the same two cores as what is measured.
 */
function outputsOf(plant: ClusterPlant, redis: Redis): () => Promise<number> {
  let records = 0;
  let published = 0;
  return async () => {
    const found = Number(/cmdstat_publish:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1] ?? 0);
    if (found === published) records = (await plant.end("market.trade")) + (await plant.end("market.depth"));
    published = found;
    return records + published;
  };
}

/**
 * Trades and depth of the venue, each once by its identity: where a partition goes from one process to another, its last
 * outputs come again under the same numbers.
 *
 * @throws Error where any is missing or too many
 */
async function verify(plant: ClusterPlant, { counts }: SyntheticTicks): Promise<string> {
  const codecs = await codecsOf(plant.config);
  const trades = new Set<string>();
  const depth = new Set<string>();
  let records = 0;
  for await (const value of valuesOf(plant, "market.trade")) {
    trades.add(codecs["market.trade"].decode(value).trade_id);
    records++;
  }
  for await (const value of valuesOf(plant, "market.depth")) {
    const { exchange, symbol, is_snapshot, status, update_id } = codecs["market.depth"].decode(value);
    if (exchange !== VENUE) continue;
    if (status !== "live") throw new Error("a book is stale");
    if (is_snapshot) continue;
    depth.add(`${symbol} ${update_id}`);
    records++;
  }
  const letters = await plant.end("market.dlq");
  if (trades.size !== counts.trade) throw new Error(`${trades.size} trades, not ${counts.trade}`);
  if (depth.size !== counts.depth) throw new Error(`${depth.size} depth messages of the venue, not ${counts.depth}`);
  if (letters > 0) throw new Error(`${letters} dead letters`);
  const repeats = records - trades.size - depth.size;
  return (
    `${inWords(trades.size)} trades, ${inWords(depth.size)} depth messages of the venue, as many as went in, no dead letter; ` +
    `${inWords(repeats)} repeats`
  );
}

async function* valuesOf(plant: ClusterPlant, topic: string): AsyncGenerator<Uint8Array> {
  const log = await plant.log();
  for (let partition = 0; partition < log.partitions(topic); partition++) {
    for await (const records of log.readToEnd(topic, partition, 0, 8 * 1024 * 1024)) {
      for (const { value } of records) if (value !== null) yield value;
    }
  }
}

/** Later runs must not pay for the files of earlier ones. */
async function removeTopics(plant: ClusterPlant): Promise<void> {
  const { default: kafkajs } = await import("kafkajs");
  const { brokers } = plant.config.log.kafka!;
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  const ours = (await admin.listTopics()).filter((topic) => topic.startsWith(`${plant.config.namespace}.`));
  await admin.deleteTopics({ topics: ours });
  await admin.disconnect();
}
