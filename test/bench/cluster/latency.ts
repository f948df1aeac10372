import { type ChildProcess, fork } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import kafkajs from "kafkajs";
import { WebSocket } from "ws";
import { entryPoint } from "../../../infra/entry-point.js";
import { until } from "../../plant/plant-process.js";
import { inWords, type Latency, type LatencyFigure, median } from "../figure.js";
import { type FeedAnswer, type FeedTurn, now, SYMBOLS } from "./latency-process.js";
import { type ClusterPlant, progress, Services, turnsOr } from "./services.js";
import { VENUE } from "./synthetic-ticks.js";

const RATES = [1_000, 10_000] as const;
const SECONDS = 5;
const TURNS = turnsOr(5);
/** Brokers and roles run for months: the first seconds of each, while code is still being compiled, are not counted. */
const WARMING_TURNS = 3;
const GOAL_RATIO = 1.5;
const FLOOR = "kafkajs, kafkajs, ioredis, ioredis, uWebSockets.js, ws in as many processes";

type Kind = "trade" | "depth";
const kinds: readonly Kind[] = ["trade", "depth"];
type ByKind = Record<Kind, Latency>;

/** One way from a feeding process to this one's WebSocket client. */
interface Way {
  readonly feed: ChildProcess;
  readonly client: Client;
}

/**
 * How long a tick takes from the connector's receive time to a WebSocket client, through the roles as processes, and
 * beside it a message through the same services with no work on it, in turns.
 */
export async function clusterLatency(): Promise<LatencyFigure[]> {
  const services = await Services.start();
  const children: ChildProcess[] = [];
  const plant = await services.plant();
  try {
    const own = await plantWay(services, plant, children);
    const bare = await floorWay(services, children);
    const figures: LatencyFigure[] = [];
    for (const rate of RATES) figures.push(...(await inTurns(own, bare, rate)));
    return figures;
  } finally {
    for (const child of children) child.kill();
    await plant.stop();
    await services.stop();
  }
}

async function inTurns(own: Way, bare: Way & { size(bytes: Record<Kind, number>): void }, rate: number) {
  const turns: { own: ByKind; bare: ByKind }[] = [];
  let about = "";
  for (let turn = -WARMING_TURNS; turn < TURNS; turn++) {
    const mine = await turnOf(own, rate);
    bare.size(mine.bytes);
    const floor = await turnOf(bare, rate);
    about = `${SYMBOLS} symbols, two trades (${Math.round(mine.bytes.trade)} bytes) for one depth (${Math.round(mine.bytes.depth)} bytes), medians of ${TURNS} turns of ${SECONDS} s`;
    const shown = (one: ByKind) => `${one.trade.mean.toFixed(2)}/${one.trade.p99.toFixed(2)}`;
    progress(`${rate} ticks/s: trades' mean/p99 ${shown(mine.latencies)} ms, floor ${shown(floor.latencies)} ms`);
    if (turn >= 0) turns.push({ own: mine.latencies, bare: floor.latencies });
  }
  return kinds.map((kind): LatencyFigure => {
    const ofMine = turns.map(({ own }) => own[kind]);
    const ofFloor = turns.map(({ bare }) => bare[kind]);
    const ratio = medians(ofMine.map((one, at) => divided(one, ofFloor[at]!)));
    return {
      name: `cluster, ${kind} to WebSocket at ${inWords(rate)} ticks/s`,
      latency: medians(ofMine),
      floor: { name: FLOOR, latency: medians(ofFloor) },
      ratio,
      goal: {
        text: `at most ${GOAL_RATIO} of the floor at mean and p99`,
        reached: ratio.mean <= GOAL_RATIO && ratio.p99 <= GOAL_RATIO,
      },
      verified: "every tick came",
      about,
    };
  });
}

/** Feeds one turn and waits until all of it has come. */
async function turnOf({ feed, client }: Way, rate: number) {
  client.begin();
  const answer = new Promise<FeedAnswer>((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`a feeding process ended with ${code}`));
    feed.once("exit", ended);
    feed.once("message", ({ sent }: { sent: FeedAnswer }) => {
      feed.off("exit", ended);
      resolve(sent);
    });
  });
  feed.send({ rate, seconds: SECONDS } satisfies FeedTurn);
  const sent = await answer;
  // other messages may come too, such as a book that is shown anew: what counts is that each tick is there
  let arrivals = new Map<string, Arrival>();
  const all = () => {
    if (client.count < sent.size) return false;
    arrivals = client.arrivals();
    return [...sent.keys()].every((key) => arrivals.has(key));
  };
  await until(all, () => `of ${sent.size} ticks some are missing among ${client.count} messages`, 60_000);
  if (client.count > sent.size) progress(`${client.count - sent.size} messages more than ticks`);
  return resultsOf(sent, arrivals);
}

