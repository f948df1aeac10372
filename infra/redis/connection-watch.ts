import type { Redis } from "ioredis";
import type { Logger } from "../logging.js";
import { silenceMs } from "./options.js";
import type { Found, PrimaryFinder } from "./primary-finder.js";
import { askServer, type ServerState } from "./server.js";
import { notWritable, refusalWord, type WriteState, whyRefused, writable } from "./write-state.js";

const checkMs = 2000;
/** Silence that counts as death is doubled each time, up to this, so that a slow server is none. */
const mostSilenceMs = 16_000;
/** An attempt to connect that takes longer, while others find a server that answers, is begun anew. */
const patienceMs = 2500;
/** A server that has not answered for so long is left as soon as another is found in its place. */
const impatienceMs = 1000;
/** Looks that have to agree before a primary is left that answers and takes itself for one. */
const agreeing = 2;
const mostPauseMs = 60_000;

/**
 * Keeps a connection at the server that its name, or the sentinels, lead to now. It asks its server every two seconds, and
 * at once when that refuses a command, who it is: a replica, a server that another one has replaced, one that is silent,
 * are left for the one that a fresh connection finds.
 */
export class ConnectionWatch {
  #why: string | undefined = "it is not connected yet";
  #lastError = new Error("it was ended");
  /** Of the server at the other end; empty while it has not told. */
  #runId = "";
  #isReady = false;
  #triedAt = performance.now();
  #checking = false;
  #again = false;
  /** After a move that led back to the same server: names that lead now here, now there are no reason to run. */
  #pauseMs = 0;
  #movedAt = Number.NEGATIVE_INFINITY;
  #movedFrom: string | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly client: Redis,
    private readonly finder: PrimaryFinder,
    private readonly purpose: string,
    private readonly logger: Logger,
  ) {
    finder.use();
    this.#timer = setInterval(() => void this.check(), checkMs).unref();
    client.on("error", (error: Error) => {
      this.#lastError = error;
      if (/^Socket timeout/.test(error.message)) this.#waitLonger();
    });
    client.on("connecting", () => {
      this.#triedAt = performance.now();
    });
    client.on("close", () => {
      this.#isReady = false;
    });
    client.on("ready", () => {
      this.#isReady = true;
      this.#runId = "";
      this.#lastError = new Error("it was ended");
      void this.check();
    });
    client.once("end", () => {
      clearInterval(this.#timer);
      finder.release();
    });
  }

  /** Whether its server would take writes, as far as it has said. */
  get state(): WriteState {
    if (this.#isReady) return this.#why === undefined ? writable : notWritable(this.#why);
    const loading = this.finder.newest?.isLoading ? "it loads its dataset" : undefined;
    return notWritable(loading ?? `no connection (${whyRefused(this.#lastError)})`);
  }

  /** A reply that tells of the server's state: it is looked at anew. */
  heard(error: Error): void {
    if (refusalWord(error) !== undefined) void this.check();
  }

  async check(): Promise<void> {
    if (this.#checking) {
      this.#again = true;
      return;
    }
    this.#checking = true;
    try {
      do {
        this.#again = false;
        if (this.#isReady) await this.#askOwn();
        else this.#hurry();
      } while (this.#again && this.#isReady && (await this.#breath()));
    } finally {
      this.#checking = false;
    }
  }

  /** Refusals may come by the thousand. */
  async #breath(): Promise<boolean> {
    await new Promise((resolve) => setTimeout(resolve, 250).unref());
    return true;
  }

  async #askOwn(): Promise<void> {
    let own: ServerState;
    const silent = setInterval(() => this.#leaveFor(this.finder.newest), impatienceMs);
    try {
      own = await within(askServer(this.client), this.client.options.socketTimeout ?? silenceMs);
    } catch (error) {
      if (/NOPERM/.test((error as Error).message)) this.#why = undefined;
      else if (error instanceof Silent) {
        this.#waitLonger();
        this.#leave("it does not answer");
      }
      return;
    } finally {
      clearInterval(silent);
    }
    this.#runId = own.runId;
    this.client.options.socketTimeout = silenceMs;
    this.#why = own.isReplica ? "it is a read-only replica" : own.isLoading ? "it loads its dataset" : undefined;
    const found = own.isReplica ? await this.finder.look() : this.finder.newest;
    if (!this.#isAnother(found)) return;
    if (own.isReplica) this.#leave("it is a replica now");
    else if (found.times >= agreeing) this.#moveOn(own, found.runId);
  }

  /** What does not answer is left as soon as somebody else is found in its place. */
  #leaveFor(found: Found | undefined): void {
    if (this.#isAnother(found)) this.#leave("it does not answer, and its name leads to another server now");
  }

  #isAnother(found: Found | undefined): found is Found {
    if (found === undefined || found.isReplica || found.isLoading) return false;
    return found.runId !== "" && this.#runId !== "" && found.runId !== this.#runId;
  }

  #moveOn({ runId }: ServerState, to: string): void {
    const now = performance.now();
    if (now - this.#movedAt < this.#pauseMs) return;
    this.#pauseMs = this.#movedFrom === to ? Math.min(mostPauseMs, Math.max(2 * this.#pauseMs, 2 * checkMs)) : 0;
    this.#movedAt = now;
    this.#movedFrom = runId;
    this.#leave("its name leads to another server now");
  }

  /** Others get through: what hangs here is begun anew. */
  #hurry(): void {
    const found = this.finder.newest;
    if (found === undefined || found.isReplica || found.isLoading) return;
    const { status } = this.client;
    if (status !== "connecting" && status !== "connect") return;
    if (performance.now() - this.#triedAt > patienceMs) this.client.disconnect(true);
  }

  #waitLonger(): void {
    const { options } = this.client;
    options.socketTimeout = Math.min(mostSilenceMs, 2 * (options.socketTimeout ?? silenceMs));
  }

  #leave(why: string): void {
    if (this.client.status !== "ready") return;
    this.#why = why;
    this.#lastError = new Error(why);
    this.logger.warn({ purpose: this.purpose, why }, "the server at Redis' address is looked for anew");
    this.client.disconnect(true);
  }
}

class Silent extends Error {}

function within<Answer>(asked: Promise<Answer>, ms: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Silent(`no answer within ${ms} ms`)), ms);
    asked.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
