import type { BusMessage } from "./bus.js";

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

  /** Begins a round of so many messages. */
  begin(count: number): void {
    this.#at = 0;
    this.#reserve(AROUND_TEXT);
    this.#head(ARRAY32, 5 * count);
  }

  /**
   * The next message of the round.
   *
   * @param key  of the channel's last value
   * @param code what the script does with it
   */
  add(key: string, code: string, { epoch, sequence, payload }: BusMessage): void {
    const units = key.length + code.length + payload.length;
    this.#reserve(WIDEST * units + 3 * AROUND_TEXT + 2 * NUMBER);
    this.#text(key);
    this.#text(code);
    this.#number(epoch);
    this.#number(sequence);
    this.#text(payload);
  }

  /** The round: a flat array of key, code, epoch, sequence and payload, one message after the other; a copy. */
  taken(): Buffer {
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
