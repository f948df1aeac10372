import type { Logger } from "../../infra/logging.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import type { Clock } from "../clock.js";
import type { BlockHead } from "../evm/chain.js";
import type { ChainRpc } from "../evm/chain-rpc.js";
import type { Publisher } from "../publisher.js";
import { PoolBook } from "./pool-book.js";
import { PoolCalls } from "./pool-calls.js";
import type { PoolEntry } from "./pool-feed.js";
import { type LadderShape, type TickRange, virtualDepth } from "./virtual-depth.js";

export interface PoolDepthOptions {
  readonly rpc: ChainRpc;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly shape: LadderShape;
  readonly snapshotEvery: Micros;
}

interface Known {
  readonly book: PoolBook;
  /** Ticks whose liquidity was asked for; events keep it from there. */
  range: TickRange | undefined;
}

/** Questions to the node at a time. */
const AT_ONCE = 16;
const ALL_TICKS: TickRange = { from: -887_272, to: 887_272 };

/**
 * The virtual depth of a chain's pools. What a pool holds is asked for once, as of the newest block, and kept by its
 * events from there on; again when the price has left the ticks that were asked for, or when what is held is in doubt.
 */
export class PoolDepth {
  readonly #options: PoolDepthOptions;
  readonly #known = new Map<PoolEntry, Known>();

  constructor(options: PoolDepthOptions) {
    this.#options = options;
  }

  /** Every pool's book is right. */
  get isLive(): boolean {
    for (const { book } of this.#known.values()) if (!book.isLive) return false;
    return true;
  }

  add(entry: PoolEntry): void {
    const { publisher, clock, snapshotEvery } = this.#options;
    const book = new PoolBook(entry.pool, publisher, snapshotEvery);
    book.interrupt("session_start", clock());
    this.#known.set(entry, { book, range: undefined });
  }

  /** Shows what the pools offer as of the newest block, whose events they have taken in. */
  async show(head: BlockHead): Promise<void> {
    for (const [entry, known] of this.#known) {
      if (!this.#isKnown(entry, known)) await this.#load(entry, known, head);
      this.#showOne(entry, known, head);
    }
  }

  /** The chain is out of sight. */
  interrupt(reason: string): void {
    for (const { book } of this.#known.values()) book.interrupt(reason, this.#options.clock());
  }

  dropped(exchange: VenueId, symbol: SymbolName): void {
    for (const [{ pool }, { book }] of this.#known) {
      if (pool.exchange === exchange && pool.symbol === symbol) book.dropped();
    }
  }

  #showOne(entry: PoolEntry, { book, range }: Known, head: BlockHead): void {
    if (range === undefined) return;
    const ladder = virtualDepth(entry.pool, entry.state, this.#options.shape, range);
    book.show(ladder, head.time, this.#options.clock());
  }

  #isKnown({ pool, state }: PoolEntry, { range }: Known): boolean {
    if (range === undefined || !state.known) return false;
    if (pool.protocol === "v2") return true;
    const reach = this.#reach();
    return state.tick - reach >= range.from && state.tick + reach <= range.to;
  }

  #reach(): number {
    const { levels, stepTicks } = this.#options.shape;
    return (levels + 1) * stepTicks;
  }

  async #load(entry: PoolEntry, known: Known, head: BlockHead): Promise<void> {
    const { rpc, logger, clock } = this.#options;
    try {
      known.range = await this.#ask(entry, new PoolCalls(rpc, head));
    } catch (error) {
      known.range = undefined;
      known.book.interrupt("unknown_liquidity", clock());
      logger.warn({ err: error, pool: entry.pool.address }, "the pool's liquidity is not known; it is asked for again");
    }
  }

  async #ask({ pool, state }: PoolEntry, calls: PoolCalls): Promise<TickRange> {
    const reserves = await calls.reservesOf(pool.address, pool.protocol);
    if (pool.protocol === "v2") {
      Object.assign(state, reserves, { known: true });
      return ALL_TICKS;
    }
    const { tickSpacing } = pool;
    // as much again, so that not every move asks anew
    const reach = 2 * this.#reach();
    const first = Math.floor((reserves.tick - reach) / tickSpacing / 256);
    const last = Math.floor((reserves.tick + reach) / tickSpacing / 256);
    const words = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const ticks = (await inTurn(words, (word) => calls.ticksOfWord(pool.address, word))).flat();
    const nets = await inTurn(ticks, async (tick): Promise<readonly [number, bigint]> => {
      return [tick * tickSpacing, await calls.netLiquidity(pool.address, tick * tickSpacing)];
    });
    Object.assign(state, reserves, { known: true });
    state.net.clear();
    for (const [tick, net] of nets) if (net !== 0n) state.net.set(tick, net);
    return { from: first * 256 * tickSpacing, to: (last * 256 + 255) * tickSpacing };
  }
}

async function inTurn<Item, Answer>(items: readonly Item[], ask: (item: Item) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    answers.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(ask))));
  }
  return answers;
}
