import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import type { Micros } from "../../schemas/words.js";
import { backoffMs } from "../backoff.js";
import type { Clock } from "../clock.js";
import { type BlockHead, type ChainLog, ChainRefused, ChainUnavailable, type LogFilter } from "./chain.js";
import type { CheckedLogs } from "./checked-logs.js";
import { LogRange } from "./log-range.js";

/** Who wants a chain's logs. Its calls come one at a time, in the chain's order. */
export interface ChainListener {
  /** The logs that it wants from the next block on. */
  filter(): LogFilter;
  /**
   * A block has come to the end of the chain, with its wanted logs. Blocks without any are told, too, but for those
   * passed over while it catches up from far behind.
   */
  block(block: BlockHead, logs: readonly ChainLog[], backfilled: boolean): Promise<void> | void;
  /** The newest block that was told is not part of the chain any more. */
  dropped(block: BlockHead): Promise<void> | void;
  /** The block lies so deep that it is never dropped; its amounts need not be kept. */
  final?(block: BlockHead): void;
  /**
   * Nothing newer is known for now.
   *
   * @param head the newest block that was told
   * @returns false to be called again though nothing newer comes
   */
  caughtUp?(head: BlockHead): Promise<boolean | undefined> | boolean | undefined;
}

export interface ChainFollowerOptions {
  readonly logs: CheckedLogs;
  readonly listener: ChainListener;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Blocks that must stand on top of a block before it is told. */
  readonly confirmations: number;
  /** Blocks that may be dropped by a reorganisation; what lies deeper is final. */
  readonly reorgDepth: number;
  readonly pollMs: number;
  /** Blocks in one query of logs while it catches up. */
  readonly logRange: number;
  /** Whether every block of such a range is held against its logs, which takes a request a block; true unless told. */
  readonly checkRanges?: boolean;
  /** Where to go on: blocks told before, oldest first; else the first block to tell, else the newest. */
  readonly from?: readonly BlockHead[] | number;
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
}

/**
 * Follows one chain block by block: each is told once, in order, by its own hash, and taken back when a reorganisation
 * drops it. After any failure it goes on behind the last block that was told, so nothing is missed and nothing doubled.
 */
export class ChainFollower {
  readonly #options: ChainFollowerOptions;
  /** Blocks that were told and may still be dropped, oldest first; the first is the anchor of the others. */
  #told: BlockHead[] = [];
  #next: number | undefined;
  readonly #range: LogRange;
  #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  #hinted = false;
  #connected = false;
  #since: Micros;
  #caughtUp = false;
  /** The listener wants to hear again that nothing newer is known. */
  #unsettled = false;

  constructor(options: ChainFollowerOptions) {
    this.#options = options;
    this.#range = new LogRange(options.logRange);
    this.#since = options.clock();
    const { from } = options;
    if (typeof from === "number") this.#next = from;
    else if (from !== undefined) this.#told = [...from];
    options.logs.rpc.watch(["newHeads"], () => this.hint());
  }

