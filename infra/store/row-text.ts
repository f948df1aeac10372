import type { IndexConstituent, Level, MessageOfTopic, MessageTimes, SignalLeg } from "../../schemas/messages.js";
import type { Micros } from "../../schemas/words.js";
import type { StoredTopic } from "./store.js";

/** A value that its column would not keep as it is. */
export class UnfitValue extends Error {}

/** Most decimals of a price or quantity; 52 digits stand before the point. */
export const valueScale = 24;
/** Most decimals of an amount in the quote currency (a product of price and quantity); 40 digits before the point. */
export const amountScale = 36;
/** Most digits of a decimal together. */
export const precision = 76;
const special = /[\\\t\n\r\0\b\f]/;
const escapes: Record<string, string> = {
  "\\": "\\\\",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  "\0": "\\0",
  "\b": "\\b",
  "\f": "\\f",
};

function text(value: string): string {
  return special.test(value) ? value.replace(/[\\\t\n\r\0\b\f]/g, (one) => escapes[one] ?? one) : value;
}

/** A string within an array or tuple. */
function quoted(value: string): string {
  return `'${text(value).replaceAll("'", "\\'")}'`;
}

function nullable(value: string | null): string {
  return value === null ? "\\N" : text(value);
}

/**
 * Decimal text, as the column keeps it: the engine takes any text there, and would find out in a query alone.
 *
 * @throws UnfitValue
 */
function decimal(value: string, scale: number): string {
  const length = value.length;
  let at = value.charCodeAt(0) === 45 ? 1 : 0;
  const first = at;
  let point = -1;
  for (; at < length; at += 1) {
    const code = value.charCodeAt(at);
    if (code >= 48 && code <= 57) continue;
    if (code !== 46 || point >= 0 || at === first) throw new UnfitValue(`"${value}" is not a decimal`);
    point = at;
  }
  const whole = (point < 0 ? length : point) - first;
  const decimals = point < 0 ? 0 : length - point - 1;
  if (whole === 0 || (point >= 0 && decimals === 0)) throw new UnfitValue(`"${value}" is not a decimal`);
  if (decimals > scale) throw new UnfitValue(`${value} has more than ${scale} decimals`);
  if (whole > precision - scale) throw new UnfitValue(`${value} has more than ${precision - scale} digits`);
  return value;
}

const value = (digits: string): string => decimal(digits, valueScale);
const amount = (digits: string): string => decimal(digits, amountScale);
const nullableValue = (digits: string | null): string => (digits === null ? "\\N" : decimal(digits, valueScale));
const nullableAmount = (digits: string | null): string => (digits === null ? "\\N" : decimal(digits, amountScale));
/** Within an array or tuple, where texts stand in quotes. */
const quotedValue = (digits: string): string => `'${decimal(digits, valueScale)}'`;
const quotedOrNull = (digits: string | null): string => (digits === null ? "NULL" : quotedValue(digits));

