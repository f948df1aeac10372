import type { BusMessage } from "../infra/bus/bus.js";
import type { Codecs } from "../schemas/codec.js";
import type { DeadLetter, Depth, Index, IndexInput, OutputTopic, Ticker } from "../schemas/messages.js";
import type { Units } from "../schemas/units.js";
import type { Micros } from "../schemas/words.js";
import type { Candle } from "./candles/candle.js";
import { ByteWriter, bytesOf } from "./task/byte-writer.js";
import type { CleanTrade, LogClock } from "./task/operator.js";
import type { OutputStream } from "./task/output-stream.js";

/** The codecs of schemas/, of which the hot topics lend only their ids. */
export type OutputCodecs = Codecs;

/** Where a task's outputs go: the log and the bus, or a command's standard output. */
export interface OutputSink {
  /**
   * One record of a topic.
   *
   * @param stream names the topic and the key
   * @param value  Avro in the wire format; the sink may keep it
   * @param json   the same message as JSON text
   */
  record(stream: OutputStream, value: Uint8Array, timestamp: Micros, json: string): void;
  message(message: BusMessage): void;
  /** Whether channel messages and last values are wanted at all. */
  readonly channels: boolean;
}

/** Levels laid flat: [price, qty], bids first. */
export interface LevelsOut {
  readonly prices: ArrayLike<Units>;
  readonly quantities: ArrayLike<Units>;
  readonly bidCount: number;
  readonly count: number;
  readonly priceScale: number;
  readonly qtyScale: number;
}

export type DepthHead = Pick<
  Depth,
  "first_update_id" | "update_id" | "is_snapshot" | "status" | "reason" | "timestamp"
>;

const CHUNK = 256 * 1024;
const HEADER = 5;

/**
 * Turns integers into the messages that leave: each is encoded once, as Avro for the log and as JSON text for the
 * channel, and nobody after it formats again.
 */
export class Outbox {
  readonly #avro = new ByteWriter();
  readonly #json = new ByteWriter();

  constructor(
    readonly sink: OutputSink,
    readonly clock: LogClock,
    readonly codecs: OutputCodecs,
  ) {
    this.#avro.renew(CHUNK);
  }

  /**
   * A trade of one venue, on its topic and channel, and on the symbol's tape under that channel's own sequence.
   */
  trade(stream: OutputStream, tape: OutputStream, trade: CleanTrade): void {
    const { market } = trade;
    const now = this.clock.now;
    const sequence = stream.next(now);
    const start = this.#begin("market.trade", 128 + (trade.idEnd - trade.idStart));
    const avro = this.#avro;
    avro.copy(stream.avroNames);
    avro.avroLong(trade.idEnd - trade.idStart);
    avro.copyRange(trade.idBytes, trade.idStart, trade.idEnd);
    const priceAt = avro.at + 1;
    avro.avroUnits(trade.price, market.priceScale);
    const priceEnd = avro.at;
    avro.avroUnits(trade.qty, market.qtyScale);
    const qtyEnd = avro.at;
    avro.byte(trade.buy ? 0 : 2);
    avro.avroLong(trade.exchangeTime);
    avro.copy(stream.epochAvro);
    avro.avroLong(sequence);
    if (trade.retractsStart < 0) avro.byte(0);
    else this.#avroRetracts(trade);

    const json = this.#json;
    json.at = 0;
    const source = avro.bytes;
    json.copy(stream.names);
    json.copy(TRADE_ID);
    jsonTextOf(json, trade.idBytes, trade.idStart, trade.idEnd, trade.idNumber >= 0);
    json.copy(PRICE);
    // texts of 64 bytes and more carry a second length byte
    json.copyRange(source, source[priceAt - 1]! >= 0x80 ? priceAt + 1 : priceAt, priceEnd);
    json.copy(QTY);
    json.copyRange(source, source[priceEnd]! >= 0x80 ? priceEnd + 2 : priceEnd + 1, qtyEnd);
    json.copy(trade.buy ? BUY : SELL);
    json.integer(trade.exchangeTime);
    json.copy(stream.epochJson);
    json.integer(sequence);
    if (trade.retractsStart < 0) json.copy(NO_RETRACTS);
    else {
      json.copy(RETRACTS);
      jsonTextOf(json, trade.idBytes, trade.retractsStart, trade.retractsEnd, false);
      json.byte(0x7d);
    }
    const data = json.text(0, json.at);
    this.#record(stream, start, data);
    if (!this.sink.channels) return;
    this.#publish(stream, sequence, data, "event");
    this.#publish(tape, tape.next(now), data, "event");
  }

