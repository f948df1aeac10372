import type { RedisConnection } from "./connection.js";
import { notWritable, type WriteState, whyRefused, writable } from "./write-state.js";

const everyMs = 2000;
const lifeMs = 60_000;

/** Writes a small key every two seconds: who only reads, or has nothing to write, learns by it that writes are refused. */
export class WriteProbe {
  #state = writable;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly connection: RedisConnection,
    private readonly key: string,
  ) {
    this.#timer = setInterval(() => void this.#write(), everyMs).unref();
  }

  /** As the last write had it; while the connection is away, nothing new. */
  get state(): WriteState {
    return this.#state;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #write(): Promise<void> {
    const { client, state } = this.connection;
    if (!state.writable) return;
    try {
      await client.set(this.key, Date.now(), "PX", lifeMs);
      this.#state = writable;
    } catch (error) {
      // a user who may only read
      const isForbidden = /NOPERM/.test((error as Error).message);
      this.#state = isForbidden ? writable : notWritable(whyRefused(error));
    }
  }
}
