import type { Store } from "../infra/store/store.js";
import type { ExchangeKline } from "../ingest/ccxt/klines.js";
import { Decimal } from "../schemas/decimal.js";
import { interval, intervalNames } from "../schemas/kline-intervals.js";
import type { Kline } from "../schemas/messages.js";
import type { Micros } from "../schemas/words.js";

const BATCH_ROWS = 5_000;
/** Made by the exchange, not from trades that the plant has seen. */
const BACKFILLED = "backfilled";

/**
 * Writes an exchange's own K-lines into history, for the time before the plant was there. A K-line that the plant made
 * itself stands above one of these, whichever came first. What the exchange does not say (quote volume, trades, taker
 * volumes) is 0, and the flag `backfilled` says so.
 *
 * @param now µs; a K-line that has not closed by then is left out, as is one that opens where none of the plant's does
 * @throws StoreUnavailable, StoreRefused
 */
export async function storeKlines(
  store: Store,
  klines: AsyncIterable<ExchangeKline>,
  now: Micros,
): Promise<{ readonly stored: number; readonly leftOut: number }> {
  let rows: Kline[] = [];
  let stored = 0;
  let leftOut = 0;
  const flush = async () => {
    if (rows.length > 0) await store.insert("market.kline", rows);
    stored += rows.length;
    rows = [];
  };
  for await (const kline of klines) {
    const row = historyKline(kline, now);
    if (row === undefined) leftOut += 1;
    else rows.push(row);
    if (rows.length >= BATCH_ROWS) await flush();
  }
  await flush();
  return { stored, leftOut };
}

function historyKline(kline: ExchangeKline, now: Micros): Kline | undefined {
  const { symbol, exchange, interval: name, open_time, open, high, low, close, volume = "0" } = kline;
  if (!intervalNames.includes(name)) return undefined;
  const length = interval(name);
  const end = length.nextOpen(open_time);
  if (length.openTime(open_time) !== open_time || end > now) return undefined;
  const canonical = (text: string): string => Decimal.parse(text).toString();
  return {
    ...{ symbol, exchange, interval: name, open_time, close_time: end - 1, open: canonical(open) },
    ...{ high: canonical(high), low: canonical(low), close: canonical(close), volume: canonical(volume) },
    ...{ quote_volume: "0", trade_count: 0, taker_buy_volume: "0", taker_buy_quote_volume: "0" },
    is_closed: true,
    revision: 1,
    flags: [BACKFILLED],
    timestamp: end,
    // below every epoch of a plant
    epoch: 0,
    sequence_num: 0,
    log_time: 0,
    receive_time: 0,
  };
}
