const FIRST_BYTES = 64 * 1024;
const ARRAY32 = 0xdd;
const STRING32 = 0xdb;
const STRING_OF_ONE = 0xa1;
const FLOAT64 = 0xcb;
/** Of a long text or an array: its kind and its size. */
const HEAD = 5;
const NUMBER = 9;
/** UTF-8 bytes of a UTF-16 unit at most. */
const WIDEST = 3;
/** A loop is faster than a call for texts up to so many characters. */
const SHORT = 64;

/** Writes one flat array as MessagePack. https://github.com/msgpack/msgpack/blob/master/spec.md */
export class PackedArray {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = new DataView(this.#buffer.buffer);
  #at = 0;

  /** Begins an array of so many elements. */
  begin(count: number): void {
    this.#at = 0;
    this.#head(ARRAY32, count);
  }

  /** A text of two parts, the first of them in bytes. */
  text(start: Uint8Array, rest: string): void {
    this.#reserve(HEAD + start.length + WIDEST * rest.length);
    const from = this.#at + HEAD;
    const buffer = this.#buffer;
    let at = from;
    for (let i = 0; i < start.length; i++) buffer[at++] = start[i]!;
    at += rest.length > SHORT ? buffer.write(rest, at) : writeAscii(buffer, at, rest);
    this.#head(STRING32, at - from);
    this.#at = at;
  }

  /** A text of one ASCII character. */
  character(code: number): void {
    this.#reserve(2);
    this.#buffer[this.#at++] = STRING_OF_ONE;
    this.#buffer[this.#at++] = code;
  }

  number(value: number): void {
    this.#reserve(NUMBER);
    this.#buffer[this.#at] = FLOAT64;
    this.#view.setFloat64(this.#at + 1, value);
    this.#at += NUMBER;
  }

  /** What was written since it began; until it begins anew. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  #head(kind: number, size: number): void {
    this.#buffer[this.#at] = kind;
    this.#view.setUint32(this.#at + 1, size);
    this.#at += HEAD;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** @returns bytes written, as `Buffer.write` does */
function writeAscii(buffer: Buffer, from: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return buffer.write(text, from);
    buffer[from + i] = code;
  }
  return text.length;
}
