import type { DepthTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { gapTick } from "../book-feed.js";
import type { Publisher } from "../publisher.js";
import type { Pool } from "./pool.js";
import { type Ladder, ladderChanges } from "./virtual-depth.js";

/**
 * A pool's virtual depth in the log: a snapshot, then what changes of it, numbered without holes; a gap where it is not
 * known, until the next snapshot.
 */
export class PoolBook {
  #shown: Ladder | undefined;
  #updateId = 0;
  #snapshotAt: Micros = 0;

  constructor(
    readonly pool: Pool,
    readonly publisher: Publisher,
    readonly snapshotEvery: Micros,
  ) {}

  get isLive(): boolean {
    return this.#shown !== undefined;
  }

  /** What the pool offers now. @param exchangeTime of the block that says so */
  show(ladder: Ladder, exchangeTime: Micros, receiveTime: Micros): void {
    const { exchange, symbol } = this.pool;
    const base = { kind: "depth", exchange, symbol, exchangeTime, receiveTime } as const;
    const isDue = receiveTime - this.#snapshotAt >= this.snapshotEvery;
    if (this.#shown === undefined || isDue) {
      this.#updateId += 1;
      const ids = { firstUpdateId: this.#updateId, updateId: this.#updateId };
      this.#snapshotAt = receiveTime;
      this.#publish({ ...base, ...ids, ...ladder, action: "snapshot", part: 0, parts: 1 }, ladder);
      return;
    }
    const changes = ladderChanges(this.#shown, ladder);
    if (changes.bids.length === 0 && changes.asks.length === 0) return;
    const previousUpdateId = this.#updateId;
    this.#updateId += 1;
    const ids = { firstUpdateId: this.#updateId, updateId: this.#updateId, previousUpdateId };
    this.#publish({ ...base, ...ids, ...changes, action: "increment" }, ladder);
  }

  /** What the pool offers is not known any more. */
  interrupt(reason: string, receiveTime: Micros): void {
    if (this.#shown === undefined && reason !== "session_start") return;
    this.#shown = undefined;
    const { exchange, symbol } = this.pool;
    this.publisher.publish(gapTick(reason, { exchange, symbol, receiveTime }, this.#updateId));
  }

  /** The publisher dropped ticks of it and has said so in the log: the next one is a snapshot. */
  dropped(): void {
    this.#shown = undefined;
  }

  #publish(tick: DepthTick, ladder: Ladder): void {
    this.#shown = this.publisher.publish(tick) ? ladder : undefined;
  }
}
