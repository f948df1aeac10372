/** What a request names topic by topic. */
export function byTopic<Place extends { readonly topic: string }>(places: readonly Place[]): Map<string, Place[]> {
  const found = new Map<string, Place[]>();
  for (const place of places) {
    const ofTopic = found.get(place.topic);
    if (ofTopic === undefined) found.set(place.topic, [place]);
    else ofTopic.push(place);
  }
  return found;
}

/** The most that a length takes. */
const LENGTH_BYTES = 5;

/**
 * Writes a request's fields one after the other, in the older form of Kafka's protocol (lengths of fixed size) or in the
 * flexible one (varint lengths plus one, tagged fields at the end of each structure; KIP-482).
 */
export class RequestWriter {
  readonly bytes: Buffer;
  at = 0;

  /** @param size room for all that is written, as `textRoom` and `lengthRoom` say it */
  constructor(
    size: number,
    private readonly isFlexible: boolean,
  ) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  int8(value: number): void {
    this.at = this.bytes.writeInt8(value, this.at);
  }

  int16(value: number): void {
    this.at = this.bytes.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.at = this.bytes.writeInt32BE(value, this.at);
  }

  /** @param value a safe integer from 0 on */
  int64(value: number): void {
    this.at = this.bytes.writeInt32BE(Math.floor(value / 2 ** 32), this.at);
    this.at = this.bytes.writeUInt32BE(value % 2 ** 32, this.at);
  }

  text(text: string | null): void {
    const length = text === null ? -1 : Buffer.byteLength(text);
    if (this.isFlexible) this.#varint(length + 1);
    else this.int16(length);
    if (text !== null) this.at += this.bytes.write(text, this.at);
  }

  /** How many elements follow, or how many bytes. */
  length(count: number): void {
    if (this.isFlexible) this.#varint(count + 1);
    else this.int32(count);
  }

  /** Ends a structure: it has no tagged fields. */
  end(): void {
    if (this.isFlexible) this.bytes[this.at++] = 0;
  }

  written(from = 0): Buffer {
    return this.bytes.subarray(from, this.at);
  }

  #varint(value: number): void {
    let left = value;
    for (; left > 0x7f; left >>>= 7) this.bytes[this.at++] = (left & 0x7f) | 0x80;
    this.bytes[this.at++] = left;
  }
}

/** Bytes that a text takes at most, its length included. */
export const textRoom = (text: string | null): number => LENGTH_BYTES + Buffer.byteLength(text ?? "");

/** Bytes that a length and the end of a structure take at most. */
export const lengthRoom = LENGTH_BYTES + 1;

/** Reads an answer's fields one after the other, in the older form or the flexible one. */
export class AnswerReader {
  at = 0;

  constructor(
    readonly bytes: Buffer,
    private readonly isFlexible: boolean,
  ) {
    // the answer's header ends with tagged fields, too
    this.end();
  }

  int16(): number {
    const value = this.bytes.readInt16BE(this.at);
    this.at += 2;
    return value;
  }

  int32(): number {
    const value = this.bytes.readInt32BE(this.at);
    this.at += 4;
    return value;
  }

  /** Exact within safe integers. */
  int64(): number {
    const value = this.bytes.readInt32BE(this.at) * 2 ** 32 + this.bytes.readUInt32BE(this.at + 4);
    this.at += 8;
    return value;
  }

  text(): string | null {
    const length = this.isFlexible ? this.#varint() - 1 : this.int16();
    if (length < 0) return null;
    this.at += length;
    return this.bytes.toString("utf8", this.at - length, this.at);
  }

  /** How many elements follow, or how many bytes; -1 for none at all. */
  length(): number {
    return this.isFlexible ? this.#varint() - 1 : this.int32();
  }

  /** A view, which is empty where there is none. */
  raw(): Buffer {
    const size = Math.max(0, this.length());
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  /** Passes over fixed fields that nobody reads. */
  skip(bytes: number): void {
    this.at += bytes;
  }

  /** Ends a structure: tagged fields are passed over. */
  end(): void {
    if (!this.isFlexible) return;
    for (let fields = this.#varint(); fields > 0; fields--) {
      this.#varint();
      const size = this.#varint();
      this.at += size;
    }
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new RangeError("an answer ends in the middle of a number");
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }
}
