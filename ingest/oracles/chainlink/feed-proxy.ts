import { type BlockRef, ChainRefused, type Hex } from "../../evm/chain.js";
import type { ChainRpc } from "../../evm/chain-rpc.js";
import { proxyCalls } from "./abi.js";
import { phaseOf, type Round } from "./round.js";

/** What a proxy says of itself as of a block. */
export interface ProxyState {
  /** Whose logs tell of new answers. */
  readonly aggregator: Hex;
  readonly phase: number;
  /** undefined when there is none yet. */
  readonly latest: Round | undefined;
}

/** A feed's proxy on a chain. An aggregator without a proxy is taken as its own, of the phase of its rounds. */
export class FeedProxy {
  constructor(
    readonly rpc: ChainRpc,
    readonly address: Hex,
  ) {}

  /** @throws ChainRefused when it is no price feed */
  async decimals(block: BlockRef): Promise<number> {
    return this.#read("decimals", block);
  }

  async description(block: BlockRef): Promise<string> {
    return (await this.#optional("description", block)) ?? "";
  }

  async state(block: BlockRef): Promise<ProxyState> {
    const [aggregator, phase, latest] = await Promise.all([
      this.#optional("aggregator", block),
      this.#optional("phaseId", block),
      // reverts while no round was ever answered
      this.#optional("latestRoundData", block),
    ]);
    return {
      aggregator: aggregator ?? this.address,
      phase: phase ?? (latest === undefined ? 0 : phaseOf(latest.roundId)),
      latest,
    };
  }

  async #read<Name extends keyof typeof proxyCalls>(name: Name, block: BlockRef) {
    const { data, read } = proxyCalls[name];
    const answer = await this.rpc.call(this.address, data, block);
    try {
      return read(answer) as ReturnType<(typeof proxyCalls)[Name]["read"]>;
    } catch (cause) {
      throw new ChainRefused(this.rpc.chain, name, `${this.address} is no price feed`, cause, true);
    }
  }

  async #optional<Name extends keyof typeof proxyCalls>(name: Name, block: BlockRef) {
    try {
      return await this.#read(name, block);
    } catch (error) {
      if (error instanceof ChainRefused && error.reverted) return undefined;
      throw error;
    }
  }
}
