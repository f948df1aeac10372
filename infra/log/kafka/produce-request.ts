import type { WrittenRequest } from "./broker-request.js";
import { byTopic, writeText } from "./request-bytes.js";

const PRODUCE = 0;
const VERSION = 7;
const BROKER_TIMEOUT_MS = 10_000;

/** What a request appends to one partition: a broker takes one batch of each. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Uint8Array;
}

export interface ProduceAnswer {
  readonly throttleMs: number;
  readonly partitions: readonly { readonly topic: string; readonly partition: number; readonly errorCode: number }[];
}

/** LEADER_NOT_AVAILABLE and the like: newer metadata or a moment helps, and nothing was appended. */
const passing = new Set([3, 5, 6, 7, 8, 13, 19, 20, 56, 74, 75, 76]);

/** Whether what a broker refused with this code may be taken when it is sent once more. */
export const isPassing = (errorCode: number): boolean => passing.has(errorCode);

const reasons: Record<number, string> = {
  2: "it arrived damaged",
  10: "it is larger than the topic's max.message.bytes",
  18: "it is larger than the topic's segment.bytes",
  29: "this user may not write to the topic",
  32: "its timestamp is out of the topic's bounds",
  87: "the broker finds it invalid",
};

/** Why a broker refused an append, in words. */
export const reasonOf = (errorCode: number): string => reasons[errorCode] ?? `Kafka's error ${errorCode}`;

/**
 * Produce, version 7: https://kafka.apache.org/protocol#The_Messages_Produce
 *
 * @param acks            replicas that must have it: 1 the leader, -1 all in sync
 * @param transactionalId null outside of transactions
 */
export function produceRequest(
  acks: 1 | -1,
  transactionalId: string | null,
  batches: readonly PartitionBatch[],
): WrittenRequest<ProduceAnswer> {
  const topics = byTopic(batches);
  let size = 2 + Buffer.byteLength(transactionalId ?? "") + 2 + 4 + 4;
  for (const [topic, parts] of topics) size += 2 + Buffer.byteLength(topic) + 4 + 8 * parts.length;
  // what stands between the batches; they themselves are not copied
  const bytes = Buffer.allocUnsafe(size);
  const body: Uint8Array[] = [];
  let from = 0;
  let at = transactionalId === null ? bytes.writeInt16BE(-1, 0) : writeText(bytes, transactionalId, 0);
  at = bytes.writeInt16BE(acks, at);
  at = bytes.writeInt32BE(BROKER_TIMEOUT_MS, at);
  at = bytes.writeInt32BE(topics.size, at);
  for (const [topic, parts] of topics) {
    at = writeText(bytes, topic, at);
    at = bytes.writeInt32BE(parts.length, at);
    for (const { partition, batch } of parts) {
      at = bytes.writeInt32BE(partition, at);
      at = bytes.writeInt32BE(batch.length, at);
      body.push(bytes.subarray(from, at), batch);
      from = at;
    }
  }
  return { apiKey: PRODUCE, apiVersion: VERSION, apiName: "Produce", body, decode };
}

function decode(bytes: Buffer): ProduceAnswer {
  const partitions: { topic: string; partition: number; errorCode: number }[] = [];
  let at = 4;
  for (let topics = bytes.readInt32BE(0); topics > 0; topics--) {
    const length = bytes.readInt16BE(at);
    at += 2 + length;
    const topic = bytes.toString("utf8", at - length, at);
    let count = bytes.readInt32BE(at);
    at += 4;
    for (; count > 0; count--) {
      partitions.push({ topic, partition: bytes.readInt32BE(at), errorCode: bytes.readInt16BE(at + 4) });
      // its offset, the time of the append and the first offset of the log follow
      at += 4 + 2 + 8 + 8 + 8;
    }
  }
  return { throttleMs: bytes.readInt32BE(at), partitions };
}
