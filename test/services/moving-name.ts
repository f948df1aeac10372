import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * A name of a service as a TCP port: new connections go where it points to now, those that stand stay where they are. It
 * can swallow all bytes, as a network that drops packets without a word, and hold each back for a while.
 */
export class MovingName {
  readonly #sockets = new Set<Socket>();
  #swallows = false;
  #delayMs = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
    /** Where it points to. */
    public target: number,
  ) {}

  static async start(target: number): Promise<MovingName> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const name = new MovingName(server, (server.address() as { port: number }).port, target);
    server.on("connection", (client) => name.#join(client));
    return name;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** From now on nothing comes through, on connections that stand and on new ones, and none is ended. */
  swallow(): void {
    this.#swallows = true;
  }

  /** What stood stays dead, since bytes of it are missing; new connections work. */
  mend(): void {
    this.#swallows = false;
  }

  /** Each way takes so much longer from now on. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
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
      this.#sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        this.#sockets.delete(one);
        if (!isDead) other.destroy();
      });
      one.on("data", (bytes) => {
        isDead ||= this.#swallows;
        if (isDead) return;
        const pass = () => {
          if (!isDead && other.writable) other.write(bytes);
        };
        if (this.#delayMs === 0) pass();
        else setTimeout(pass, this.#delayMs);
      });
    }
  }
}
