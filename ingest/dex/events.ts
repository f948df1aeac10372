import { type AbiEvent, decodeEventLog, parseAbi, toEventSelector } from "viem";
import { PlantError } from "../../infra/errors.js";
import type { ChainLog, Hex } from "../evm/chain.js";

/** What a pool's log says, in the chain's whole numbers. Amounts are positive into the pool. */
export type PoolEvent =
  | {
      readonly kind: "swap";
      readonly sender: Hex;
      readonly recipient: Hex;
      readonly amount0: bigint;
      readonly amount1: bigint;
      /** After the swap; constant product says its reserves in the `sync` before it. */
      readonly concentrated?: { readonly sqrtPriceX96: bigint; readonly liquidity: bigint; readonly tick: number };
    }
  | { readonly kind: "sync"; readonly reserve0: bigint; readonly reserve1: bigint }
  | { readonly kind: "initialize"; readonly sqrtPriceX96: bigint; readonly tick: number }
  | {
      readonly kind: "mint" | "burn" | "collect";
      readonly owner: Hex;
      /** Who called for a mint, often a contract that the owner uses. */
      readonly sender?: Hex;
      /** Who gets what is burned or collected. */
      readonly recipient?: Hex;
      readonly amount0: bigint;
      readonly amount1: bigint;
      readonly range?: { readonly tickLower: number; readonly tickUpper: number; readonly liquidity?: bigint };
    };

/** A pool's log has another shape than its event: the contract is no Uniswap V2 or V3, or a fork that differs. */
export class PoolLogUnreadable extends PlantError {
  constructor(log: ChainLog, cause: unknown) {
    super(
      "TP_POOL_LOG_UNREADABLE",
      `log ${log.logIndex} of ${log.transactionHash} by ${log.address}: ${(cause as Error).message.split("\n")[0]}`,
      { cause },
    );
  }
}

/** Source: IUniswapV2Pair of v2-core, IUniswapV3PoolEvents of v3-core, IPancakeV3PoolEvents of pancake-v3-contracts. */
const events = {
  swapV2: parseAbi([
    "event Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, address indexed to)",
  ]),
  syncV2: parseAbi(["event Sync(uint112 reserve0, uint112 reserve1)"]),
  mintV2: parseAbi(["event Mint(address indexed sender, uint256 amount0, uint256 amount1)"]),
  burnV2: parseAbi(["event Burn(address indexed sender, uint256 amount0, uint256 amount1, address indexed to)"]),
  swapV3: parseAbi([
    "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)",
  ]),
  swapPancakeV3: parseAbi([
    "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick, uint128 protocolFeesToken0, uint128 protocolFeesToken1)",
  ]),
  initializeV3: parseAbi(["event Initialize(uint160 sqrtPriceX96, int24 tick)"]),
  mintV3: parseAbi([
    "event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
  ]),
  burnV3: parseAbi([
    "event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
  ]),
  collectV3: parseAbi([
    "event Collect(address indexed owner, address recipient, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount0, uint128 amount1)",
  ]),
};

type Name = keyof typeof events;
type Arguments = Readonly<Record<string, unknown>>;

const selector = (name: Name): Hex => toEventSelector(events[name][0] as AbiEvent) as Hex;
const nameOf = new Map(Object.keys(events).map((name) => [selector(name as Name), name as Name]));

/** The first topics of all events that say something of a pool. */
export const poolTopics: readonly Hex[] = [...nameOf.keys()];

const address = (value: unknown): Hex => (value as string).toLowerCase() as Hex;
const big = (value: unknown): bigint => value as bigint;

const readers: Readonly<Record<Name, (args: Arguments) => PoolEvent>> = {
  swapV2: ({ sender, to, amount0In, amount1In, amount0Out, amount1Out }) => ({
    kind: "swap",
    sender: address(sender),
    recipient: address(to),
    amount0: big(amount0In) - big(amount0Out),
    amount1: big(amount1In) - big(amount1Out),
  }),
  syncV2: ({ reserve0, reserve1 }) => ({ kind: "sync", reserve0: big(reserve0), reserve1: big(reserve1) }),
  mintV2: ({ sender, amount0, amount1 }) => ({
    kind: "mint",
    owner: address(sender),
    amount0: big(amount0),
    amount1: big(amount1),
  }),
  burnV2: ({ sender, to, amount0, amount1 }) => ({
    kind: "burn",
    owner: address(sender),
    recipient: address(to),
    amount0: big(amount0),
    amount1: big(amount1),
  }),
  swapV3,
  swapPancakeV3: swapV3,
  initializeV3: ({ sqrtPriceX96, tick }) => ({
    kind: "initialize",
    sqrtPriceX96: big(sqrtPriceX96),
    tick: tick as number,
  }),
  mintV3: (args) => ({
    kind: "mint",
    ...position(args),
    owner: address(args.owner),
    sender: address(args.sender),
  }),
  burnV3: (args) => ({ kind: "burn", ...position(args), owner: address(args.owner) }),
  collectV3: (args) => ({
    kind: "collect",
    ...position(args),
    owner: address(args.owner),
    recipient: address(args.recipient),
  }),
};

function swapV3({ sender, recipient, amount0, amount1, sqrtPriceX96, liquidity, tick }: Arguments): PoolEvent {
  return {
    kind: "swap",
    sender: address(sender),
    recipient: address(recipient),
    amount0: big(amount0),
    amount1: big(amount1),
    concentrated: { sqrtPriceX96: big(sqrtPriceX96), liquidity: big(liquidity), tick: tick as number },
  };
}

function position({ tickLower, tickUpper, amount, amount0, amount1 }: Arguments) {
  const range = { tickLower: tickLower as number, tickUpper: tickUpper as number };
  return {
    amount0: big(amount0),
    amount1: big(amount1),
    range: amount === undefined ? range : { ...range, liquidity: big(amount) },
  };
}

/**
 * What a log says of its pool; undefined for an event that says nothing of price or liquidity.
 *
 * @throws PoolLogUnreadable
 */
export function readPoolLog(log: ChainLog): PoolEvent | undefined {
  const name = nameOf.get(log.topics[0] as Hex);
  if (name === undefined) return undefined;
  try {
    const { args } = decodeEventLog({
      abi: events[name] as readonly unknown[] as typeof events.swapV3,
      data: log.data,
      topics: log.topics as [Hex, ...Hex[]],
    });
    return readers[name](args as unknown as Arguments);
  } catch (cause) {
    throw new PoolLogUnreadable(log, cause);
  }
}
