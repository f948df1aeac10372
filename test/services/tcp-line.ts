import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/**
 * A line to a server on this machine, which is its TCP port to clients. It can be cut like a cable, swallow all bytes, as a
 * network that drops packets without a word, hold each back for a while, and lead elsewhere, as a name that moves: new
 * connections go there, those that stand stay where they are.
 */
export class TcpLine {
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  #swallows = false;
  #delayMs = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
    /** Where it leads. */
    public target: number,
  ) {}

  static async start(target: number): Promise<TcpLine> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const line = new TcpLine(server, (server.address() as { port: number }).port, target);
    server.on("connection", (client) => line.#join(client));
    return line;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Ends every connection; new ones are ended at once until it is mended. */
  cut(): void {
    this.#isCut = true;
    this.drop();
  }

  /** Ends every connection; new ones work. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** From now on nothing comes through, on connections that stand and on new ones, and none is ended. */
  swallow(): void {
    this.#swallows = true;
  }

  /** New connections work. What stood when bytes were swallowed stays dead, since some are missing. */
  mend(): void {
    this.#isCut = false;
    this.#swallows = false;
  }

  /** Each way takes so much longer from now on. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, "close");
  }

  #join(client: Socket): void {
    const upstream = connect(this.target, "127.0.0.1");
    let isDead = false;
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      /** What came before. */
      let passed = Promise.resolve();
      this.#sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        this.#sockets.delete(one);
        if (!isDead) other.destroy();
      });
      one.on("data", (bytes) => {
        isDead ||= this.#swallows;
        if (isDead) return;
        const due = performance.now() + this.#delayMs;
        // bytes that were held back come before those after them, also when the line is fast again
        passed = passed.then(async () => {
          const left = due - performance.now();
          if (left > 0) await pause(left, undefined, { ref: false });
          if (!isDead && other.writable) other.write(bytes);
        });
      });
    }
    if (this.#isCut) this.drop();
  }
}
