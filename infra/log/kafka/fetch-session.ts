import type { FetchAnswer, FetchPlace, FetchRequest } from "./fetch-protocol.js";

const SESSION_NOT_FOUND = 70;
const SESSION_EPOCH_INVALID = 71;
/** Of one partition in one answer, and of all. */
const PARTITION_BYTES = 1024 * 1024;
const ANSWER_BYTES = 10 * 1024 * 1024;
const LAST_EPOCH = 2 ** 31 - 1;

/** A partition to be read from, and where. */
export interface FetchPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/**
 * What a broker knows of the reader: it is told of partitions and positions that are new, and answers with those that
 * have records, however many there are (KIP-227). One request at a time.
 */
export class FetchSession {
  #id = 0;
  #epoch = 0;
  /** What the broker knows. */
  #known = new Map<string, FetchPosition>();

  constructor(private readonly maxWaitMs: number) {}

  /** The next request, for just these positions. */
  request(positions: ReadonlyMap<string, FetchPosition>): FetchRequest {
    const places: FetchPlace[] = [];
    for (const [name, position] of positions) {
      if (this.#known.get(name)?.offset === position.offset) continue;
      places.push({ ...position, maxBytes: PARTITION_BYTES });
    }
    const forgotten = [...this.#known].flatMap(([name, place]) => (positions.has(name) ? [] : [place]));
    this.#known = new Map(positions);
    const session = { sessionId: this.#id, sessionEpoch: this.#epoch };
    return { maxWaitMs: this.maxWaitMs, maxBytes: ANSWER_BYTES, ...session, places, forgotten };
  }

  /** @returns false when the broker knows the session no more: the next request begins another */
  answered({ errorCode, sessionId }: FetchAnswer): boolean {
    if (errorCode === SESSION_NOT_FOUND || errorCode === SESSION_EPOCH_INVALID) {
      this.reset();
      return false;
    }
    // a broker that has no room for sessions is told all each time
    if (sessionId === 0) this.reset();
    else {
      this.#id = sessionId;
      this.#epoch = this.#epoch === LAST_EPOCH ? 1 : this.#epoch + 1;
    }
    return true;
  }

  /** What the broker knows is not certain any more. */
  reset(): void {
    this.#id = 0;
    this.#epoch = 0;
    this.#known.clear();
  }
}
