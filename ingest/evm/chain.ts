import { PlantError } from "../../infra/errors.js";
import type { Micros } from "../../schemas/words.js";

/** 0x and hexadecimal digits, in small letters. */
export type Hex = `0x${string}`;

/** A block's head, numbers read. */
export interface BlockHead {
  readonly number: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
  /** µs since the epoch, UTC; chains count whole seconds. */
  readonly time: Micros;
  readonly gasUsed: bigint;
  readonly gasLimit: bigint;
  readonly baseFee: bigint | undefined;
  /** Hashes of its transactions, in order. */
  readonly transactions: readonly Hex[];
  /** What logs it may have, where the chain says so; left out of blocks that are kept. */
  readonly logsBloom?: Hex;
}

/** Which block is meant. */
export type BlockRef = Pick<BlockHead, "number" | "hash">;

/** A log as an EVM node gives it, numbers read. */
export interface ChainLog {
  readonly address: Hex;
  readonly blockNumber: number;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly transactionIndex: number;
  readonly logIndex: number;
  readonly topics: readonly Hex[];
  readonly data: Hex;
}

/** Which logs are wanted: of any of the contracts, with any of the first topics. */
export interface LogFilter {
  readonly addresses: readonly Hex[];
  readonly topics: readonly Hex[];
}

/** No node of the chain answers; it is asked again. Check `rpcUrls` and the network if it stays. */
export class ChainUnavailable extends PlantError {
  constructor(chain: string, why: string, cause: unknown) {
    super("TP_CHAIN_UNAVAILABLE", `${chain}: no node answers (${why})`, { cause });
  }
}

/** A node answers a request with an error; the message is the node's. */
export class ChainRefused extends PlantError {
  constructor(
    chain: string,
    method: string,
    why: string,
    cause?: unknown,
    /** The contract itself refused, or is none: asking again gives the same. */
    readonly reverted = false,
    /** What else the refusal is about. */
    readonly about: "too_much" | "unknown_block" | "anything" = "anything",
  ) {
    super("TP_CHAIN_REFUSED", `${chain}: ${method} was refused: ${why}`, { cause });
  }
}

/** A node is asked more often than it allows, and goes on saying so; it is waited for. Fewer pools, or a node that allows more. */
export class ChainLimited extends PlantError {
  constructor(chain: string, method: string, why: string, cause: unknown) {
    super("TP_CHAIN_LIMITED", `${chain}: ${method} is limited: ${why}`, { cause });
  }
}

/** What a node answers does not fit the block that it is about; it is asked again. */
export class ChainDoubtful extends PlantError {
  constructor(chain: string, why: string) {
    super("TP_CHAIN_DOUBTFUL", `${chain}: ${why}`);
  }
}
