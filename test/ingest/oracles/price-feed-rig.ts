import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Abi, encodeDeployData, encodeFunctionData } from "viem";
import { Anvil } from "../evm/anvil.js";

type Hex = `0x${string}`;

interface Contract {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

/** Compiled from PriceFeed.sol by the real compiler. */
function compiled(): { Aggregator: Contract; Proxy: Contract } {
  const solc = createRequire(import.meta.url)("solc") as { compile(input: string): string };
  const content = readFileSync(join(import.meta.dirname, "PriceFeed.sol"), "utf8");
  const outputSelection = { "*": { "*": ["abi", "evm.bytecode.object"] } };
  // anvil's chain knows the newest rules; older ones run anywhere
  const settings = { evmVersion: "paris", optimizer: { enabled: true }, outputSelection };
  const input = { language: "Solidity", sources: { "PriceFeed.sol": { content } }, settings };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const errors = (output.errors ?? []).filter(({ severity }: { severity: string }) => severity === "error");
  if (errors.length > 0) throw new Error(errors[0].formattedMessage);
  const of = (name: string): Contract => {
    const { abi, evm } = output.contracts["PriceFeed.sol"][name];
    return { abi, bytecode: `0x${evm.bytecode.object}` };
  };
  return { Aggregator: of("Aggregator"), Proxy: of("Proxy") };
}

/** A chain with price feeds of our own, on a real node that mines when it is told. */
export class PriceFeedChain {
  time: number;
  readonly #contracts = compiled();

  private constructor(
    readonly anvil: Anvil,
    readonly from: Hex,
    start: number,
  ) {
    this.time = start;
  }

  static async start(): Promise<PriceFeedChain> {
    const time = Math.floor(Date.now() / 1000) - 3_600;
    const anvil = await Anvil.start(time);
    const [from] = await anvil.rpc<Hex[]>("eth_accounts");
    return new PriceFeedChain(anvil, from!, time);
  }

  /** @returns the aggregator's address */
  async aggregator(decimals: number, description: string): Promise<Hex> {
    return this.#deploy("Aggregator", [decimals, description]);
  }

  /** @returns the proxy's address */
  async proxy(aggregator: Hex): Promise<Hex> {
    return this.#deploy("Proxy", [aggregator]);
  }

  /** Puts a call into the next block. */
  async call(contract: "Aggregator" | "Proxy", to: Hex, functionName: string, ...args: unknown[]): Promise<void> {
    const { abi } = this.#contracts[contract];
    await this.#send({ to, data: encodeFunctionData({ abi, functionName, args }) });
  }

  /** Answers in a block of its own. */
  async answer(aggregator: Hex, ...answers: bigint[]): Promise<number> {
    for (const one of answers) await this.call("Aggregator", aggregator, "submit", one);
    await this.mine();
    return this.time;
  }

  async mine(seconds = 12): Promise<void> {
    this.time += seconds;
    await this.anvil.mine(this.time);
  }

  snapshot(): Promise<Hex> {
    return this.anvil.rpc("evm_snapshot");
  }

  /** The chain as it was: what came since is dropped. */
  async revert(snapshot: Hex): Promise<void> {
    await this.anvil.rpc("evm_revert", snapshot);
  }

  async #deploy(name: "Aggregator" | "Proxy", args: unknown[]): Promise<Hex> {
    const { abi, bytecode } = this.#contracts[name];
    const hash = await this.#send({ data: encodeDeployData({ abi, bytecode, args }) });
    await this.mine();
    const receipt = await this.anvil.rpc<{ contractAddress: Hex }>("eth_getTransactionReceipt", hash);
    return receipt.contractAddress;
  }

  #send(transaction: object): Promise<Hex> {
    return this.anvil.rpc("eth_sendTransaction", { from: this.from, gas: "0x2dc6c0", ...transaction });
  }
}
