import { BufferPool } from "../../infra/buffer-pool.js";
import { CHUNK } from "../../processors/messages/message-writer.js";
import { defaultSettings } from "../../processors/settings.js";
import { LogSink } from "../../processors/task/log-sink.js";
import { RawTask } from "../../processors/task/raw-task.js";
import { type Codecs, openCodecs } from "../../schemas/codec.js";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import type { Kline, Trade } from "../../schemas/messages.js";
import { BareLoop } from "./bare-loop.js";
import { type Figure, inWords, measure, Stopwatch } from "./figure.js";
import { FloatCandles } from "./float-candles.js";
import { type InterleavedTrades, interleavedTrades } from "./interleaved-trades.js";
import { KlineCheck } from "./kline-check.js";
import { type RawBatches, rawBatches } from "./raw-batches.js";

/** Trades a second of log time, and how many: midnight's candles must not close before the measured part ends. */
const RUNS = [
  [400_000, 400_000],
  [20_000, 38_000],
] as const;

/** One task as a plant runs it, but for log and bus: records in; records and channel messages out, then dropped. */
export async function processors(): Promise<Figure[]> {
  const codecs = await openCodecs(new EmbeddedRegistry());
  const figures: Figure[] = [];
  for (const [perSecond, count] of RUNS) figures.push(await figureAt(perSecond, count, codecs));
  return figures;
}

async function figureAt(perSecond: number, count: number, codecs: Codecs): Promise<Figure> {
  const trades = interleavedTrades(count, perSecond);
  const batches = rawBatches(trades, codecs["market.raw"].schemaId);
  const { candles, records, messages } = verify(trades, batches, codecs);
  // short runs would measure the turn's noise
  const rounds = Math.max(1, Math.round(200_000 / count));
  return measure({
    name: `processors, log time at ${inWords(perSecond)} trades/s`,
    unit: "trades",
    about:
      `${inWords(count)} trades in records of 100 over ${trades.markets.length} markets of ${trades.symbols} symbols, ` +
      `default settings; a trade makes ${(records / count).toFixed(2)} records and ${(messages / count).toFixed(2)} channel messages`,
    verified: `${inWords(count)} trades came out as they went in; ${candles} candles equal an exact brute force`,
    ...(perSecond === 400_000 && { goal: { coreRate: 400_000 } }),
    run: () => {
      const took = new Stopwatch();
      for (let round = 0; round < rounds; round++) {
        const { task, sink } = taskOf(codecs);
        for (const [offset, value] of batches.before.entries()) task.process(value, offset);
        sink.take(0);
        took.start();
        for (const [offset, value] of batches.trades.entries()) {
          task.process(value, offset);
          for (const chunk of sink.take(0).chunks) sink.pool.give(chunk);
        }
        took.stop();
      }
      return { count: rounds * count, took };
    },
    floors: [
      {
        name: "plain loop: avsc decodes, six candles in doubles, avsc and JSON encode each trade",
        run: () => {
          const loop = new BareLoop(trades, codecs);
          for (const value of batches.trades) loop.take(value);
          return { count };
        },
      },
      { name: "plain loop: six candles in doubles of trades that are decoded", run: () => floatLoop(trades) },
    ],
  });
}

function taskOf(codecs: Codecs): { task: RawTask; sink: LogSink } {
  const settings = { ...defaultSettings, partitions: 1 };
  const sink = new LogSink(settings.partitions, new BufferPool(CHUNK, 256));
  return { task: new RawTask({ partition: 0, settings, codecs, sink, partitionOf: () => 0 }), sink };
}

/** Runs everything once and reads all that comes out. @throws Error at the first value that is not right */
function verify(trades: InterleavedTrades, { before, trades: batches, after }: RawBatches, codecs: Codecs) {
  const { task, sink } = taskOf(codecs);
  const check = new KlineCheck(trades);
  const tape = new TradeCheck(trades);
  let offset = 0;
  let records = 0;
  let messages = 0;
  for (const value of [...before, ...batches, ...after]) {
    task.process(value, offset++);
    const taken = sink.take(0);
    if (offset <= before.length + batches.length) {
      records += taken.records.length;
      messages += taken.messages.length;
    }
    for (const { topic, value } of taken.records) {
      if (topic === "market.kline") check.take(codecs["market.kline"].decode(value!));
      else if (topic === "market.trade") tape.take(codecs["market.trade"].decode(value!));
      else if (topic === "market.dlq") throw new Error(`refused: ${codecs["market.dlq"].decode(value!).reason}`);
    }
    for (const { channel, payload } of taken.messages) {
      const { data } = JSON.parse(payload) as { data: Trade & Kline };
      if (channel.startsWith("trade:") && channel.includes("@")) tape.takeAgain(data);
    }
  }
  tape.verify();
  return { candles: check.verify(defaultSettings.klineIntervals), records, messages };
}

/** The trades that come out, in the log and on the channels, against those that went in. */
class TradeCheck {
  private out = 0;
  private again = 0;

  constructor(private readonly trades: InterleavedTrades) {}

  take(trade: Trade): void {
    this.compare(trade, this.out++);
  }

  takeAgain(trade: Trade): void {
    this.compare(trade, this.again++);
  }

  verify(): void {
    const { count } = this.trades;
    if (this.out !== count || this.again !== count)
      throw new Error(`${this.out} and ${this.again} trades, not ${count}`);
  }

  private compare(trade: Trade, at: number): void {
    const { markets, market, price, qty } = this.trades;
    const { exchange, symbol, priceScale, qtyScale } = markets[market[at]!]!;
    const right =
      trade.exchange === exchange &&
      trade.symbol === symbol &&
      Math.round(Number(trade.price) * 10 ** priceScale) === price[at] &&
      Math.round(Number(trade.qty) * 10 ** qtyScale) === qty[at];
    if (!right) throw new Error(`trade ${at} came out as ${JSON.stringify(trade)}`);
  }
}

function floatLoop(trades: InterleavedTrades) {
  const { markets, count } = trades;
  const candles = new FloatCandles(markets.length + trades.symbols);
  for (let at = 0; at < count; at++) {
    const which = trades.market[at]!;
    const price = trades.price[at]! / 100;
    const qty = trades.qty[at]! / 1000;
    candles.add(which, price, qty, trades.buy[at] === 1, trades.time[at]!);
    candles.add(markets.length + markets[which]!.group, price, qty, trades.buy[at] === 1, trades.time[at]!);
  }
  return { count };
}
