import type { ByteWriter } from "../task/byte-writer.js";

/** A JSON string of text that came from outside: plain ASCII is copied, anything else is escaped. */
export function writeJsonText(
  json: ByteWriter,
  bytes: Uint8Array,
  start: number,
  end: number,
  isNumber: boolean,
): void {
  // a number needs no look
  for (let at = isNumber ? end : start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c || byte > 0x7e) {
      json.ascii(jsonAscii(Buffer.from(bytes.subarray(start, end)).toString("utf8")));
      return;
    }
  }
  json.byte(0x22);
  json.copyRange(bytes, start, end);
  json.byte(0x22);
}

/** A JSON string in ASCII alone. */
export function jsonAscii(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Copies an Avro string, after a label, into JSON; answers where the next one begins. */
export function copyText(json: ByteWriter, label: Uint8Array, bytes: Uint8Array, at: number): number {
  json.copy(label);
  let from = at + 1;
  let length = bytes[at]! >> 1;
  // texts of 64 bytes and more carry a second length byte
  if (bytes[at]! >= 0x80) {
    length = ((bytes[at]! & 0x7f) >> 1) | (bytes[at + 1]! << 6);
    from = at + 2;
  }
  json.copyRange(bytes, from, from + length);
  return from + length;
}

/** Avro's array of short ASCII strings: a block of so many, and an empty one; counts and lengths are doubled. */
export function avroTexts(names: readonly string[]): Uint8Array {
  if (names.length === 0) return Buffer.from([0]);
  return Buffer.from([
    2 * names.length,
    ...names.flatMap((name) => [2 * name.length, ...Buffer.from(name, "latin1")]),
    0,
  ]);
}
