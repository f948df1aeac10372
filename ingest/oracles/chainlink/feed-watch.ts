import type { ChainlinkConfig } from "../../../infra/config/oracle-config.js";
import type { Logger } from "../../../infra/logging.js";
import type { OracleTick } from "../../../schemas/ticks.js";
import type { Micros } from "../../../schemas/words.js";
import type { BlockHead, BlockRef, ChainLog, Hex } from "../../evm/chain.js";
import type { ChainRpc } from "../../evm/chain-rpc.js";
import type { OraclePrices } from "../oracle-prices.js";
import { readAnswerUpdated } from "./abi.js";
import { FeedProxy } from "./feed-proxy.js";
import { proxyRoundId, type Round, tickOfRound } from "./round.js";

type FeedConfig = ChainlinkConfig["feeds"][number];

/** One price feed: the aggregator behind its proxy, and the rounds of both. */
export class FeedWatch {
  aggregator: Hex | undefined;
  #phase = 0;
  #decimals = 0;
  /** Blocks whose answers were published and may still be dropped. */
  #published: Hex[] = [];
  /** The proxy must be asked: an answer was taken back. */
  #uncertain = false;
  #refusedRound = "";

  constructor(
    private readonly exchange: string,
    private readonly config: FeedConfig,
    private readonly prices: OraclePrices,
    private readonly logger: Logger,
  ) {}

  get symbol(): string {
    return this.config.symbol;
  }

  get isUncertain(): boolean {
    return this.#uncertain;
  }

  /** Learns what the feed is. @throws ChainRefused, reverted when the contract is no price feed */
  async load(rpc: ChainRpc, head: BlockHead, now: Micros): Promise<void> {
    const proxy = new FeedProxy(rpc, this.config.proxy);
    this.#decimals = await proxy.decimals(head);
    const description = await proxy.description(head);
    await this.check(rpc, head, now);
    this.logger.info(
      { symbol: this.symbol, description, aggregator: this.aggregator, phase: this.#phase },
      "price feed",
    );
  }

  /** Asks the proxy as of a block: its aggregator and phase may have changed, and its answer is the feed's. */
  async check(rpc: ChainRpc, block: BlockRef, now: Micros): Promise<void> {
    const { aggregator, phase, latest } = await new FeedProxy(rpc, this.config.proxy).state(block);
    if (this.aggregator !== undefined && this.aggregator !== aggregator) {
      this.logger.info({ symbol: this.symbol, aggregator, phase }, "the feed has another aggregator");
    }
    this.aggregator = aggregator;
    this.#phase = phase;
    const replaces = this.#uncertain;
    this.#uncertain = false;
    if (latest !== undefined) this.#take(latest, now, block.hash, replaces, "latestRoundData");
  }

  /** A log of the aggregator. */
  log(log: ChainLog, now: Micros): void {
    let round: Round;
    try {
      const { current, roundId, updatedAt } = readAnswerUpdated(log);
      const id = proxyRoundId(this.#phase, roundId);
      round = { roundId: id, answer: current, startedAt: updatedAt, updatedAt, answeredInRound: id };
    } catch (error) {
      this.prices.refuse(JSON.stringify(log), "unreadable_log", `${this.symbol}: ${(error as Error).message}`, now);
      return;
    }
    this.#take(round, now, log.blockHash, false, `log ${log.logIndex} of ${log.transactionHash}`);
  }

  /** A block is gone from the chain. */
  dropped(hash: Hex): void {
    if (!this.#published.includes(hash)) return;
    this.#published = this.#published.filter((other) => other !== hash);
    this.#uncertain = true;
  }

  final(hash: Hex): void {
    if (this.#published.length > 0) this.#published = this.#published.filter((other) => other !== hash);
  }

  #take(round: Round, now: Micros, blockHash: Hex, replaces: boolean, from: string): void {
    const feed = { exchange: this.exchange, symbol: this.symbol, decimals: this.#decimals };
    const tick: OracleTick | { reason: string; detail: string } = tickOfRound(round, feed, now);
    if (!("reason" in tick)) {
      if (this.prices.take(tick, replaces)) this.#published.push(blockHash);
      return;
    }
    // the proxy is asked again and again; one round is refused once
    const original = JSON.stringify(round, (_key, value) => (typeof value === "bigint" ? String(value) : value));
    if (original === this.#refusedRound) return;
    this.#refusedRound = original;
    this.prices.refuse(original, tick.reason, `${this.symbol}: ${tick.detail}; from ${from}`, now);
  }
}
