import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { entryPoint } from "../entry-point.js";
import type { ChdbProcessOptions, FromChdbProcess, ToChdbProcess } from "./chdb-process-contract.js";
import { type ChildFence, childEnvironment, childFence } from "./child-fence.js";
import { StoreNotStarted } from "./store-start-errors.js";

const STOP_MS = 1_500;
const HEALTH_EVERY_MS = 1_000;
const QUIET_SECONDS = 2;
/** Threads for queries, inserts, packing and files together. */
const POOL_THREADS = "16";

/** One child process that holds chDB, with its socket. */
export class StoreChild {
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  #asked = 0;
  #answered = 0;
  /** Health queries in a row that stand unanswered at their second's end. */
  #silent = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  private constructor(
    private readonly process: ChildProcess,
    readonly port: number,
    private readonly fence: ChildFence,
  ) {
    this.ended = new Promise((resolve) => {
      process.once("error", (error) => resolve(error.message));
      process.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void this.ended.then(() => {
      this.#ended = true;
      clearInterval(this.#timer);
    });
  }

  /**
   * Listens on the port, starts the child with that socket and waits until it answers. The socket is made here, since
   * the child may have no network of its own.
   *
   * @param port 0 for any free one
   * @param given up when nobody wants it any more
   * @param startMs within which the engine has to answer
   * @throws the error of listening, StoreNotStarted
   */
  static async start(
    options: ChdbProcessOptions,
    port: number,
    given: AbortSignal,
    startMs: number,
  ): Promise<StoreChild> {
    const fence = await childFence();
    const early: Socket[] = [];
    const server = createServer({ pauseOnConnect: true }, (socket) => early.push(socket));
    const bound = await listening(server, port);
    const child = new StoreChild(launch(fence), bound, fence);
    const giveUp = () => child.kill();
    given.addEventListener("abort", giveUp, { once: true });
    if (given.aborted) giveUp();
    try {
      await child.#started(options, server, early, startMs);
    } catch (error) {
      child.kill();
      throw error;
    } finally {
      given.removeEventListener("abort", giveUp);
      server.close();
      for (const socket of early) socket.destroy();
    }
    child.#timer = setInterval(() => child.#askHealth(), HEALTH_EVERY_MS);
    return child;
  }

  /** Seconds for which the engine has not answered its health query; 0 while it does. */
  get silentSeconds(): number {
    return this.#silent;
  }

  /** The engine's own process: in a namespace it stands below the one that was started. */
  get pid(): number | undefined {
    const { pid } = this.process;
    if (pid === undefined || this.#ended || this.fence.kind !== "namespaces") return this.#ended ? undefined : pid;
    try {
      return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]) || pid;
    } catch {
      return pid;
    }
  }

  onStuck(tell: (ms: number) => void): void {
    this.process.on("message", (message: FromChdbProcess) => {
      if (message.say === "stuck") tell(message.ms);
    });
  }

  kill(): void {
    this.process.kill("SIGKILL");
  }

  /** Asks first, and kills it when it does not end in time, or does not answer anyway. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#tell({ ask: "stop" });
    const deadline = setTimeout(() => this.kill(), this.#silent < QUIET_SECONDS ? STOP_MS : 0);
    await this.ended;
    clearTimeout(deadline);
  }

  #started(options: ChdbProcessOptions, server: Server, early: Socket[], startMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        reject(new StoreNotStarted(why));
      };
      const timer = setTimeout(() => fail(`the embedded store did not answer within ${startMs} ms`), startMs);
      void this.ended.then((how) => fail(`the embedded store ended at its start (${how})`));
      this.process.on("message", (message: FromChdbProcess) => {
        if (message.say === "listening") {
          server.close();
          for (const socket of early.splice(0)) this.#tell({ ask: "serve" }, socket);
        } else if (message.say === "failed") {
          fail(`the embedded store in ${options.folder} (does another plant use it?): ${message.message}`);
        } else if (message.say === "ready") {
          clearTimeout(timer);
          resolve();
        } else if (message.say === "healthy") {
          this.#answered = Math.max(this.#answered, message.id);
        }
      });
      this.#tell({ ask: "start", options }, server);
    });
  }

  /** Counted in questions, not by the clock: a supervisor that was held up itself asks no oftener. */
  #askHealth(): void {
    this.#silent = this.#answered === this.#asked ? 0 : this.#silent + 1;
    if (this.#silent > 0) return;
    this.#asked += 1;
    this.#tell({ ask: "health", id: this.#asked });
  }

  #tell(message: ToChdbProcess, handle?: Server | Socket): void {
    if (!this.process.connected) return;
    this.process.send(message, handle, undefined, () => undefined);
  }
}

function launch(fence: ChildFence): ChildProcess {
  const [command, ...args] = [...fence.before, process.execPath, entryPoint("infra/store/chdb-process.js")];
  // where the kernel ends it with its parent, nobody needs to watch
  if (fence.kind !== "namespaces") args.push("--watch-parent");
  const child = spawn(command!, args, {
    env: childEnvironment({ UV_THREADPOOL_SIZE: POOL_THREADS }),
    stdio: ["pipe", "ignore", "inherit", "ipc"],
    detached: true,
  });
  child.stdin?.on("error", () => undefined);
  return child;
}

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
