/** Six intervals of the defaults, in µs. */
export const INTERVALS = [60e6, 300e6, 900e6, 3600e6, 14_400e6, 86_400e6];

/** One candle in doubles: what a plain loop keeps. */
interface FloatCandle {
  openTime: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  quoteVolume: number;
  buyVolume: number;
  buyQuoteVolume: number;
  count: number;
}

/** The six candles of many series in doubles, without emission, order or lateness: the floor of K-lines. */
export class FloatCandles {
  private readonly candles: FloatCandle[];
  closed = 0;

  constructor(series: number) {
    this.candles = Array.from({ length: series * INTERVALS.length }, () => ({
      openTime: 0,
      open: 0,
      high: 0,
      low: 0,
      close: 0,
      volume: 0,
      quoteVolume: 0,
      buyVolume: 0,
      buyQuoteVolume: 0,
      count: 0,
    }));
  }

  add(series: number, price: number, qty: number, buy: boolean, time: number): void {
    const amount = price * qty;
    const first = series * INTERVALS.length;
    for (let i = 0; i < INTERVALS.length; i++) {
      const length = INTERVALS[i]!;
      const candle = this.candles[first + i]!;
      if (candle.count === 0 || time >= candle.openTime + length) {
        if (candle.count > 0) this.closed++;
        candle.openTime = time - (time % length);
        candle.open = price;
        candle.high = price;
        candle.low = price;
        candle.volume = 0;
        candle.quoteVolume = 0;
        candle.buyVolume = 0;
        candle.buyQuoteVolume = 0;
        candle.count = 0;
      } else if (price > candle.high) candle.high = price;
      else if (price < candle.low) candle.low = price;
      candle.close = price;
      candle.volume += qty;
      candle.quoteVolume += amount;
      if (buy) {
        candle.buyVolume += qty;
        candle.buyQuoteVolume += amount;
      }
      candle.count++;
    }
  }

  /** The first interval's candle of a series. */
  shortest(series: number): Readonly<FloatCandle> {
    return this.candles[series * INTERVALS.length]!;
  }
}
