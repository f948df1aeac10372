import type { BlockHead, ChainLog, Hex, LogFilter } from "./chain.js";

/** What nodes answer, before it is read. */
export interface RawBlock {
  readonly number: Hex;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly timestamp: Hex;
  readonly gasUsed: Hex;
  readonly gasLimit: Hex;
  readonly baseFeePerGas?: Hex;
  readonly logsBloom?: Hex | null;
  readonly transactions: readonly Hex[];
}

export interface RawLog {
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

export interface RawReceipt {
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly logs: readonly RawLog[];
}

export const hexOf = (number: number): Hex => `0x${number.toString(16)}`;
export const rawFilter = ({ addresses, topics }: LogFilter) => ({ address: addresses, topics: [topics] });

export function headOf(block: RawBlock): BlockHead {
  return {
    number: Number(block.number),
    hash: block.hash,
    parentHash: block.parentHash,
    time: Number(block.timestamp) * 1_000_000,
    gasUsed: BigInt(block.gasUsed),
    gasLimit: BigInt(block.gasLimit),
    baseFee: block.baseFeePerGas === undefined ? undefined : BigInt(block.baseFeePerGas),
    transactions: block.transactions,
    ...(block.logsBloom && { logsBloom: block.logsBloom }),
  };
}

export function logOf(log: RawLog): ChainLog {
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

/** Logs in the chain's order. */
export const logsOf = (raw: readonly RawLog[]): ChainLog[] =>
  raw
    .filter(({ removed }) => removed !== true)
    .map(logOf)
    .sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
