import { hexToBytes, keccak256 } from "viem";
import type { ChainLog, Hex, LogFilter } from "./chain.js";

/** Bytes of a block's filter, and bits that a value sets in it. Source: Ethereum Yellow Paper, 4.4.3 (M3:2048). */
const BLOOM_BYTES = 256;
const BITS = 3;

const MOST_KEPT = 10_000;
const kept = new Map<Hex, readonly number[]>();

/** Bits of an address or a topic, counted from the filter's end. */
function bitsOf(value: Hex): readonly number[] {
  const known = kept.get(value);
  if (known !== undefined) return known;
  const hash = keccak256(value, "bytes");
  const bits = Array.from({ length: BITS }, (_, at) => ((hash[2 * at]! << 8) | hash[2 * at + 1]!) & 2047);
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(value, bits);
  return bits;
}

/** The `logsBloom` of a block: it tells what logs a block surely has not; of what it may have, some is not there. */
export class LogsBloom {
  readonly #bytes: Uint8Array;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @returns undefined for what is no filter: some chains leave it out */
  static read(hex: Hex | undefined): LogsBloom | undefined {
    if (hex === undefined || hex.length !== 2 + 2 * BLOOM_BYTES) return undefined;
    return new LogsBloom(hexToBytes(hex));
  }

  /** The filter that a block with these logs has to have. */
  static of(logs: readonly Pick<ChainLog, "address" | "topics">[]): LogsBloom {
    const bytes = new Uint8Array(BLOOM_BYTES);
    for (const { address, topics } of logs) {
      for (const value of [address, ...topics]) {
        for (const bit of bitsOf(value)) bytes[BLOOM_BYTES - 1 - (bit >> 3)]! |= 1 << (bit & 7);
      }
    }
    return new LogsBloom(bytes);
  }

  /** Of a block without logs, and of each block where a chain or a node leaves the filter empty. */
  get isEmpty(): boolean {
    return this.#bytes.every((byte) => byte === 0);
  }

  equals(other: LogsBloom): boolean {
    return Buffer.compare(this.#bytes, other.#bytes) === 0;
  }

  mayHave(value: Hex): boolean {
    return bitsOf(value).every((bit) => (this.#bytes[BLOOM_BYTES - 1 - (bit >> 3)]! >> (bit & 7)) & 1);
  }

  /** Whether these logs can be of the block. */
  covers(logs: readonly Pick<ChainLog, "address" | "topics">[]): boolean {
    return logs.every(({ address, topics }) => this.mayHave(address) && topics.every((topic) => this.mayHave(topic)));
  }

  /** Contracts whose wanted logs the block may have, and of which there are none among these. */
  missing({ addresses, topics }: LogFilter, logs: readonly ChainLog[]): Hex[] {
    if (!topics.some((topic) => this.mayHave(topic))) return [];
    return addresses.filter((address) => this.mayHave(address) && !logs.some((log) => log.address === address));
  }
}
