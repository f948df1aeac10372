import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { pino } from "pino";
import { WebSocket } from "ws";
import { loadConfig } from "../../infra/config/load-config.js";
import { heartbeatOf, type Publisher } from "../../ingest/publisher.js";
import { binance } from "../../ingest/venues/binance.js";
import { type Plant, startPlant } from "../../plant/plant.js";
import type { InstrumentTick, RawTick } from "../../schemas/ticks.js";
import { type Figure, inWords, Stopwatch } from "./figure.js";
import { instrumentOf } from "./instruments.js";
import { type FrameKind, type RecordedFrame, recordedFrames } from "./recorded-frames.js";

const SECONDS = 15;
const GOAL = 100_000;
/** How much faster than recorded: the fewer the markets, the busier each. */
const PACES = [5, 1] as const;
/** Ticks between two questions for room in the publisher. */
const AT_ONCE = 500;
/** Copies whose channels a WebSocket client follows. */
const WATCHED = 4;

/** A recording that many symbols follow at once. */
interface Source {
  readonly venue: "binance" | "binanceusdm";
  readonly prefix: string;
  readonly scales: readonly [price: number, qty: number];
  readonly frames: readonly RecordedFrame[];
}

/**
 * The embedded plant, whole: recorded frames through connector, publisher, log, processors, channels to a WebSocket
 * client, and rows in chDB. So many symbols follow the recordings that a second of log time holds 100,000 ticks: about
 * a hundred at five times the recorded pace, and, shown without a goal, five times as many at its own.
 */
export async function endToEnd(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const pace of PACES) figures.push(...(await endToEndAt(pace)));
  return figures;
}

