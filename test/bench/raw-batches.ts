import { RawBatchWriter } from "../../schemas/raw-batch-writer.js";
import type { HeartbeatTick, RawTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { instrumentOf } from "./instruments.js";
import { type InterleavedTrades, placeOf } from "./interleaved-trades.js";

const TICKS = 100;

export interface RawBatches {
  /** Instruments of every market. */
  readonly before: readonly Uint8Array[];
  /** The trades, 100 a record. */
  readonly trades: readonly Uint8Array[];
  /** Time that runs on until midnight's candles have closed and what conflation holds back is shown. */
  readonly after: readonly Uint8Array[];
}

/** Records of `market.raw` as the publisher writes them. */
export function rawBatches(trades: InterleavedTrades, schemaId: number): RawBatches {
  const writer = new RawBatchWriter(schemaId, "bench");
  let number = 0;
  const record = (ticks: readonly RawTick[]): Uint8Array => {
    for (const tick of ticks) writer.append(tick, number++);
    return writer.finish();
  };
  const start = trades.time[0]!;
  const before = trades.markets.map(({ exchange, symbol, priceScale, qtyScale }) =>
    record([instrumentOf(exchange, symbol, priceScale, qtyScale, start - 1000)]),
  );
  const batches: Uint8Array[] = [];
  for (let at = 0; at < trades.count; at += TICKS) {
    const end = Math.min(at + TICKS, trades.count);
    batches.push(record(Array.from({ length: end - at }, (_, offset) => tradeAt(trades, at + offset))));
  }
  const last = trades.time[trades.count - 1]!;
  const after = [1, 3_000_000].map((later) => record([silence(last + later)]));
  return { before, trades: batches, after };
}

function tradeAt(trades: InterleavedTrades, at: number): RawTick {
  const { exchange, symbol, source } = trades.markets[trades.market[at]!]!;
  const place = placeOf(trades, at);
  const time = trades.time[at]!;
  return {
    kind: "trade",
    exchange,
    symbol,
    exchangeTime: time,
    receiveTime: time,
    tradeId: String(5_000_000_000 + trades.id[at]!),
    price: source.priceTexts[place]!,
    qty: source.qtyTexts[place]!,
    side: trades.buy[at] === 1 ? "buy" : "sell",
  };
}

function silence(time: Micros): HeartbeatTick {
  return { kind: "heartbeat", exchange: "", symbol: "", exchangeTime: time, receiveTime: time, feeds: [] };
}