  /** The node answers, since when it does or does not, and whether the newest block was told. */
  get state(): { readonly connected: boolean; readonly since: Micros; readonly caughtUp: boolean } {
    return { connected: this.#connected, since: this.#since, caughtUp: this.#connected && this.#caughtUp };
  }

  /** Blocks that were told and may still be dropped, oldest first. */
  get told(): readonly BlockHead[] {
    return this.#told;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Something may be new: look at once. */
  hint(): void {
    this.#hinted = true;
    this.#wake?.();
  }

  /** Resolves when no call of the listener is under way any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { logger, logs, pollMs, backoff = { baseMs: 250, capMs: 15_000 } } = this.#options;
    for (let attempt = 0; !this.#stopped.signal.aborted; ) {
      try {
        this.#hinted = false;
        const moved = await this.#step();
        this.#setConnected(true);
        attempt = 0;
        if (!moved) await this.#pause(pollMs);
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        const isKnown = error instanceof Error && "code" in error;
        if (attempt === 0) {
          logger[isKnown ? "warn" : "error"](
            { err: error, chain: logs.rpc.chain },
            "following the chain is interrupted; it goes on behind the last block",
          );
        }
        this.#setConnected(false);
        await this.#pause(backoffMs(attempt, backoff), true);
        attempt += 1;
      }
    }
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#since = this.#options.clock();
    if (!connected) this.#caughtUp = false;
  }

  async #pause(ms: number, deaf = false): Promise<void> {
    if (this.#stopped.signal.aborted || (this.#hinted && !deaf)) return;
    const woken = new AbortController();
    this.#wake = () => {
      if (!deaf || this.#stopped.signal.aborted) woken.abort();
    };
    await delay(ms, undefined, { signal: woken.signal }).catch(() => {});
    this.#wake = undefined;
  }

  /** @returns whether there may be more to do at once */
  async #step(): Promise<boolean> {
    const head = await this.#block("latest");
    if (head === undefined) return false;
    if (!(await this.#unwind(head))) return false;
    const newest = head.number - this.#options.confirmations;
    if (this.#told.length === 0 && this.#next === undefined) this.#next = newest;
    const moved = await this.#advance(head, newest);
    const last = this.#told.at(-1);
    const caughtUp = last !== undefined && last.number >= newest;
    if (caughtUp && (moved || !this.#caughtUp || this.#unsettled)) {
      this.#unsettled = (await this.#options.listener.caughtUp?.(last)) === false;
    }
    this.#caughtUp = caughtUp;
    return moved && !caughtUp;
  }

  /** Takes back what the node's chain does not have. @returns false when the node is behind what was told */
  async #unwind(head: BlockHead): Promise<boolean> {
    for (;;) {
      const last = this.#told.at(-1);
      if (last === undefined || head.hash === last.hash || head.parentHash === last.hash) return true;
      if (last.number > head.number) {
        const then = this.#told.find(({ number }) => number === head.number);
        // a chain that is only shorter has dropped nothing yet that another block replaces
        if (then === undefined || then.hash === head.hash) return false;
      } else {
        const now = await this.#block(last.number);
        if (now === undefined) return false;
        if (now.hash === last.hash) return true;
      }
      await this.#drop(last);
    }
  }

  async #drop(block: BlockHead): Promise<void> {
    const { listener, metrics, logger, reorgDepth } = this.#options;
    const { rpc } = this.#options.logs;
    this.#throwIfStopped();
    logger.info({ chain: rpc.chain, block: block.number, hash: block.hash }, "a reorganisation dropped a block");
    metrics.chainReorgs.inc({ chain: rpc.chain });
    await listener.dropped(block);
    this.#told.pop();
    if (this.#told.length > 0) return;
    this.#next = block.number;
    metrics.dropped.inc({ place: "chain", reason: "reorg_too_deep" });
    logger.error(
      { code: "TP_REORG_TOO_DEEP", chain: rpc.chain, block: block.number, reorgDepth },
      "a reorganisation goes deeper than blocks are kept: what lies below stays as it was told; set reorgDepth higher",
    );
  }

  /** Tells blocks up to the newest. @returns whether any was told, or the chain changed meanwhile */
  async #advance(head: BlockHead, newest: number): Promise<boolean> {
    let moved = false;
    for (;;) {
      const last = this.#told.at(-1);
      const number = last === undefined ? this.#next! : last.number + 1;
      if (number > newest) return moved;
      const settled = newest - this.#options.reorgDepth;
      if (settled - number >= this.#options.reorgDepth) {
        await this.#catchUp(number, settled);
        moved = true;
        continue;
      }
      const block = number === head.number ? head : await this.#block(number);
      if (block === undefined) return moved;
      if (last !== undefined && block.parentHash !== last.hash) {
        // the chain changed since it was asked; not at once, lest a node that contradicts itself is asked without end
        await delay(20);
        return true;
      }
      const { listener } = this.#options;
      const logs = await this.#options.logs.of(block, listener.filter());
      this.#throwIfStopped();
      await listener.block(block, logs, !this.#caughtUp);
      this.#remember(block);
      moved = true;
    }
  }

  /** Blocks so deep that no reorganisation reaches them: their logs by ranges, and only blocks that have some. */
  async #catchUp(first: number, settled: number): Promise<void> {
    const { logs, listener, checkRanges = true } = this.#options;
    const last = Math.min(settled, first + this.#range.blocks - 1);
    const filter = listener.filter();
    let range: Awaited<ReturnType<CheckedLogs["between"]>>;
    try {
      range = await logs.between(first, last, filter, checkRanges);
    } catch (error) {
      // too many at once for this node, or for its time
      if (error instanceof ChainUnavailable) this.#range.shrink();
      if (!(error instanceof ChainRefused && error.about !== "unknown_block")) throw error;
      if (!this.#range.shrink()) throw error;
      return;
    }
    this.#range.grow();
    for (const { block, logs } of range.found) {
      this.#throwIfStopped();
      await listener.block(block, logs, true);
      listener.final?.(block);
      if (listener.filter().addresses.length === filter.addresses.length) continue;
      // what is wanted has grown: the rest is asked for anew
      this.#settle(block);
      return;
    }
    this.#throwIfStopped();
    this.#settle(range.anchor);
  }

  #settle(anchor: BlockHead): void {
    const { listener, metrics, logs } = this.#options;
    metrics.chainBlock.set({ chain: logs.rpc.chain }, anchor.number);
    for (const block of this.#told) listener.final?.(block);
    this.#told = [kept(anchor)];
  }

  #remember(block: BlockHead): void {
    this.#told.push(kept(block));
    this.#options.metrics.chainBlock.set({ chain: this.#options.logs.rpc.chain }, block.number);
    // one more, as the anchor
    while (this.#told.length > this.#options.reorgDepth + 1) this.#options.listener.final?.(this.#told.shift()!);
  }

  async #block(tag: number | "latest"): Promise<BlockHead | undefined> {
    const block = await this.#options.logs.rpc.block(tag);
    this.#throwIfStopped();
    return block;
  }

  #throwIfStopped(): void {
    this.#stopped.signal.throwIfAborted();
  }
}

/** Without what is looked at once. */
function kept({ logsBloom: _, ...head }: BlockHead): BlockHead {
  return head;
}
