import { UnreadableRecord } from "./errors.js";

/**
 * The Confluent wire format: a zero byte, the schema's id as four bytes (big-endian), the Avro body.
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */
export const WIRE_HEAD = 5;

/** Writes the five bytes before the body. */
export function writeHead(target: Uint8Array, schemaId: number): void {
  target[0] = 0;
  target[1] = schemaId >>> 24;
  target[2] = schemaId >>> 16;
  target[3] = schemaId >>> 8;
  target[4] = schemaId;
}

/** @throws UnreadableRecord TP_RECORD_UNREADABLE when the value is not in the wire format */
export function schemaIdOf(wireValue: Uint8Array): number {
  if (wireValue.length < WIRE_HEAD || wireValue[0] !== 0) {
    throw new UnreadableRecord(`a record of ${wireValue.length} bytes is not in the Confluent wire format`);
  }
  return (wireValue[1]! << 24) | (wireValue[2]! << 16) | (wireValue[3]! << 8) | wireValue[4]!;
}

/** The same bytes as a Buffer, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
