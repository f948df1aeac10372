import { totalmem } from "node:os";
import { defaultReaderLimits, type ReaderLimits } from "./reader-settings.js";
import type { StoreAccess } from "./store-callers.js";
import type { LaneName } from "./store-statement.js";

export interface ChdbHttpOptions extends StoreAccess {
  /** Names by which this port is reached, beside loopback's. */
  readonly hosts: readonly string[];
  /** Origins whose pages may ask. */
  readonly origins: readonly string[];
  /** Bound of one request's body that writes, before and after decompression. */
  readonly maxBodyBytes: number;
  /** Bound of all of those in memory together. */
  readonly maxWaitingBytes: number;
  /** Bound of a reader's body. */
  readonly maxReaderBodyBytes: number;
  /** Of a lane. */
  readonly maxWaitingQueries: number;
  /**
   * Statements that run at once: what writes; what the plant itself reads (REST's history); what everybody else reads.
   * None waits for another's.
   */
  readonly lanes: Readonly<Record<LaneName, number>>;
  readonly readers: ReaderLimits;
  /** ms after which a statement that was cancelled and still runs holds a lane for good. */
  readonly stuckMs: number;
}

export const defaultHttpOptions: ChdbHttpOptions = {
  hosts: [],
  origins: [],
  maxBodyBytes: 256 * 2 ** 20,
  maxWaitingBytes: 512 * 2 ** 20,
  maxReaderBodyBytes: 2 ** 20,
  maxWaitingQueries: 256,
  lanes: { write: 2, history: 2, read: 3 },
  readers: {
    ...defaultReaderLimits,
    memoryBytes: Math.min(defaultReaderLimits.memoryBytes, Math.floor(totalmem() / 8)),
  },
  stuckMs: 10_000,
};
