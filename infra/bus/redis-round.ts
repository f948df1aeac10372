import { BufferPool } from "../buffer-pool.js";
import type { BusMessage } from "./bus.js";
import { EncodedMessage } from "./encoded-message.js";

const ROUND_BYTES = 1024 * 1024;
/** Rounds that lie ready to be written. */
const MOST_ROUNDS = 16;
/** A round of fewer bytes is copied, so that it keeps no whole buffer. */
const SMALL = 64 * 1024;
/** Room for what stands before the messages in a command. */
const HEAD = 1024;
/** UTF-8 bytes of a UTF-16 unit at most. */
const WIDEST = 3;
const AROUND_TEXT = 5;
const NUMBER = 9;
const ARRAY32 = 0xdd;
const STRING32 = 0xdb;
const STRING_OF_ONE = 0xa1;
const FLOAT64 = 0xcb;
const CLOSE = 0x7d;
/** A loop is faster than a call for names up to so many characters. */
const SHORT = 64;

/** A command whose last argument is a round, as it goes over the wire. */
export interface RoundBytes {
  readonly bytes: Buffer;
  /** To be called when nobody reads the bytes any more; where that is not sure they are left to the collector. */
  release(): void;
}

/**
 * Packs the messages of one script call into a single argument: MessagePack, which Redis unpacks natively. Written as
 * arguments of their own they would cost the client several times as much. The command around it is written here, too:
 * the client would copy the round twice.
 * https://github.com/msgpack/msgpack/blob/master/spec.md, https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class RoundWriter {
  readonly #pool = new BufferPool(ROUND_BYTES, MOST_ROUNDS);
  readonly #keyStart: Buffer;
  #buffer = this.#pool.take();
  #view = new DataView(this.#buffer.buffer);
  #at = HEAD;

  /** @param keyStart what a key has before the channel's name; after it comes a brace */
  constructor(keyStart: string) {
    this.#keyStart = Buffer.from(keyStart);
  }

  /** Begins a round of so many messages. */
  begin(count: number): void {
    this.#at = HEAD;
    this.#reserve(AROUND_TEXT);
    this.#head(ARRAY32, 5 * count);
  }

  /**
   * The next message of the round.
   *
   * @param code what the script does with it, one ASCII character
   */
  add(code: string, message: BusMessage): void {
    this.#key(message);
    this.#buffer[this.#at++] = STRING_OF_ONE;
    this.#buffer[this.#at++] = code.charCodeAt(0);
    this.#number(message.epoch);
    this.#number(message.sequence);
    if (message instanceof EncodedMessage) this.#bytes(message);
    else this.#text(message.payload);
  }

  /** The round: a flat array of key, code, epoch, sequence and payload, one message after the other; a copy. */
  taken(): Buffer {
    return Buffer.from(this.#buffer.subarray(HEAD, this.#at));
  }

  /** The round as last argument of a command, after its name and the arguments that are given. */
  takenAs(...before: readonly string[]): RoundBytes {
    const arguments_ = before.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join("");
    const head = Buffer.from(`*${before.length + 1}\r\n${arguments_}$${this.#at - HEAD}\r\n`);
    this.#reserve(2);
    this.#at += this.#buffer.write("\r\n", this.#at);
    if (head.length > HEAD || this.#at < SMALL) {
      return { bytes: Buffer.concat([head, this.#buffer.subarray(HEAD, this.#at)]), release: () => {} };
    }
    const buffer = this.#buffer;
    const start = HEAD - head.length;
    buffer.set(head, start);
    const bytes = buffer.subarray(start, this.#at);
    this.#replace(this.#pool.take());
    return { bytes, release: () => this.#pool.give(buffer) };
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#replace(larger);
  }

  #replace(buffer: Buffer<ArrayBuffer>): void {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }

  /** The key of the channel's last value; reserves for the numbers that follow, too. */
  #key({ channel }: BusMessage): void {
    const start = this.#keyStart;
    const { length } = channel;
    this.#reserve(start.length + WIDEST * length + 3 * AROUND_TEXT + 2 * NUMBER);
    const head = this.#at;
    const buffer = this.#buffer;
    let at = head + AROUND_TEXT;
    for (let i = 0; i < start.length; i++) buffer[at++] = start[i]!;
    at += length > SHORT ? buffer.write(channel, at) : writeAscii(buffer, at, channel);
    buffer[at++] = CLOSE;
    this.#head(STRING32, at - head - AROUND_TEXT);
    this.#at = at;
  }

  #head(kind: number, size: number): void {
    this.#buffer[this.#at] = kind;
    this.#view.setUint32(this.#at + 1, size);
    this.#at += AROUND_TEXT;
  }

  #bytes({ bytes, start, end }: EncodedMessage): void {
    this.#reserve(AROUND_TEXT + end - start);
    this.#head(STRING32, end - start);
    this.#at += bytes.copy(this.#buffer, this.#at, start, end);
  }

  #text(text: string): void {
    this.#reserve(AROUND_TEXT + WIDEST * text.length);
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

/** @returns bytes written, as `Buffer.write` does */
function writeAscii(buffer: Buffer, from: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return buffer.write(text, from);
    buffer[from + i] = code;
  }
  return text.length;
}
