import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../infra/logging.js";
import { backoffMs } from "../backoff.js";
import { type BlockHead, ChainDoubtful, type ChainLog, ChainRefused, type LogFilter } from "./chain.js";
import type { ChainRpc } from "./chain-rpc.js";
import { LogsBloom } from "./logs-bloom.js";
import { logsOf } from "./raw-chain.js";

/** Headers that are asked for at a time. */
const AT_ONCE = 8;
const TRIES = 6;

/** A block with what is wanted of it. */
export interface BlockLogs {
  readonly block: BlockHead;
  readonly logs: readonly ChainLog[];
}

/**
 * A chain's logs, held against its blocks: a node that lags, or one behind a balancer, answers with none where there are some.
 *
 * Where a chain's `logsBloom` was seen to agree with its logs, a block whose filter has a wanted contract must have logs of it,
 * or the answer is asked for again, and what stays in doubt is settled by the block's receipts. Elsewhere (some chains leave
 * the filter empty) an empty answer is held against receipts, or a second node's.
 */
export class CheckedLogs {
  /** Whether the chain's filters hold its logs; undefined until one was seen. */
  #agrees: boolean | undefined;
  #hasReceipts = true;

  constructor(
    readonly rpc: ChainRpc,
    readonly logger: Logger,
    /** Pauses between questions whose answers are in doubt. */
    readonly backoff: { readonly baseMs: number; readonly capMs: number } = { baseMs: 100, capMs: 5_000 },
  ) {}

  /** A block's wanted logs, all of them. @throws ChainRefused, ChainUnavailable, ChainLimited, ChainDoubtful */
  async of(block: BlockHead, filter: LogFilter): Promise<readonly ChainLog[]> {
    if (filter.addresses.length === 0) return [];
    return this.#checked(block, await this.rpc.logsOf(block, filter), filter);
  }

  /**
   * The wanted logs of a range of blocks, both ends included.
   *
   * @param each whether every block of the range is held against its logs, which takes a request a block
   * @returns the blocks that have some, and the last one
   * @throws as `of`
   */
  async between(
    first: number,
    last: number,
    filter: LogFilter,
    each: boolean,
  ): Promise<{ readonly found: readonly BlockLogs[]; readonly anchor: BlockHead }> {
    const logs = await this.rpc.logsBetween(first, last, filter);
    const byBlock = new Map<number, ChainLog[]>();
    for (const log of logs) byBlock.set(log.blockNumber, [...(byBlock.get(log.blockNumber) ?? []), log]);
    const numbers = each
      ? Array.from({ length: last - first + 1 }, (_, at) => first + at)
      : [...new Set([...byBlock.keys(), last])];
    const found: BlockLogs[] = [];
    let parent: BlockHead | undefined;
    for (let at = 0; at < numbers.length; at += AT_ONCE) {
      const heads = await Promise.all(numbers.slice(at, at + AT_ONCE).map((number) => this.#head(number)));
      for (const block of heads) {
        if (each && parent !== undefined && block.parentHash !== parent.hash) {
          throw new ChainDoubtful(this.rpc.chain, `block ${block.number} does not follow ${parent.hash}`);
        }
        parent = block;
        const given = byBlock.get(block.number) ?? [];
        if (given.some(({ blockHash }) => blockHash !== block.hash)) {
          throw new ChainDoubtful(
            this.rpc.chain,
            `logs of block ${block.number} are of another one than ${block.hash}`,
          );
        }
        const whole = each ? await this.#checked(block, given, filter) : given;
        if (whole.length > 0) found.push({ block, logs: whole });
      }
    }
    const anchor = parent!;
    // the blocks of settled depth are still the chain's
    if (!each && (await this.#head(last)).hash !== anchor.hash) {
      throw new ChainDoubtful(this.rpc.chain, "the chain changed below its settled blocks");
    }
    return { found, anchor };
  }

  /** A node that lags does not have it yet. */
  async #head(number: number): Promise<BlockHead> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const block = await this.rpc.block(number);
      if (block !== undefined) return block;
      this.rpc.distrust("behind");
      await delay(backoffMs(attempt, this.backoff));
    }
    throw new ChainRefused(this.rpc.chain, "eth_getBlockByNumber", `block ${number} is missing`);
  }

  async #checked(block: BlockHead, logs: readonly ChainLog[], filter: LogFilter): Promise<readonly ChainLog[]> {
    const bloom = LogsBloom.read(block.logsBloom);
    if (logs.length > 0 && this.#agrees !== false) this.#seen(bloom?.covers(logs) === true);
    if (!this.#isDoubtful(block, bloom, logs, filter)) return logs;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const settled = await this.#settled(block, bloom, logs, filter);
      if (settled !== undefined) {
        if (settled.length > logs.length) this.#missed(block, settled.length - logs.length);
        return settled;
      }
      await delay(backoffMs(attempt, this.backoff));
    }
    throw new ChainDoubtful(this.rpc.chain, `what logs block ${block.number} (${block.hash}) has is in doubt`);
  }

  #isDoubtful(block: BlockHead, bloom: LogsBloom | undefined, logs: readonly ChainLog[], filter: LogFilter): boolean {
    if (block.transactions.length === 0 && logs.length === 0) return false;
    if (this.#tells(bloom)) return bloom.missing(filter, logs).length > 0;
    return logs.length === 0;
  }

  /** An empty filter is no proof that there are no logs: a chain, or one of its nodes, may have ceased to fill it. */
  #tells(bloom: LogsBloom | undefined): bloom is LogsBloom {
    return this.#agrees === true && bloom !== undefined && !bloom.isEmpty;
  }

