import { type AbiEvent, decodeEventLog, parseAbi, toEventSelector } from "viem";
import type { ChainLog, Hex } from "../evm/chain.js";
import type { PoolChoice } from "./load-pool.js";
import type { Protocol } from "./pool.js";
import type { PoolCalls } from "./pool-calls.js";

/** A factory and which of its pools are wanted: those of any two of the tokens. */
export interface FactoryChoice {
  readonly address: Hex;
  readonly protocol: Protocol;
  readonly family: string;
  readonly tokens: readonly Hex[];
  /** Of v3: the fee tiers to look for, in millionths. */
  readonly fees: readonly number[];
  /** Of v2: the fee that its pairs take. */
  readonly fee?: number | undefined;
  readonly priceDigits: number;
  /** Tokens that are base currency, or quote currency, of any other: of two of them the one that stands first. */
  readonly bases?: readonly Hex[];
  readonly quotes?: readonly Hex[];
}

/** Sources: IUniswapV2Factory and IUniswapV3Factory. */
const created = {
  v2: parseAbi(["event PairCreated(address indexed token0, address indexed token1, address pair, uint256 count)"]),
  v3: parseAbi([
    "event PoolCreated(address indexed token0, address indexed token1, uint24 indexed fee, int24 tickSpacing, address pool)",
  ]),
};

/** The first topics of what factories say of new pools. */
export const factoryTopics: readonly Hex[] = Object.values(created).map(([event]) =>
  toEventSelector(event as AbiEvent),
);

/** The factory's wanted pools that there are. @throws ChainRefused, ChainUnavailable */
export async function poolsOfFactory(calls: PoolCalls, factory: FactoryChoice): Promise<PoolChoice[]> {
  const { tokens, protocol, fees } = factory;
  const found: PoolChoice[] = [];
  for (const [at, token] of tokens.entries()) {
    for (const other of tokens.slice(at + 1)) {
      for (const fee of protocol === "v2" ? [0] : fees) {
        const address = await calls.poolOf(factory.address, protocol, [token, other], fee);
        if (address !== undefined) found.push(poolChoice(factory, address, [token, other]));
      }
    }
  }
  return found;
}

/** The pool that a factory says it has just made; undefined where it is not wanted, or the log says something else. */
export function newPool(factories: readonly FactoryChoice[], log: ChainLog): PoolChoice | undefined {
  const factory = factories.find(({ address }) => address === log.address);
  if (factory === undefined || !factoryTopics.includes(log.topics[0]!)) return undefined;
  const topics = log.topics as [Hex, ...Hex[]];
  try {
    if (factory.protocol === "v2") {
      const { args } = decodeEventLog({ abi: created.v2, data: log.data, topics });
      return wanted(factory, args.token0, args.token1)
        ? poolChoice(factory, args.pair, [args.token0, args.token1])
        : undefined;
    }
    const { args } = decodeEventLog({ abi: created.v3, data: log.data, topics });
    return wanted(factory, args.token0, args.token1)
      ? poolChoice(factory, args.pool, [args.token0, args.token1])
      : undefined;
  } catch {
    return undefined;
  }
}

const wanted = ({ tokens }: FactoryChoice, ...pair: readonly string[]): boolean =>
  pair.every((token) => tokens.includes(token.toLowerCase() as Hex));

function poolChoice(factory: FactoryChoice, address: string, pair: readonly [string, string]): PoolChoice {
  const { protocol, family, fee, priceDigits } = factory;
  const base = baseOf(factory, pair);
  return { address: address.toLowerCase() as Hex, protocol, family, fee, priceDigits, ...(base && { base }) };
}

/** Which of two tokens the factory's lists make the base currency. Pools order their tokens by address. */
function baseOf(
  { bases = [], quotes = [] }: FactoryChoice,
  pair: readonly [string, string],
): "token0" | "token1" | undefined {
  const [token0, token1] = pair.map((token) => token.toLowerCase() as Hex).sort();
  const rank = (list: readonly Hex[], token: Hex) => (list.includes(token) ? list.indexOf(token) : list.length);
  const asQuote = rank(quotes, token1!) - rank(quotes, token0!);
  if (asQuote !== 0) return asQuote < 0 ? "token0" : "token1";
  const asBase = rank(bases, token0!) - rank(bases, token1!);
  if (asBase !== 0) return asBase < 0 ? "token0" : "token1";
  return undefined;
}
