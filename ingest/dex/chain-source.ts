import { setTimeout as delay } from "node:timers/promises";
import type { FeedState } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import { backoffMs } from "../backoff.js";
import { type BlockHead, type BlockRef, type ChainLog, ChainRefused } from "../evm/chain.js";
import { ChainFollower, type ChainFollowerOptions } from "../evm/chain-follower.js";
import { ChainRpc } from "../evm/chain-rpc.js";
import { CheckedLogs } from "../evm/checked-logs.js";
import type { Hole } from "../publisher.js";
import { leased, type MakeSource, type Source, type SourceParts } from "../source.js";
import type { ChainChannels } from "./chain-channels.js";
import { ChainJournal, type ChainPosition, type PositionStore } from "./chain-journal.js";
import { ChainTopics, type EncodeChainMessage } from "./chain-topics.js";
import { poolTopics } from "./events.js";
import { type FactoryChoice, poolsOfFactory } from "./factory.js";
import { loadPool, type PoolChoice } from "./load-pool.js";
import { type PendingChoice, PendingTransactions } from "./pending-transactions.js";
import { PoolInvalid } from "./pool.js";
import { PoolCalls } from "./pool-calls.js";
import { PoolDepth } from "./pool-depth.js";
import { PoolFeed } from "./pool-feed.js";
import { filePosition, leasedPosition } from "./position-stores.js";
import type { LadderShape } from "./virtual-depth.js";

const FIVE_MINUTES: Micros = 300_000_000;

/** One chain and what to take in of it. */
export interface ChainChoice
  extends Pick<
    ChainFollowerOptions,
    "confirmations" | "reorgDepth" | "pollMs" | "logRange" | "checkRanges" | "backoff"
  > {
  /** The chain's name: it stands in the messages of the chain's topics, and names the feed. */
  readonly id: string;
  readonly rpcUrls: readonly string[];
  readonly timeoutMs?: number;
  /** The first block to take in, where nothing was taken in before; by default the newest. */
  readonly startBlock?: number | undefined;
  readonly pools: readonly PoolChoice[];
  readonly factories?: readonly FactoryChoice[] | undefined;
  /** Without, pending transactions are not told. */
  readonly transactions?: PendingChoice | undefined;
  /** Without, the pools' state is not shown as depth. */
  readonly depth?: LadderShape | undefined;
  /**
   * Where it keeps its position over restarts, where one process has the chain without a lease; else it is kept beside the
   * lease. Without either, each run begins at `startBlock` or the newest block.
   */
  readonly positionFile?: string | undefined;
  /** Distance of the snapshots of each book. */
  readonly snapshotEvery?: Micros;
}

/** What a chain's own topics and channels need. */
export interface ChainOutputs {
  readonly encode: EncodeChainMessage;
  readonly channels?: ChainChannels | undefined;
}

/** A chain's pools as a source of ticks. */
export const chainSource = (choice: ChainChoice, outputs: ChainOutputs): MakeSource =>
  leased(leaseOf(choice), (parts) => new ChainSource(choice, parts, outputs));

const leaseOf = ({ id }: ChainChoice) => `chain|${id}`;

function positionOf(choice: ChainChoice, { notes }: SourceParts): PositionStore | undefined {
  if (notes !== undefined) return leasedPosition(notes, leaseOf(choice));
  return choice.positionFile === undefined ? undefined : filePosition(choice.positionFile);
}

class ChainSource implements Source {
  readonly #choice: ChainChoice;
  readonly #parts: SourceParts;
  readonly #rpc: ChainRpc;
  readonly #logs: CheckedLogs;
  readonly #topics: ChainTopics;
  readonly #pending: PendingTransactions | undefined;
  readonly #journal: ChainJournal | undefined;
  readonly #depth: PoolDepth | undefined;
  readonly #feed: PoolFeed;
  readonly #stopped = new AbortController();
  /** Pools that the chain has not answered for yet. */
  #awaited: PoolChoice[];
  /** Factories that have not said yet which pools there are. */
  #unasked: FactoryChoice[];
  #former: ChainPosition | undefined;
  #follower: ChainFollower | undefined;
  #wasConnected = false;

