import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../infra/logging.js";
import type { BlockHead } from "../evm/chain.js";
import type { KeptBlock } from "./pool-feed.js";

/** Where a chain's source stands: blocks that may still be dropped, and what was published of each. */
export interface ChainPosition {
  readonly told: readonly BlockHead[];
  readonly kept: readonly KeptBlock[];
}

/** Where the position is kept, as text. */
export interface PositionStore {
  readonly name: string;
  /** @returns undefined where there is none */
  load(): Promise<string | undefined>;
  save(text: string): Promise<void>;
}

const VERSION = 1;
const SAVE_EVERY_MS = 1_000;
const FLUSH_MS = 5_000;

/**
 * Keeps a chain's position, written whole and only once the log holds all that it stands for: after a crash
 * some blocks are told again, under the same ids, and none is missed.
 */
export class ChainJournal {
  #saving: Promise<void> | undefined;
  #savedAt = 0;

  constructor(
    readonly store: PositionStore,
    /** Resolves when all that was published so far is in the log. */
    readonly flushed: () => Promise<unknown>,
    readonly logger: Logger,
  ) {}

  /** The position of the run before; undefined where there is none, or none that can be read. */
  async load(): Promise<ChainPosition | undefined> {
    const text = await this.store.load();
    if (text === undefined) return undefined;
    try {
      const { version, told, kept } = JSON.parse(text, revive) as ChainPosition & { version: number };
      if (version === VERSION && Array.isArray(told) && Array.isArray(kept)) return { told, kept };
      this.logger.warn({ store: this.store.name }, "the chain's position is of another version; it begins anew");
    } catch (error) {
      this.logger.warn({ err: error, store: this.store.name }, "the chain's position can not be read; it begins anew");
    }
    return undefined;
  }

  /** Saves in the background, at most once a second. */
  save(position: () => ChainPosition): void {
    if (this.#saving !== undefined || Date.now() - this.#savedAt < SAVE_EVERY_MS) return;
    this.#savedAt = Date.now();
    this.#saving = this.saveNow(position()).finally(() => {
      this.#saving = undefined;
    });
  }

  async saveNow(position: ChainPosition): Promise<void> {
    const text = JSON.stringify({ version: VERSION, ...position }, tagBigints);
    try {
      const late = delay(FLUSH_MS, "late", { ref: false });
      if ((await Promise.race([this.flushed(), late])) === "late") return;
      await this.store.save(text);
    } catch (error) {
      this.logger.warn({ err: error, store: this.store.name }, "the chain's position was not saved");
    }
  }

  /** No save is under way any more. */
  async settled(): Promise<void> {
    await this.#saving;
  }
}

const tagBigints = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? { $bigint: value.toString() } : value;

function revive(_key: string, value: unknown): unknown {
  const tagged = (value as { $bigint?: string } | null)?.$bigint;
  return tagged === undefined ? value : BigInt(tagged);
}
