import { BufferPool } from "../buffer-pool.js";
import type { BusMessage } from "./bus.js";
import { EncodedMessage } from "./encoded-message.js";
import { PackedArray } from "./message-pack.js";

/** Room for a megabyte of payloads and what stands around a thousand of them. */
const ROUND_BYTES = 1536 * 1024;
/** Rounds that lie ready to be written. */
const MOST_ROUNDS = 16;
/** A round of fewer bytes is copied, so that it keeps no whole buffer. */
const SMALL = 64 * 1024;
/** Room for what stands before the messages in a command, a script included. */
const HEAD = 8 * 1024;
/** UTF-8 bytes of a UTF-16 unit at most. */
const WIDEST = 3;
/** What stands around an argument: a dollar, its length, two ends of a line. */
const AROUND_ARGUMENT = 16;

/** A command with a round, as it goes over the wire. */
export interface RoundBytes {
  readonly bytes: Buffer;
  /** To be called when nobody reads the bytes any more; where that is not sure they are left to the collector. */
  release(): void;
}

/**
 * Writes the messages of one script call as Redis reads them, since the client would copy them twice: each payload is an
 * argument, and the last argument holds all the rest in one, which a script unpacks natively. (Redis hashes every text
 * that it hands to a script, byte by byte; payloads among the rest would be hashed twice.)
 * https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class RoundWriter {
  readonly #pool = new BufferPool(ROUND_BYTES, MOST_ROUNDS);
  readonly #heads = new PackedArray();
  readonly #prefix: Buffer;
  #buffer = this.#pool.take();
  #at = HEAD;
  #count = 0;

  /** @param prefix what the names of channels begin with in Redis */
  constructor(prefix: string) {
    this.#prefix = Buffer.from(prefix);
  }

  /** Begins a round of so many messages. */
  begin(count: number): void {
    this.#at = HEAD;
    this.#count = count;
    this.#heads.begin(4 * count);
  }

  /**
   * The next message of the round.
   *
   * @param code what the script does with it, one ASCII character
   */
  add(code: string, message: BusMessage): void {
    const heads = this.#heads;
    heads.text(this.#prefix, message.channel);
    heads.character(code.charCodeAt(0));
    // Lua's only number
    heads.number(message.epoch);
    heads.number(message.sequence);
    if (message instanceof EncodedMessage) this.#argument(message.bytes, message.start, message.end);
    else this.#text(message.payload);
  }

  /**
   * The round as the last arguments of a command, behind its name and the arguments that are given: the payloads one by
   * one, then a flat array of channel, code, epoch and sequence of each.
   */
  taken(...before: readonly string[]): RoundBytes {
    const given = before.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join("");
    const head = Buffer.from(`*${before.length + this.#count + 1}\r\n${given}`);
    const heads = this.#heads.bytes;
    this.#argument(heads, 0, heads.length);
    if (head.length > HEAD || this.#at < SMALL) {
      return { bytes: Buffer.concat([head, this.#buffer.subarray(HEAD, this.#at)]), release: () => {} };
    }
    const buffer = this.#buffer;
    const start = HEAD - head.length;
    buffer.set(head, start);
    const bytes = buffer.subarray(start, this.#at);
    this.#buffer = this.#pool.take();
    return { bytes, release: () => this.#pool.give(buffer) };
  }

  #argument(bytes: Buffer, start: number, end: number): void {
    this.#reserve(AROUND_ARGUMENT + end - start);
    this.#length(end - start);
    this.#at += bytes.copy(this.#buffer, this.#at, start, end);
    this.#endLine();
  }

  #text(text: string): void {
    this.#reserve(AROUND_ARGUMENT + WIDEST * text.length);
    this.#length(Buffer.byteLength(text));
    this.#at += this.#buffer.write(text, this.#at);
    this.#endLine();
  }

  #length(bytes: number): void {
    const buffer = this.#buffer;
    buffer[this.#at++] = 0x24;
    let power = 1;
    while (power * 10 <= bytes) power *= 10;
    for (let rest = bytes; power >= 1; power /= 10) {
      const digit = Math.floor(rest / power);
      buffer[this.#at++] = 0x30 + digit;
      rest -= digit * power;
    }
    this.#endLine();
  }

  #endLine(): void {
    this.#buffer[this.#at++] = 0x0d;
    this.#buffer[this.#at++] = 0x0a;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}