/** Seconds with six decimals: a bare integer would be read as seconds where it is small. @throws UnfitValue */
function time(micros: Micros): string {
  if (!Number.isSafeInteger(micros) || micros < 0) throw new UnfitValue(`${micros} is no time in µs since 1970`);
  const digits = micros >= 1e15 ? String(micros) : String(micros).padStart(16, "0");
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** Whole numbers as they are: an engine error for anything else would come late and name no row. @throws UnfitValue */
function whole(number: number): number {
  if (Number.isSafeInteger(number)) return number;
  throw new UnfitValue(`${number} is no exact whole number`);
}

const texts = (values: readonly string[]): string => `[${values.map(quoted).join(",")}]`;

function levels(side: readonly Level[]): string {
  let out = "[";
  for (const [price, qty] of side) out += `${out.length > 1 ? "," : ""}(${quotedValue(price)},${quotedValue(qty)})`;
  return `${out}]`;
}

function constituent(one: IndexConstituent): string {
  const price = quotedOrNull(one.price);
  return `(${quoted(one.exchange)},${quoted(one.symbol)},${price},${quotedValue(one.weight)},${one.included},${quoted(one.reason)})`;
}

const leg = (one: SignalLeg): string =>
  `(${quoted(one.exchange)},${quoted(one.side)},${quotedValue(one.price)},${quotedValue(one.qty)})`;

function bytes(original: Uint8Array): string {
  let out = "";
  for (const byte of original) {
    out +=
      byte >= 32 && byte < 127 && byte !== 92
        ? String.fromCharCode(byte)
        : `\\x${byte < 16 ? "0" : ""}${byte.toString(16)}`;
  }
  return out;
}

/** How one topic's messages become rows of its table. */
export interface RowText<Message> {
  readonly table: string;
  readonly columns: readonly string[];
  /**
   * One TabSeparated row with its newline.
   *
   * @param sentAt when the message left for the log, µs; 0: not known
   * @throws UnfitValue
   */
  row(message: Message, sentAt?: Micros): string;
}

const stream = ["timestamp", "epoch", "sequence_num"] as const;
const place = (m: { timestamp: Micros; epoch: number; sequence_num: number }): string =>
  `${time(m.timestamp)}\t${whole(m.epoch)}\t${whole(m.sequence_num)}`;

const later = ["log_time", "receive_time", "sent_at"] as const;
const times = (m: MessageTimes, sentAt: Micros): string => `${moments(m, sentAt)}\n`;
const moments = (m: MessageTimes, sentAt: Micros): string =>
  `${time(m.log_time)}\t${time(m.receive_time)}\t${time(sentAt)}`;
/** Of a trade that sums several. */
const fills = ["first_trade_id", "last_trade_id"] as const;
const fill = (id: number | null | undefined): string => (id == null ? "\\N" : String(whole(id)));

/** Rows of every stored topic, columns in the order of their text. */
export const rowTexts: { readonly [Topic in StoredTopic]: RowText<MessageOfTopic[Topic]> } = {
  "market.trade": {
    table: "trades_data",
    columns: [
      "symbol",
      "exchange",
      "trade_id",
      "price",
      "qty",
      "side",
      ...stream,
      "retracts",
      ...later,
      ...fills,
      "flags",
    ],
    row: (m, sentAt = 0) =>
      `${text(m.symbol)}\t${text(m.exchange)}\t${text(m.trade_id)}\t${value(m.price)}\t${value(m.qty)}\t${m.side}\t${place(m)}\t${nullable(m.retracts)}\t${moments(m, sentAt)}\t` +
      `${fill(m.first_trade_id)}\t${fill(m.last_trade_id)}\t${texts(m.flags)}\n`,
  },
  "market.ticker": {
    table: "tickers_data",
    columns: [
      ...["symbol", "exchange", "bid_price", "bid_qty", "ask_price", "ask_qty", "last_price", "volume_24h"],
      ...["quote_volume_24h", "open_24h", "high_24h", "low_24h", "weighted_price", "median_price", "venues", ...stream],
      ...later,
    ],
    row: (m, sentAt = 0) =>
      `${text(m.symbol)}\t${text(m.exchange)}\t${nullableValue(m.bid_price)}\t${nullableValue(m.bid_qty)}\t${nullableValue(m.ask_price)}\t${nullableValue(m.ask_qty)}\t` +
      `${nullableValue(m.last_price)}\t${nullableValue(m.volume_24h)}\t${nullableAmount(m.quote_volume_24h)}\t${nullableValue(m.open_24h)}\t${nullableValue(m.high_24h)}\t${nullableValue(m.low_24h)}\t` +
      `${nullableValue(m.weighted_price)}\t${nullableValue(m.median_price)}\t${texts(m.venues ?? [])}\t${place(m)}\t${times(m, sentAt)}`,
  },
  "market.depth": {
    table: "depth_data",
    columns: [
      ...["symbol", "exchange", "bids", "asks", "first_update_id", "update_id", "is_snapshot", "status", "reason"],
      ...[...stream, "previous_sequence", ...later],
    ],
    row: (m, sentAt = 0) =>
      `${text(m.symbol)}\t${text(m.exchange)}\t${levels(m.bids)}\t${levels(m.asks)}\t${whole(m.first_update_id)}\t${whole(m.update_id)}\t` +
      `${m.is_snapshot}\t${text(m.status)}\t${nullable(m.reason)}\t${place(m)}\t${whole(m.previous_sequence)}\t${times(m, sentAt)}`,
  },
  "market.kline": {
    table: "klines_data",
    columns: [
      ...["symbol", "exchange", "interval", "open_time", "close_time", "open", "high", "low", "close", "volume"],
      ...["quote_volume", "trade_count", "taker_buy_volume", "taker_buy_quote_volume", "is_closed", "revision"],
      ...["flags", ...stream, ...later],
    ],
    row: (m, sentAt = 0) =>
      `${text(m.symbol)}\t${text(m.exchange)}\t${text(m.interval)}\t${time(m.open_time)}\t${time(m.close_time)}\t${value(m.open)}\t${value(m.high)}\t${value(m.low)}\t${value(m.close)}\t` +
      `${value(m.volume)}\t${amount(m.quote_volume)}\t${whole(m.trade_count)}\t${value(m.taker_buy_volume)}\t${amount(m.taker_buy_quote_volume)}\t${m.is_closed}\t` +
      `${whole(m.revision)}\t${texts(m.flags)}\t${place(m)}\t${times(m, sentAt)}`,
  },
  "market.index": {
    table: "index_values_data",
    columns: ["name", "value", "status", ...stream, "constituents", ...later],
    row: (m, sentAt = 0) =>
      `${text(m.name)}\t${nullableValue(m.value)}\t${text(m.status)}\t${place(m)}\t[${m.constituents.map(constituent).join(",")}]\t${times(m, sentAt)}`,
  },
  "signal.alpha": {
    table: "signals_data",
    columns: ["signal_id", "strategy", "symbol", "legs", "expected_profit", ...stream, ...later],
    row: (m, sentAt = 0) =>
      `${text(m.signal_id)}\t${text(m.strategy)}\t${text(m.symbol)}\t[${m.legs.map(leg).join(",")}]\t${amount(m.expected_profit)}\t${place(m)}\t${times(m, sentAt)}`,
  },
  "market.dlq": {
    table: "dead_letters_data",
    columns: [
      ...["topic", "partition", "offset", "index", "exchange", "symbol", "reason", "detail", "original"],
      ...[...stream, ...later],
    ],
    row: (m, sentAt = 0) =>
      `${text(m.topic)}\t${whole(m.partition)}\t${whole(m.offset)}\t${whole(m.index)}\t${text(m.exchange)}\t${text(m.symbol)}\t${text(m.reason)}\t` +
      `${text(m.detail)}\t${bytes(m.original)}\t${place(m)}\t${times(m, sentAt)}`,
  },
};
