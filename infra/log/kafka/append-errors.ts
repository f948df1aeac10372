/**
 * What became of a batch that a broker answered with an error code.
 *
 * - `appended`: it is there.
 * - `later`: nothing was appended; newer metadata or a moment helps.
 * - `unknown`: it may be there, now or when followers have it. Only the same batch with the same numbers may go again.
 * - `refused`: nothing was appended, and the same will never be.
 * - `abort`: nothing was appended, and the transaction is to be aborted.
 * - `fenced`: nothing was appended, a newer producer of the transactional id was opened.
 * - `lost`: the brokers do not know this producer's numbers any more; it can send no other.
 */
export type AppendOutcome = "appended" | "later" | "unknown" | "refused" | "abort" | "fenced" | "lost";

interface AppendError {
  /** As Kafka calls it. */
  readonly name: string;
  readonly outcome: AppendOutcome;
  /** In words, for messages. */
  readonly why?: string;
}

/**
 * The codes that a broker may answer an append with: https://kafka.apache.org/protocol#protocol_error_codes. A leader
 * appends first and then waits for its followers (acks=all), so whatever it says after that wait leaves open whether the
 * batch stays: that time is up (7), that too few follow (20), and, since it looks again whether it still leads, all that
 * it says of a partition that is not its own any more (3, 6, 56). Kafka's Java client calls the same codes retriable and
 * sends the same numbers again, with two differences: it repeats what arrived damaged (2), which is refused here since the
 * same bytes would be refused again, and gives up at an unknown error (-1), which says nothing of the batch.
 */
export const appendErrors: ReadonlyMap<number, AppendError> = new Map<number, AppendError>([
  [-1, { name: "UNKNOWN_SERVER_ERROR", outcome: "unknown", why: "the broker failed within" }],
  [0, { name: "NONE", outcome: "appended" }],
  [2, { name: "CORRUPT_MESSAGE", outcome: "refused", why: "it arrived damaged" }],
  [3, { name: "UNKNOWN_TOPIC_OR_PARTITION", outcome: "unknown", why: "the broker does not hold the partition" }],
  [5, { name: "LEADER_NOT_AVAILABLE", outcome: "later", why: "nobody leads the partition" }],
  [6, { name: "NOT_LEADER_OR_FOLLOWER", outcome: "unknown", why: "the broker does not lead the partition" }],
  [7, { name: "REQUEST_TIMED_OUT", outcome: "unknown", why: "the followers did not have it in time" }],
  [8, { name: "BROKER_NOT_AVAILABLE", outcome: "later", why: "the broker is not available" }],
  [9, { name: "REPLICA_NOT_AVAILABLE", outcome: "later", why: "the replica is not available" }],
  [10, { name: "MESSAGE_TOO_LARGE", outcome: "refused", why: "it is larger than the topic's max.message.bytes" }],
  [13, { name: "NETWORK_EXCEPTION", outcome: "unknown", why: "the broker was cut off" }],
  [17, { name: "INVALID_TOPIC_EXCEPTION", outcome: "refused", why: "nobody may write to the topic" }],
  [18, { name: "RECORD_LIST_TOO_LARGE", outcome: "refused", why: "it is larger than the topic's segment.bytes" }],
  [19, { name: "NOT_ENOUGH_REPLICAS", outcome: "later", why: "fewer replicas are in sync than min.insync.replicas" }],
  [20, { name: "NOT_ENOUGH_REPLICAS_AFTER_APPEND", outcome: "unknown", why: "too few replicas were in sync after it" }],
  [21, { name: "INVALID_REQUIRED_ACKS", outcome: "refused", why: "the broker does not take these acks" }],
  [29, { name: "TOPIC_AUTHORIZATION_FAILED", outcome: "refused", why: "this user may not write to the topic" }],
  [31, { name: "CLUSTER_AUTHORIZATION_FAILED", outcome: "refused", why: "this user may not number its appends" }],
  [32, { name: "INVALID_TIMESTAMP", outcome: "refused", why: "its timestamp is out of the topic's bounds" }],
  [35, { name: "UNSUPPORTED_VERSION", outcome: "refused", why: "the broker is of another release" }],
  [42, { name: "INVALID_REQUEST", outcome: "refused", why: "the broker finds the request invalid" }],
  [43, { name: "UNSUPPORTED_FOR_MESSAGE_FORMAT", outcome: "refused", why: "the topic's message format is too old" }],
  [44, { name: "POLICY_VIOLATION", outcome: "refused", why: "it is against the brokers' policy" }],
  [45, { name: "OUT_OF_ORDER_SEQUENCE_NUMBER", outcome: "lost", why: "its number is not the next" }],
  [46, { name: "DUPLICATE_SEQUENCE_NUMBER", outcome: "appended" }],
  [47, { name: "INVALID_PRODUCER_EPOCH", outcome: "fenced", why: "the producer's epoch is over" }],
  [48, { name: "INVALID_TXN_STATE", outcome: "abort", why: "the partition takes no part in the transaction" }],
  [49, { name: "INVALID_PRODUCER_ID_MAPPING", outcome: "fenced", why: "the transactional id is another producer's" }],
  [51, { name: "CONCURRENT_TRANSACTIONS", outcome: "later", why: "the transaction before is still being ended" }],
  [53, { name: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", outcome: "refused", why: "this user may not use the writer" }],
  [56, { name: "KAFKA_STORAGE_ERROR", outcome: "unknown", why: "the broker's disk fails" }],
  [59, { name: "UNKNOWN_PRODUCER_ID", outcome: "lost", why: "the broker has forgotten the producer" }],
  [72, { name: "LISTENER_NOT_FOUND", outcome: "later", why: "the leader has no such listener" }],
  [74, { name: "FENCED_LEADER_EPOCH", outcome: "later", why: "another broker leads by now" }],
  [75, { name: "UNKNOWN_LEADER_EPOCH", outcome: "later", why: "the broker does not know yet who leads" }],
  [76, { name: "UNSUPPORTED_COMPRESSION_TYPE", outcome: "refused", why: "the broker does not know the compression" }],
  [87, { name: "INVALID_RECORD", outcome: "refused", why: "the broker finds it invalid" }],
  [89, { name: "THROTTLING_QUOTA_EXCEEDED", outcome: "later", why: "the quota is used up" }],
  [90, { name: "PRODUCER_FENCED", outcome: "fenced", why: "a newer producer was opened" }],
  [100, { name: "UNKNOWN_TOPIC_ID", outcome: "unknown", why: "the broker does not know the topic's id" }],
  [103, { name: "INCONSISTENT_TOPIC_ID", outcome: "unknown", why: "the topic has another id" }],
  [120, { name: "TRANSACTION_ABORTABLE", outcome: "abort", why: "the broker could not check the transaction" }],
]);

/** What is not in the table says nothing of the batch. */
export const outcomeOf = (errorCode: number): AppendOutcome => appendErrors.get(errorCode)?.outcome ?? "unknown";

/** Why a broker did not take an append, in words. */
export function reasonOf(errorCode: number): string {
  const known = appendErrors.get(errorCode);
  return known === undefined ? `Kafka's error ${errorCode}` : `${known.why ?? "it is there"} (${known.name})`;
}
