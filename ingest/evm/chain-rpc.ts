import { setTimeout as delay } from "node:timers/promises";
import { BaseError, type Client, createClient, http, RpcRequestError, webSocket } from "viem";
import type { Logger } from "../../infra/logging.js";
import { type BlockHead, type ChainLog, ChainRefused, ChainUnavailable, type Hex, type LogFilter } from "./chain.js";

export interface ChainRpcOptions {
  /** The chain's name, for messages. */
  readonly chain: string;
  /** HTTP or WebSocket addresses; the first that answers is used. */
  readonly urls: readonly string[];
  readonly timeoutMs?: number;
  readonly logger: Logger;
}

/** A block of the chain: its number, its hash, or the newest. */
export type BlockTag = number | Hex | "latest";

type Params = readonly unknown[];

interface Watch {
  readonly params: Params;
  readonly heard: (result: unknown) => void;
}

/** What viem's WebSocket transport keeps beside its requests. */
interface SocketTransport {
  getRpcClient(): Promise<{ close(): void }>;
  subscribe(options: {
    params: Params;
    onData: (data: { result: unknown }) => void;
    onError: (error: unknown) => void;
  }): Promise<unknown>;
}

/**
 * A chain's nodes by JSON-RPC over viem: one address at a time, the next one after a failure. Whoever asks tries again;
 * a lost socket is opened anew by the next request.
 */
export class ChainRpc {
  readonly #options: ChainRpcOptions;
  #at = 0;
  #client: Client | undefined;
  #closed = false;
  readonly #watches: Watch[] = [];

  constructor(options: ChainRpcOptions) {
    this.#options = options;
  }

  get chain(): string {
    return this.#options.chain;
  }

  /** Whether the node in use tells of new blocks by itself. */
  get pushes(): boolean {
    return this.#url.startsWith("ws");
  }

  get #url(): string {
    const { urls } = this.#options;
    return urls[this.#at % urls.length]!;
  }

  /**
   * Calls when a node that pushes has something new of a subscription, e.g. `["newHeads"]`. It is a hint: it may be
   * missing or come twice, so the chain itself has to be asked.
   */
  watch(params: Params, heard: (result: unknown) => void): void {
    this.#watches.push({ params, heard });
  }

  /** @throws ChainRefused, ChainUnavailable */
  async request(method: string, params: Params): Promise<unknown> {
    const { chain, timeoutMs = 10_000 } = this.#options;
    const client = this.#open();
    const timeout = new AbortController();
    try {
      const answer = (client.request as (request: unknown) => Promise<unknown>)({ method, params });
      // a socket that never opens has no time limit of its own
      const late = delay(timeoutMs * 1.5, undefined, { signal: timeout.signal, ref: false }).then(() => {
        throw new Error(`no answer within ${timeoutMs} ms`);
      });
      return await Promise.race([answer, late]);
    } catch (error) {
      const refused = error instanceof BaseError && error.walk((cause) => cause instanceof RpcRequestError);
      const why = error instanceof BaseError ? error.details || error.shortMessage : messageOf(error);
      if (refused) throw new ChainRefused(chain, method, why, error, /revert/i.test(why));
      this.#lost(client, why);
      throw new ChainUnavailable(chain, why, error);
    } finally {
      timeout.abort();
    }
  }

  /** @returns undefined when the node does not have it */
  async block(tag: BlockTag): Promise<BlockHead | undefined> {
    const byHash = typeof tag === "string" && tag !== "latest";
    const params = [typeof tag === "number" ? hexOf(tag) : tag, false];
    const block = await this.request(byHash ? "eth_getBlockByHash" : "eth_getBlockByNumber", params);
    return block === null ? undefined : headOf(block as RawBlock);
  }

  /** The logs of one block, in their order. @throws ChainRefused when the node does not know the block */
  async logsOf(blockHash: Hex, filter: LogFilter): Promise<ChainLog[]> {
    return this.#logs({ ...rawFilter(filter), blockHash });
  }