  #avroRetracts({ idBytes, retractsStart, retractsEnd }: CleanTrade): void {
    const avro = this.#avro;
    avro.byte(2);
    avro.avroLong(retractsEnd - retractsStart);
    avro.copyRange(idBytes, retractsStart, retractsEnd);
  }

  /** A K-line as it stands; `closed` once log time has closed it. */
  kline(stream: OutputStream, candle: Candle, closeTime: Micros, scales: Scales, closed: boolean): void {
    const now = this.clock.now;
    const sequence = stream.next(now);
    const { price, qty, quote } = scales;
    const start = this.#begin("market.kline", 512);
    const avro = this.#avro;
    avro.copy(stream.avroNames);
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
    const flags = flagNames[candle.flags]!;
    if (flags.length > 0) avro.avroLong(flags.length);
    for (const flag of flags) avro.avroAscii(flag);
    avro.byte(0);
    avro.avroLong(now);
    avro.copy(stream.epochAvro);
    avro.avroLong(sequence);

    const json = this.#json;
    json.at = 0;
    json.copy(stream.names);
    json.copy(OPEN_TIME);
    json.integer(candle.openTime);
    json.copy(CLOSE_TIME);
    json.integer(closeTime);
    let from = texts;
    from = this.#copyText(OPEN, from);
    from = this.#copyText(HIGH, from);
    from = this.#copyText(LOW, from);
    from = this.#copyText(CLOSE, from);
    from = this.#copyText(VOLUME, from);
    this.#copyText(QUOTE_VOLUME, from);
    json.copy(TRADE_COUNT);
    json.integer(candle.count);
    from = this.#copyText(TAKER_BUY_VOLUME, takers);
    this.#copyText(TAKER_BUY_QUOTE_VOLUME, from);
    json.copy(closed ? IS_CLOSED : IS_OPEN);
    json.integer(candle.revision);
    json.copy(flagJson[candle.flags]!);
    this.#tail(now, stream, sequence);
    const data = json.text(0, json.at);
    this.#record(stream, start, data);
    if (this.sink.channels) this.#publish(stream, sequence, data, "value");
  }

  /** A venue's depth event, or the aggregate's, with its levels. */
  depth(stream: OutputStream, head: DepthHead, levels: LevelsOut): void {
    const previous = stream.sequence;
    const sequence = stream.next(this.clock.now);
    const start = this.#begin("market.depth", 256);
    const avro = this.#avro;
    avro.copy(stream.avroNames);
    this.#avroLevels(levels, 0, levels.bidCount);
    this.#avroLevels(levels, levels.bidCount, levels.count);
    avro.avroLong(head.first_update_id);
    avro.avroLong(head.update_id);
    avro.byte(head.is_snapshot ? 1 : 0);
    avro.byte(head.status === "live" ? 0 : 2);
    if (head.reason === null) avro.byte(0);
    else {
      avro.byte(2);
      avro.avroText(head.reason);
    }
    avro.avroLong(head.timestamp);
    avro.copy(stream.epochAvro);
    avro.avroLong(sequence);
    avro.avroLong(previous);
    const data = this.#depthJson(stream, head, levels, sequence, previous);
    this.#record(stream, start, data);
    if (this.sink.channels) this.#publish(stream, sequence, data, head.is_snapshot ? "value" : "increment");
  }

  /** The full book as its channel's last value; it repeats the stream's last sequence and goes to no topic. */
  bookSnapshot(stream: OutputStream, head: DepthHead, levels: LevelsOut): void {
    if (!this.sink.channels || stream.sequence === 0) return;
    const data = this.#depthJson(stream, head, levels, stream.sequence, stream.sequence);
    this.#publish(stream, stream.sequence, data, "snapshot");
  }

  ticker(stream: OutputStream, message: Omit<Ticker, "symbol" | "exchange" | "epoch" | "sequence_num">): void {
    const sequence = stream.next(this.clock.now);
    const { symbol, exchange, epoch } = stream;
    const whole: Ticker = { symbol, exchange, ...message, epoch, sequence_num: sequence };
    this.#message(stream, sequence, this.codecs["market.ticker"].encode(whole), JSON.stringify(whole));
  }

  index(stream: OutputStream, message: Omit<Index, "epoch" | "sequence_num">): void {
    const sequence = stream.next(this.clock.now);
    const { name, value, status, timestamp, constituents } = message;
    const whole: Index = { name, value, status, timestamp, epoch: stream.epoch, sequence_num: sequence, constituents };
    this.#message(stream, sequence, this.codecs["market.index"].encode(whole), JSON.stringify(whole));
  }

  /** An index's prices on the way to the partition where the index is computed: a topic without a channel. */
  indexInput(stream: OutputStream, message: Omit<IndexInput, "epoch" | "sequence_num">): void {
    const sequence = stream.next(this.clock.now);
    const { name, source, log_time, prices } = message;
    const whole: IndexInput = { name, source, log_time, epoch: stream.epoch, sequence_num: sequence, prices };
    this.sink.record(stream, this.codecs["index.input"].encode(whole), this.clock.now, JSON.stringify(whole));
  }

  deadLetter(stream: OutputStream, message: Omit<DeadLetter, "epoch" | "sequence_num" | "timestamp">): void {
    const sequence = stream.next(this.clock.now);
    const timestamp = this.clock.now;
    const whole: DeadLetter = { ...message, timestamp, epoch: stream.epoch, sequence_num: sequence };
    const json = JSON.stringify({ ...whole, original: Buffer.from(whole.original).toString("base64") });
    this.sink.record(stream, this.codecs["market.dlq"].encode(whole), timestamp, json);
  }

  /** A message that has a channel and no topic: instruments, feeds. */
  channelOnly(stream: OutputStream, message: object): void {
    const sequence = stream.next(this.clock.now);
    if (this.sink.channels) this.#publish(stream, sequence, JSON.stringify(message), "value");
  }

  /** What a channel-only stream said last, as its last value and not as news: the sequence stays. */
  channelAgain(stream: OutputStream, message: object): void {
    if (!this.sink.channels || stream.sequence === 0) return;
    this.#publish(stream, stream.sequence, JSON.stringify(message), "snapshot");
  }

  #message(stream: OutputStream, sequence: number, value: Uint8Array, data: string): void {
    this.sink.record(stream, value, this.clock.now, data);
    if (this.sink.channels) this.#publish(stream, sequence, data, "value");
  }

  /** The wire format's header; what follows up to #record is one value. */
  #begin(topic: OutputTopic, room: number): number {
    if (this.#avro.at + room > CHUNK) this.#avro.renew(CHUNK);
    const avro = this.#avro;
    avro.reserve(HEADER + room);
    const start = avro.at;
    avro.bytes[start] = 0;
    avro.at = avro.bytes.writeUInt32BE(this.codecs[topic].schemaId, start + 1);
    return start;
  }

  #record(stream: OutputStream, start: number, data: string): void {
    const { bytes, at } = this.#avro;
    this.sink.record(stream, new Uint8Array(bytes.buffer, start, at - start), this.clock.now, data);
  }

  #publish(stream: OutputStream, sequence: number, data: string, kind: BusMessage["kind"]): void {
    if (stream.epoch === 0) stream.begin(this.clock.now);
    this.sink.message({
      channel: stream.channel,
      epoch: stream.epoch,
      sequence,
      payload: `${stream.head}${sequence},"data":${data}}`,
      kind,
    });
  }

  /** Copies an Avro string of the value just written, after a label; answers where the next one begins. */
  #copyText(label: Uint8Array, at: number): number {
    const json = this.#json;
    const bytes = this.#avro.bytes;
    json.copy(label);
    let from = at + 1;
    let length = bytes[at]! >> 1;
    if (bytes[at]! >= 0x80) {
      length = ((bytes[at]! & 0x7f) >> 1) | (bytes[at + 1]! << 6);
      from = at + 2;
    }
    json.copyRange(bytes, from, from + length);
    return from + length;
  }

  #avroLevels(levels: LevelsOut, from: number, to: number): void {
    const avro = this.#avro;
    if (to > from) {
      avro.avroLong(to - from);
      for (let at = from; at < to; at++) {
        avro.byte(4);
        avro.avroUnits(levels.prices[at]!, levels.priceScale);
        avro.avroUnits(levels.quantities[at]!, levels.qtyScale);
        avro.byte(0);
      }
    }
    avro.byte(0);
  }

  #jsonLevels(levels: LevelsOut, from: number, to: number): void {
    const json = this.#json;
    json.byte(91);
    for (let at = from; at < to; at++) {
      if (at > from) json.byte(44);
      json.jsonLevel(levels.prices[at]!, levels.priceScale, levels.quantities[at]!, levels.qtyScale);
    }
    json.byte(93);
  }

  #depthJson(stream: OutputStream, head: DepthHead, levels: LevelsOut, sequence: number, previous: number): string {
    const json = this.#json;
    json.at = 0;
    json.copy(stream.names);
    json.ascii(',"bids":');
    this.#jsonLevels(levels, 0, levels.bidCount);
    json.ascii(',"asks":');
    this.#jsonLevels(levels, levels.bidCount, levels.count);
    json.ascii(',"first_update_id":');
    json.integer(head.first_update_id);
    json.ascii(',"update_id":');
    json.integer(head.update_id);
    json.ascii(head.is_snapshot ? ',"is_snapshot":true' : ',"is_snapshot":false');
    json.ascii(head.status === "live" ? ',"status":"live","reason":' : ',"status":"stale","reason":');
    json.ascii(head.reason === null ? "null" : jsonAscii(head.reason));
    json.ascii(',"timestamp":');
    this.#tail(head.timestamp, stream, sequence, false);
    json.ascii(',"previous_sequence":');
    json.integer(previous);
    json.ascii("}");
    return json.text(0, json.at);
  }

  #tail(timestamp: Micros, stream: OutputStream, sequence: number, last = true): void {
    const json = this.#json;
    json.integer(timestamp);
    json.copy(stream.epochJson);
    json.integer(sequence);
    if (last) json.ascii("}");
  }
}

