import type { BusMessage } from "../../infra/bus/bus.js";
import { EncodedMessage } from "../../infra/bus/encoded-message.js";
import type { Micros } from "../../schemas/words.js";
import { ByteWriter, bytesOf, type Chunks } from "../task/byte-writer.js";
import type { LogClock } from "../task/operator.js";
import type { OutputStream } from "../task/output-stream.js";

/** Bytes of a chunk, unless one message takes more. */
export const CHUNK = 256 * 1024;
const HEADER = 5;
/** Bytes of an envelope's numbers, and what stands around them. */
const AROUND = 64;
const CLOSE = 0x7d;
const SEQUENCE = bytesOf(',"sequence":');
/** `,"data":` */
const DATA = 8;
const EPOCH = bytesOf(',"epoch":');
const LOG_TIME = bytesOf(',"log_time":');
const RECEIVE_TIME = bytesOf(',"receive_time":');
const SEQUENCE_NUM = bytesOf(',"sequence_num":');

/**
 * Where one message after the other is written, as Avro for the log and as JSON for the channel: what leaves are views of
 * chunks that nobody writes to before they are sent.
 */
export class MessageWriter {
  readonly avro: ByteWriter;
  readonly json: ByteWriter;
  #valueStart = 0;
  #textStart = 0;
  /** Where the envelope's `,"data":` begins. */
  #dataStart = 0;

  /** The times of every message, written once for all that are made at one instant. */
  readonly #avroTimes = new ByteWriter(32);
  readonly #jsonTimes = new ByteWriter(96);
  #logTime: Micros = -1;
  #receiveTime: Micros = -1;

  constructor(
    readonly clock: LogClock,
    chunks?: Chunks,
  ) {
    this.avro = new ByteWriter(CHUNK, chunks);
    this.json = new ByteWriter(CHUNK, chunks);
  }

  /**
   * Begins a message, up to the names of its stream; its other fields are written to `avro` and `json` next.
   *
   * @param sequence the stream's, which has begun
   * @param room     bytes that either form takes about
   */
  begin(stream: OutputStream, sequence: number, schemaId: number, room: number): void {
    this.#beginValue(stream, schemaId, room);
    this.beginText(stream, sequence, room);
  }

  /** Begins a message that goes to its channel alone. */
  beginText(stream: OutputStream, sequence: number, room: number): void {
    const { json } = this;
    const { texts, headEnd, namesEnd } = stream;
    const wanted = namesEnd + AROUND + room;
    if (json.at + wanted > CHUNK) json.renew(Math.max(CHUNK, wanted));
    this.#textStart = json.at;
    this.#head(stream, sequence);
    this.#dataStart = json.at;
    json.copyRange(texts, headEnd, namesEnd);
  }

  #beginValue({ texts, namesEnd }: OutputStream, schemaId: number, room: number): void {
    const { avro } = this;
    const wanted = HEADER + texts.length - namesEnd + room;
    if (avro.at + wanted > CHUNK) avro.renew(Math.max(CHUNK, wanted));
    this.#valueStart = avro.at;
    avro.bytes[avro.at] = 0;
    avro.at = avro.bytes.writeUInt32BE(schemaId, avro.at + 1);
    avro.copyRange(texts, namesEnd, texts.length);
  }

  #head({ texts, headEnd, epoch }: OutputStream, sequence: number): void {
    const { json } = this;
    json.copyRange(texts, 0, headEnd);
    json.integer(epoch);
    json.copy(SEQUENCE);
    json.integer(sequence);
  }

  /** The stream's epoch and the message's number, as Avro. */
  avroPosition({ epoch }: OutputStream, sequence: number): void {
    this.avro.avroLong(epoch);
    this.avro.avroLong(sequence);
  }

  /** The same as JSON, after a timestamp (µs). */
  jsonPosition(timestamp: Micros, { epoch }: OutputStream, sequence: number): void {
    const { json } = this;
    json.integer(timestamp);
    json.copy(EPOCH);
    json.integer(epoch);
    json.copy(SEQUENCE_NUM);
    json.integer(sequence);
  }

  /** A record's last fields: log time and receive time. */
  avroTimes(): void {
    this.#renewTimes();
    this.avro.copyRange(this.#avroTimes.bytes, 0, this.#avroTimes.at);
  }

  /** The same as JSON, and the message's end. */
  jsonTimes(): void {
    this.#renewTimes();
    this.json.copyRange(this.#jsonTimes.bytes, 0, this.#jsonTimes.at);
  }

  #renewTimes(): void {
    const { now, received } = this.clock;
    if (now === this.#logTime && received === this.#receiveTime) return;
    this.#logTime = now;
    this.#receiveTime = received;
    const [avro, json] = [this.#avroTimes, this.#jsonTimes];
    avro.at = 0;
    avro.avroLong(now);
    avro.avroLong(received);
    json.at = 0;
    json.copy(LOG_TIME);
    json.integer(now);
    json.copy(RECEIVE_TIME);
    json.integer(received);
    json.byte(CLOSE);
  }

  /** The record's value, once its last field is written. */
  value(): Uint8Array {
    const { bytes, at } = this.avro;
    return new Uint8Array(bytes.buffer, this.#valueStart, at - this.#valueStart);
  }

  /** The message as JSON text, without its envelope; before `message`. */
  text({ isAscii }: OutputStream): string {
    return this.json.text(this.#dataStart + DATA, this.json.at, isAscii);
  }

  /** Ends the envelope: the message for the stream's channel. */
  message(stream: OutputStream, sequence: number, kind: BusMessage["kind"], now: Micros): BusMessage {
    this.json.byte(CLOSE);
    return this.#message(stream, sequence, kind, now, this.#textStart);
  }

  /** After `message`: the same data once more, on another stream's channel. */
  again(stream: OutputStream, sequence: number, kind: BusMessage["kind"], now: Micros): BusMessage {
    const { json } = this;
    const from = this.#dataStart;
    const length = json.at - from;
    json.reserve(stream.headEnd + AROUND + length);
    const start = json.at;
    this.#head(stream, sequence);
    json.bytes.copyWithin(json.at, from, from + length);
    json.at += length;
    return this.#message(stream, sequence, kind, now, start);
  }

  #message(stream: OutputStream, sequence: number, kind: BusMessage["kind"], now: Micros, start: number): BusMessage {
    const { bytes, at } = this.json;
    const { channel, epoch, isAscii } = stream;
    return new EncodedMessage(channel, epoch, sequence, kind, stream.renews(now), bytes, start, at, isAscii);
  }
}
