import { mkdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { RowTranscoder } from "../../../infra/store/row-transcoder.js";
import { codecsOf } from "../../../plant/parts.js";
import { storeAt } from "../../../plant/store-place.js";
import { inWords, median, type RateFigure } from "../figure.js";
import { bareKafka } from "./bare-kafka.js";
import { type ClusterPlant, progress, Services, turnsOr } from "./services.js";
import { VENUE } from "./synthetic-ticks.js";

const ROWS = 600_000;
const SYMBOLS = 20;
const RUNS = turnsOr(3);
const GOAL = 100_000;
const ROWS_PER_INSERT = 50_000;
const RECORDS_PER_APPEND = 2_000;
const POLL_MS = 25;

interface Round {
  readonly rate: number;
  readonly inserted: number;
  readonly consumed: number;
}

/** Rows a second from `market.trade` to the store by one sink role, and the same with the engine killed on the way. */
export async function clusterSink(): Promise<RateFigure[]> {
  const services = await Services.start();
  try {
    const plain: Round[] = [];
    for (let run = 0; run < RUNS; run++) plain.push(await roundOf(services, false));
    const killed = await roundOf(services, true);
    return [
      figureOf("cluster, market.trade to the store, one sink", plain, true),
      figureOf("the same, the store's engine killed half way", [killed], false),
    ];
  } finally {
    await services.stop();
  }
}

function figureOf(name: string, rounds: readonly Round[], withGoal: boolean): RateFigure {
  const rate = median(rounds.map(({ rate }) => rate));
  return {
    name,
    unit: "rows",
    rate,
    floors: [
      {
        name: `the same rows from memory, ${inWords(ROWS_PER_INSERT)} an insert`,
        rate: median(rounds.map(({ inserted }) => inserted)),
        ratio: median(rounds.map(({ rate, inserted }) => rate / inserted)),
      },
      {
        name: "kafkajs reads a message a row, and stores nothing",
        rate: median(rounds.map(({ consumed }) => consumed)),
        ratio: median(rounds.map(({ rate, consumed }) => rate / consumed)),
      },
    ],
    ...(withGoal && { goal: { text: `at least ${inWords(GOAL)} rows/s`, reached: rate >= GOAL } }),
    verified: `${inWords(ROWS)} rows, no more and no less`,
  };
}

async function roundOf(services: Services, kill: boolean): Promise<Round> {
  const plant = await services.plant();
  try {
    const values = await preload(plant);
    const { consumed } = await bareKafka(services.kafka.brokers, values.slice(0, ROWS / 2));
    const inserted = await insertAll(plant, values);
    const rate = await sinkAll(services, plant, kill);
    progress(`${inWords(rate)} rows/s, inserts alone ${inWords(inserted)}, kafkajs reads ${inWords(consumed)}`);
    return { rate, inserted, consumed };
  } finally {
    await plant.stop();
  }
}

/** @returns the records' values */
async function preload(plant: ClusterPlant): Promise<Buffer[]> {
  const log = await plant.log();
  mkdirSync(plant.config.dataFolder, { recursive: true });
  const codec = (await codecsOf(plant.config))["market.trade"];
  const start = Date.now() * 1000 - ROWS;
  const values: Buffer[] = [];
  for (let at = 0; at < ROWS; at += RECORDS_PER_APPEND) {
    const records = Array.from({ length: RECORDS_PER_APPEND }, (_, i) => {
      const number = at + i;
      const symbol = `S${number % SYMBOLS}/USDT`;
      const value = codec.encode({
        symbol,
        exchange: VENUE,
        trade_id: String(5_000_000_000 + number),
        price: `61837.${10 + (number % 90)}`,
        qty: `0.0${1000 + (number % 9000)}`,
        side: number % 2 === 0 ? "buy" : "sell",
        timestamp: start + number,
        epoch: start,
        sequence_num: Math.floor(number / SYMBOLS),
        retracts: null,
        flags: [],
        log_time: start + number,
        receive_time: start + number,
      });
      values.push(Buffer.from(value));
      return { topic: "market.trade", key: `${VENUE}|${symbol}`, value, timestamp: start + number };
    });
    await log.append(records);
  }
  return values;
}

/** The floor: into the same table, which is emptied afterwards. @returns rows a second */
async function insertAll(plant: ClusterPlant, values: readonly Buffer[]): Promise<number> {
  const { schemaId } = (await codecsOf(plant.config))["market.trade"];
  const store = storeAt({ url: plant.config.store.url! }, plant.config);
  const rows = new RowTranscoder("market.trade", schemaId);
  const texts: Buffer[] = [];
  for (const [at, value] of values.entries()) {
    if (!rows.append(value, at)) throw new Error("a record that is no row");
    if ((at + 1) % ROWS_PER_INSERT === 0) texts.push(Buffer.from(rows.take()));
  }
  const began = performance.now();
  for (const text of texts) await store.insertRows("market.trade", text);
  const rate = (1000 * values.length) / (performance.now() - began);
  await query(plant, "TRUNCATE TABLE trades_data");
  return rate;
}

/** The clock runs from the first row in the store to the last. @returns rows a second */
async function sinkAll(services: Services, plant: ClusterPlant, kill: boolean): Promise<number> {
  const role = await plant.role("sink");
  let first: { at: number; rows: number } | undefined;
  let rows = 0;
  let killed = !kill;
  while (rows < ROWS) {
    if (role.hasEnded) throw new Error(`the sink ended: ${role.stderr}`);
    rows = Number((await query(plant, "SELECT count() FROM trades_data").catch(() => `${rows}`)).trim());
    if (rows > 0) first ??= { at: performance.now(), rows };
    if (!killed && rows >= ROWS / 2) {
      killed = true;
      process.kill(services.store.pid!, "SIGKILL");
    }
    await pause(POLL_MS);
  }
  const rate = (1000 * (ROWS - first!.rows)) / (performance.now() - first!.at);
  while ((await plant.committed("sink", "market.trade")) < (await plant.end("market.trade"))) await pause(POLL_MS);
  const exact = Number((await query(plant, "SELECT count() FROM trades_data FINAL")).trim());
  if (kill && services.store.restarted === 0) throw new Error("the engine was not started again");
  if (exact !== ROWS) throw new Error(`${exact} rows, not ${ROWS}`);
  return rate;
}

async function query(plant: ClusterPlant, sql: string): Promise<string> {
  const { url, database } = plant.config.store;
  const response = await fetch(`${url}/?database=${database}`, { method: "POST", body: sql });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}
