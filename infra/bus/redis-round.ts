/** What a script call is told of one message. */
export interface RoundEntry {
  /** Of the channel's last value. */
  readonly key: string;
  readonly code: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly payload: string;
}

const FIRST_BYTES = 256 * 1024;
/** UTF-8 bytes of a UTF-16 unit at most. */
const WIDEST = 3;
const AROUND_TEXT = 5;
const NUMBER = 9;
const ARRAY32 = 0xdd;
const STRING32 = 0xdb;
const FLOAT64 = 0xcb;

/**
 * Packs the messages of one script call into a single argument: MessagePack, which Redis unpacks natively. Written as
 * arguments of their own they would cost the client several times as much.
 * https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export class RoundWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = new DataView(this.#buffer.buffer);
  #at = 0;

  /** A flat array: key, code, epoch, sequence, payload of one message after the other. The bytes are the caller's. */
  pack(count: number, entryAt: (at: number) => RoundEntry): Buffer {
    this.#at = 0;
    this.#reserve(AROUND_TEXT);
    this.#head(ARRAY32, 5 * count);
    for (let at = 0; at < count; at++) {
      const { key, code, epoch, sequence, payload } = entryAt(at);
      const units = key.length + code.length + payload.length;
      this.#reserve(WIDEST * units + 3 * AROUND_TEXT + 2 * NUMBER);
      this.#text(key);
      this.#text(code);
      this.#number(epoch);
      this.#number(sequence);
      this.#text(payload);
    }
    return Buffer.from(this.#buffer.subarray(0, this.#at));
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }

  #head(kind: number, size: number): void {
    this.#buffer[this.#at] = kind;
    this.#view.setUint32(this.#at + 1, size);
    this.#at += AROUND_TEXT;
  }

  #text(text: string): void {
    const written = this.#buffer.write(text, this.#at + AROUND_TEXT);
    this.#head(STRING32, written);
    this.#at += written;
  }

  /** Lua's only number. */
  #number(value: number): void {
    this.#buffer[this.#at] = FLOAT64;
    this.#view.setFloat64(this.#at + 1, value);
    this.#at += NUMBER;
  }
}
