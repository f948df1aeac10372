import type { Kline } from "../../schemas/messages.js";
import type { Micros } from "../../schemas/words.js";
import { big, text, times } from "./exact.js";

/** A trade as a recording has it; those of one market in the order in which they arrived. */
export interface PlainTrade {
  readonly time: Micros;
  readonly id: number;
  readonly price: string;
  readonly qty: string;
  readonly buy: boolean;
}

export type PlainCandle = Pick<
  Kline,
  | "open_time"
  | "open"
  | "high"
  | "low"
  | "close"
  | "volume"
  | "quote_volume"
  | "trade_count"
  | "taker_buy_volume"
  | "taker_buy_quote_volume"
>;

/** The candles that have trades, by open time, from all trades at once. @param opens the open time of an instant */
export function bruteCandles(trades: readonly PlainTrade[], opens: (time: Micros) => Micros): Map<Micros, PlainCandle> {
  const groups = new Map<Micros, PlainTrade[]>();
  for (const trade of trades) {
    const openTime = opens(trade.time);
    const group = groups.get(openTime);
    if (group === undefined) groups.set(openTime, [trade]);
    else group.push(trade);
  }
  const candles = [...groups].map(([openTime, group]) => [openTime, candleOf(openTime, group)] as const);
  return new Map(candles.sort(([a], [b]) => a - b));
}

/** A sort is stable, so arrival decides between equals. */
function candleOf(openTime: Micros, trades: readonly PlainTrade[]): PlainCandle {
  const sorted = [...trades].sort((a, b) => a.time - b.time || a.id - b.id);
  const prices = sorted.map(({ price }) => big(price));
  const ranked = prices.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const sum = (some: readonly PlainTrade[], of: (trade: PlainTrade) => bigint) =>
    text(some.reduce((total, trade) => total + of(trade), 0n));
  const buys = sorted.filter(({ buy }) => buy);
  const qty = (trade: PlainTrade) => big(trade.qty);
  const amount = (trade: PlainTrade) => times(big(trade.price), big(trade.qty));
  return {
    open_time: openTime,
    open: text(prices[0]!),
    high: text(ranked.at(-1)!),
    low: text(ranked[0]!),
    close: text(prices.at(-1)!),
    volume: sum(sorted, qty),
    quote_volume: sum(sorted, amount),
    trade_count: sorted.length,
    taker_buy_volume: sum(buys, qty),
    taker_buy_quote_volume: sum(buys, amount),
  };
}

/** The fields of a K-line that trades decide. */
export function plainOf(kline: Kline): PlainCandle {
  return {
    open_time: kline.open_time,
    open: kline.open,
    high: kline.high,
    low: kline.low,
    close: kline.close,
    volume: kline.volume,
    quote_volume: kline.quote_volume,
    trade_count: kline.trade_count,
    taker_buy_volume: kline.taker_buy_volume,
    taker_buy_quote_volume: kline.taker_buy_quote_volume,
  };
}

/** The newest revision of each K-line of a stream, by open time. */
export function newest(klines: readonly Kline[], exchange: string, interval: string): Map<Micros, Kline> {
  const found = new Map<Micros, Kline>();
  for (const kline of klines) {
    if (kline.exchange === exchange && kline.interval === interval) found.set(kline.open_time, kline);
  }
  return new Map([...found].sort(([a], [b]) => a - b));
}
