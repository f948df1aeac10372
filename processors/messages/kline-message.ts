import type { Micros } from "../../schemas/words.js";
import type { Candle } from "../candles/candle.js";
import { bytesOf } from "../task/byte-writer.js";
import type { OutputStream } from "../task/output-stream.js";
import { avroTexts, copyText } from "./json-text.js";
import type { MessageWriter } from "./message-writer.js";

/** Decimals of price, base volume and quote volume. */
export interface Scales {
  readonly price: number;
  readonly qty: number;
  readonly quote: number;
}

/** What a K-line says of itself beside its candle. */
export interface KlineHead {
  /** Log time (µs) of the message. */
  readonly now: Micros;
  readonly closeTime: Micros;
  readonly scales: Scales;
  readonly closed: boolean;
}

export const FEED_DOWN = 1;
export const AMENDED = 2;
/** Bytes that a K-line takes about. */
export const KLINE_ROOM = 768;

/** The fields of a K-line. */
export function writeKline(
  writer: MessageWriter,
  stream: OutputStream,
  sequence: number,
  candle: Candle,
  { now, closeTime, scales, closed }: KlineHead,
): void {
  const { avro, json } = writer;
  const { price, qty, quote } = scales;
  avro.avroLong(candle.openTime);
  avro.avroLong(closeTime);
  const texts = avro.at;
  avro.avroUnits(candle.open, price);
  avro.avroUnits(candle.high, price);
  avro.avroUnits(candle.low, price);
  avro.avroUnits(candle.close, price);
  avro.avroUnits(candle.volume, qty);
  avro.avroUnits(candle.quoteVolume, quote);
  avro.avroLong(candle.count);
  const takers = avro.at;
  avro.avroUnits(candle.buyVolume, qty);
  avro.avroUnits(candle.buyQuoteVolume, quote);
  avro.byte(closed ? 1 : 0);
  avro.avroLong(candle.revision);
  avro.copy(flagAvro[candle.flags]!);
  avro.avroLong(now);
  writer.avroPosition(stream, sequence);
  writer.avroTimes();

  const { bytes } = avro;
  json.copy(OPEN_TIME);
  json.integer(candle.openTime);
  json.copy(CLOSE_TIME);
  json.integer(closeTime);
  let from = copyText(json, OPEN, bytes, texts);
  from = copyText(json, HIGH, bytes, from);
  from = copyText(json, LOW, bytes, from);
  from = copyText(json, CLOSE, bytes, from);
  from = copyText(json, VOLUME, bytes, from);
  copyText(json, QUOTE_VOLUME, bytes, from);
  json.copy(TRADE_COUNT);
  json.integer(candle.count);
  from = copyText(json, TAKER_BUY_VOLUME, bytes, takers);
  copyText(json, TAKER_BUY_QUOTE_VOLUME, bytes, from);
  json.copy(closed ? IS_CLOSED : IS_OPEN);
  json.integer(candle.revision);
  json.copy(flagJson[candle.flags]!);
  writer.jsonPosition(now, stream, sequence);
  writer.jsonTimes();
}

const flagNames: readonly (readonly string[])[] = [[], ["feed_down"], ["amended"], ["feed_down", "amended"]];
const flagJson = flagNames.map((names) => bytesOf(`,"flags":${JSON.stringify(names)},"timestamp":`));
const flagAvro = flagNames.map(avroTexts);

const OPEN_TIME = bytesOf(',"open_time":');
const CLOSE_TIME = bytesOf(',"close_time":');
const OPEN = bytesOf(',"open":"');
const HIGH = bytesOf('","high":"');
const LOW = bytesOf('","low":"');
const CLOSE = bytesOf('","close":"');
const VOLUME = bytesOf('","volume":"');
const QUOTE_VOLUME = bytesOf('","quote_volume":"');
const TRADE_COUNT = bytesOf('","trade_count":');
const TAKER_BUY_VOLUME = bytesOf(',"taker_buy_volume":"');
const TAKER_BUY_QUOTE_VOLUME = bytesOf('","taker_buy_quote_volume":"');
const IS_CLOSED = bytesOf('","is_closed":true,"revision":');
const IS_OPEN = bytesOf('","is_closed":false,"revision":');
