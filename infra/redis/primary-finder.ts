import { Redis } from "ioredis";
import type { ServerOptions } from "./options.js";
import { askServer, type ServerState } from "./server.js";

const lookMs = 2000;
const answerMs = 3000;

/** A server as a fresh connection found it. */
export interface Found extends ServerState {
  /** How many looks in a row have found this very server. */
  readonly times: number;
}

/**
 * Looks, every two seconds and when it is asked to, where a fresh connection leads: connections that stand stay where
 * they are when a name, or the word of the sentinels, has moved on.
 */
export class PrimaryFinder {
  #newest: Found | undefined;
  #looking: Promise<Found | undefined> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #users = 0;
  #connection: Redis | undefined;

  constructor(private readonly options: ServerOptions) {}

  /** What the last look found; undefined when it found no server that answers. */
  get newest(): Found | undefined {
    return this.#newest;
  }

  /** Looks while somebody uses it. */
  use(): void {
    this.#users += 1;
    if (this.#users > 1) return;
    this.#timer = setInterval(() => void this.look(), lookMs).unref();
  }

  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    clearInterval(this.#timer);
    this.#connection?.disconnect();
  }

  /** A look that is under way counts for all who ask meanwhile. */
  look(): Promise<Found | undefined> {
    this.#looking ??= this.#ask().then((state) => {
      this.#looking = undefined;
      const isSame = state !== undefined && state.runId === this.#newest?.runId;
      this.#newest = state && { ...state, times: isSame ? this.#newest!.times + 1 : 1 };
      return this.#newest;
    });
    return this.#looking;
  }

  async #ask(): Promise<ServerState | undefined> {
    const connection = new Redis({
      ...this.options,
      connectionName: "tickplant-look",
      lazyConnect: true,
      connectTimeout: answerMs,
      enableOfflineQueue: true,
      enableReadyCheck: false,
      retryStrategy: () => null,
    });
    connection.on("error", () => {});
    this.#connection = connection;
    const late = setTimeout(() => connection.disconnect(), answerMs);
    try {
      await connection.connect();
      return await askServer(connection);
    } catch {
      return undefined;
    } finally {
      clearTimeout(late);
      connection.disconnect();
    }
  }
}
