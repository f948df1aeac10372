import type { BrokerRequest } from "./broker-request.js";
import type { AbortedTransaction } from "./record-set.js";
import { AnswerReader, byTopic, lengthRoom, RequestWriter, textRoom } from "./request-bytes.js";

const FETCH = 1;
/** Kafka 1.1, which has sessions, to the newest; from 13 on topics go by ids. */
export const FETCH_VERSIONS = { min: 7, max: 12 };
const FIRST_WITH_LEADER_EPOCH = 9;
const FIRST_WITH_RACK = 11;
const FIRST_FLEXIBLE = 12;
const UNKNOWN_EPOCH = -1;

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

/** Fetch of committed records: https://kafka.apache.org/protocol#The_Messages_Fetch */
export function fetchRequest(request: FetchRequest): BrokerRequest<FetchAnswer> {
  return {
    apiKey: FETCH,
    apiName: "Fetch",
    versions: FETCH_VERSIONS,
    firstFlexible: FIRST_FLEXIBLE,
    write: (version) => [write(version, request)],
    decode,
  };
}

function write(version: number, request: FetchRequest): Buffer {
  const { maxWaitMs, maxBytes, sessionId, sessionEpoch, places, forgotten } = request;
  const wanted = byTopic(places);
  const left = byTopic(forgotten);
  let size = 4 + 4 + 4 + 4 + 1 + 4 + 4 + 3 * lengthRoom + 2;
  for (const [topic, partitions] of wanted) size += textRoom(topic) + lengthRoom + 34 * partitions.length;
  for (const [topic, partitions] of left) size += textRoom(topic) + lengthRoom + 4 * partitions.length;
  const out = new RequestWriter(size, version >= FIRST_FLEXIBLE);
  // no replica's
  out.int32(-1);
  out.int32(maxWaitMs);
  out.int32(1);
  out.int32(maxBytes);
  // what is committed
  out.int8(1);
  out.int32(sessionId);
  out.int32(sessionEpoch);
  out.length(wanted.size);
  for (const [topic, partitions] of wanted) {
    out.text(topic);
    out.length(partitions.length);
    for (const { partition, offset, maxBytes } of partitions) {
      out.int32(partition);
      if (version >= FIRST_WITH_LEADER_EPOCH) out.int32(UNKNOWN_EPOCH);
      out.int64(offset);
      if (version >= FIRST_FLEXIBLE) out.int32(UNKNOWN_EPOCH);
      // where a follower's log begins
      out.int32(-1);
      out.int32(-1);
      out.int32(maxBytes);
      out.end();
    }
    out.end();
  }
  out.length(left.size);
  for (const [topic, partitions] of left) {
    out.text(topic);
    out.length(partitions.length);
    for (const { partition } of partitions) out.int32(partition);
    out.end();
  }
  if (version >= FIRST_WITH_RACK) out.text("");
  out.end();
  return out.written();
}

function decode(bytes: Buffer, version: number): FetchAnswer {
  const answer = new AnswerReader(bytes, version >= FIRST_FLEXIBLE);
  const partitions: FetchedPartition[] = [];
  const throttleMs = answer.int32();
  const errorCode = answer.int16();
  const sessionId = answer.int32();
  for (let topics = answer.length(); topics > 0; topics--) {
    const topic = answer.text() ?? "";
    for (let count = answer.length(); count > 0; count--) {
      const partition = answer.int32();
      const code = answer.int16();
      // the high watermark and the last stable offset
      answer.skip(8 + 8);
      const start = answer.int64();
      const aborted: AbortedTransaction[] = [];
      for (let transactions = answer.length(); transactions > 0; transactions--) {
        aborted.push({ producerId: answer.int64(), firstOffset: answer.int64() });
        answer.end();
      }
      // the replica that it would rather be read from
      if (version >= FIRST_WITH_RACK) answer.skip(4);
      const records = answer.raw();
      answer.end();
      partitions.push({ topic, partition, errorCode: code, start, aborted, bytes: records });
    }
    answer.end();
  }
  return { throttleMs, errorCode, sessionId, partitions };
}
