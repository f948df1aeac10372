import { PythUnreadable } from "./errors.js";

/** Reads big-endian bytes from the front; every step is checked against the end. */
export class ByteReader {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length - this.#at;
  }

  /** @throws PythUnreadable */
  take(count: number, what: string): Uint8Array {
    if (count > this.left) throw new PythUnreadable(`it ends within ${what}`);
    const start = this.#at;
    this.#at += count;
    return this.bytes.subarray(start, this.#at);
  }

  uint(bytes: 1 | 2 | 4, what: string): number {
    return this.take(bytes, what).reduce((value, byte) => value * 256 + byte, 0);
  }

  int32(what: string): number {
    return this.uint(4, what) | 0;
  }

  uint64(what: string): bigint {
    return this.take(8, what).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  int64(what: string): bigint {
    return BigInt.asIntN(64, this.uint64(what));
  }
}
