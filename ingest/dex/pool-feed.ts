import type { TradeTick } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import type { BlockHead, ChainLog, Hex, LogFilter } from "../evm/chain.js";
import type { ChainListener } from "../evm/chain-follower.js";
import type { SourceParts } from "../source.js";
import type { PoolMessage } from "./chain-message.js";
import type { ChainTopics } from "./chain-topics.js";
import { type PoolEvent, PoolLogUnreadable, poolTopics, readPoolLog } from "./events.js";
import { type FactoryChoice, factoryTopics, newPool } from "./factory.js";
import type { PoolChoice } from "./load-pool.js";
import type { PendingTransactions } from "./pending-transactions.js";
import { instrumentOf, type Pool } from "./pool.js";
import type { PoolDepth } from "./pool-depth.js";
import { blockMessage, poolMessages, retractedMessage } from "./pool-messages.js";
import { PoolState, type PoolUndo } from "./pool-state.js";
import { retraction, swapTrade } from "./swap-trade.js";

/** Trades that are published between two looks at whether the publisher has room. */
const PUBLISHED_AT_ONCE = 500;
const INSTRUMENTS_EVERY: Micros = 3_600_000_000;

/** A pool and where its events have left it. */
export interface PoolEntry {
  readonly pool: Pool;
  readonly state: PoolState;
}

/** What a block brought, for as long as a reorganisation may drop it. */
export interface KeptBlock {
  readonly number: number;
  readonly hash: Hex;
  readonly trades: readonly TradeTick[];
  readonly messages: readonly PoolMessage[];
}

export interface PoolFeedOptions
  extends Pick<SourceParts, "publisher" | "deadLetters" | "metrics" | "logger" | "clock"> {
  readonly chain: string;
  readonly topics: ChainTopics;
  /** Where the pools' state is shown as depth. */
  readonly depth?: PoolDepth | undefined;
  readonly pending?: PendingTransactions | undefined;
  readonly factories?: readonly FactoryChoice[] | undefined;
  /** Takes in a pool that a factory has made in this block. @returns what the block holds of it */
  readonly discover?: (pool: PoolChoice, block: BlockHead) => Promise<readonly ChainLog[]>;
}

/**
 * A chain's pools: swaps become trades, published in the chain's order. The trades of each block are kept until it is
 * final, so that a dropped block is taken back by the very amounts that it brought, newest first.
 */
export class PoolFeed implements ChainListener {
  readonly #options: PoolFeedOptions;
  readonly #pools = new Map<Hex, PoolEntry>();
  readonly #kept = new Map<Hex, KeptBlock>();
  readonly #undos = new Map<Hex, ReadonlyMap<PoolEntry, PoolUndo>>();
  /** Dropped blocks whose place is empty so far: hash by number. */
  readonly #replaced = new Map<number, Hex>();
  #instrumentsAt: Micros = 0;

  constructor(options: PoolFeedOptions) {
    this.#options = options;
  }

  get pools(): Iterable<PoolEntry> {
    return this.#pools.values();
  }

