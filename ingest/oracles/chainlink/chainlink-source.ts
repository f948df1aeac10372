import { setTimeout as delay } from "node:timers/promises";
import type { ChainlinkConfig } from "../../../infra/config/oracle-config.js";
import type { FeedState } from "../../../schemas/ticks.js";
import type { Micros, VenueId } from "../../../schemas/words.js";
import { backoffMs } from "../../backoff.js";
import { type BlockHead, type ChainLog, ChainRefused, type LogFilter } from "../../evm/chain.js";
import { ChainFollower, type ChainListener } from "../../evm/chain-follower.js";
import { ChainRpc } from "../../evm/chain-rpc.js";
import { CheckedLogs } from "../../evm/checked-logs.js";
import { leased, type MakeSource, type Source, type SourceParts } from "../../source.js";
import { OraclePrices } from "../oracle-prices.js";
import { answerUpdatedTopic } from "./abi.js";
import { FeedWatch } from "./feed-watch.js";

export interface ChainlinkOptions extends ChainlinkConfig {
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
}

const ANCESTORS = 12;

/** Chainlink's price feeds on one chain as a source of ticks. */
export const chainlinkSource = (options: ChainlinkOptions): MakeSource =>
  leased(`oracle|${options.id}`, (parts) => new ChainlinkSource(options, parts));

/**
 * New answers come as logs of the aggregators, block by block, so none is missed by a lost connection; now and then, and
 * after a reorganisation, each proxy is asked itself, since it may have changed its aggregator.
 */
class ChainlinkSource implements Source, ChainListener {
  readonly #parts: SourceParts;
  readonly #rpc: ChainRpc;
  readonly #prices: OraclePrices;
  readonly #stopped = new AbortController();
  #awaited: FeedWatch[];
  #watches: FeedWatch[] = [];
  #follower: ChainFollower | undefined;
  #checkedAt: Micros = 0;

  constructor(
    private readonly options: ChainlinkOptions,
    parts: SourceParts,
  ) {
    const { id, rpcUrls: urls, feeds, graceSeconds } = options;
    const logger = parts.logger.child({ exchange: id });
    this.#parts = { ...parts, logger };
    const { backoff } = options;
    this.#rpc = new ChainRpc({ chain: id, urls, logger, metrics: parts.metrics, ...(backoff && { backoff }) });
    const staleAfter = (seconds: number) => (seconds + graceSeconds) * 1_000_000;
    this.#prices = new OraclePrices(
      id,
      feeds.map(({ symbol, heartbeatSeconds }) => ({ symbol, staleAfter: staleAfter(heartbeatSeconds) })),
      this.#parts,
    );
    this.#awaited = feeds.map((feed) => new FeedWatch(id, feed, this.#prices, logger));
  }

  async start(): Promise<void> {
    const { confirmations, reorgDepth, pollMs, logRange, checkRanges, backoff } = this.options;
    const { metrics, clock, logger } = this.#parts;
    let head: BlockHead | undefined;
    for (let attempt = 0; !this.#stopped.signal.aborted; attempt++) {
      head = await this.#load(attempt === 0);
      if (head !== undefined) break;
      const pauseMs = backoffMs(attempt, backoff ?? { baseMs: 500, capMs: 30_000 });
      await delay(pauseMs, undefined, { signal: this.#stopped.signal }).catch(() => {});
    }
    if (this.#stopped.signal.aborted || head === undefined) return;
    this.#follower = new ChainFollower({
      logs: new CheckedLogs(this.#rpc, logger, backoff),
      listener: this,
      ...{ logger, metrics, clock, confirmations, reorgDepth, pollMs, logRange, checkRanges },
      from: await this.#ancestors(head),
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
    this.#prices.close();
  }

  states(): FeedState[] {
    const { connected, since } = this.#follower?.state ?? { connected: false, since: 0 };
    return [{ exchange: this.options.id, feed: "chain", connected, since }];
  }

  get isReady(): boolean {
    return this.#follower?.state.caughtUp === true;
  }

  owns(exchange: VenueId): boolean {
    return exchange === this.options.id;
  }

  onTime(now: Micros): void {
    this.#prices.onTime(now);
  }

  filter(): LogFilter {
    return { addresses: this.#watches.flatMap(({ aggregator }) => aggregator ?? []), topics: [answerUpdatedTopic] };
  }

  block(_block: BlockHead, logs: readonly ChainLog[]): void {
    const now = this.#parts.clock();
    for (const log of logs) {
      // several proxies may share an aggregator
      for (const watch of this.#watches) if (watch.aggregator === log.address) watch.log(log, now);
    }
  }

  dropped({ hash }: BlockHead): void {
    for (const watch of this.#watches) watch.dropped(hash);
  }

  final({ hash }: BlockHead): void {
    for (const watch of this.#watches) watch.final(hash);
  }

  async caughtUp(head: BlockHead): Promise<undefined> {
    const now = this.#parts.clock();
    const isDue = now - this.#checkedAt >= this.options.checkSeconds * 1_000_000;
    if (isDue) this.#checkedAt = now;
    for (const watch of this.#watches) if (isDue || watch.isUncertain) await watch.check(this.#rpc, head, now);
  }

  /** @returns the block as of which the feeds are known; undefined while the chain does not say */
  async #load(isFirst: boolean): Promise<BlockHead | undefined> {
    const { logger, clock } = this.#parts;
    try {
      const newest = await this.#rpc.block("latest");
      const { confirmations } = this.options;
      const head =
        confirmations === 0 || newest === undefined
          ? newest
          : await this.#rpc.block(Math.max(0, newest.number - confirmations));
      if (head === undefined) return undefined;
      while (this.#awaited.length > 0) {
        const watch = this.#awaited[0]!;
        await this.#loadFeed(watch, head, clock());
        this.#awaited.shift();
      }
      this.#checkedAt = clock();
      return head;
    } catch (error) {
      if (isFirst) logger.warn({ err: error }, "the chain does not say what its price feeds are; asking again");
      return undefined;
    }
  }

  /** The block with some before it, oldest first, so that a reorganisation finds where the chains part. */
  async #ancestors(head: BlockHead): Promise<BlockHead[]> {
    const blocks = [head];
    try {
      while (blocks.length <= Math.min(ANCESTORS, this.options.reorgDepth) && blocks[0]!.number > 0) {
        const parent = await this.#rpc.block(blocks[0]!.parentHash);
        if (parent === undefined) break;
        blocks.unshift(parent);
      }
    } catch (error) {
      this.#parts.logger.debug({ err: error }, "blocks before the newest are not known");
    }
    return blocks;
  }

  async #loadFeed(watch: FeedWatch, head: BlockHead, now: Micros): Promise<void> {
    try {
      await watch.load(this.#rpc, head, now);
      this.#watches.push(watch);
    } catch (error) {
      if (!(error instanceof ChainRefused && error.reverted)) throw error;
      const { logger } = this.#parts;
      logger.error(
        { code: "TP_ORACLE_FEED_INVALID", err: error, symbol: watch.symbol },
        "the contract is no price feed and is left out: is its address right, and on this chain?",
      );
    }
  }
}
