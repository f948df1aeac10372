import { crc32 } from "node:zlib";
import type { Micros } from "../../schemas/words.js";
import type { StoredRecord } from "./log.js";

/**
 * A frame is what is written and read as a whole: some records of one partition. Little-endian:
 *
 * ```
 *  0 magic "TPF1"   4 CRC-32 of all that follows   8 length of the body   12 count of records
 * 16 span: offset after the last record, less base 20 base offset (f64)   28 newest timestamp (f64, µs)   36 reserved
 * 40 records: offset less base (u32), timestamp (f64, µs), key length (i32, -1 none), value length (i32, -1 none), key, value
 * ```
 */
export const frameHeaderBytes = 40;
const recordHeaderBytes = 20;
const magic = 0x31465054;
const magicBytes = Buffer.from("TPF1", "latin1");
const crcAt = 4;
const lengthAt = 8;
const countAt = 12;
const spanAt = 16;
const baseAt = 20;
const newestAt = 28;
const reservedAt = 36;

/** A key is kept as UTF-8, three bytes a UTF-16 unit at most. */
const bytesPerKeyUnit = 3;
const initialBytes = 16 * 1024;
const keptBytes = 2 * 1024 * 1024;

/** Collects records of one partition and seals them as a frame. Each value is copied once, into the frame. */
export class FrameBuilder {
  count = 0;
  private span = 0;
  private newest: Micros = 0;
  private end = frameHeaderBytes;
  private bytes: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  private view: DataView = new DataView(this.bytes.buffer);

  /** Size of the frame so far. */
  get size(): number {
    return this.end;
  }

  /** @param delta the record's offset less the frame's base; deltas ascend */
  add(delta: number, key: string | null, value: Uint8Array | null, timestamp: Micros): void {
    const room = recordHeaderBytes + (key === null ? 0 : key.length * bytesPerKeyUnit) + (value?.length ?? 0);
    if (this.end + room > this.bytes.length) this.grow(this.end + room);
    let at = this.end + recordHeaderBytes;
    const keyBytes = key === null ? -1 : this.putKey(key, at);
    if (keyBytes > 0) at += keyBytes;
    const view = this.view;
    view.setUint32(this.end, delta, true);
    view.setFloat64(this.end + 4, timestamp, true);
    view.setInt32(this.end + 12, keyBytes, true);
    view.setInt32(this.end + 16, value === null ? -1 : value.length, true);
    if (value !== null) {
      this.bytes.set(value, at);
      at += value.length;
    }
    if (this.count === 0 || timestamp > this.newest) this.newest = timestamp;
    this.end = at;
    this.span = delta + 1;
    this.count++;
  }

  /** The finished frame: a view that is valid until the next `add` or `clear`. @param span widens it over records left out */
  seal(base: number, span = this.span): Buffer {
    const view = this.view;
    view.setUint32(0, magic, true);
    view.setUint32(lengthAt, this.end - frameHeaderBytes, true);
    view.setUint32(countAt, this.count, true);
    view.setUint32(spanAt, span, true);
    view.setFloat64(baseAt, base, true);
    view.setFloat64(newestAt, this.newest, true);
    view.setUint32(reservedAt, 0, true);
    const frame = this.bytes.subarray(0, this.end);
    view.setUint32(crcAt, crc32(frame.subarray(lengthAt)), true);
    return frame;
  }

  clear(): void {
    this.count = 0;
    this.span = 0;
    this.end = frameHeaderBytes;
    if (this.bytes.length > keptBytes) this.replace(Buffer.allocUnsafeSlow(initialBytes));
  }

  private putKey(key: string, at: number): number {
    const length = key.length;
    for (let i = 0; i < length; i++) {
      const unit = key.charCodeAt(i);
      if (unit > 0x7f) return this.bytes.write(key, at, "utf8");
      this.bytes[at + i] = unit;
    }
    return length;
  }

  private grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.end));
    this.replace(larger);
  }

  private replace(bytes: Buffer): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

/** What stands at a place: a whole frame of so many bytes, the beginning of one, or something else. */
export const SHORT = 0;
export const BAD = -1;

/** Bytes of the frame at `at`, SHORT when more bytes are needed to tell, BAD when no frame or a damaged one stands there. */
export function frameLength(bytes: Buffer, at: number, end: number): number {
  const length = headerLength(bytes, at, end);
  if (length <= 0) return length;
  if (at + length > end) return SHORT;
  return crc32(bytes.subarray(at + lengthAt, at + length)) === bytes.readUInt32LE(at + crcAt) ? length : BAD;
}

/** As `frameLength`, by the header alone: the length may reach beyond `end`, and no checksum is looked at. */
export function headerLength(bytes: Buffer, at: number, end: number): number {
  if (end - at < frameHeaderBytes) return SHORT;
  if (bytes.readUInt32LE(at) !== magic) return BAD;
  return frameHeaderBytes + bytes.readUInt32LE(at + lengthAt);
}

/** Where the next whole frame begins at or after `from`, or -1: how reading goes on behind a damaged one. */
export function findFrame(bytes: Buffer, from: number, end: number): number {
  for (let at = bytes.indexOf(magicBytes, from); at >= 0 && at < end; at = bytes.indexOf(magicBytes, at + 1)) {
    if (frameLength(bytes, at, end) > 0) return at;
  }
  return -1;
}

export const frameBase = (bytes: Buffer, at: number): number => bytes.readDoubleLE(at + baseAt);
/** The offset that follows the frame's last record. */
export const frameNext = (bytes: Buffer, at: number): number => frameBase(bytes, at) + bytes.readUInt32LE(at + spanAt);
export const frameNewest = (bytes: Buffer, at: number): Micros => bytes.readDoubleLE(at + newestAt);
export const frameChecksum = (bytes: Buffer): number => bytes.readUInt32LE(crcAt);

/** Makes a sealed frame unreadable, or readable again: how a transaction hides what is not yet committed. */
export function hideFrame(frame: Buffer): void {
  frame.writeUInt32LE(~frameChecksum(frame) >>> 0, crcAt);
}
export const checksumPosition = crcAt;
export const checksumOf = (frame: Buffer): number => crc32(frame.subarray(lengthAt));

/**
 * Appends the frame's records from offset `from` on to `out`. Values are views into `bytes`.
 *
 * @returns the offset that follows the last record taken
 */
export function readRecords(bytes: Buffer, at: number, from: number, out: StoredRecord[], maxBytes = Infinity): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const base = view.getFloat64(at + baseAt, true);
  const count = view.getUint32(at + countAt, true);
  let place = at + frameHeaderBytes;
  let left = maxBytes;
  for (let i = 0; i < count; i++) {
    const offset = base + view.getUint32(place, true);
    const timestamp = view.getFloat64(place + 4, true);
    const keyBytes = view.getInt32(place + 12, true);
    const valueBytes = view.getInt32(place + 16, true);
    const keyAt = place + recordHeaderBytes;
    const valueAt = keyBytes > 0 ? keyAt + keyBytes : keyAt;
    const next = valueBytes > 0 ? valueAt + valueBytes : valueAt;
    if (offset >= from) {
      left -= next - place;
      if (left < 0 && out.length > 0) return offset;
      const key = keyBytes < 0 ? null : bytes.toString("utf8", keyAt, valueAt);
      out.push({ offset, key, value: valueBytes < 0 ? null : bytes.subarray(valueAt, next), timestamp });
    }
    place = next;
  }
  return base + view.getUint32(at + spanAt, true);
}
