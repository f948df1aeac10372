import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import {
  type Abi,
  concat,
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  getCreate2Address,
  type Hex,
  keccak256,
  pad,
  parseAbi,
  parseAbiParameters,
} from "viem";
import type { Anvil } from "../evm/anvil.js";
import { payerCode } from "./payer.js";

const require = createRequire(import.meta.url);
const artifact = (path: string): { abi: Abi; bytecode: Hex } => {
  const { abi, bytecode } = JSON.parse(readFileSync(require.resolve(path), "utf8"));
  return { abi, bytecode: (bytecode.startsWith("0x") ? bytecode : `0x${bytecode}`) as Hex };
};
const erc20 = artifact("@uniswap/v2-core/build/ERC20.json");
const factoryV2 = artifact("@uniswap/v2-core/build/UniswapV2Factory.json");
const factoryV3 = artifact("@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json");

const poolV3 = artifact("@uniswap/v3-core/artifacts/contracts/UniswapV3Pool.sol/UniswapV3Pool.json");

const abi = parseAbi([
  "function transfer(address to, uint256 amount)",
  "function createPair(address, address)",
  "function getPair(address, address) view returns (address)",
  "function createPool(address, address, uint24)",
  "function getPool(address, address, uint24) view returns (address)",
  "function initialize(uint160 sqrtPriceX96)",
]);
const pairAbi = parseAbi([
  "function mint(address to)",
  "function burn(address to)",
  "function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes data)",
  "function getReserves() view returns (uint112 reserve0, uint112 reserve1, uint32 time)",
]);
const poolAbi = parseAbi([
  "function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes data)",
  "function burn(int24 tickLower, int24 tickUpper, uint128 amount)",
  "function collect(address recipient, int24 tickLower, int24 tickUpper, uint128 amount0, uint128 amount1)",
  "function swap(address recipient, bool zeroForOne, int256 amountSpecified, uint160 sqrtPriceLimitX96, bytes data)",
]);

const MIN_SQRT = 4295128739n;
const MAX_SQRT = 1461446703485210103287273052203988822378723970342n;
/** 1:1 */
export const ROOT_OF_ONE = 1n << 96n;

const token = 10n ** 18n;
const GAS = "0x7a1200";

/** Uniswap's own contracts on a local node: a V2 pair and V3 pools of two tokens, and one account that trades. */
export class UniswapRig {
  #sent: Hex[] = [];
  #nonce = 0;
  time: number;
  me: Hex = "0x";
  payer: Hex = "0x";
  tokens: readonly [Hex, Hex] = ["0x", "0x"];
  factoryV2: Hex = "0x";
  factoryV3: Hex = "0x";
  pair: Hex = "0x";
  pool: Hex = "0x";

  constructor(
    readonly anvil: Anvil,
    /** Of the newest block, seconds since the epoch. */
    genesisTime: number,
  ) {
    this.time = genesisTime;
  }

