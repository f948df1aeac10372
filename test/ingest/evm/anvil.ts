import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createServer } from "node:net";

type Hex = `0x${string}`;

/** The prebuilt node of this machine: the package itself would need an install script to find it. */
function binary(): string {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  return createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${process.platform}-${arch}/bin/anvil`);
}

async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  }
  throw new Error("no free port");
}

/** A real EVM node that mines only when told, on a free port of its own. Its first account pays for everything. */
export class Anvil {
  #process: ChildProcess | undefined;
  #id = 0;

  private constructor(
    readonly port: number,
    readonly args: readonly string[],
  ) {}

  /** @param time of the genesis block, seconds since the epoch */
  static async start(time: number): Promise<Anvil> {
    const anvil = new Anvil(await freePort(), ["--no-mining", "--silent", "--timestamp", String(time)]);
    await anvil.run();
    return anvil;
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get webSocketUrl(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Starts the node (again), with an empty chain, and waits until it answers. */
  async run(): Promise<void> {
    const child = spawn(binary(), [...this.args, "--host", "127.0.0.1", "--port", String(this.port)], {
      stdio: "ignore",
    });
    this.#process = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`anvil ended with ${child.exitCode}`);
      const answered = await this.rpc("eth_chainId").then(
        () => true,
        () => false,
      );
      if (answered) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** kill -9 */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async rpc<Result = unknown>(method: string, ...params: readonly unknown[]): Promise<Result> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#id, method, params });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(this.httpUrl, { method: "POST", headers, body });
    const { result, error } = (await answer.json()) as { result?: Result; error?: { message: string } };
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result as Result;
  }

  /** Mines what waits into one block. @param time seconds since the epoch */
  async mine(time: number): Promise<Hex> {
    await this.rpc("evm_setNextBlockTimestamp", time);
    await this.rpc("evm_mine");
    return (await this.rpc<{ hash: Hex }>("eth_getBlockByNumber", "latest", false)).hash;
  }
}