  /** Venues that its trades are of. */
  exchanges(): Set<VenueId> {
    return new Set([...this.#pools.values()].map(({ pool }) => pool.exchange));
  }

  has(address: Hex): boolean {
    return this.#pools.has(address);
  }

  /** Takes in a pool from the next block on, and says what governs its ticks. */
  add(pool: Pool): PoolEntry {
    const entry = { pool, state: new PoolState(pool.protocol) };
    this.#pools.set(pool.address, entry);
    this.#options.publisher.publish(instrumentOf(pool, this.#options.clock()));
    this.#options.depth?.add(entry);
    this.#options.logger.info({ pool: pool.address, exchange: pool.exchange, symbol: pool.symbol }, "pool taken in");
    return entry;
  }

  /** What was published of blocks that may still be dropped, oldest first: what the next run needs to take it back. */
  kept(): KeptBlock[] {
    return [...this.#kept.values()];
  }

  /** What an earlier run had published. */
  restore(blocks: readonly KeptBlock[]): void {
    for (const block of blocks) this.#kept.set(block.hash, block);
  }

  onTime(now: Micros): void {
    if (this.#instrumentsAt === 0) this.#instrumentsAt = now;
    if (now - this.#instrumentsAt < INSTRUMENTS_EVERY) return;
    this.#instrumentsAt = now;
    for (const { pool } of this.#pools.values()) this.#options.publisher.publish(instrumentOf(pool, now));
  }

  filter(): LogFilter {
    const { factories = [] } = this.#options;
    const addresses = [...this.#pools.keys(), ...factories.map(({ address }) => address)];
    return { addresses, topics: factories.length === 0 ? poolTopics : [...poolTopics, ...factoryTopics] };
  }

  async block(block: BlockHead, logs: readonly ChainLog[], backfilled: boolean): Promise<void> {
    const { chain, topics, clock, pending } = this.#options;
    const all = await this.#withNewPools(block, logs);
    const decisions = (await pending?.decisions(block)) ?? [];
    const receiveTime = clock();
    const undos = new Map<PoolEntry, PoolUndo>();
    const trades: TradeTick[] = [];
    const messages: PoolMessage[] = [];
    for (const log of all) {
      const entry = this.#pools.get(log.address);
      const event = entry && this.#read(entry.pool, log, receiveTime);
      if (entry === undefined || event === undefined) continue;
      const { pool, state } = entry;
      const undo = undos.get(entry) ?? state.begin();
      undos.set(entry, undo);
      state.apply(event, undo);
      const trade = this.#tradeOf(entry, block, log, event, receiveTime);
      if (trade !== undefined) trades.push(backfilled ? { ...trade, backfilled } : trade);
      messages.push(...poolMessages(pool, state, block, log, event));
    }
    await topics.room();
    await this.#publish(trades);
    const { number, hash } = block;
    topics.write(blockMessage(chain, block, this.#replaced.get(number)));
    this.#replaced.delete(number);
    for (const message of [...messages, ...decisions]) topics.write(message);
    this.#undos.set(hash, undos);
    this.#kept.set(hash, { number, hash, trades, messages });
  }

  /** What a block holds of the pools that it brought comes with it: their first price is in it. */
  async #withNewPools(block: BlockHead, logs: readonly ChainLog[]): Promise<readonly ChainLog[]> {
    const { factories, discover } = this.#options;
    if (factories === undefined || discover === undefined) return logs;
    const all = [...logs];
    for (const log of logs) {
      const choice = newPool(factories, log);
      if (choice !== undefined && !this.has(choice.address)) all.push(...(await discover(choice, block)));
    }
    return all.length === logs.length ? logs : all.sort((a, b) => a.logIndex - b.logIndex);
  }

  async dropped(block: BlockHead): Promise<void> {
    const kept = this.#kept.get(block.hash);
    const undos = this.#undos.get(block.hash);
    const receiveTime = this.#options.clock();
    await this.#publish((kept?.trades ?? []).toReversed().map((trade) => retraction(trade, receiveTime)));
    for (const message of (kept?.messages ?? []).toReversed()) this.#options.topics.write(retractedMessage(message));
    for (const [{ state }, undo] of undos ?? []) state.undo(undo);
    // of an earlier run's block only what it published is known
    if (undos === undefined) for (const { state } of this.#pools.values()) state.known = false;
    this.#options.pending?.dropped(block);
    this.final(block);
    this.#replaced.set(block.number, block.hash);
  }

  /** With nothing newer the pools are as the chain has them. */
  async caughtUp(head: BlockHead): Promise<boolean> {
    const { depth } = this.#options;
    await depth?.show(head);
    return depth?.isLive ?? true;
  }

  final(block: BlockHead): void {
    this.#kept.delete(block.hash);
    this.#undos.delete(block.hash);
    this.#options.pending?.final(block);
  }

  #tradeOf(
    { pool, state }: PoolEntry,
    block: BlockHead,
    log: ChainLog,
    event: PoolEvent,
    receiveTime: Micros,
  ): TradeTick | undefined {
    const { ratio } = state;
    if (event.kind !== "swap" || ratio === undefined) return undefined;
    const trade = swapTrade(pool, ratio, log, event, { exchangeTime: block.time, receiveTime });
    if (trade === undefined) this.#options.metrics.dropped.inc({ place: "dex", reason: "swap_of_dust" });
    return trade;
  }

  #read(pool: Pool, log: ChainLog, receiveTime: Micros): PoolEvent | undefined {
    try {
      return readPoolLog(log);
    } catch (error) {
      if (!(error instanceof PoolLogUnreadable)) throw error;
      const { deadLetters } = this.#options;
      deadLetters.frame(pool.exchange, JSON.stringify(log), "unreadable_log", error.message, receiveTime);
      return undefined;
    }
  }

  /** A chain can wait: nothing is dropped for want of room. */
  async #publish(trades: readonly TradeTick[]): Promise<void> {
    const { publisher } = this.#options;
    for (let at = 0; at < trades.length; at += PUBLISHED_AT_ONCE) {
      await publisher.room();
      for (const trade of trades.slice(at, at + PUBLISHED_AT_ONCE)) publisher.publish(trade);
    }
  }
}
