import type { Logger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import type { Clock } from "../clock.js";
import { type BlockHead, ChainDoubtful, type Hex } from "../evm/chain.js";
import type { ChainRpc } from "../evm/chain-rpc.js";
import type { ChainMessage } from "./chain-message.js";
import type { ChainTopics } from "./chain-topics.js";

export interface PendingChoice {
  /** Contracts whose transactions are told. */
  readonly to: readonly Hex[];
  readonly maxWatched: number;
  /** Blocks after which it is asked what became of one that is in no block. */
  readonly dropAfterBlocks: number;
}

export interface PendingOptions extends PendingChoice {
  readonly rpc: ChainRpc;
  readonly topics: ChainTopics;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

interface Watched {
  readonly hash: Hex;
  readonly from: Hex;
  readonly nonce: number;
  /** The newest block when it was told, or when it was asked for last. */
  since: number;
}

interface RawTransaction {
  readonly hash: Hex;
  readonly from: Hex;
  readonly to: Hex | null;
  readonly nonce: Hex;
  readonly value: Hex;
  readonly gas: Hex;
  readonly gasPrice?: Hex;
  readonly maxFeePerGas?: Hex;
  readonly maxPriorityFeePerGas?: Hex;
  readonly input: Hex;
  readonly blockHash: Hex | null;
}

interface RawReceipt {
  readonly blockHash: Hex;
  readonly status: Hex;
  readonly gasUsed: Hex;
  readonly effectiveGasPrice: Hex;
}

/** Hashes that wait to be looked at; a busy chain has more than anyone wants. */
const MOST_WAITING = 2_000;
const LOOKED_AT_ONCE = 8;

/**
 * Transactions to some contracts, while they wait and when they are decided. What waits is what the node tells: one that
 * goes straight into a block was never pending. A confirmation that a reorganisation drops is told again.
 */
export class PendingTransactions {
  readonly #options: PendingOptions;
  readonly #to: ReadonlySet<Hex>;
  readonly #watched = new Map<Hex, Watched>();
  /** Decided in blocks that may still be dropped. */
  readonly #decided = new Map<Hex, Watched[]>();
  readonly #waiting: Hex[] = [];
  #looking = 0;
  #newest = 0;
  #filter: unknown;
  #polling = false;

  constructor(options: PendingOptions) {
    this.#options = options;
    this.#to = new Set(options.to);
    options.rpc.watch(["newPendingTransactions"], (hash) => this.seen(hash as Hex));
  }

  /** A node that does not push is asked what came. */
  async poll(): Promise<void> {
    const { rpc } = this.#options;
    if (rpc.pushes || this.#polling) return;
    this.#polling = true;
    try {
      this.#filter ??= await rpc.request("eth_newPendingTransactionFilter", []);
      for (const hash of (await rpc.request("eth_getFilterChanges", [this.#filter])) as Hex[]) this.seen(hash);
    } catch {
      this.#filter = undefined;
    } finally {
      this.#polling = false;
    }
  }

  seen(hash: Hex): void {
    if (this.#watched.has(hash)) return;
    if (this.#waiting.length >= MOST_WAITING) {
      this.#options.metrics.dropped.inc({ place: "pending_transactions", reason: "buffer_full" });
      return;
    }
    this.#waiting.push(hash);
    if (this.#looking < LOOKED_AT_ONCE) void this.#look();
  }

  /** What this block decides. @throws ChainUnavailable, ChainRefused: nothing was changed */
  async decisions(block: BlockHead): Promise<ChainMessage[]> {
    this.#newest = Math.max(this.#newest, block.number);
    const decided: Watched[] = [];
    const messages: ChainMessage[] = [];
    for (const hash of block.transactions) {
      const watched = this.#watched.get(hash);
      if (watched === undefined) continue;
      const receipt = await this.#receipt(hash, block);
      decided.push(watched);
      messages.push(this.#confirmation(watched, block, receipt.status === "0x0" ? "reverted" : "success", receipt));
    }
    for (const watched of [...this.#watched.values()]) {
      if (decided.includes(watched) || block.number - watched.since < this.#options.dropAfterBlocks) continue;
      const status = await this.#fate(watched, block);
      if (status === undefined) watched.since = block.number;
      else {
        decided.push(watched);
        messages.push(this.#confirmation(watched, block, status, null));
      }
    }
    for (const { hash } of decided) this.#watched.delete(hash);
    if (decided.length > 0) this.#decided.set(block.hash, decided);
    return messages;
  }

  /** What the block decided is open again. */
  dropped({ hash }: BlockHead): void {
    for (const watched of this.#decided.get(hash) ?? []) this.#watched.set(watched.hash, watched);
    this.#decided.delete(hash);
  }

  final({ hash }: BlockHead): void {
    this.#decided.delete(hash);
  }

  /** The block has it, so a node that does not is behind. @throws ChainDoubtful to be asked again */
  async #receipt(hash: Hex, block: BlockHead): Promise<RawReceipt> {
    const { rpc } = this.#options;
    const receipt = (await rpc.request("eth_getTransactionReceipt", [hash])) as RawReceipt | null;
    if (receipt?.blockHash === block.hash) return receipt;
    rpc.distrust("behind");
    throw new ChainDoubtful(rpc.chain, `a node gives no receipt of ${hash} in block ${block.number} (${block.hash})`);
  }

  /** @returns undefined while it still waits */
  async #fate({ hash, from, nonce }: Watched, block: BlockHead): Promise<"replaced" | "dropped" | undefined> {
    const { rpc } = this.#options;
    const transaction = (await rpc.request("eth_getTransactionByHash", [hash])) as RawTransaction | null;
    if (transaction !== null) return undefined;
    const next = Number(await rpc.asOf("eth_getTransactionCount", [from], block));
    return next > nonce ? "replaced" : "dropped";
  }

  async #look(): Promise<void> {
    this.#looking += 1;
    const { rpc, logger } = this.#options;
    for (let hash = this.#waiting.shift(); hash !== undefined; hash = this.#waiting.shift()) {
      try {
        const transaction = (await rpc.request("eth_getTransactionByHash", [hash])) as RawTransaction | null;
        if (transaction !== null && transaction.blockHash === null) this.#tell(transaction);
      } catch (error) {
        logger.debug({ err: error, hash }, "a pending transaction was not looked at");
      }
    }
    this.#looking -= 1;
  }

  #tell(transaction: RawTransaction): void {
    const { topics, clock, rpc, maxWatched, metrics } = this.#options;
    const to = transaction.to?.toLowerCase() as Hex | undefined;
    if (to === undefined || !this.#to.has(to) || this.#watched.has(transaction.hash)) return;
    const { hash, from } = transaction;
    const nonce = Number(transaction.nonce);
    this.#watched.set(hash, { hash, from, nonce, since: this.#newest });
    if (this.#watched.size > maxWatched) {
      this.#watched.delete(this.#watched.keys().next().value!);
      metrics.dropped.inc({ place: "pending_transactions", reason: "too_many" });
    }
    const isDynamic = transaction.maxFeePerGas !== undefined;
    const value = {
      ...{ chain: rpc.chain, tx_hash: hash, from, to, nonce, value: decimal(transaction.value) },
      gas_limit: decimal(transaction.gas),
      gas_price: isDynamic || transaction.gasPrice === undefined ? null : decimal(transaction.gasPrice),
      max_fee_per_gas: isDynamic ? decimal(transaction.maxFeePerGas!) : null,
      max_priority_fee_per_gas:
        transaction.maxPriorityFeePerGas === undefined ? null : decimal(transaction.maxPriorityFeePerGas),
      input: transaction.input,
      timestamp: clock(),
    };
    topics.write({ topic: "tx.pending", key: rpc.chain, value });
  }

  #confirmation(
    { hash }: Watched,
    block: BlockHead,
    status: "success" | "reverted" | "replaced" | "dropped",
    receipt: RawReceipt | null,
  ): ChainMessage {
    const { chain } = this.#options.rpc;
    const mined = status === "success" || status === "reverted";
    const value = {
      ...{ chain, tx_hash: hash, status },
      block_number: mined ? block.number : null,
      block_hash: mined ? block.hash : null,
      gas_used: receipt === null ? null : decimal(receipt.gasUsed),
      effective_gas_price: receipt === null ? null : decimal(receipt.effectiveGasPrice),
      replaced_by: null,
      timestamp: block.time,
    };
    return { topic: "tx.confirm", key: chain, value };
  }
}

const decimal = (hex: Hex): string => String(BigInt(hex));
