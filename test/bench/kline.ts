import { KlineOperator } from "../../processors/kline.js";
import { Outbox, type OutputSink } from "../../processors/outbox.js";
import { defaultSettings } from "../../processors/settings.js";
import { type Market, Markets } from "../../processors/task/market.js";
import type { CleanTrade, LogClock, TaskContext } from "../../processors/task/operator.js";
import { Timers } from "../../processors/task/timers.js";
import { type Codecs, openCodecs } from "../../schemas/codec.js";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import { type Figure, inWords, measure, Stopwatch } from "./figure.js";
import { FloatCandles } from "./float-candles.js";
import { instrumentOf } from "./instruments.js";
import { type InterleavedTrades, interleavedTrades } from "./interleaved-trades.js";
import { KlineCheck } from "./kline-check.js";

/** Trades a second of log time, and how many: midnight's candles must not close before the measured part ends. */
const RUNS = [
  [3_000_000, 2_000_000],
  [400_000, 760_000],
] as const;

/** The K-line operator alone: clean trades in, emissions encoded as Avro and JSON and then dropped. */
export async function kline(): Promise<Figure[]> {
  const codecs = await openCodecs(new EmbeddedRegistry());
  const figures: Figure[] = [];
  for (const [perSecond, count] of RUNS) figures.push(await figureAt(perSecond, count, codecs));
  return figures;
}

async function figureAt(perSecond: number, count: number, codecs: Codecs): Promise<Figure> {
  const trades = interleavedTrades(count, perSecond);
  const check = new KlineCheck(trades);
  let emissions = 0;
  let compared = 0;
  const run = () => {
    const bench = new KlineBench(trades, codecs);
    const took = new Stopwatch().start();
    bench.feed();
    took.stop();
    emissions = bench.emissions;
    bench.close(check);
    compared = check.verify(defaultSettings.klineIntervals);
    return { count: trades.count, took };
  };
  run();
  return measure({
    name: `K-line operator, log time at ${inWords(perSecond)} trades/s`,
    unit: "trades",
    about: `${inWords(trades.count)} recorded trades over ${trades.markets.length} markets and ${trades.symbols} aggregates, six intervals; ${emissions} K-lines emitted on the way`,
    verified: `${compared} candles at midnight and at the end equal an exact brute force`,
    ...(perSecond === 3_000_000 && { goal: { coreRate: 3_000_000 } }),
    run,
    floors: [{ name: "the same six candles a series in doubles, nothing emitted", run: () => floatLoop(trades) }],
  });
}

class KlineBench {
  readonly clock: LogClock = { now: 0, received: 0 };
  readonly timers = new Timers();
  readonly markets: Market[];
  readonly operator: KlineOperator;
  readonly trade: CleanTrade;
  emissions = 0;
  private check: KlineCheck | undefined;

  constructor(
    readonly trades: InterleavedTrades,
    codecs: Codecs,
  ) {
    const sink: OutputSink = {
      channels: true,
      texts: false,
      record: (_stream, value) => {
        this.emissions++;
        this.check?.take(codecs["market.kline"].decode(value));
      },
      message: () => {},
    };
    const markets = new Markets();
    const context: TaskContext = {
      task: "market.raw/0",
      partition: 0,
      partitionOf: () => 0,
      settings: defaultSettings,
      clock: this.clock,
      timers: this.timers,
      markets,
      outbox: new Outbox(sink, this.clock, codecs),
      order: 0,
      feed: () => undefined,
      refuse: (_exchange, _symbol, reason) => {
        throw new Error(`a trade was refused: ${reason}`);
      },
    };
    this.markets = trades.markets.map(({ exchange, symbol, priceScale, qtyScale }) => {
      const market = markets.findOrAdd(exchange, symbol);
      market.govern(instrumentOf(exchange, symbol, priceScale, qtyScale));
      return market;
    });
    this.operator = new KlineOperator(context);
    const idBytes = new Uint8Array(0);
    const values = { price: 0, qty: 0, buy: false, exchangeTime: 0, receiveTime: 0 };
    const ids = {
      idStart: 0,
      idEnd: 0,
      idNumber: 0,
      idText: "",
      retractsStart: -1,
      retractsEnd: -1,
      firstId: -1,
      lastId: -1,
    };
    this.trade = { market: this.markets[0]!, ...values, idBytes, ...ids };
  }

  feed(): void {
    const { trades, trade, operator, markets } = this;
    for (let at = 0; at < trades.count; at++) {
      const time = trades.time[at]!;
      this.advance(time);
      trade.market = markets[trades.market[at]!]!;
      trade.price = trades.price[at]!;
      trade.qty = trades.qty[at]!;
      trade.buy = trades.buy[at] === 1;
      trade.exchangeTime = time;
      trade.receiveTime = time;
      trade.idNumber = trades.id[at]!;
      operator.onTrade(trade);
    }
  }

  private advance(time: number): void {
    if (time <= this.clock.now) return;
    if (this.timers.next <= time) {
      this.timers.fire(time, (due) => {
        this.clock.now = Math.max(this.clock.now, due);
      });
    }
    this.clock.now = time;
  }

  /** A moment on: midnight's candles close, and what conflation holds back of the open ones is shown. */
  close(check: KlineCheck): void {
    this.check = check;
    this.advance(this.clock.now + 3_000_000);
  }
}

function floatLoop(trades: InterleavedTrades) {
  const { markets, count } = trades;
  const candles = new FloatCandles(markets.length + trades.symbols);
  const groups = markets.map(({ group }) => markets.length + group);
  const priceSteps = markets.map(({ priceScale }) => 10 ** priceScale);
  const qtySteps = markets.map(({ qtyScale }) => 10 ** qtyScale);
  for (let at = 0; at < count; at++) {
    const which = trades.market[at]!;
    const price = trades.price[at]! / priceSteps[which]!;
    const qty = trades.qty[at]! / qtySteps[which]!;
    const buy = trades.buy[at] === 1;
    candles.add(which, price, qty, buy, trades.time[at]!);
    candles.add(groups[which]!, price, qty, buy, trades.time[at]!);
  }
  return { count };
}
