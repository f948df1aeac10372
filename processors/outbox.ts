import type { BusMessage } from "../infra/bus/bus.js";
import type { Codecs } from "../schemas/codec.js";
import type { DeadLetter, Index, IndexInput, MessageTimes } from "../schemas/messages.js";
import type { Micros } from "../schemas/words.js";
import type { Candle } from "./candles/candle.js";
import {
  type DepthHead,
  depthRoom,
  type LevelsOut,
  writeDepthText,
  writeDepthValue,
} from "./messages/depth-message.js";
import { KLINE_ROOM, type Scales, writeKline } from "./messages/kline-message.js";
import { MessageWriter } from "./messages/message-writer.js";
import { type TickerBody, tickerRoom, writeTicker } from "./messages/ticker-message.js";
import { TRADE_ROOM, writeTrade } from "./messages/trade-message.js";
import type { Chunks } from "./task/byte-writer.js";
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
   * @param json   the same message as JSON text, "" where `texts` is false
   */
  record(stream: OutputStream, value: Uint8Array, timestamp: Micros, json: string): void;
  message(message: BusMessage): void;
  /** Whether channel messages and last values are wanted at all. */
  readonly channels: boolean;
  /** Whether records are wanted as JSON text, too. */
  readonly texts: boolean;
  /** Where outputs are written; without it in memory that the collector frees. */
  readonly chunks?: Chunks;
}

/** A refused tick, without its place in the stream of refusals. */
type Refused = Omit<DeadLetter, "epoch" | "sequence_num" | "timestamp" | keyof MessageTimes>;

/**
 * Turns integers into the messages that leave: each is encoded once, as Avro for the log and as JSON text for the
 * channel, and nobody after it formats again.
 */
export class Outbox {
  readonly #writer: MessageWriter;

  constructor(
    readonly sink: OutputSink,
    readonly clock: LogClock,
    readonly codecs: OutputCodecs,
  ) {
    this.#writer = new MessageWriter(clock, sink.chunks);
  }

  /** A trade of one venue, on its topic and channel, and on the symbol's tape under that channel's own sequence. */
  trade(stream: OutputStream, tape: OutputStream, trade: CleanTrade): void {
    const { now } = this.clock;
    const sequence = stream.next(now);
    this.#writer.begin(stream, sequence, this.codecs["market.trade"].schemaId, TRADE_ROOM);
    writeTrade(this.#writer, stream, sequence, trade);
    this.#send(stream, sequence, "event");
    if (this.sink.channels) this.sink.message(this.#writer.again(tape, tape.next(now), "event", now));
  }

  /** A K-line as it stands; `closed` once log time has closed it. */
  kline(stream: OutputStream, candle: Candle, closeTime: Micros, scales: Scales, closed: boolean): void {
    const { now } = this.clock;
    const sequence = stream.next(now);
    this.#writer.begin(stream, sequence, this.codecs["market.kline"].schemaId, KLINE_ROOM);
    writeKline(this.#writer, stream, sequence, candle, { now, closeTime, scales, closed });
    this.#send(stream, sequence, "value");
  }

  /** A venue's depth event, or the aggregate's, with its levels. */
  depth(stream: OutputStream, head: DepthHead, levels: LevelsOut): void {
    const previous = stream.sequence;
    const sequence = stream.next(this.clock.now);
    this.#writer.begin(stream, sequence, this.codecs["market.depth"].schemaId, depthRoom(levels));
    writeDepthValue(this.#writer, stream, head, levels, sequence, previous);
    writeDepthText(this.#writer, stream, head, levels, sequence, previous);
    this.#send(stream, sequence, head.is_snapshot ? "value" : "increment");
  }

  /** The full book as its channel's last value; it repeats the stream's last sequence and goes to no topic. */
  bookSnapshot(stream: OutputStream, head: DepthHead, levels: LevelsOut): void {
    const { sequence } = stream;
    if (!this.sink.channels || sequence === 0) return;
    this.#writer.beginText(stream, sequence, depthRoom(levels));
    writeDepthText(this.#writer, stream, head, levels, sequence, sequence);
    this.sink.message(this.#writer.message(stream, sequence, "snapshot", this.clock.now));
  }

  ticker(stream: OutputStream, body: TickerBody): void {
    const sequence = stream.next(this.clock.now);
    this.#writer.begin(stream, sequence, this.codecs["market.ticker"].schemaId, tickerRoom(body));
    writeTicker(this.#writer, stream, sequence, body);
    this.#send(stream, sequence, "value");
  }

  index(stream: OutputStream, message: Omit<Index, "epoch" | "sequence_num" | keyof MessageTimes>): void {
    const sequence = stream.next(this.clock.now);
    const { name, value, status, timestamp, constituents } = message;
    const { epoch } = stream;
    const whole: Index = {
      ...{ name, value, status, timestamp, epoch, sequence_num: sequence, constituents },
      ...this.#times(),
    };
    const text = JSON.stringify(whole);
    this.sink.record(stream, this.codecs["market.index"].encode(whole), this.clock.now, text);
    if (this.sink.channels) this.#publish(stream, sequence, text, "value");
  }

  /** An index's prices on the way to the partition where the index is computed: a topic without a channel. */
  indexInput(stream: OutputStream, message: Omit<IndexInput, "epoch" | "sequence_num" | "receive_time">): void {
    const sequence = stream.next(this.clock.now);
    const { name, source, log_time, prices } = message;
    const { epoch } = stream;
    const receive_time = this.clock.received;
    const whole: IndexInput = { name, source, log_time, epoch, sequence_num: sequence, prices, receive_time };
    const text = this.sink.texts ? JSON.stringify(whole) : "";
    this.sink.record(stream, this.codecs["index.input"].encode(whole), this.clock.now, text);
  }

  deadLetter(stream: OutputStream, message: Refused): void {
    const sequence = stream.next(this.clock.now);
    const timestamp = this.clock.now;
    const whole: DeadLetter = {
      ...{ ...message, timestamp, epoch: stream.epoch, sequence_num: sequence },
      ...this.#times(),
    };
    const text = this.sink.texts
      ? JSON.stringify({ ...whole, original: Buffer.from(whole.original).toString("base64") })
      : "";
    this.sink.record(stream, this.codecs["market.dlq"].encode(whole), timestamp, text);
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

  #times(): MessageTimes {
    const { now, received } = this.clock;
    return { log_time: now, receive_time: received };
  }

  /** What was just written, to the log and to the channel. */
  #send(stream: OutputStream, sequence: number, kind: BusMessage["kind"]): void {
    const { now } = this.clock;
    const text = this.sink.texts ? this.#writer.text(stream) : "";
    this.sink.record(stream, this.#writer.value(), now, text);
    if (this.sink.channels) this.sink.message(this.#writer.message(stream, sequence, kind, now));
  }

  #publish(stream: OutputStream, sequence: number, data: string, kind: BusMessage["kind"]): void {
    const { channel, epoch } = stream;
    const payload = `{"channel":${JSON.stringify(channel)},"epoch":${epoch},"sequence":${sequence},"data":${data}}`;
    this.sink.message({ channel, epoch, sequence, payload, kind });
  }
}
