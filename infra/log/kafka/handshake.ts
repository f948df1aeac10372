import { inTime } from "./in-time.js";
import { destroyConnection, type KafkaConnection } from "./kafkajs-internals.js";

/** Connecting, asking for versions and logging in, all of it. A broker that needs longer is not one to work with. */
const HANDSHAKE_MS = 6_000;
/**
 * The same with a broker that has just left a request unanswered. One that is frozen still takes connections, and until
 * the others know it for dead its partitions have no other leader: what waits for it asks them again the sooner.
 */
const AFTER_SILENCE_MS = 1_500;

const silent = new WeakSet<KafkaConnection>();

/** Ends a connection over which an answer did not come in time. */
export function endSilentConnection(connection: KafkaConnection, why: Error): void {
  silent.add(connection);
  destroyConnection(connection, why);
}

/** How long handshakes with one broker are waited for. */
export class Handshakes {
  #patienceMs = HANDSHAKE_MS;

  /**
   * @param former   the connections that this handshake is to replace
   * @param tooLong  called when the broker takes too long; ends the attempt and says what is thrown. The next is given
   *                 twice the time
   */
  async wait<Result>(
    work: Promise<Result>,
    former: readonly KafkaConnection[],
    tooLong: (afterMs: number) => Error,
  ): Promise<Result> {
    if (former.some((connection) => silent.has(connection))) this.#patienceMs = AFTER_SILENCE_MS;
    const patienceMs = this.#patienceMs;
    const result = await inTime(work, patienceMs, () => {
      this.#patienceMs = Math.min(HANDSHAKE_MS, 2 * patienceMs);
      return tooLong(patienceMs);
    });
    this.#patienceMs = HANDSHAKE_MS;
    return result;
  }
}
