import { crc32c } from "@node-rs/crc32";
import lz4 from "lz4-napi";

/** What is written of one record. */
export interface OutRecord {
  readonly key: string | null;
  readonly value: Uint8Array | null;
  /** µs; Kafka keeps ms. */
  readonly timestamp: number;
}

/** Who writes a batch of a transaction. */
export interface BatchProducer {
  readonly id: bigint;
  readonly epoch: number;
  /** The number of the batch's first record among all that the producer has sent to the partition. */
  readonly sequence: number;
}

const HEAD = 61;
const LZ4 = 3;
const TRANSACTIONAL = 0x10;
const NOBODY: BatchProducer = { id: -1n, epoch: -1, sequence: -1 };
/** Below it compression costs more than it saves. */
const COMPRESS_FROM = 512;
let scratch = Buffer.allocUnsafeSlow(1024 * 1024);

/**
 * Encodes records as one batch of Kafka's message format v2, compressed with lz4: a pass over the records, without an
 * object for each. https://kafka.apache.org/documentation/#recordbatch
 *
 * @param producer of a transaction; nobody's otherwise
 */
export function encodeBatch(records: readonly OutRecord[], producer = NOBODY): Buffer {
  const first = records[0]!.timestamp;
  const firstMs = Math.floor(first / 1000);
  let maxMs = firstMs;
  let at = 0;
  for (let i = 0; i < records.length; i++) {
    const { key, value, timestamp } = records[i]!;
    const keyBytes = key === null ? -1 : utf8Length(key);
    const valueBytes = value === null ? -1 : value.length;
    const ms = Math.floor(timestamp / 1000);
    if (ms > maxMs) maxMs = ms;
    const delta = ms - firstMs;
    const length =
      2 +
      longBytes(delta) +
      intBytes(i) +
      intBytes(keyBytes) +
      Math.max(0, keyBytes) +
      intBytes(valueBytes) +
      Math.max(0, valueBytes);
    if (at + length + 10 > scratch.length) grow(at, length + 10);
    at = putInt(at, length);
    scratch[at++] = 0;
    at = putLong(at, delta);
    at = putInt(at, i);
    at = putInt(at, keyBytes);
    if (key !== null) at = putKey(at, key, keyBytes);
    at = putInt(at, valueBytes);
    if (value !== null) {
      scratch.set(value, at);
      at += valueBytes;
    }
    scratch[at++] = 0;
  }
  let body: Uint8Array = scratch.subarray(0, at);
  let attributes = producer === NOBODY ? 0 : TRANSACTIONAL;
  if (at >= COMPRESS_FROM) {
    body = lz4.compressFrameSync(scratch.subarray(0, at));
    attributes |= LZ4;
  }
  const batch = Buffer.allocUnsafe(HEAD + body.length);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(HEAD - 12 + body.length, 8);
  batch.writeInt32BE(-1, 12);
  batch[16] = 2;
  batch.writeInt16BE(attributes, 21);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(firstMs), 27);
  batch.writeBigInt64BE(BigInt(maxMs), 35);
  batch.writeBigInt64BE(producer.id, 43);
  batch.writeInt16BE(producer.epoch, 51);
  batch.writeInt32BE(producer.sequence, 53);
  batch.writeInt32BE(records.length, 57);
  batch.set(body, HEAD);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

function grow(used: number, more: number): void {
  const larger = Buffer.allocUnsafeSlow(Math.max(2 * scratch.length, used + more));
  scratch.copy(larger, 0, 0, used);
  scratch = larger;
}

/** Keys are short and ASCII nearly always: a loop is faster than a call. */
function utf8Length(key: string): number {
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) > 0x7f) return Buffer.byteLength(key);
  return key.length;
}

function putKey(at: number, key: string, bytes: number): number {
  if (bytes !== key.length) return at + scratch.write(key, at, "utf8");
  for (let i = 0; i < bytes; i++) scratch[at + i] = key.charCodeAt(i);
  return at + bytes;
}

/** Zigzag varints, as Protocol Buffers have them. */
function putInt(at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest > 0x7f) {
    scratch[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  scratch[at++] = rest;
  return at;
}

function intBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x20_0000 ? 3 : zigzag < 0x1000_0000 ? 4 : 5;
}

/** As `putInt`, beyond 32 bits: replayed records may lie years apart. */
function putLong(at: number, value: number): number {
  let rest = value >= 0 ? 2 * value : -2 * value - 1;
  while (rest > 0x7f) {
    scratch[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  scratch[at++] = rest;
  return at;
}

function longBytes(value: number): number {
  let rest = value >= 0 ? 2 * value : -2 * value - 1;
  let bytes = 1;
  while (rest > 0x7f) {
    rest = Math.floor(rest / 128);
    bytes++;
  }
  return bytes;
}
