import type { BrokerRequest } from "./broker-request.js";
import { AnswerReader, byTopic, lengthRoom, RequestWriter, textRoom } from "./request-bytes.js";

const PRODUCE = 0;
/** Kafka 1.0 to the newest; from 12 on a broker takes partitions into a transaction by itself, from 13 on by topic ids. */
export const PRODUCE_VERSIONS = { min: 5, max: 11 };
const FIRST_FLEXIBLE = 9;
const FIRST_WITH_REASONS = 8;
/** A leader waits no longer for its followers; it answers before the request's own deadline. */
const BROKER_TIMEOUT_MS = 6_000;

/** What a request appends to one partition: a broker takes one batch of each. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Uint8Array;
}

export interface AppendedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
}

export interface ProduceAnswer {
  readonly throttleMs: number;
  readonly partitions: readonly AppendedPartition[];
}

/**
 * Produce: https://kafka.apache.org/protocol#The_Messages_Produce
 *
 * @param acks            replicas that must have it: 1 the leader, -1 all in sync
 * @param transactionalId null outside of transactions
 */
export function produceRequest(
  acks: 1 | -1,
  transactionalId: string | null,
  batches: readonly PartitionBatch[],
): BrokerRequest<ProduceAnswer> {
  return {
    apiKey: PRODUCE,
    apiName: "Produce",
    versions: PRODUCE_VERSIONS,
    firstFlexible: FIRST_FLEXIBLE,
    write: (version) => write(version, acks, transactionalId, batches),
    decode,
  };
}

function write(
  version: number,
  acks: 1 | -1,
  transactionalId: string | null,
  batches: readonly PartitionBatch[],
): Uint8Array[] {
  const topics = byTopic(batches);
  let size = textRoom(transactionalId) + 2 + 4 + lengthRoom;
  for (const [topic, parts] of topics) size += textRoom(topic) + lengthRoom + (4 + lengthRoom) * parts.length;
  // what stands between the batches; they themselves are not copied
  const out = new RequestWriter(size, version >= FIRST_FLEXIBLE);
  const body: Uint8Array[] = [];
  let from = 0;
  out.text(transactionalId);
  out.int16(acks);
  out.int32(BROKER_TIMEOUT_MS);
  out.length(topics.size);
  for (const [topic, parts] of topics) {
    out.text(topic);
    out.length(parts.length);
    for (const { partition, batch } of parts) {
      out.int32(partition);
      out.length(batch.length);
      body.push(out.written(from), batch);
      from = out.at;
      out.end();
    }
    out.end();
  }
  out.end();
  if (out.at > from) body.push(out.written(from));
  return body;
}

function decode(bytes: Buffer, version: number): ProduceAnswer {
  const answer = new AnswerReader(bytes, version >= FIRST_FLEXIBLE);
  const partitions: AppendedPartition[] = [];
  for (let topics = answer.length(); topics > 0; topics--) {
    const topic = answer.text() ?? "";
    for (let count = answer.length(); count > 0; count--) {
      partitions.push({ topic, partition: answer.int32(), errorCode: answer.int16() });
      // its offset, the time of the append and the first offset of the log
      answer.skip(8 + 8 + 8);
      if (version >= FIRST_WITH_REASONS) passReasons(answer);
      answer.end();
    }
    answer.end();
  }
  return { throttleMs: answer.int32(), partitions };
}

/** Which records a broker refused, and in its words why. */
function passReasons(answer: AnswerReader): void {
  for (let records = answer.length(); records > 0; records--) {
    answer.skip(4);
    answer.text();
    answer.end();
  }
  answer.text();
}