function resultsOf(sent: FeedAnswer, arrivals: ReadonlyMap<string, Arrival>) {
  const taken: Record<Kind, number[]> = { trade: [], depth: [] };
  const bytes: Record<Kind, number> = { trade: 0, depth: 0 };
  for (const [key, time] of sent) {
    const arrival = arrivals.get(key);
    if (arrival === undefined) throw new Error(`${key} never came`);
    const kind = key.slice(0, 5) as Kind;
    taken[kind].push((arrival.time - time) / 1000);
    bytes[kind] += arrival.bytes;
  }
  for (const kind of kinds) bytes[kind] /= taken[kind].length;
  return { latencies: { trade: latencyOf(taken.trade), depth: latencyOf(taken.depth) }, bytes };
}

function latencyOf(taken: readonly number[]): Latency {
  const sorted = Float64Array.from(taken).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  const mean = sorted.reduce((sum, one) => sum + one, 0) / sorted.length;
  return { mean, p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

function medians(all: readonly Latency[]): Latency {
  const of = (name: keyof Latency) => median(all.map((one) => one[name]));
  return { mean: of("mean"), p50: of("p50"), p99: of("p99"), p999: of("p999") };
}

function divided(one: Latency, by: Latency): Latency {
  return { mean: one.mean / by.mean, p50: one.p50 / by.p50, p99: one.p99 / by.p99, p999: one.p999 / by.p999 };
}

interface Arrival {
  readonly time: number;
  readonly bytes: number;
}

/** Notes when what comes; looks into it afterwards. */
class Client {
  #bytes: Buffer[] = [];
  #times: number[] = [];

  constructor(
    readonly socket: WebSocket,
    private readonly keyIn: (text: string) => string | undefined,
  ) {
    socket.on("message", (bytes: Buffer) => {
      this.#times.push(now());
      this.#bytes.push(bytes);
    });
  }

  get count(): number {
    return this.#bytes.length;
  }

  begin(): void {
    this.#bytes = [];
    this.#times = [];
  }

  arrivals(): Map<string, Arrival> {
    const found = new Map<string, Arrival>();
    for (const [at, bytes] of this.#bytes.entries()) {
      const key = this.keyIn(bytes.toString("latin1"));
      if (key !== undefined && !found.has(key)) found.set(key, { time: this.#times[at]!, bytes: bytes.length });
    }
    return found;
  }
}

async function plantWay(services: Services, plant: ClusterPlant, children: ChildProcess[]): Promise<Way> {
  const processing = await plant.role("process");
  const pushing = await plant.role("push");
  await plant.running(processing);
  await plant.running(pushing);
  const config = join(services.folders.folder, "ingest.json");
  await writeFile(config, JSON.stringify({ ...plant.config, dataFolder: join(services.folders.folder, "ingest") }));
  const feed = await child(children, "ingest", config);
  const url = /WebSocket (\S+)\. /.exec(pushing.stdout)![1]!;
  const socket = await connected(url);
  const channels = Array.from({ length: SYMBOLS }, (_, at) =>
    kinds.map((kind) => `${kind}:S${at}/USDT@${VENUE}`),
  ).flat();
  const subscribed = new Promise<void>((resolve) => {
    socket.on("message", (bytes: Buffer) => {
      if (bytes.toString("latin1", 0, 60).includes('"subscribed"')) resolve();
    });
  });
  socket.send(JSON.stringify({ op: "subscribe", id: 1, channels }));
  await subscribed;
  const client = new Client(socket, (text) => {
    const found = /"channel":"(trade|depth):([^@"]+)@.*?"(?:trade_id":"|update_id":)(\d+)/.exec(text);
    return found === null ? undefined : `${found[1]}:${found[2]}/${found[3]}`;
  });
  return { feed, client };
}

async function floorWay(services: Services, children: ChildProcess[]) {
  const topic = `floor${Date.now()}`;
  const broker = services.kafka.brokers;
  const admin = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 12 }], waitForLeaders: true });
  await admin.disconnect();
  const places = JSON.stringify({ broker, topic, redisPort: services.redis.port });
  const server = fork(entryPoint("test/bench/cluster/latency-process.js"), ["serve", places]);
  children.push(server);
  const port = await new Promise<number>((resolve) => {
    server.once("message", (message: { port: number }) => resolve(message.port));
  });
  const relay = await child(children, "relay", places);
  const feed = await child(children, "produce", places);
  const socket = await connected(`ws://127.0.0.1:${port}`);
  const client = new Client(socket, (text) => text.slice(0, text.indexOf("|")));
  return { feed, client, size: (bytes: Record<Kind, number>) => void relay.send(bytes) };
}

async function child(children: ChildProcess[], ...args: readonly string[]): Promise<ChildProcess> {
  const started = fork(entryPoint("test/bench/cluster/latency-process.js"), args, { serialization: "advanced" });
  children.push(started);
  await new Promise<void>((resolve, reject) => {
    started.once("message", () => resolve());
    started.once("exit", (code) => reject(new Error(`${args[0]} ended with ${code}`)));
  });
  return started;
}

async function connected(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return socket;
}
