import { setTimeout as delay } from "node:timers/promises";
import { type Client, createClient, http, webSocket } from "viem";
import type { Logger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import { AsOfBlock } from "./as-of-block.js";
import {
  type BlockHead,
  type BlockRef,
  ChainDoubtful,
  ChainLimited,
  type ChainLog,
  ChainRefused,
  ChainUnavailable,
  type Hex,
  type LogFilter,
} from "./chain.js";
import { nodeFailure, whyOf } from "./node-errors.js";
import { headOf, hexOf, logsOf, type RawBlock, type RawLog, type RawReceipt, rawFilter } from "./raw-chain.js";

export interface ChainRpcOptions {
  /** The chain's name, for messages. */
  readonly chain: string;
  /** HTTP or WebSocket addresses; the first that answers is used. */
  readonly urls: readonly string[];
  readonly timeoutMs?: number;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Pauses when a node is asked too often, where it names none. */
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
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

/** A node that is limited so often in a row is given up for the next one. */
const LIMITED_AT_MOST = 8;
const PAUSES = { baseMs: 500, capMs: 30_000 };
const LONGEST_LIMIT_MS = 120_000;
/** An empty answer of a contract is believed once it has come so often in a row. */
const EMPTY_ANSWERS = 3;

/**
 * A chain's nodes by JSON-RPC over viem: one address at a time, the next one after a failure. Whoever asks tries again;
 * a lost socket is opened anew by the next request. Where a node says that it is asked too often, all wait.
 */
export class ChainRpc {
  readonly #options: ChainRpcOptions;
  readonly #asOf: AsOfBlock;
  readonly #others = new Map<string, ChainRpc>();
  #at = 0;
  #client: Client | undefined;
  readonly #closed = new AbortController();
  /** Until then nothing is asked: the node's limit. */
  #limitedUntil = 0;
  readonly #watches: Watch[] = [];

  constructor(options: ChainRpcOptions) {
    this.#options = options;
    this.#asOf = new AsOfBlock(this, options.backoff ?? PAUSES);
  }

  get chain(): string {
    return this.#options.chain;
  }

  /** Whether the node in use tells of new blocks by itself. */
  get pushes(): boolean {
    return this.url.startsWith("ws");
  }

  /** Address of the node in use. */
  get url(): string {
    const { urls } = this.#options;
    return urls[this.#at % urls.length]!;
  }

  /** Another node than the one in use; undefined where there is one address alone. */
  get other(): ChainRpc | undefined {
    const { urls } = this.#options;
    const url = urls[(this.#at + 1) % urls.length]!;
    if (url === this.url) return undefined;
    let other = this.#others.get(url);
    if (other === undefined) {
      other = new ChainRpc({ ...this.#options, urls: [url] });
      this.#others.set(url, other);
    }
    return other;
  }

  /**
   * Calls when a node that pushes has something new of a subscription, e.g. `["newHeads"]`. It is a hint: it may be
   * missing or come twice, so the chain itself has to be asked.
   */
  watch(params: Params, heard: (result: unknown) => void): void {
    this.#watches.push({ params, heard });
  }

  /** Waits for as long as the node's limits say. @throws ChainRefused, ChainUnavailable, ChainLimited */
  async request(method: string, params: Params): Promise<unknown> {
    const { chain, backoff = PAUSES, metrics } = this.#options;
    for (let attempt = 0; ; attempt++) {
      await this.#limit();
      const client = this.#open();
      try {
        const answer = await this.#ask(client, method, params);
        if (answer !== undefined) return answer;
        throw new Error(`an answer to ${method} without a result`);
      } catch (error) {
        const { kind, why, retryAfterMs } = nodeFailure(error);
        if (kind === "lost") {
          this.#lost(client, why);
          throw new ChainUnavailable(chain, why, error);
        }
        if (kind !== "limited") {
          const about = kind === "too_much" || kind === "unknown_block" ? kind : "anything";
          throw new ChainRefused(chain, method, why, error, kind === "reverted", about);
        }
        metrics?.chainAnswersRefused.inc({ chain, reason: "limited" });
        // half of it by chance, so that several do not come back together
        const pauseMs = Math.min(backoff.capMs, backoff.baseMs * 2 ** attempt) * (0.5 + Math.random() / 2);
        const until = Date.now() + Math.min(LONGEST_LIMIT_MS, retryAfterMs ?? pauseMs);
        this.#limitedUntil = Math.max(this.#limitedUntil, until);
        if (attempt === 0)
          this.#options.logger.debug({ chain, method, why, retryAfterMs }, "the node's limit is reached");
        if (attempt + 1 < LIMITED_AT_MOST) continue;
        this.distrust("limited");
        throw new ChainLimited(chain, method, why, error);
      }
    }
  }

  /** @returns undefined when the node does not have it */
  async block(tag: BlockTag): Promise<BlockHead | undefined> {
    const byHash = typeof tag === "string" && tag !== "latest";
    const params = [typeof tag === "number" ? hexOf(tag) : tag, false];
    const block = await this.request(byHash ? "eth_getBlockByHash" : "eth_getBlockByNumber", params);
    return block === null ? undefined : headOf(block as RawBlock);
  }

  /**
   * What a node says are the logs of one block, in their order; an empty answer may be wrong (`CheckedLogs`).
   *
   * @throws ChainRefused when the node does not know the block, ChainDoubtful when it answers with another one's
   */
  async logsOf(block: BlockRef, filter: LogFilter): Promise<ChainLog[]> {
    const logs = await this.#asOf.logs(block, rawFilter(filter));
    const stray = logs.find(({ blockHash }) => blockHash !== block.hash);
    if (stray === undefined) return logs;
    throw new ChainDoubtful(this.chain, `asked for logs of block ${block.hash} a node gives one of ${stray.blockHash}`);
  }

  /** The logs of a range of blocks, both ends included. @throws ChainRefused also when they are too many at once */
  async logsBetween(first: number, last: number, filter: LogFilter): Promise<ChainLog[]> {
    const range = { ...rawFilter(filter), fromBlock: hexOf(first), toBlock: hexOf(last) };
    return logsOf((await this.request("eth_getLogs", [range])) as RawLog[]);
  }

  /** The receipts of a block; undefined where the node has no such thing. */
  async receiptsOf({ number }: BlockRef): Promise<readonly RawReceipt[] | undefined> {
    const receipts = await this.request("eth_getBlockReceipts", [hexOf(number)]);
    return (receipts as readonly RawReceipt[] | null) ?? undefined;
  }

  /** What a contract's view answers as of a block. @throws ChainRefused when it reverts */
  async call(to: Hex, data: Hex, block: BlockRef): Promise<Hex> {
    for (let answers = 1; ; answers++) {
      const answer = (await this.#asOf.request("eth_call", [{ to, data }], block)) as Hex;
      if (answer !== "0x" || answers >= EMPTY_ANSWERS) return answer;
      // as a contract answers that is not there, and a node that does not know better
      this.distrust("call_empty");
    }
  }

  /** A method whose last parameter is the block. @throws as `request` */
  async asOf(method: string, params: Params, block: BlockRef): Promise<unknown> {
    return this.#asOf.request(method, params, block);
  }

  /** The node in use has given a wrong or an empty answer: the next address is asked from now on. */
  distrust(reason: "logs_missing" | "behind" | "limited" | "call_empty"): void {
    const { chain, metrics, urls } = this.#options;
    if (reason !== "limited") metrics?.chainAnswersRefused.inc({ chain, reason });
    if (urls.length > 1 && this.#client !== undefined) this.#lost(this.#client, reason);
  }

  close(): void {
    this.#closed.abort();
    if (this.#client !== undefined) this.#shut(this.#client);
    this.#client = undefined;
    for (const other of this.#others.values()) other.close();
  }

  async #limit(): Promise<void> {
    for (;;) {
      const ms = this.#limitedUntil - Date.now();
      if (ms <= 0 || this.#closed.signal.aborted) return;
      await delay(ms, undefined, { signal: this.#closed.signal }).catch(() => {});
    }
  }

  async #ask(client: Client, method: string, params: Params): Promise<unknown> {
    const { timeoutMs = 10_000 } = this.#options;
    const timeout = new AbortController();
    try {
      const answer = (client.request as (request: unknown) => Promise<unknown>)({ method, params });
      // a socket that never opens has no time limit of its own
      const late = delay(timeoutMs * 1.5, undefined, { signal: timeout.signal, ref: false }).then(() => {
        throw new Error(`no answer within ${timeoutMs} ms`);
      });
      return await Promise.race([answer, late]);
    } finally {
      timeout.abort();
    }
  }

  #open(): Client {
    const { chain, timeoutMs: timeout = 10_000 } = this.#options;
    if (this.#closed.signal.aborted) throw new ChainUnavailable(chain, "it is closed", undefined);
    if (this.#client !== undefined) return this.#client;
    const { url } = this;
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
        onError: (error) => this.#lost(client, whyOf(error)),
      });
    } catch (error) {
      this.#options.logger.debug({ chain: this.chain, why: whyOf(error) }, "no subscription; the chain is polled");
    }
  }

  /** The next request opens the next address. */
  #lost(client: Client, why: string): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#shut(client);
    this.#at += 1;
    this.#limitedUntil = 0;
    this.#options.logger.debug({ chain: this.chain, why, next: this.url }, "connection to the node lost");
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
