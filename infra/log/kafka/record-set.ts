import { gunzipSync } from "node:zlib";
import lz4 from "lz4-napi";
import type { StoredRecord } from "../log.js";
import { RecordsUnreadable } from "./errors.js";

/** A transaction that was aborted: what its producer wrote from an offset on, up to its marker, is not there. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface DecodedRecords {
  readonly records: StoredRecord[];
  /** Where to go on: behind markers and what was aborted, too. */
  readonly next: number;
}

const HEAD = 61;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const LOG_APPEND_TIME = 0x08;
const ABORT = 0;
const HIGH = 2 ** 32;

/** Position of the varint that was read last ends here. */
let at = 0;

/**
 * Reads what a broker answers for one partition: batches of Kafka's message format v2, the last of which may be cut off.
 * Values are views into the answer, or into what it was decompressed to.
 * https://kafka.apache.org/documentation/#recordbatch
 *
 * @param from the offset that was asked for: a batch may begin before it
 * @param aborted of this answer, whose records are left out, as are all markers
 * @throws RecordsUnreadable
 */
export function decodeRecords(bytes: Buffer, from: number, aborted: readonly AbortedTransaction[]): DecodedRecords {
  const records: StoredRecord[] = [];
  let next = from;
  const open = new Set<number>();
  const coming = aborted.length > 1 ? [...aborted].sort((a, b) => a.firstOffset - b.firstOffset) : aborted;
  let begun = 0;
  for (let start = 0; start + 12 <= bytes.length; ) {
    const end = start + 12 + bytes.readInt32BE(start + 8);
    if (end > bytes.length) break;
    const format = bytes[start + 16];
    if (format !== 2) throw new RecordsUnreadable(`records of message format ${format}; 2 is needed`);
    const base = int64(bytes, start);
    const last = base + bytes.readInt32BE(start + 23);
    const attributes = bytes.readInt16BE(start + 21);
    let isAborted = false;
    if ((attributes & TRANSACTIONAL) !== 0 && coming.length > 0) {
      for (; begun < coming.length && coming[begun]!.firstOffset <= last; begun++) open.add(coming[begun]!.producerId);
      const producer = int64(bytes, start + 43);
      if ((attributes & CONTROL) === 0) isAborted = open.has(producer);
      else if (markerOf(bytes, start) === ABORT) open.delete(producer);
    }
    if ((attributes & CONTROL) === 0 && !isAborted) {
      const body = decompressed(bytes.subarray(start + HEAD, end), attributes & 7);
      const appended = (attributes & LOG_APPEND_TIME) !== 0;
      const firstMs = int64(bytes, start + (appended ? 35 : 27));
      readBody(body, bytes.readInt32BE(start + 57), base, firstMs, appended, from, records);
    }
    next = Math.max(next, last + 1);
    start = end;
  }
  return { records, next };
}

/** @param appended all records have the batch's time */
function readBody(
  body: Buffer,
  count: number,
  base: number,
  firstMs: number,
  appended: boolean,
  from: number,
  into: StoredRecord[],
): void {
  at = 0;
  for (let i = 0; i < count; i++) {
    const length = int(body);
    const end = at + length;
    at++;
    const delta = long(body);
    const offset = base + int(body);
    const keyLength = int(body);
    const keyAt = at;
    if (keyLength > 0) at += keyLength;
    const valueLength = int(body);
    if (offset >= from) {
      into.push({
        offset,
        key: keyLength < 0 ? null : body.toString("utf8", keyAt, keyAt + keyLength),
        value: valueLength < 0 ? null : body.subarray(at, at + valueLength),
        timestamp: (appended ? firstMs : firstMs + delta) * 1000,
      });
    }
    // headers are passed over
    at = end;
  }
  if (at > body.length) throw new RecordsUnreadable("a batch that ends within a record");
}

/** The type in the key of a control batch's one record. */
function markerOf(bytes: Buffer, start: number): number {
  at = start + HEAD;
  int(bytes);
  at++;
  long(bytes);
  int(bytes);
  int(bytes);
  return bytes.readInt16BE(at + 2);
}

function decompressed(bytes: Buffer, codec: number): Buffer {
  switch (codec) {
    case 0:
      return bytes;
    case 1:
      return gunzipSync(bytes);
    case 3:
      return lz4.decompressFrameSync(bytes);
    default:
      throw new RecordsUnreadable(`records compressed with ${codec === 2 ? "snappy" : "zstd"}; use lz4, gzip or none`);
  }
}

/** Of Kafka's messages; exact up to 2^53. */
export function int64(bytes: Buffer, offset: number): number {
  return bytes.readInt32BE(offset) * HIGH + bytes.readUInt32BE(offset + 4);
}

/** Zigzag varint of 32 bits. */
function int(bytes: Buffer): number {
  let byte = bytes[at++]!;
  let value = byte & 0x7f;
  for (let shift = 7; byte > 0x7f; shift += 7) {
    byte = bytes[at++]!;
    value |= (byte & 0x7f) << shift;
  }
  return (value >>> 1) ^ -(value & 1);
}

/** The same beyond 32 bits. */
function long(bytes: Buffer): number {
  let byte = bytes[at++]!;
  let value = byte & 0x7f;
  for (let factor = 128; byte > 0x7f; factor *= 128) {
    byte = bytes[at++]!;
    value += (byte & 0x7f) * factor;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
