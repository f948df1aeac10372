/** One simulated trade. Price in ticks, quantity in lots, time in ms. */
export interface SimulatedTrade {
  readonly id: number;
  readonly price: number;
  readonly qty: number;
  readonly time: number;
  readonly buyerIsMaker: boolean;
  readonly buyOrderId: number;
  readonly sellOrderId: number;
  /** Trades of one taker order at one price share it. */
  readonly aggregateId: number;
}

/** An exact candle: prices in ticks, volumes in lots, amounts in ticks times lots. */
export interface Candle {
  /** ms. */
  readonly openTime: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: bigint;
  amount: bigint;
  takerBuyVolume: bigint;
  takerBuyAmount: bigint;
  count: number;
  firstId: number;
  lastId: number;
}

const minuteMs = 60_000;

const unitMs: Readonly<Record<string, number>> = { m: minuteMs, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const intervals = ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"];

/** Length of one of Binance's intervals in ms (1s and 1M are not simulated); undefined for anything else. */
export function intervalMs(interval: string): number | undefined {
  if (!intervals.includes(interval)) return undefined;
  return Number.parseInt(interval, 10) * unitMs[interval.slice(-1)]!;
}

/** Open time of the interval that holds a time. Weeks start on Monday, as the venue's do. */
function openTimeOf(timeMs: number, lengthMs: number): number {
  const offset = lengthMs === 604_800_000 ? 345_600_000 : 0;
  return Math.floor((timeMs - offset) / lengthMs) * lengthMs + offset;
}

/** Flat candles at most between two that had trades, or behind the last: the newest of a longer pause. */
const mostFlat = 20_000;

/** A minute a candle, all of them up to a bound; longer ones are put together when asked for. */
export class MinuteCandles {
  readonly #minutes: Candle[] = [];

  constructor(private readonly keepMinutes: number) {}

  add(trade: SimulatedTrade): void {
    const openTime = trade.time - (trade.time % minuteMs);
    let candle = this.#minutes[this.#minutes.length - 1];
    if (candle === undefined || candle.openTime !== openTime) {
      candle = emptyCandle(openTime, trade.price, trade.id);
      this.#minutes.push(candle);
      if (this.#minutes.length > this.keepMinutes) this.#minutes.shift();
    }
    addTrade(candle, trade);
  }

  since(timeMs: number): Candle[] {
    return this.#minutes.filter((minute) => minute.openTime >= timeMs);
  }

  /**
   * Candles of an interval from the first trade to `untilMs`, quiet ones flat, as the venue fills them.
   *
   * @param untilMs the interval that holds this time is the last, and may be still open
   */
  of(lengthMs: number, untilMs: number): Candle[] {
    const candles: Candle[] = [];
    for (const minute of this.#minutes) {
      if (minute.openTime > untilMs) break;
      const openTime = openTimeOf(minute.openTime, lengthMs);
      fillFlat(candles, openTime - lengthMs, lengthMs);
      const last = candles[candles.length - 1];
      if (last?.openTime === openTime) merge(last, minute);
      else candles.push({ ...minute, openTime });
    }
    fillFlat(candles, openTimeOf(untilMs, lengthMs), lengthMs);
    return candles;
  }
}

function fillFlat(candles: Candle[], lastOpenTime: number, lengthMs: number): void {
  let last = candles[candles.length - 1];
  const first = lastOpenTime - (mostFlat - 1) * lengthMs;
  if (last !== undefined && last.openTime + lengthMs < first) {
    last = emptyCandle(first, last.close, -1);
    candles.push(last);
  }
  while (last !== undefined && last.openTime < lastOpenTime) {
    last = emptyCandle(last.openTime + lengthMs, last.close, -1);
    candles.push(last);
  }
}

function emptyCandle(openTime: number, price: number, id: number): Candle {
  return {
    openTime,
    open: price,
    high: price,
    low: price,
    close: price,
    volume: 0n,
    amount: 0n,
    takerBuyVolume: 0n,
    takerBuyAmount: 0n,
    count: 0,
    firstId: id,
    lastId: id,
  };
}

function addTrade(candle: Candle, trade: SimulatedTrade): void {
  const volume = BigInt(trade.qty);
  const amount = BigInt(trade.price) * volume;
  candle.high = Math.max(candle.high, trade.price);
  candle.low = Math.min(candle.low, trade.price);
  candle.close = trade.price;
  candle.volume += volume;
  candle.amount += amount;
  if (!trade.buyerIsMaker) {
    candle.takerBuyVolume += volume;
    candle.takerBuyAmount += amount;
  }
  candle.count++;
  candle.lastId = trade.id;
}

function merge(candle: Candle, minute: Candle): void {
  candle.high = Math.max(candle.high, minute.high);
  candle.low = Math.min(candle.low, minute.low);
  candle.close = minute.close;
  candle.volume += minute.volume;
  candle.amount += minute.amount;
  candle.takerBuyVolume += minute.takerBuyVolume;
  candle.takerBuyAmount += minute.takerBuyAmount;
  candle.count += minute.count;
  candle.lastId = minute.lastId;
}