async function endToEndAt(pace: number): Promise<Figure[]> {
  const sources = [
    source("binanceusdm", "B", "usdm/btcusdt_20240808", [2, 3]),
    source("binance", "B", "spot/btcusdt_20240808", [2, 5]),
    source("binanceusdm", "E", "usdm/ethusdt_20240808", [2, 3]),
  ];
  const feed = new Feed(sources, pace);
  const folder = mkdtempSync(join(tmpdir(), "tickplant-bench-"));
  const plant = await startPlant(await configIn(folder), pino({ level: "error" }));
  try {
    return [await new EndToEnd(plant, feed).run()];
  } finally {
    await plant.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function source(venue: Source["venue"], prefix: string, name: string, scales: Source["scales"]): Source {
  return { venue, prefix, scales, frames: recordedFrames(name, "BTCUSDT") };
}

/** The frames of all sources in recorded order, and the symbols that each frame stands for. */
class Feed {
  readonly frames: readonly { readonly source: Source; readonly frame: RecordedFrame }[];
  readonly copies: number;
  readonly instruments = new Map<Source, InstrumentTick[]>();
  readonly counts: Record<FrameKind, number> = { trade: 0, bookTicker: 0, depth: 0, snapshot: 0 };
  bytes = 0;

  constructor(
    sources: readonly Source[],
    readonly pace: number,
  ) {
    const start = Math.max(...sources.map(({ frames }) => frames[0]!.receiveTime));
    const paced = (time: number) => start + Math.floor(Math.max(0, time - start) / pace);
    // the venue's own times, ms, keep step
    const pacedText = (text: string) =>
      text.replace(/"([ET])":(\d{13})/g, (_, name, ms) => `"${name}":${Math.floor(paced(Number(ms) * 1000) / 1000)}`);
    const inTime = sources.map((source) => ({
      source,
      // the snapshot that the recorder asked for stands first: every increment is on top of it then
      snapshot: source.frames.find(({ kind }) => kind === "snapshot")!,
      frames: source.frames
        .filter(({ kind, receiveTime }) => kind !== "snapshot" && paced(receiveTime) < start + SECONDS * 1e6)
        // what a recorder took down while the others were not there yet comes with their first
        .map((frame) => ({ ...frame, text: pacedText(frame.text), receiveTime: paced(frame.receiveTime) })),
    }));
    this.frames = [
      ...inTime.map(({ source, snapshot }) => ({ source, frame: { ...snapshot, receiveTime: start } })),
      ...inTime
        .flatMap(({ source, frames }) => frames.map((frame) => ({ source, frame })))
        .sort((a, b) => a.frame.receiveTime - b.frame.receiveTime),
    ];
    this.copies = Math.ceil((SECONDS * GOAL) / this.frames.length);
    for (const source of sources) {
      const { venue, prefix, scales } = source;
      this.instruments.set(
        source,
        Array.from({ length: this.copies }, (_, copy) =>
          instrumentOf(venue, `${prefix}${copy}/USDT`, scales[0], scales[1], start),
        ),
      );
    }
    for (const { frame } of this.frames) {
      this.counts[frame.kind] += this.copies;
      this.bytes += frame.text.length * this.copies;
    }
  }

  get ticks(): number {
    return this.frames.length * this.copies;
  }

  get about(): string {
    const { counts, ticks } = this;
    const share = (kind: FrameKind) => `${((100 * counts[kind]) / ticks).toFixed(0)} % ${kind}`;
    return (
      `${inWords(ticks)} ticks of ${this.copies * 3} markets over ${SECONDS} s of log time, ${this.pace} × as fast as recorded: ` +
      `${share("trade")}, ${share("bookTicker")}, ${share("depth")}; ${Math.round(this.bytes / ticks)} bytes a frame`
    );
  }
}

class EndToEnd {
  private readonly publisher: Publisher;
  private heard = 0;
  private readonly heardTrades = new Map<string, number>();

  constructor(
    private readonly plant: Plant,
    private readonly feed: Feed,
  ) {
    this.publisher = plant.publisher("bench");
  }

  async run(): Promise<Figure> {
    for (const instruments of this.feed.instruments.values()) {
      for (const instrument of instruments) await this.publish(instrument);
    }
    await this.publisher.flushed();
    await this.plant.settled();
    const socket = await this.watch();
    const took = new Stopwatch().start();
    const began = performance.now();
    const published = await this.publishAll();
    const publishedAfter = (performance.now() - began) / 1000;
    await this.plant.settled();
    took.stop();
    const verified = await this.verify();
    socket.close();
    const floor = this.parseAll();
    const rate = published / took.seconds;
    const coreRate = published / took.coreSeconds;
    return {
      name: `end to end, embedded plant, ${this.feed.copies * 3} markets: frames to channels and history`,
      unit: "ticks",
      rate,
      coreRate,
      about: `${this.feed.about}; all in the log after ${publishedAfter.toFixed(1)} s, settled after ${took.seconds.toFixed(1)} s`,
      floors: [
        {
          name: "JSON.parse of the same frames",
          rate: floor.rate,
          coreRate: floor.coreRate,
          ratio: coreRate / floor.coreRate,
        },
      ],
      ...(this.feed.pace > 1 && {
        goal: { text: `at least ${inWords(GOAL)} ticks/s on the wall, settled`, reached: rate >= GOAL },
      }),
      verified,
    };
  }

  private async publish(tick: RawTick): Promise<void> {
    if (!this.publisher.publish(tick)) throw new Error(`a ${tick.kind} was dropped`);
  }

  private async publishAll(): Promise<number> {
    const { feed, publisher } = this;
    let current: InstrumentTick | undefined;
    const lookup = { byNativeId: () => current };
    let published = 0;
    const out = (tick: RawTick) => {
      if (!publisher.publish(tick)) throw new Error(`a ${tick.kind} was dropped`);
      published++;
    };
    const venues = { binance: binance("binance"), binanceusdm: binance("binanceusdm") };
    let sinceRoom = 0;
    for (const { source, frame } of feed.frames) {
      const venue = venues[source.venue];
      for (const instrument of feed.instruments.get(source)!) {
        current = instrument;
        venue.read(frame, lookup, out);
        if (++sinceRoom < AT_ONCE) continue;
        sinceRoom = 0;
        await publisher.room();
      }
    }
    // a moment on, so that what conflation holds back is shown
    publisher.publish(heartbeatOf([], feed.frames.at(-1)!.frame.receiveTime + 500_000, true));
    await publisher.flushed();
    return published;
  }

  /** Follows trades, books and K-lines of some symbols, as a client does. */
  private async watch(): Promise<WebSocket> {
    const socket = new WebSocket(this.plant.webSocketUrl!, { perMessageDeflate: false });
    const channels = Array.from({ length: WATCHED }, (_, copy) => [
      `trade:B${copy}/USDT@binance`,
      `depth:B${copy}/USDT@binance`,
      `ticker:B${copy}/USDT`,
      `kline:B${copy}/USDT:1m`,
    ]).flat();
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.on("message", (bytes: Buffer) => {
        const head = bytes.toString("latin1", 0, 60);
        if (head.includes('"subscribed"')) resolve();
        const channel = /"channel":"([^"]+)"/.exec(head)?.[1];
        if (channel === undefined) return;
        this.heard++;
        if (channel.startsWith("trade:")) this.heardTrades.set(channel, (this.heardTrades.get(channel) ?? 0) + 1);
      });
      socket.once("open", () => socket.send(JSON.stringify({ op: "subscribe", id: 1, channels })));
    });
    return socket;
  }

  /** Rows and messages against the frames that went in. @throws Error where any is missing or too many */
  private async verify(): Promise<string> {
    const { plant, feed } = this;
    const client = createClient({ url: plant.storeUrl!, database: "tickplant" });
    const count = async (sql: string) => {
      const result = await client.query({ query: sql, format: "JSONEachRow" });
      return Number((await result.json<{ count: string }>())[0]!.count);
    };
    const trades = await count("SELECT count() AS count FROM trades");
    const letters = await count("SELECT count() AS count FROM dead_letters");
    const stale = await count("SELECT count() AS count FROM depth WHERE status = 'stale'");
    const depths = await count("SELECT count() AS count FROM depth WHERE exchange != 'aggregate'");
    const klines = await count(
      "SELECT sum(trade_count) AS count FROM klines WHERE interval = '1d' AND exchange != 'aggregate'",
    );
    await client.close();
    const spotTrades = feed.frames.filter(({ source, frame }) => source.venue === "binance" && frame.kind === "trade");
    for (const [channel, heard] of this.heardTrades) {
      if (heard !== spotTrades.length) throw new Error(`${heard} trades came on ${channel}, not ${spotTrades.length}`);
    }
    if (trades !== feed.counts.trade) throw new Error(`${trades} rows of trades, not ${feed.counts.trade}`);
    if (klines !== feed.counts.trade) throw new Error(`${klines} trades in K-lines, not ${feed.counts.trade}`);
    if (letters > 0 || stale > 0) throw new Error(`${letters} dead letters and ${stale} stale books`);
    return (
      `${inWords(trades)} rows of trades, as many in the day's K-lines, ${inWords(depths)} rows of depth, no dead letter, ` +
      `no stale book; ${inWords(this.heard)} messages at a WebSocket client, every trade of ${this.heardTrades.size} channels`
    );
  }

  private parseAll() {
    const took = new Stopwatch().start();
    let last: unknown;
    let count = 0;
    const rounds = Math.ceil(this.feed.copies / 10);
    for (let round = 0; round < rounds; round++) {
      for (const { frame } of this.feed.frames) last = JSON.parse(frame.text);
      count += this.feed.frames.length;
    }
    took.stop();
    if (last === undefined) throw new Error("no frames");
    return { rate: count / took.seconds, coreRate: count / took.coreSeconds };
  }
}

async function configIn(folder: string) {
  return loadConfig({
    env: {},
    overrides: {
      dataFolder: folder,
      roles: ["process", "sink", "push"],
      logging: { level: "error" },
      simulator: { venues: [] },
      ingest: { venues: [] },
      metricsPort: 0,
      store: { port: await freePort() },
      push: { restPort: 0, webSocketPort: await freePort() },
    },
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
