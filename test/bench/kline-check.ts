import type { Kline } from "../../schemas/messages.js";
import { parseUnits } from "../../schemas/units.js";
import { type ExactCandle, exactCandles, type InterleavedTrades, MIDNIGHT } from "./interleaved-trades.js";

/** Holds the newest K-line of every series and open time against the brute force. */
export class KlineCheck {
  readonly #newest = new Map<string, Kline>();
  readonly #truth: ReturnType<typeof exactCandles>;

  constructor(readonly trades: InterleavedTrades) {
    this.#truth = exactCandles(trades);
  }

  take(kline: Kline): void {
    const { exchange, symbol, interval, open_time } = kline;
    const key = `${exchange} ${symbol} ${interval} ${open_time < MIDNIGHT ? "before" : "after"}`;
    const former = this.#newest.get(key);
    if (former === undefined || kline.revision > former.revision) this.#newest.set(key, kline);
  }

  /** @returns how many candles were compared @throws Error at the first that differs */
  verify(intervals: readonly string[]): number {
    const { markets, symbols } = this.trades;
    let compared = 0;
    for (const [when, truth] of Object.entries(this.#truth)) {
      for (const interval of intervals) {
        for (const [which, { exchange, symbol, priceScale, qtyScale }] of markets.entries()) {
          this.#compare(`${exchange} ${symbol} ${interval} ${when}`, truth[which], priceScale, qtyScale);
          compared++;
        }
        for (let group = 0; group < symbols; group++) {
          const own = markets.filter((market) => market.group === group);
          const price = Math.max(...own.map((market) => market.priceScale));
          const qty = Math.max(...own.map((market) => market.qtyScale));
          const key = `aggregate ${own[0]!.symbol} ${interval} ${when}`;
          this.#compare(key, truth[markets.length + group], price, qty);
          compared++;
        }
      }
    }
    return compared;
  }

  #compare(key: string, exact: ExactCandle | undefined, priceScale: number, qtyScale: number): void {
    const kline = this.#newest.get(key);
    if (kline === undefined || exact === undefined) throw new Error(`no candle of ${key}`);
    const units = {
      open: parseUnits(kline.open, priceScale),
      high: parseUnits(kline.high, priceScale),
      low: parseUnits(kline.low, priceScale),
      close: parseUnits(kline.close, priceScale),
      volume: parseUnits(kline.volume, qtyScale),
      quoteVolume: parseUnits(kline.quote_volume, priceScale + qtyScale),
      buyVolume: parseUnits(kline.taker_buy_volume, qtyScale),
      buyQuoteVolume: parseUnits(kline.taker_buy_quote_volume, priceScale + qtyScale),
      count: kline.trade_count,
    };
    for (const [field, value] of Object.entries(units)) {
      const expected = exact[field as keyof ExactCandle];
      if (value !== expected) throw new Error(`${field} of ${key} is ${value}, not ${expected}`);
    }
  }
}
