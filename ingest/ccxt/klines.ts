import { PlantError } from "../../infra/errors.js";
import { byLength, venueEnd } from "../../schemas/kline-intervals.js";
import type { DecimalText, Micros, SymbolName, VenueId } from "../../schemas/words.js";
import type { CcxtExchange } from "./library.js";
import { decimalText } from "./number-texts.js";

/** A K-line as an exchange gives it, in the names of the plant's messages. Times are µs; `close_time` is exclusive. */
export interface ExchangeKline {
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  readonly interval: string;
  readonly open_time: Micros;
  readonly close_time: Micros;
  readonly open: DecimalText;
  readonly high: DecimalText;
  readonly low: DecimalText;
  readonly close: DecimalText;
  /** Base currency, in contracts where the exchange counts so; missing where it says nothing. */
  readonly volume?: DecimalText;
}

const pageRows = 500;

/**
 * An exchange's own K-lines that open in [from, to), oldest first, page by page, in the exchange's digits. It ends where
 * the exchange gives nothing newer.
 *
 * @param from,to ms since the epoch
 * @throws IntervalUnknown
 */
export async function* exchangeKlines(
  ccxt: CcxtExchange,
  symbol: SymbolName,
  interval: string,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<ExchangeKline> {
  requireInterval(ccxt, interval);
  for (let since = from; since < to; ) {
    const page = await ccxt.fetchOHLCV(symbol, interval, since, pageRows);
    const rows = page
      .map((row) => klineOf(ccxt.id, symbol, interval, row))
      .filter((kline) => kline !== undefined)
      .filter(({ open_time }) => open_time >= since * 1_000 && open_time < to * 1_000)
      .sort((a, b) => a.open_time - b.open_time);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    since = last.close_time / 1_000;
  }
}

/** The exchange makes no K-lines of such an interval. */
export class IntervalUnknown extends PlantError {
  constructor(exchange: VenueId, interval: string, names: readonly string[]) {
    super("TP_INTERVAL_UNKNOWN", `${exchange} has no K-lines of ${interval}: there are ${names.join(", ")}`);
  }
}

function requireInterval({ id, timeframes }: CcxtExchange, interval: string): void {
  const names = Object.keys(timeframes ?? {});
  if (!names.includes(interval)) throw new IntervalUnknown(id, interval, names.sort(byLength));
}

/** @returns undefined for a row that lacks a price */
function klineOf(
  exchange: VenueId,
  symbol: SymbolName,
  interval: string,
  row: readonly unknown[],
): ExchangeKline | undefined {
  const openMs = Number(row[0]);
  const [open, high, low, close, volume] = row.slice(1).map(decimalText);
  if (!Number.isSafeInteger(openMs) || !open || !high || !low || !close) return undefined;
  const times = { open_time: openMs * 1_000, close_time: venueEnd(interval, openMs * 1_000) };
  const kline = { exchange, symbol, interval, ...times, open, high, low, close };
  return volume === undefined ? kline : { ...kline, volume };
}
