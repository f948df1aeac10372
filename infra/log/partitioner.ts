const encoder = new TextEncoder();
const seed = 0x9747b28c;
const m = 0x5bd1e995;
const r = 24;

/**
 * MurmurHash2, 32 bit, as Kafka's `Utils.murmur2`.
 *
 * @param key text is hashed as UTF-8
 * @returns a signed 32 bit integer
 */
export function murmur2(key: string | Uint8Array): number {
  const bytes = typeof key === "string" ? encoder.encode(key) : key;
  const length = bytes.length;
  const whole = length & ~3;
  let h = seed ^ length;
  for (let at = 0; at < whole; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, m);
    k ^= k >>> r;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const rest = length & 3;
  if (rest > 2) h ^= bytes[whole + 2]! << 16;
  if (rest > 1) h ^= bytes[whole + 1]! << 8;
  if (rest > 0) {
    h ^= bytes[whole]!;
    h = Math.imul(h, m);
  }
  h ^= h >>> 13;
  h = Math.imul(h, m);
  h ^= h >>> 15;
  return h;
}

/** The partition of a key, as Kafka's default partitioner and kafkajs choose it. */
export function partitionOf(key: string | Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
