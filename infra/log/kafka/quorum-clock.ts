import type { BrokerRequest } from "./broker-request.js";
import { AnswerReader, lengthRoom, RequestWriter, textRoom } from "./request-bytes.js";

const DESCRIBE_QUORUM = 55;
const METADATA_TOPIC = "__cluster_metadata";

export interface QuorumAnswer {
  readonly throttleMs: number;
  readonly errorCode: number;
  /** The active controller's clock, ms since the epoch; undefined where it is not told. */
  readonly leaderMs: number | undefined;
}

/**
 * Asks for the controllers' quorum: the only answer of Kafka's protocol with a clock of its own side in it. Of the leader
 * itself "last caught up" is the instant of the answer. Any broker passes it on; needs DESCRIBE on the cluster.
 * https://kafka.apache.org/protocol#The_Messages_DescribeQuorum, KIP-836
 */
export function describeQuorumRequest(): BrokerRequest<QuorumAnswer> {
  return {
    apiKey: DESCRIBE_QUORUM,
    apiName: "DescribeQuorum",
    versions: { min: 1, max: 1 },
    firstFlexible: 0,
    write: () => [write()],
    decode,
  };
}

function write(): Buffer {
  const out = new RequestWriter(2 * lengthRoom + textRoom(METADATA_TOPIC) + 4 + 3, true);
  out.length(1);
  out.text(METADATA_TOPIC);
  out.length(1);
  out.int32(0);
  out.end();
  out.end();
  out.end();
  return out.written();
}

function decode(bytes: Buffer): QuorumAnswer {
  const answer = new AnswerReader(bytes, true);
  let errorCode = answer.int16();
  let leaderMs: number | undefined;
  for (let topics = answer.length(); topics > 0; topics--) {
    answer.text();
    for (let partitions = answer.length(); partitions > 0; partitions--) {
      answer.skip(4);
      errorCode ||= answer.int16();
      const leader = answer.int32();
      // epoch and high watermark
      answer.skip(4 + 8);
      leaderMs = timeOf(leader, answer) ?? leaderMs;
      timeOf(leader, answer);
      answer.end();
    }
    answer.end();
  }
  return { throttleMs: 0, errorCode, leaderMs };
}

/** Of a list of replicas: when the leader was last caught up. */
function timeOf(leader: number, answer: AnswerReader): number | undefined {
  let found: number | undefined;
  for (let replicas = answer.length(); replicas > 0; replicas--) {
    const replica = answer.int32();
    // end of its log, last fetch
    answer.skip(8 + 8);
    const caughtUp = answer.int64();
    answer.end();
    if (replica === leader && caughtUp > 0) found = caughtUp;
  }
  return found;
}