/** Decimals of price, base volume and quote volume. */
export interface Scales {
  readonly price: number;
  readonly qty: number;
  readonly quote: number;
}

export const FEED_DOWN = 1;
export const AMENDED = 2;
const flagNames: readonly (readonly string[])[] = [[], ["feed_down"], ["amended"], ["feed_down", "amended"]];
const flagJson = flagNames.map((names) => bytesOf(`,"flags":${JSON.stringify(names)},"timestamp":`));

const TRADE_ID = bytesOf(',"trade_id":');
const PRICE = bytesOf(',"price":"');
const QTY = bytesOf('","qty":"');
const BUY = bytesOf('","side":"buy","timestamp":');
const SELL = bytesOf('","side":"sell","timestamp":');
const NO_RETRACTS = bytesOf(',"retracts":null}');
const RETRACTS = bytesOf(',"retracts":');
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

/** A JSON string of text that came from outside: plain ASCII is copied, anything else is escaped. */
function jsonTextOf(json: ByteWriter, bytes: Uint8Array, start: number, end: number, isNumber: boolean): void {
  // a number needs no look
  for (let at = isNumber ? end : start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c || byte > 0x7e) {
      json.ascii(jsonAscii(Buffer.from(bytes.subarray(start, end)).toString("utf8")));
      return;
    }
  }
  json.byte(0x22);
  json.copyRange(bytes, start, end);
  json.byte(0x22);
}

/** A JSON string in ASCII alone. */
function jsonAscii(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
