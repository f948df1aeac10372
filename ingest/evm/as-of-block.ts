import { setTimeout as delay } from "node:timers/promises";
import { backoffMs } from "../backoff.js";
import { type BlockRef, ChainDoubtful, type ChainLog, ChainRefused } from "./chain.js";
import type { ChainRpc } from "./chain-rpc.js";
import { hexOf, logsOf, type RawLog } from "./raw-chain.js";

/** How often a node that does not know a block yet is asked again: the block is there, as another answer has said. */
const TRIES = 8;

/** Questions by number that are under way at one block, between two looks at its hash. */
interface Bracket {
  readonly opened: Promise<void>;
  under: number;
  /** Set by the last one to end; the others wait for it. */
  readonly closed: Promise<void>;
  readonly close: (outcome: Promise<void>) => void;
}

/**
 * Questions as of one block: by its hash (EIP-1898, and EIP-234 for logs), or, of a node that has neither, by its number
 * with a look at the number's hash before and after, so that the answer is of that block and no other.
 */
export class AsOfBlock {
  /** Addresses of nodes that know no hashes. */
  readonly #byNumber = new Set<string>();
  readonly #brackets = new Map<string, Bracket>();

  constructor(
    readonly rpc: ChainRpc,
    /** Pauses while a node does not know a block. */
    readonly backoff: { readonly baseMs: number; readonly capMs: number },
  ) {}

  /** @param params without the block, which comes last. @throws ChainRefused, ChainUnavailable, ChainDoubtful */
  async request(method: string, params: readonly unknown[], block: BlockRef): Promise<unknown> {
    return this.#either(
      () => this.rpc.request(method, [...params, { blockHash: block.hash }]),
      () => this.#bracketed(block, () => this.#known(() => this.rpc.request(method, [...params, hexOf(block.number)]))),
    );
  }

  /** Logs name their block themselves; that there are none has to be checked by whoever asks. */
  async logs({ hash, number }: BlockRef, filter: object): Promise<ChainLog[]> {
    const ask = async (of: object) =>
      logsOf((await this.rpc.request("eth_getLogs", [{ ...filter, ...of }])) as RawLog[]);
    return this.#either(
      () => ask({ blockHash: hash }),
      () => ask({ fromBlock: hexOf(number), toBlock: hexOf(number) }),
    );
  }

  /** A node that refuses hashes may do so in any words: another refusal by number is the question's own. */
  async #either<Answer>(byHash: () => Promise<Answer>, byNumber: () => Promise<Answer>): Promise<Answer> {
    const { url } = this.rpc;
    if (this.#byNumber.has(url)) return byNumber();
    try {
      return await this.#known(byHash);
    } catch (error) {
      if (!(error instanceof ChainRefused) || error.reverted || error.about !== "anything") throw error;
      const answer = await byNumber();
      this.#byNumber.add(url);
      return answer;
    }
  }

  /** Asks again while a node says that it does not know the block. */
  async #known<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        const isBehind = error instanceof ChainRefused && error.about === "unknown_block";
        if (!isBehind || attempt >= TRIES) throw error;
        this.rpc.distrust("behind");
        await delay(backoffMs(attempt - 1, this.backoff));
      }
    }
  }

  /** Questions that are asked at the same time share both looks. */
  async #bracketed(block: BlockRef, ask: () => Promise<unknown>): Promise<unknown> {
    const key = `${this.rpc.url} ${block.hash}`;
    const bracket = this.#brackets.get(key) ?? this.#open(key, block);
    bracket.under += 1;
    try {
      await bracket.opened;
      return await ask();
    } finally {
      bracket.under -= 1;
      if (bracket.under === 0) {
        this.#brackets.delete(key);
        bracket.close(this.#look(block));
      }
      await bracket.closed;
    }
  }

  #open(key: string, block: BlockRef): Bracket {
    let close: (outcome: Promise<void>) => void = () => {};
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    const bracket = { opened: this.#look(block), under: 0, closed, close };
    this.#brackets.set(key, bracket);
    return bracket;
  }

  /** @throws ChainDoubtful when the number is another block's */
  async #look({ number, hash }: BlockRef): Promise<void> {
    let now = await this.rpc.block(number);
    for (let attempt = 1; now === undefined && attempt < TRIES; attempt++) {
      this.rpc.distrust("behind");
      await delay(backoffMs(attempt - 1, this.backoff));
      now = await this.rpc.block(number);
    }
    if (now?.hash === hash) return;
    throw new ChainDoubtful(this.rpc.chain, `block ${number} is ${now?.hash ?? "not there"}, and ${hash} was meant`);
  }
}
