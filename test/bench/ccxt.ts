import { normalizeBookChanges, normalizeBookTickers, normalizeTrades } from "tardis-dev";
import { binance } from "../../ingest/venues/binance.js";
import { market, recordedExchange } from "../ingest/ccxt/recorded-exchange.js";
import { type Figure, measure, Stopwatch, type Work } from "./figure.js";
import { instrumentOf } from "./instruments.js";
import { type FrameKind, type RecordedFrame, recordedFrames } from "./recorded-frames.js";

type Kind = Exclude<FrameKind, "snapshot">;

const sources = [
  { id: "binanceusdm", tardis: "binance-futures", name: "usdm/btcusdt_20240808", symbol: "BTC/USDT:USDT" },
  { id: "binance", tardis: "binance", name: "spot/btcusdt_20240808", symbol: "BTC/USDT" },
] as const;
const kinds: readonly Kind[] = ["trade", "bookTicker", "depth"];
const feedKinds = { trade: "trade", bookTicker: "quote", depth: "depth" } as const;
/** Frames of one turn: ccxt takes tens of µs for each. */
const mostFrames = 20_000;

type Source = (typeof sources)[number];

/** Frames to ticks of Binance in the same run: the native connector, tardis-dev, ccxt as the plant uses it, JSON.parse. */
export async function ccxt(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const source of sources) {
    const all = recordedFrames(source.name, "BTCUSDT");
    const snapshot = all.find(({ kind }) => kind === "snapshot")!;
    const { lastUpdateId } = JSON.parse(snapshot.text) as { lastUpdateId: number };
    // a book of ccxt and of tardis-dev begins with the snapshot and goes on with what it does not have
    const follows = ({ text }: RecordedFrame) => Number(/"u":(\d+)/.exec(text)![1]) > lastUpdateId;
    for (const kind of kinds) {
      const ofKind = all.filter((frame) => frame.kind === kind);
      const frames = (kind === "depth" ? ofKind.filter(follows) : ofKind).slice(0, mostFrames);
      figures.push(await figureOf(source, kind, frames, snapshot));
    }
  }
  return figures;
}

async function figureOf(source: Source, kind: Kind, frames: readonly RecordedFrame[], snapshot: RecordedFrame) {
  const bytes = frames.reduce((sum, { text }) => sum + text.length, 0);
  return measure({
    name: `frames to ticks beside others: ${source.id} ${kind}`,
    unit: "frames",
    about: `${frames.length} recorded frames of ${Math.round(bytes / frames.length)} bytes`,
    verified: "each gives an output for each frame (of depth, for each that follows the snapshot)",
    goal: { ratio: 1 },
    run: () => native(source, frames),
    floors: [
      { name: "tardis-dev's mappers", run: () => tardis(source, kind, frames, snapshot) },
      { name: "ccxt as the plant uses it", run: () => throughCcxt(source, kind, frames, snapshot) },
      { name: "JSON.parse of the same frames", run: () => parsed(frames) },
    ],
  });
}

function native({ id }: Source, frames: readonly RecordedFrame[]): Work {
  const venue = binance(id);
  const instrument = instrumentOf(id, "BTC/USDT");
  const lookup = { byNativeId: () => instrument };
  let outputs = 0;
  const took = new Stopwatch().start();
  for (const frame of frames) {
    venue.read(frame, lookup, () => {
      outputs += 1;
    });
  }
  took.stop();
  return proven("the connector", outputs, frames.length, frames.length, took);
}

function tardis({ tardis: id }: Source, kind: Kind, frames: readonly RecordedFrame[], snapshot: RecordedFrame): Work {
  const now = new Date();
  const mapper = mapperOf(id, kind, now);
  let outputs = 0;
  const take = (message: unknown) => {
    if (!mapper.canHandle(message)) return;
    for (const output of mapper.map(message, now) ?? []) if (output !== undefined) outputs += 1;
  };
  if (kind === "depth") {
    const data = JSON.parse(snapshot.text) as object;
    take({ stream: "btcusdt@depthSnapshot", generated: true, data });
  }
  outputs = 0;
  const took = new Stopwatch().start();
  for (const { text } of frames) take(JSON.parse(text));
  took.stop();
  return proven("tardis-dev", outputs, kind === "depth" ? frames.length * 0.95 : frames.length, frames.length, took);
}

function mapperOf(id: Source["tardis"], kind: Kind, now: Date) {
  if (kind === "trade") return normalizeTrades(id, now);
  return kind === "bookTicker" ? normalizeBookTickers(id, now) : normalizeBookChanges(id, now);
}

async function throughCcxt(
  { id, symbol }: Source,
  kind: Kind,
  frames: readonly RecordedFrame[],
  snapshot: RecordedFrame,
): Promise<Work> {
  const exchange = await recordedExchange({
    id,
    markets: [market("BTCUSDT", symbol)],
    kinds: [feedKinds[kind]],
    rest: () => snapshot.text,
    answer: (sent) => [JSON.stringify({ result: null, id: (JSON.parse(sent) as { id: number }).id })],
  });
  // ccxt's sockets are of raw streams
  const raw = frames.map(({ text }) => text.slice(text.indexOf('"data":') + 7, -1));
  // of a book, until its snapshot is there
  for (let turn = 0; turn < 400 && kind === "depth" && exchange.ticks.length === 0; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const before = exchange.ticks.length;
  const took = new Stopwatch().start();
  for (const frame of raw) await exchange.feedNow(frame, "");
  took.stop();
  const outputs = exchange.ticks.length - before;
  await exchange.stop();
  if (exchange.faults.length > 0) throw exchange.faults[0]!.error;
  return proven("ccxt", outputs, kind === "depth" ? frames.length * 0.95 : frames.length, frames.length, took);
}

function parsed(frames: readonly RecordedFrame[]): Work {
  let last: unknown;
  const took = new Stopwatch().start();
  for (const frame of frames) last = JSON.parse(frame.text);
  took.stop();
  return { count: last === undefined ? 0 : frames.length, took };
}

function proven(who: string, outputs: number, wanted: number, count: number, took: Stopwatch): Work {
  if (outputs < wanted) throw new Error(`${who}: ${count} frames gave ${outputs} outputs`);
  return { count, took };
}
