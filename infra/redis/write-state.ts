/** Whether a part of the plant can write to Redis now. */
export interface WriteState {
  readonly writable: boolean;
  /** In words, where it can not; else empty. */
  readonly why: string;
}

export const writable: WriteState = { writable: true, why: "" };

export const notWritable = (why: string): WriteState => ({ writable: false, why });

/**
 * Replies that say that this server takes no writes now, and what each means. A script's reply has the word behind
 * others. https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors, redis/src/server.c, cluster.c
 */
const meanings: Readonly<Record<string, string>> = {
  READONLY: "it is a read-only replica",
  LOADING: "it loads its dataset",
  MASTERDOWN: "it is a replica that has lost its primary",
  CLUSTERDOWN: "the cluster is down or a slot has no primary",
  MOVED: "the slot lies at a node that is not known here",
  ASK: "the slot is being moved",
  TRYAGAIN: "the slot is being moved",
  UNBLOCKED: "it has become a replica",
  NOREPLICAS: "it has fewer replicas than min-replicas-to-write",
  OOM: "its memory is full (maxmemory) and nothing is evicted",
  MISCONF: "it can not persist to its disk (stop-writes-on-bgsave-error)",
  BUSY: "a script runs for too long there",
};

const word = new RegExp(`(?:^|[\\s-])(${Object.keys(meanings).join("|")})(?=\\s)`);

/** The word of such a reply; undefined for any other error. */
export function refusalWord(error: unknown): string | undefined {
  return error instanceof Error ? word.exec(error.message)?.[1] : undefined;
}

/** Why an attempt to write failed, in words that go behind "Redis does not take writes: ". */
export function whyRefused(error: unknown): string {
  const refusal = refusalWord(error);
  const text = error instanceof Error ? error.message : String(error);
  return refusal === undefined ? text : `${meanings[refusal]} (${refusal})`;
}
