import { partitionOf } from "../../infra/log/partitioner.js";
import { ReplaySource } from "../../ingest/replay/replay-source.js";
import { RawBatchWriter } from "../../schemas/raw-batch-writer.js";
import type { FeedState, HeartbeatTick, RawTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { recording } from "../recordings.js";

/** One record of `market.raw`. */
export interface RawRecord {
  readonly partition: number;
  readonly value: Uint8Array;
  readonly timestamp: Micros;
}

export const spot = "BTC/USDT";
export const perpetual = "ETH/USDT:USDT";
const second: Micros = 1_000_000;

/** The first so many seconds of two real recordings, merged by receive time, with what goes wrong in life mixed in. */
export async function recordedTicks(seconds: number): Promise<RawTick[]> {
  const [btc, eth] = await Promise.all([
    firstSeconds("hftbacktest/spot/btcusdt_20240808.gz", "binance", seconds),
    firstSeconds("hftbacktest/usdm/ethusdt_20240808.gz", "binanceusdm", seconds),
  ]);
  const feeds = new Map<string, FeedState>();
  const ticks: RawTick[] = [];
  for (const tick of inTurns(btc, eth)) {
    ticks.push(tick.kind === "heartbeat" ? ofBoth(tick, feeds) : tick);
    if (tick.kind === "trade") ticks.push(...troubleAfter(tick, ticks.length));
  }
  const end = ticks.reduce((latest, tick) => Math.max(latest, tick.receiveTime), 0);
  const until = Math.ceil(end / (60 * second)) * 60 * second + second;
  ticks.push({ ...ofBoth(undefined, feeds), receiveTime: until, exchangeTime: until, end: true });
  return ticks;
}

async function firstSeconds(file: string, venue: string, seconds: number): Promise<RawTick[]> {
  const ticks: RawTick[] = [];
  let start: Micros | undefined;
  for await (const batch of new ReplaySource({ files: [recording(file)], venue }).batches()) {
    for (const tick of batch) {
      start ??= tick.receiveTime > 0 ? tick.receiveTime : undefined;
      if (start !== undefined && tick.receiveTime > start + seconds * second) return ticks;
      ticks.push(tick);
    }
  }
  return ticks;
}

/** Whose receive time is earlier goes first; each keeps its own order, which receive times alone do not tell. */
function* inTurns(a: readonly RawTick[], b: readonly RawTick[]): Generator<RawTick> {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const takeA = j >= b.length || (i < a.length && a[i]!.receiveTime <= b[j]!.receiveTime);
    yield takeA ? a[i++]! : b[j++]!;
  }
}

/** The heartbeats of two recordings know each their own venue; a plant's knows all. */
function ofBoth(beat: HeartbeatTick | undefined, feeds: Map<string, FeedState>): HeartbeatTick {
  for (const feed of beat?.feeds ?? []) feeds.set(`${feed.exchange} ${feed.feed}`, feed);
  const times = { exchangeTime: beat?.exchangeTime ?? 0, receiveTime: beat?.receiveTime ?? 0 };
  return { kind: "heartbeat", exchange: "", symbol: "", ...times, feeds: [...feeds.values()] };
}

/** Now and then a duplicate, a late trade, one from the future, an absurd price, a gap in the book. */
function troubleAfter(trade: RawTick & { kind: "trade" }, at: number): RawTick[] {
  switch (at % 97) {
    case 0:
      return [trade];
    case 11:
      return [{ ...trade, tradeId: `9${trade.tradeId}`, exchangeTime: trade.exchangeTime - 70 * second }];
    case 23:
      return [{ ...trade, tradeId: `8${trade.tradeId}`, exchangeTime: trade.exchangeTime + 60 * second }];
    case 37:
      return [{ ...trade, tradeId: `7${trade.tradeId}`, price: "99999999" }];
    case 41:
      return [{ ...trade, tradeId: `6${trade.tradeId}`, price: "NaN", qty: "-1" }];
    default:
      return [];
  }
}

/** Batches of ticks as ingest makes them, of one to a hundred ticks each; the session numbers them. */
export function rawRecords(
  ticks: readonly RawTick[],
  schemaId: number,
  partitions: number,
  batchTicks = 40,
): RawRecord[] {
  const writers = Array.from({ length: partitions }, () => new RawBatchWriter(schemaId, "recorded"));
  const records: RawRecord[] = [];
  const finish = (partition: number, timestamp: Micros) =>
    records.push({ partition, value: Uint8Array.from(writers[partition]!.finish()), timestamp });
  let number = -1;
  for (const tick of ticks) {
    number += 1;
    const all = tick.kind === "heartbeat";
    const only = all ? -1 : partitionOf(tick.symbol, partitions);
    for (const [partition, writer] of writers.entries()) {
      if (!all && partition !== only) continue;
      writer.append(tick, number);
      if (writer.count >= batchTicks || all) finish(partition, tick.receiveTime);
    }
  }
  const last = ticks.at(-1)!.receiveTime;
  for (const [partition, writer] of writers.entries()) if (writer.count > 0) finish(partition, last);
  return records;
}
