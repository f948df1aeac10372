/** Avro's binary primitives, written straight into a buffer; each function returns the position after what it wrote. */

/** The largest long either way that avsc takes: one less than the largest safe integer. */
export const LARGEST_LONG = Number.MAX_SAFE_INTEGER - 1;

const LOW_BITS = 2 ** 27;

/** Zigzag variable-length integer; the value is a safe integer. At most 8 bytes. */
export function writeLong(target: Uint8Array, at: number, value: number): number {
  if (value >= 0 && value < 0x4000_0000) return writeVarint(target, at, value << 1);
  const negative = value < 0;
  const magnitude = negative ? -1 - value : value;
  const high = Math.floor(magnitude / LOW_BITS);
  const low = ((magnitude - high * LOW_BITS) << 1) | (negative ? 1 : 0);
  if (high === 0) return writeVarint(target, at, low);
  target[at] = (low & 0x7f) | 0x80;
  target[at + 1] = ((low >>> 7) & 0x7f) | 0x80;
  target[at + 2] = ((low >>> 14) & 0x7f) | 0x80;
  target[at + 3] = ((low >>> 21) & 0x7f) | 0x80;
  return writeVarint(target, at + 4, high);
}

function writeVarint(target: Uint8Array, at: number, value: number): number {
  let position = at;
  let rest = value;
  while (rest > 0x7f) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position] = rest;
  return position + 1;
}

/** Length and UTF-8 bytes. Nearly every text of the plant is short and ASCII, for which a loop beats any call. */
export function writeText(target: Buffer, at: number, text: string): number {
  const length = text.length;
  if (length > 63) return writeAnyText(target, at, text);
  const start = at + 1;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return writeAnyText(target, at, text);
    target[start + index] = code;
  }
  target[at] = length << 1;
  return start + length;
}

function writeAnyText(target: Buffer, at: number, text: string): number {
  const bytes = Buffer.byteLength(text);
  const start = writeLong(target, at, bytes);
  target.write(text, start, bytes, "utf8");
  return start + bytes;
}