  constructor(choice: ChainChoice, parts: SourceParts, outputs: ChainOutputs) {
    const { id: chain, rpcUrls: urls, timeoutMs } = choice;
    this.#choice = choice;
    const logger = parts.logger.child({ chain });
    this.#parts = { ...parts, logger };
    const { backoff } = choice;
    const more = { ...(timeoutMs !== undefined && { timeoutMs }), ...(backoff && { backoff }) };
    this.#rpc = new ChainRpc({ chain, urls, logger, metrics: parts.metrics, ...more });
    this.#logs = new CheckedLogs(this.#rpc, logger, backoff);
    this.#topics = new ChainTopics({ ...this.#parts, ...outputs });
    if (choice.depth !== undefined) {
      const depth = { shape: choice.depth, snapshotEvery: choice.snapshotEvery ?? FIVE_MINUTES };
      this.#depth = new PoolDepth({ ...this.#parts, ...depth, rpc: this.#rpc });
    }
    if (choice.transactions !== undefined) {
      const outlets = { rpc: this.#rpc, topics: this.#topics };
      this.#pending = new PendingTransactions({ ...this.#parts, ...choice.transactions, ...outlets });
    }
    this.#feed = new PoolFeed({
      ...this.#parts,
      chain,
      topics: this.#topics,
      depth: this.#depth,
      pending: this.#pending,
      factories: choice.factories,
      discover: (pool, block) => this.#discover(pool, block),
    });
    this.#awaited = [...choice.pools];
    this.#unasked = [...(choice.factories ?? [])];
    const position = positionOf(choice, parts);
    if (position === undefined) return;
    const flushed = () => Promise.all([parts.publisher.flushed(), this.#topics.flushed()]);
    this.#journal = new ChainJournal(position, flushed, logger);
  }

  async start(): Promise<void> {
    const { confirmations, reorgDepth, pollMs, logRange, checkRanges = true, startBlock, backoff } = this.#choice;
    const { metrics, clock, logger } = this.#parts;
    for (let attempt = 0; !this.#stopped.signal.aborted; attempt++) {
      if ((await this.#loadPools(attempt === 0)) && (await this.#loadPosition(attempt === 0))) break;
      const pauseMs = backoffMs(attempt, backoff ?? { baseMs: 500, capMs: 30_000 });
      await delay(pauseMs, undefined, { signal: this.#stopped.signal }).catch(() => {});
    }
    if (this.#stopped.signal.aborted) return;
    const former = this.#former;
    if (former !== undefined) this.#feed.restore(former.kept);
    const from = former?.told ?? startBlock;
    this.#follower = new ChainFollower({
      logs: this.#logs,
      listener: this.#feed,
      ...{ logger, metrics, clock, confirmations, reorgDepth, pollMs, logRange, checkRanges },
      ...(from !== undefined && { from }),
      ...(backoff && { backoff }),
    });
    this.#follower.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    const stopped = this.#follower?.stop();
    // whoever waits for a node's limit waits no more
    this.#rpc.close();
    await stopped;
    await this.#journal?.settled();
    if (this.#follower !== undefined) await this.#journal?.saveNow(this.#position());
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
    void this.#pending?.poll();
    const connected = this.#follower?.state.connected === true;
    if (this.#follower?.state.caughtUp) this.#journal?.save(() => this.#position());
    if (!connected && this.#wasConnected) this.#depth?.interrupt("reconnect");
    this.#wasConnected = connected;
  }

  /** Taken between two calls of the follower, which tells a block and remembers it in one go. */
  #position(): ChainPosition {
    return { told: this.#follower!.told, kept: this.#feed.kept() };
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
      const calls = new PoolCalls(this.#rpc, head);
      for (const factory of [...this.#unasked]) {
        const named = new Set(this.#awaited.map(({ address }) => address));
        const found = await poolsOfFactory(calls, factory);
        this.#awaited.push(...found.filter(({ address }) => !named.has(address) && !this.#feed.has(address)));
        this.#unasked = this.#unasked.filter((other) => other !== factory);
      }
      for (const choice of [...this.#awaited]) {
        await this.#loadPool(choice, head);
        this.#awaited = this.#awaited.filter((other) => other !== choice);
      }
      return true;
    } catch (error) {
      if (first && !this.#stopped.signal.aborted) {
        logger.warn({ err: error }, "the chain does not say what its pools are; asking again");
      }
      return false;
    }
  }

  /** @returns false when it is not known whether there is one */
  async #loadPosition(first: boolean): Promise<boolean> {
    try {
      this.#former = await this.#journal?.load();
      return true;
    } catch (error) {
      if (first) this.#parts.logger.warn({ err: error }, "where the chain stood can not be read; asking again");
      return false;
    }
  }

  /** @throws ChainUnavailable, ChainRefused when it should be tried again */
  async #discover(choice: PoolChoice, block: BlockHead): Promise<readonly ChainLog[]> {
    const logs = await this.#logs.of(block, { addresses: [choice.address], topics: poolTopics });
    await this.#loadPool(choice, block);
    return logs;
  }

  async #loadPool(choice: PoolChoice, block: BlockRef): Promise<void> {
    try {
      this.#feed.add(await loadPool(new PoolCalls(this.#rpc, block), choice, this.#parts.logger));
    } catch (error) {
      const isLasting = error instanceof PoolInvalid || (error instanceof ChainRefused && error.reverted);
      if (!isLasting) throw error;
      this.#parts.logger.error({ err: error, pool: choice.address }, "a pool is left out");
    }
  }
}
