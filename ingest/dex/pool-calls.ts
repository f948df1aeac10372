import { decodeFunctionResult, encodeFunctionData, hexToString, parseAbi, type Hex as ViemHex } from "viem";
import { type BlockRef, ChainRefused, type Hex } from "../evm/chain.js";
import type { ChainRpc } from "../evm/chain-rpc.js";
import type { Protocol, Token } from "./pool.js";
import type { PoolReserves } from "./pool-state.js";

/** Source: IUniswapV2Pair, IUniswapV2Factory, IUniswapV3Pool, IUniswapV3Factory, ERC-20. */
const abi = parseAbi([
  "function token0() view returns (address)",
  "function token1() view returns (address)",
  "function fee() view returns (uint24)",
  "function tickSpacing() view returns (int24)",
  "function liquidity() view returns (uint128)",
  "function tickBitmap(int16 word) view returns (uint256)",
  "function ticks(int24 tick) view returns (uint128 liquidityGross, int128 liquidityNet)",
  "function getReserves() view returns (uint112 reserve0, uint112 reserve1)",
  "function decimals() view returns (uint8)",
  "function symbol() view returns (string)",
  "function getPair(address, address) view returns (address)",
  "function getPool(address, address, uint24) view returns (address)",
]);
/** Forks add to what follows the first two. */
const slotAbi = parseAbi(["function slot0() view returns (uint160 sqrtPriceX96, int24 tick)"]);

type View = (typeof abi)[number]["name"];
const NOBODY = "0x0000000000000000000000000000000000000000";

/** A chain's contracts as of one block. */
export class PoolCalls {
  constructor(
    readonly rpc: ChainRpc,
    readonly block: BlockRef,
  ) {}

  async token(address: Hex): Promise<Token> {
    const [symbol, decimals] = await Promise.all([this.#symbol(address), this.#read(address, "decimals")]);
    return { address, symbol, decimals: Number(decimals) };
  }

  async tokensOf(pool: Hex): Promise<readonly [token0: Hex, token1: Hex]> {
    return Promise.all([this.#address(pool, "token0"), this.#address(pool, "token1")]);
  }

  /** Fee in millionths, and the spacing of ticks, of a pool with concentrated liquidity. */
  async rangesOf(pool: Hex): Promise<{ fee: number; tickSpacing: number }> {
    const [fee, spacing] = await Promise.all([this.#read(pool, "fee"), this.#read(pool, "tickSpacing")]);
    return { fee: Number(fee), tickSpacing: Number(spacing) };
  }

  async reservesOf(pool: Hex, protocol: Protocol): Promise<PoolReserves> {
    const none = { reserve0: 0n, reserve1: 0n, sqrtPriceX96: 0n, liquidity: 0n, tick: 0 };
    if (protocol === "v2") {
      const [reserve0, reserve1] = (await this.#read(pool, "getReserves")) as readonly [bigint, bigint];
      return { ...none, reserve0, reserve1 };
    }
    const data = encodeFunctionData({ abi: slotAbi, functionName: "slot0" });
    const [slot, liquidity] = await Promise.all([this.rpc.call(pool, data, this.block), this.#read(pool, "liquidity")]);
    const [sqrtPriceX96, tick] = decodeFunctionResult({ abi: slotAbi, functionName: "slot0", data: slot });
    return { ...none, sqrtPriceX96, tick, liquidity: liquidity as bigint };
  }

  /** Which ticks of a word of the bitmap have liquidity that begins or ends there, in units of the spacing. */
  async ticksOfWord(pool: Hex, word: number): Promise<number[]> {
    const bitmap = (await this.#read(pool, "tickBitmap", [word])) as bigint;
    const found: number[] = [];
    for (let bit = 0; bit < 256; bit++) if ((bitmap >> BigInt(bit)) & 1n) found.push(word * 256 + bit);
    return found;
  }

  async netLiquidity(pool: Hex, tick: number): Promise<bigint> {
    const [, net] = (await this.#read(pool, "ticks", [tick])) as readonly [bigint, bigint];
    return net;
  }

  /** The factory's pool of two tokens; undefined where there is none. @param fee in millionths, of v3 */
  async poolOf(factory: Hex, protocol: Protocol, tokens: readonly [Hex, Hex], fee: number): Promise<Hex | undefined> {
    const found =
      protocol === "v2"
        ? await this.#address(factory, "getPair", tokens)
        : await this.#address(factory, "getPool", [...tokens, fee]);
    return found === NOBODY ? undefined : found;
  }

  /** Some old tokens answer with 32 bytes instead of a text. */
  async #symbol(token: Hex): Promise<string> {
    const data = encodeFunctionData({ abi, functionName: "symbol" });
    const answer = await this.rpc.call(token, data, this.block);
    if (answer.length === 66) return hexToString(answer, { size: 32 }).replace(/\0+$/, "");
    return decodeFunctionResult({ abi, functionName: "symbol", data: answer });
  }

  async #address(to: Hex, functionName: View, args: readonly unknown[] = []): Promise<Hex> {
    return ((await this.#read(to, functionName, args)) as Hex).toLowerCase() as Hex;
  }

  async #read(to: Hex, functionName: View, args: readonly unknown[] = []): Promise<unknown> {
    const data = encodeFunctionData({ abi, functionName, args } as Parameters<typeof encodeFunctionData>[0]);
    const answer = await this.rpc.call(to, data, this.block);
    if (answer === "0x")
      throw new ChainRefused(this.rpc.chain, functionName, `${to} has no such function`, undefined, true);
    return decodeFunctionResult({ abi, functionName, data: answer as ViemHex } as Parameters<
      typeof decodeFunctionResult
    >[0]);
  }
}