  /** The logs of a range of blocks, both ends included. @throws ChainRefused also when they are too many at once */
  async logsBetween(first: number, last: number, filter: LogFilter): Promise<ChainLog[]> {
    return this.#logs({ ...rawFilter(filter), fromBlock: hexOf(first), toBlock: hexOf(last) });
  }

  /** What a contract's view answers as of a block. @throws ChainRefused when it reverts */
  async call(to: Hex, data: Hex, blockHash: Hex): Promise<Hex> {
    return (await this.request("eth_call", [{ to, data }, { blockHash }])) as Hex;
  }

  close(): void {
    this.#closed = true;
    if (this.#client !== undefined) this.#shut(this.#client);
    this.#client = undefined;
  }

  async #logs(filter: object): Promise<ChainLog[]> {
    const logs = (await this.request("eth_getLogs", [filter])) as RawLog[];
    return logs
      .filter(({ removed }) => removed !== true)
      .map(logOf)
      .sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
  }

  #open(): Client {
    const { chain, timeoutMs: timeout = 10_000 } = this.#options;
    if (this.#closed) throw new ChainUnavailable(chain, "it is closed", undefined);
    if (this.#client !== undefined) return this.#client;
    const url = this.#url;
    const options = { retryCount: 0, timeout };
    const transport = url.startsWith("ws") ? webSocket(url, { ...options, reconnect: false }) : http(url, options);
    const client = createClient({ transport });
    this.#client = client;
    if (this.pushes) for (const watch of this.#watches) void this.#subscribe(client, watch);
    return client;
  }

  async #subscribe(client: Client, { params, heard }: Watch): Promise<void> {
    try {
      await (client.transport as unknown as SocketTransport).subscribe({
        params,
        onData: ({ result }) => heard(result),
        onError: (error) => this.#lost(client, messageOf(error)),
      });
    } catch (error) {
      this.#options.logger.debug({ chain: this.chain, why: messageOf(error) }, "no subscription; the chain is polled");
    }
  }

  /** The next request opens the next address. */
  #lost(client: Client, why: string): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#shut(client);
    this.#at += 1;
    this.#options.logger.debug({ chain: this.chain, why, next: this.#url }, "connection to the node lost");
  }

  #shut(client: Client): void {
    if (client.transport.type !== "webSocket") return;
    // viem keeps sockets by address, dead ones too, until they are closed
    const { getRpcClient } = client.transport as unknown as SocketTransport;
    getRpcClient().then(
      (socket) => socket.close(),
      () => {},
    );
  }
}

interface RawBlock {
  readonly number: Hex;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly timestamp: Hex;
  readonly gasUsed: Hex;
  readonly gasLimit: Hex;
  readonly baseFeePerGas?: Hex;
  readonly transactions: readonly Hex[];
}

interface RawLog {
  readonly address: Hex;
  readonly blockNumber: Hex;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly transactionIndex: Hex;
  readonly logIndex: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly removed?: boolean;
}

const hexOf = (number: number): Hex => `0x${number.toString(16)}`;
const rawFilter = ({ addresses, topics }: LogFilter) => ({ address: addresses, topics: [topics] });

function headOf(block: RawBlock): BlockHead {
  return {
    number: Number(block.number),
    hash: block.hash,
    parentHash: block.parentHash,
    time: Number(block.timestamp) * 1_000_000,
    gasUsed: BigInt(block.gasUsed),
    gasLimit: BigInt(block.gasLimit),
    baseFee: block.baseFeePerGas === undefined ? undefined : BigInt(block.baseFeePerGas),
    transactions: block.transactions,
  };
}

function logOf(log: RawLog): ChainLog {
  return {
    address: log.address.toLowerCase() as Hex,
    blockNumber: Number(log.blockNumber),
    blockHash: log.blockHash,
    transactionHash: log.transactionHash,
    transactionIndex: Number(log.transactionIndex),
    logIndex: Number(log.logIndex),
    topics: log.topics,
    data: log.data,
  };
}

const messageOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : (error as { message?: unknown } | null)?.message;
  return String(message ?? error).split("\n")[0]!;
};
