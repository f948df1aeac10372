import { setTimeout as delay } from "node:timers/promises";
import type { FeedState } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import { backoffMs } from "../backoff.js";
import { ChainRefused, type Hex } from "../evm/chain.js";
import { ChainFollower, type ChainFollowerOptions } from "../evm/chain-follower.js";
import { ChainRpc } from "../evm/chain-rpc.js";
import type { Hole } from "../publisher.js";
import type { MakeSource, Source, SourceParts } from "../source.js";
import type { ChainChannels } from "./chain-channels.js";
import { ChainTopics, type EncodeChainMessage } from "./chain-topics.js";
import { loadPool, type PoolChoice } from "./load-pool.js";
import { PoolInvalid } from "./pool.js";
import { PoolCalls } from "./pool-calls.js";
import { PoolDepth } from "./pool-depth.js";
import { PoolFeed } from "./pool-feed.js";
import type { LadderShape } from "./virtual-depth.js";

const FIVE_MINUTES: Micros = 300_000_000;

/** One chain and what to take in of it. */
export interface ChainChoice
  extends Pick<ChainFollowerOptions, "confirmations" | "reorgDepth" | "pollMs" | "logRange" | "backoff"> {
  /** The chain's name: it stands in the messages of the chain's topics, and names the feed. */
  readonly id: string;
  readonly rpcUrls: readonly string[];
  readonly timeoutMs?: number;
  /** The first block to take in, where nothing was taken in before; by default the newest. */
  readonly startBlock?: number | undefined;
  readonly pools: readonly PoolChoice[];
  /** Without, the pools' state is not shown as depth. */
  readonly depth?: LadderShape | undefined;
  /** Distance of the snapshots of each book. */
  readonly snapshotEvery?: Micros;
}

/** What a chain's own topics and channels need. */
export interface ChainOutputs {
  readonly encode: EncodeChainMessage;
  readonly channels?: ChainChannels | undefined;
}

/** A chain's pools as a source of ticks. */
export const chainSource =
  (choice: ChainChoice, outputs: ChainOutputs): MakeSource =>
  (parts) =>
    new ChainSource(choice, parts, outputs);

class ChainSource implements Source {
  readonly #choice: ChainChoice;
  readonly #parts: SourceParts;
  readonly #rpc: ChainRpc;
  readonly #topics: ChainTopics;
  readonly #depth: PoolDepth | undefined;
  readonly #feed: PoolFeed;
  readonly #stopped = new AbortController();
  /** Pools that the chain has not answered for yet. */
  #awaited: PoolChoice[];
  #follower: ChainFollower | undefined;
  #wasConnected = false;

  constructor(choice: ChainChoice, parts: SourceParts, outputs: ChainOutputs) {
    const { id: chain, rpcUrls: urls, timeoutMs } = choice;
    this.#choice = choice;
    const logger = parts.logger.child({ chain });
    this.#parts = { ...parts, logger };
    this.#rpc = new ChainRpc({ chain, urls, logger, ...(timeoutMs !== undefined && { timeoutMs }) });
    this.#topics = new ChainTopics({ ...this.#parts, ...outputs });
    if (choice.depth !== undefined) {
      const depth = { shape: choice.depth, snapshotEvery: choice.snapshotEvery ?? FIVE_MINUTES };
      this.#depth = new PoolDepth({ ...this.#parts, ...depth, rpc: this.#rpc });
    }
    this.#feed = new PoolFeed({ ...this.#parts, chain, topics: this.#topics, depth: this.#depth });
    this.#awaited = [...choice.pools];
  }

  async start(): Promise<void> {
    const { confirmations, reorgDepth, pollMs, logRange, startBlock, backoff } = this.#choice;
    const { metrics, clock, logger } = this.#parts;
    for (let attempt = 0; !this.#stopped.signal.aborted; attempt++) {
      if (await this.#loadPools(attempt === 0)) break;
      const pauseMs = backoffMs(attempt, backoff ?? { baseMs: 500, capMs: 30_000 });
      await delay(pauseMs, undefined, { signal: this.#stopped.signal }).catch(() => {});
    }
    if (this.#stopped.signal.aborted) return;
    this.#follower = new ChainFollower({
      rpc: this.#rpc,
      listener: this.#feed,
      ...{ logger, metrics, clock, confirmations, reorgDepth, pollMs, logRange },
      ...(startBlock !== undefined && { from: startBlock }),
      ...(backoff && { backoff }),
    });
    this.#follower.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#follower?.stop();
    this.#rpc.close();
    await this.#topics.close();
  }

  states(): FeedState[] {
    const { connected, since } = this.#follower?.state ?? { connected: false, since: 0 };
    return [...this.#feed.exchanges()].map((exchange) => ({ exchange, feed: this.#choice.id, connected, since }));
  }

  get isReady(): boolean {
    const isLive = this.#depth?.isLive ?? true;
    return this.#awaited.length === 0 && this.#follower?.state.caughtUp === true && isLive;
  }

  onTime(now: Micros): void {
    this.#feed.onTime(now);
    const connected = this.#follower?.state.connected === true;
    if (!connected && this.#wasConnected) this.#depth?.interrupt("reconnect");
    this.#wasConnected = connected;
  }

  onHole({ kind, exchange, symbol }: Hole): void {
    if (kind === "depth") this.#depth?.dropped(exchange, symbol);
  }

  owns(exchange: VenueId): boolean {
    return this.#feed.exchanges().has(exchange);
  }

  /** @returns whether every pool is known, or will never be */
  async #loadPools(first: boolean): Promise<boolean> {
    const { logger } = this.#parts;
    try {
      const head = await this.#rpc.block("latest");
      if (head === undefined) return false;
      for (const choice of [...this.#awaited]) {
        await this.#loadPool(choice, head.hash);
        this.#awaited = this.#awaited.filter((other) => other !== choice);
      }
      return true;
    } catch (error) {
      if (first) logger.warn({ err: error }, "the chain does not say what its pools are; asking again");
      return false;
    }
  }

  async #loadPool(choice: PoolChoice, blockHash: Hex): Promise<void> {
    try {
      this.#feed.add(await loadPool(new PoolCalls(this.#rpc, blockHash), choice));
    } catch (error) {
      const isLasting = error instanceof PoolInvalid || (error instanceof ChainRefused && error.reverted);
      if (!isLasting) throw error;
      this.#parts.logger.error({ err: error, pool: choice.address }, "a pool is left out");
    }
  }
}
