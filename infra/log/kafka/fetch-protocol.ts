import type { WrittenRequest } from "./broker-request.js";
import { type AbortedTransaction, int64 } from "./record-set.js";
import { byTopic, writeText } from "./request-bytes.js";

const FETCH = 1;
const VERSION = 11;
const HIGH = 2 ** 32;

/** One partition of a request. */
export interface FetchPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

export interface FetchRequest {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  /** 0 and epoch 0 begin a session; epoch -1 has none. */
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly places: readonly FetchPlace[];
  /** Partitions that leave the session. */
  readonly forgotten: readonly { readonly topic: string; readonly partition: number }[];
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** The first offset that is retained; -1 with an error. */
  readonly start: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Batches of records, as stored. */
  readonly bytes: Buffer;
}

export interface FetchAnswer {
  readonly throttleMs: number;
  readonly errorCode: number;
  readonly sessionId: number;
  readonly partitions: readonly FetchedPartition[];
}

/** Fetch, version 11, of committed records: https://kafka.apache.org/protocol#The_Messages_Fetch */
export function fetchRequest(request: FetchRequest): WrittenRequest<FetchAnswer> {
  return { apiKey: FETCH, apiVersion: VERSION, apiName: "Fetch", body: [encode(request)], decode };
}

function encode({ maxWaitMs, maxBytes, sessionId, sessionEpoch, places, forgotten }: FetchRequest): Buffer {
  const wanted = byTopic(places);
  const left = byTopic(forgotten);
  let size = 4 + 4 + 4 + 4 + 1 + 4 + 4 + 4 + 4 + 2;
  for (const [topic, partitions] of wanted) size += 2 + Buffer.byteLength(topic) + 4 + 28 * partitions.length;
  for (const [topic, partitions] of left) size += 2 + Buffer.byteLength(topic) + 4 + 4 * partitions.length;
  const bytes = Buffer.allocUnsafe(size);
  let at = bytes.writeInt32BE(-1, 0);
  at = bytes.writeInt32BE(maxWaitMs, at);
  at = bytes.writeInt32BE(1, at);
  at = bytes.writeInt32BE(maxBytes, at);
  at = bytes.writeInt8(1, at);
  at = bytes.writeInt32BE(sessionId, at);
  at = bytes.writeInt32BE(sessionEpoch, at);
  at = bytes.writeInt32BE(wanted.size, at);
  for (const [topic, partitions] of wanted) {
    at = writeText(bytes, topic, at);
    at = bytes.writeInt32BE(partitions.length, at);
    for (const { partition, offset, maxBytes } of partitions) {
      at = bytes.writeInt32BE(partition, at);
      at = bytes.writeInt32BE(-1, at);
      at = bytes.writeInt32BE(Math.floor(offset / HIGH), at);
      at = bytes.writeUInt32BE(offset % HIGH, at);
      at = bytes.writeInt32BE(-1, at);
      at = bytes.writeInt32BE(-1, at);
      at = bytes.writeInt32BE(maxBytes, at);
    }
  }
  at = bytes.writeInt32BE(left.size, at);
  for (const [topic, partitions] of left) {
    at = writeText(bytes, topic, at);
    at = bytes.writeInt32BE(partitions.length, at);
    for (const { partition } of partitions) at = bytes.writeInt32BE(partition, at);
  }
  bytes.writeInt16BE(0, at);
  return bytes;
}

function decode(bytes: Buffer): FetchAnswer {
  const partitions: FetchedPartition[] = [];
  const errorCode = bytes.readInt16BE(4);
  const sessionId = bytes.readInt32BE(6);
  let at = 14;
  for (let topics = bytes.readInt32BE(10); topics > 0; topics--) {
    const length = bytes.readInt16BE(at);
    const topic = bytes.toString("utf8", at + 2, at + 2 + length);
    at += 2 + length;
    let count = bytes.readInt32BE(at);
    at += 4;
    for (; count > 0; count--) {
      const partition = bytes.readInt32BE(at);
      const code = bytes.readInt16BE(at + 4);
      const start = int64(bytes, at + 22);
      const aborted: AbortedTransaction[] = [];
      let transactions = bytes.readInt32BE(at + 30);
      at += 34;
      for (; transactions > 0; transactions--) {
        aborted.push({ producerId: int64(bytes, at), firstOffset: int64(bytes, at + 8) });
        at += 16;
      }
      const size = Math.max(0, bytes.readInt32BE(at + 4));
      at += 8;
      partitions.push({ topic, partition, errorCode: code, start, aborted, bytes: bytes.subarray(at, at + size) });
      at += size;
    }
  }
  return { throttleMs: bytes.readInt32BE(0), errorCode, sessionId, partitions };
}