  /** Tokens, factories, a pair with reserves of 1:2 and a pool at a price of 1, and liquidity in both. */
  async deploy(): Promise<void> {
    this.me = (await this.anvil.rpc<Hex[]>("eth_accounts"))[0]!;
    const supply = 10n ** 12n * token;
    const one = await this.#create(erc20, [supply]);
    const other = await this.#create(erc20, [supply]);
    this.tokens = BigInt(one) < BigInt(other) ? [one, other] : [other, one];
    this.factoryV2 = await this.#create(factoryV2, [this.me]);
    this.factoryV3 = await this.#create(factoryV3, []);
    this.payer = await this.#create({ abi: [], bytecode: payerCode() }, []);
    await this.mine();
    for (const address of this.tokens) await this.transfer(address, this.payer, supply / 2n);
    await this.send(this.factoryV2, encodeFunctionData({ abi, functionName: "createPair", args: this.tokens }));
    const fee = [...this.tokens, 500] as const;
    await this.send(this.factoryV3, encodeFunctionData({ abi, functionName: "createPool", args: fee }));
    await this.mine();
    this.pair = await this.#ask(
      this.factoryV2,
      encodeFunctionData({ abi, functionName: "getPair", args: this.tokens }),
    );
    this.pool = await this.#ask(this.factoryV3, encodeFunctionData({ abi, functionName: "getPool", args: fee }));
    await this.send(this.pool, encodeFunctionData({ abi, functionName: "initialize", args: [ROOT_OF_ONE] }));
    await this.mint3(-1000, 1000, 10n ** 22n);
    await this.mint2(100_000n * token, 200_000n * token);
    await this.mine();
  }

  async send(to: Hex, data: Hex): Promise<void> {
    this.#sent.push(await this.anvil.rpc<Hex>("eth_sendTransaction", { ...this.#next(), to, data }));
  }

  /** One block of what was sent, `seconds` after the last. @throws when a transaction of it failed */
  async mine(seconds = 12): Promise<Hex> {
    this.time += seconds;
    const hash = await this.anvil.mine(this.time);
    for (const sent of this.#sent.splice(0)) {
      const receipt = await this.anvil.rpc<{ status: Hex; blockHash: Hex } | null>("eth_getTransactionReceipt", sent);
      if (receipt?.status !== "0x1" || receipt.blockHash !== hash)
        throw new Error(`${sent} failed: ${receipt?.status}`);
    }
    return hash;
  }

  /** Takes blocks off the chain; what is mined next are others. */
  async rollback(blocks: number): Promise<void> {
    await this.anvil.rpc("anvil_rollback", blocks);
    await this.anvil.rpc("anvil_dropAllTransactions");
    await this.resume();
  }

  /** Goes on from the node's chain as it stands. */
  async resume(): Promise<void> {
    const { timestamp } = await this.anvil.rpc<{ timestamp: Hex }>("eth_getBlockByNumber", "latest", false);
    this.time = Number(timestamp);
    this.#nonce = Number(await this.anvil.rpc("eth_getTransactionCount", this.me, "latest"));
  }

  async transfer(address: Hex, to: Hex, amount: bigint): Promise<void> {
    await this.send(address, encodeFunctionData({ abi, functionName: "transfer", args: [to, amount] }));
  }

  async mint2(amount0: bigint, amount1: bigint): Promise<void> {
    await this.transfer(this.tokens[0], this.pair, amount0);
    await this.transfer(this.tokens[1], this.pair, amount1);
    await this.send(this.pair, encodeFunctionData({ abi: pairAbi, functionName: "mint", args: [this.me] }));
  }

  /** Takes out a share of the pair's liquidity. */
  async burn2(amount: bigint): Promise<void> {
    await this.transfer(this.pair, this.pair, amount);
    await this.send(this.pair, encodeFunctionData({ abi: pairAbi, functionName: "burn", args: [this.me] }));
  }

  /** @param zeroIn token0 goes in; less comes out than the pair would give, so that it always goes through */
  async swap2(zeroIn: boolean, amountIn: bigint, amountOut: bigint): Promise<void> {
    await this.transfer(this.tokens[zeroIn ? 0 : 1], this.pair, amountIn);
    const args = [zeroIn ? 0n : amountOut, zeroIn ? amountOut : 0n, this.me, "0x"] as const;
    await this.send(this.pair, encodeFunctionData({ abi: pairAbi, functionName: "swap", args }));
  }

  async mint3(tickLower: number, tickUpper: number, liquidity: bigint, pool = this.pool): Promise<void> {
    const args = [this.payer, tickLower, tickUpper, liquidity, "0x"] as const;
    await this.#pay(pool, encodeFunctionData({ abi: poolAbi, functionName: "mint", args }));
  }

  async burn3(tickLower: number, tickUpper: number, liquidity: bigint): Promise<void> {
    const args = [tickLower, tickUpper, liquidity] as const;
    await this.#pay(this.pool, encodeFunctionData({ abi: poolAbi, functionName: "burn", args }));
  }

  async collect3(tickLower: number, tickUpper: number): Promise<void> {
    const most = (1n << 128n) - 1n;
    const args = [this.payer, tickLower, tickUpper, most, most] as const;
    await this.#pay(this.pool, encodeFunctionData({ abi: poolAbi, functionName: "collect", args }));
  }

  /** @param amount positive: so much goes in; negative: so much comes out */
  async swap3(zeroForOne: boolean, amount: bigint, pool = this.pool): Promise<void> {
    const limit = zeroForOne ? MIN_SQRT + 1n : MAX_SQRT - 1n;
    const args = [this.payer, zeroForOne, amount, limit, "0x"] as const;
    await this.#pay(pool, encodeFunctionData({ abi: poolAbi, functionName: "swap", args }));
  }

  async createPool(fee: number): Promise<void> {
    const args = [...this.tokens, fee] as const;
    await this.send(this.factoryV3, encodeFunctionData({ abi, functionName: "createPool", args }));
  }

  /** Where the factory will put the pool: by CREATE2 over tokens and fee. */
  async nextPool(fee: number): Promise<Hex> {
    const types = parseAbiParameters("address, address, uint24");
    const salt = keccak256(encodeAbiParameters(types, [...this.tokens, fee]));
    const { bytecode } = poolV3;
    return getCreate2Address({ from: this.factoryV3, salt, bytecode }).toLowerCase() as Hex;
  }

  async initialize(pool: Hex, sqrtPriceX96: bigint): Promise<void> {
    await this.send(pool, encodeFunctionData({ abi, functionName: "initialize", args: [sqrtPriceX96] }));
  }

  async reserves(): Promise<readonly [bigint, bigint]> {
    const data = encodeFunctionData({ abi: pairAbi, functionName: "getReserves" });
    const answer = await this.anvil.rpc<Hex>("eth_call", { to: this.pair, data }, "latest");
    return [BigInt(`0x${answer.slice(2, 66)}`), BigInt(`0x${answer.slice(66, 130)}`)];
  }

  async #pay(pool: Hex, payload: Hex): Promise<void> {
    await this.send(this.payer, concat([pad(pool, { size: 32 }), payload]));
  }

  async #create({ abi, bytecode }: { abi: Abi; bytecode: Hex }, args: readonly unknown[]): Promise<Hex> {
    const data = abi.length === 0 ? bytecode : encodeDeployData({ abi, bytecode, args });
    const from = this.#next();
    this.#sent.push(await this.anvil.rpc<Hex>("eth_sendTransaction", { ...from, data }));
    return getContractAddress({ from: this.me, nonce: BigInt(from.nonce) }).toLowerCase() as Hex;
  }

  #next() {
    return { from: this.me, gas: GAS, nonce: `0x${(this.#nonce++).toString(16)}` };
  }

  async #ask(to: Hex, data: Hex): Promise<Hex> {
    const answer = await this.anvil.rpc<Hex>("eth_call", { to, data }, "latest");
    return `0x${answer.slice(-40)}`;
  }
}
