import { expect, test } from "vitest";
import { murmur2, partitionOf } from "../../infra/log/partitioner.js";

/** From Kafka's own UtilsTest.testMurmur2. */
const kafkaVectors: readonly [string, number][] = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
];

test.each(kafkaVectors)("murmur2 of %s is Kafka's", (key, hash) => {
  expect(murmur2(key)).toBe(hash);
  expect(murmur2(Buffer.from(key))).toBe(hash);
});

test.each(kafkaVectors)("the partition of %s is its hash without the sign, modulo", (key, hash) => {
  expect(partitionOf(key, 12)).toBe((hash & 0x7fffffff) % 12);
});