  /** One round of asking. @returns undefined while it is in doubt */
  async #settled(
    block: BlockHead,
    bloom: LogsBloom | undefined,
    logs: readonly ChainLog[],
    filter: LogFilter,
  ): Promise<readonly ChainLog[] | undefined> {
    const other = this.rpc.other;
    if (this.#tells(bloom)) {
      const again = merged(logs, await (other ?? this.rpc).logsOf(block, filter));
      // else it is left out again, or the filter seems to have what it has not: receipts can tell
      if (bloom.missing(filter, again).length === 0) return again;
    }
    const receipts = await this.#ofReceipts(block, bloom);
    if (receipts !== undefined) return receipts.filter((log) => isWanted(log, filter));
    if (this.#hasReceipts) return undefined;
    return merged(logs, await (other ?? this.rpc).logsOf(block, filter));
  }

  /** All logs of a block by its receipts; undefined where they are not there, or not whole. */
  async #ofReceipts(block: BlockHead, bloom: LogsBloom | undefined): Promise<ChainLog[] | undefined> {
    if (!this.#hasReceipts) return undefined;
    try {
      const receipts = await this.rpc.receiptsOf(block);
      const hashes = new Set(receipts?.map(({ transactionHash }) => transactionHash));
      const isWhole =
        receipts?.every(({ blockHash }) => blockHash === block.hash) === true &&
        block.transactions.every((hash) => hashes.has(hash));
      if (!isWhole) {
        this.rpc.distrust("logs_missing");
        return undefined;
      }
      const logs = logsOf(receipts.flatMap((receipt) => receipt.logs));
      const isEqual = bloom?.equals(LogsBloom.of(logs)) === true;
      if (this.#tells(bloom) && !isEqual) return undefined;
      if (this.#agrees !== false && logs.length > 0) this.#seen(isEqual);
      return logs;
    } catch (error) {
      if (!(error instanceof ChainRefused) || error.about === "unknown_block") throw error;
      this.#hasReceipts = false;
      const { chain } = this.rpc;
      this.logger.warn(
        { chain, why: error.message },
        "the node gives no receipts of blocks: an empty answer is held against a second one alone; name two nodes in rpcUrls",
      );
      return undefined;
    }
  }

  #seen(agrees: boolean): void {
    if (this.#agrees === agrees) return;
    this.#agrees = agrees;
    const { chain } = this.rpc;
    if (agrees) this.logger.debug({ chain }, "logsBloom agrees with the chain's logs: answers are held against it");
    else
      this.logger.info({ chain }, "logsBloom does not hold the chain's logs: empty answers are held against receipts");
  }

  #missed({ number, hash }: BlockHead, count: number): void {
    const { chain } = this.rpc;
    this.rpc.distrust("logs_missing");
    this.logger.warn(
      { code: "TP_CHAIN_DOUBTFUL", chain, block: number, hash, count },
      "a node left out logs of a block",
    );
  }
}

const isWanted = ({ address, topics }: ChainLog, filter: LogFilter): boolean =>
  filter.addresses.includes(address) && topics[0] !== undefined && filter.topics.includes(topics[0]);

/** What any of two answers has, each log once, in the chain's order. */
function merged(logs: readonly ChainLog[], others: readonly ChainLog[]): readonly ChainLog[] {
  const byIndex = new Map<number, ChainLog>([...logs, ...others].map((log) => [log.logIndex, log]));
  return [...byIndex.values()].sort((a, b) => a.logIndex - b.logIndex);
}
