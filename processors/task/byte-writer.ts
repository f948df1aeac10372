import { type Units, writeUnits } from "../../schemas/units.js";

const FIRST = 64 * 1024;
/** A loop is faster than a call for texts up to so many bytes. */
const SHORT = 48;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

/** Where buffers come from in which outputs are written. */
export interface Chunks {
  /**
   * A buffer of at least so many bytes.
   *
   * @param full one that is not written to any more; outputs that lie in it are still to be sent
   */
  next(full: Buffer<ArrayBuffer>, bytes: number): Buffer<ArrayBuffer>;
}

const freshChunks: Chunks = { next: (_, bytes) => Buffer.allocUnsafeSlow(bytes) };

/** Writes ASCII text and Avro's binary forms into a buffer that grows. */
export class ByteWriter {
  bytes: Buffer<ArrayBuffer>;
  at = 0;

  /** @param size bytes to begin with */
  constructor(
    size = FIRST,
    readonly chunks: Chunks = freshChunks,
  ) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** Makes room for `more` bytes; call before writes of a bounded total. */
  reserve(more: number): void {
    if (this.at + more > this.bytes.length) this.#grow(more);
  }

  #grow(more: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + more));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
  }

  /** Starts a fresh buffer, so that what was written can be handed on as views. */
  renew(size: number): void {
    this.bytes = this.chunks.next(this.bytes, size);
    this.at = 0;
  }

  copy(source: Uint8Array): void {
    const length = source.length;
    this.reserve(length);
    if (length > SHORT) {
      this.bytes.set(source, this.at);
      this.at += length;
      return;
    }
    const bytes = this.bytes;
    let at = this.at;
    for (let index = 0; index < length; index++) bytes[at++] = source[index]!;
    this.at = at;
  }

  copyRange(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    const bytes = this.bytes;
    let at = this.at;
    for (let index = start; index < end; index++) bytes[at++] = source[index]!;
    this.at = at;
  }

  /** ASCII only. */
  ascii(text: string): void {
    const length = text.length;
    this.reserve(length);
    if (length > 24) {
      this.at += this.bytes.write(text, this.at, "latin1");
      return;
    }
    const bytes = this.bytes;
    let at = this.at;
    for (let index = 0; index < length; index++) bytes[at++] = text.charCodeAt(index);
    this.at = at;
  }

  /** Canonical decimal text. */
  units(units: Units, scale: number): void {
    this.reserve(roomOf(units, scale));
    this.at = writeUnits(this.bytes, this.at, units, scale);
  }

  /** Avro string of canonical decimal text: its length, then the text. */
  avroUnits(units: Units, scale: number): void {
    this.reserve(roomOf(units, scale));
    const start = this.at;
    // texts shorter than 64 bytes have a length of one byte; longer ones are moved by one
    const end = writeUnits(this.bytes, start + 1, units, scale);
    const length = end - start - 1;
    if (length < 64) {
      this.bytes[start] = length << 1;
      this.at = end;
      return;
    }
    this.bytes.copyWithin(start + 2, start + 1, end);
    this.bytes[start] = ((length << 1) & 0x7f) | 0x80;
    this.bytes[start + 1] = length >> 6;
    this.at = end + 1;
  }

  /** `["price","qty"]`. */
  jsonLevel(price: Units, priceScale: number, qty: Units, qtyScale: number): void {
    this.reserve(roomOf(price, priceScale) + roomOf(qty, qtyScale) + 8);
    const bytes = this.bytes;
    let at = this.at;
    bytes[at++] = OPEN;
    bytes[at++] = QUOTE;
    at = writeUnits(bytes, at, price, priceScale);
    bytes[at++] = QUOTE;
    bytes[at++] = COMMA;
    bytes[at++] = QUOTE;
    at = writeUnits(bytes, at, qty, qtyScale);
    bytes[at++] = QUOTE;
    bytes[at++] = CLOSE;
    this.at = at;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  /** Avro long (zigzag, variable length) of a safe integer. */
  avroLong(value: number): void {
    this.reserve(10);
    const bytes = this.bytes;
    let at = this.at;
    let rest = value >= 0 ? value * 2 : -value * 2 - 1;
    if (value > 4_503_599_627_370_495 || value < -4_503_599_627_370_496) {
      let exact = value >= 0 ? BigInt(value) * 2n : BigInt(-value) * 2n - 1n;
      while (exact >= 0x80n) {
        bytes[at++] = Number(exact & 0x7fn) | 0x80;
        exact >>= 7n;
      }
      bytes[at++] = Number(exact);
      this.at = at;
      return;
    }
    while (rest > 0x7fffffff) {
      const high = Math.floor(rest / 128);
      bytes[at++] = (rest - high * 128) | 0x80;
      rest = high;
    }
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.at = at;
  }

  /** Avro string of ASCII text. */
  avroAscii(text: string): void {
    this.avroLong(text.length);
    this.ascii(text);
  }

  /** Avro string of any text. */
  avroText(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    this.avroLong(bytes.length);
    this.copy(bytes);
  }

  /** JSON number of a safe integer. */
  integer(value: number): void {
    this.reserve(20);
    this.at = writeUnits(this.bytes, this.at, value, 0);
  }

  /** A copy of all that was written. */
  taken(): Uint8Array {
    return Buffer.from(this.bytes.subarray(0, this.at));
  }

  text(start: number, end: number, isAscii: boolean): string {
    const bytes = this.bytes as unknown as TextReader;
    return isAscii ? bytes.latin1Slice(start, end) : bytes.utf8Slice(start, end);
  }
}

/** What Buffer.toString calls behind a check of its arguments, and the types do not name. */
interface TextReader {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

/** Text that is written often, as bytes; out of Node's pool, since thousands of buffers of their own burden the collector. */
export const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** Bytes that the text of units takes at most, and what Avro puts around it. */
function roomOf(units: Units, scale: number): number {
  return typeof units === "number" ? 48 + scale : units.toString().length + scale + 8;
}
