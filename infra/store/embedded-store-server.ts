import type { Logger } from "../logging.js";
import { type ChdbHttpOptions, defaultHttpOptions } from "./chdb-http-options.js";
import type { ChdbProcessOptions } from "./chdb-process-contract.js";
import { StoreChild } from "./store-child.js";
import { newSecret, removeSecret, writeSecret } from "./store-secret.js";
import { PortInUse } from "./store-start-errors.js";

export interface EmbeddedStoreOptions extends Partial<Omit<ChdbHttpOptions, "secret">> {
  /** chDB's data directory; one process may hold it at a time. */
  readonly folder: string;
  /** Port on 127.0.0.1; 0 for any free one, kept over restarts. */
  readonly port: number;
  /** Where queries go that name no database, so that `curl` finds the tables; created where missing. */
  readonly database?: string | undefined;
  /** The setting that names the port, for messages. */
  readonly portSetting?: string;
  readonly logger: Logger;
  /** How long the first start tries, since a plant that was killed a moment ago may still hold port and folder. */
  readonly patienceMs?: number;
  /** Called after the child died and answers again. */
  readonly onRestart?: (restarts: number) => void;
}

const defaultPatienceMs = 10_000;
const tryAgainMs = 200;
const firstBackoffMs = 100;
/** How long the engine may take to its first answer. */
const startMs = 60_000;
/** The same where it answered before: a start that hangs is given up soon, and the next one gets twice the time. */
const firstRestartMs = 20_000;
const lastRestartMs = 160_000;
const lastBackoffMs = 5_000;
const steadyAfterMs = 30_000;
const watchEveryMs = 500;
/** Seconds without an answer of the engine after which the store counts as down, and after which it is replaced. */
const quietSeconds = 3;
const hungSeconds = 10;

/**
 * Keeps the child process that holds chDB alive: starts it, waits until it answers, replaces it when it hangs, starts it
 * again with growing pauses when it dies. Writers repeat what was not acknowledged, so a death loses nothing.
 */
export class EmbeddedStoreServer {
  /** What the plant's own processes give as the password of `plantUser`. */
  readonly secret = newSecret();
  private child: StoreChild | undefined;
  private launching: Promise<unknown> | undefined;
  private readonly giveUp = new AbortController();
  private stopping = false;
  private restarts = 0;
  private backoffMs = firstBackoffMs;
  private startMs = startMs;
  private timer: NodeJS.Timeout | undefined;
  private watch: NodeJS.Timeout | undefined;

  private constructor(
    private readonly options: EmbeddedStoreOptions,
    private port: number,
  ) {}

  /**
   * Starts the child and waits until it answers.
   *
   * @throws PortInUse, StoreNotStarted
   */
  static async start(options: EmbeddedStoreOptions): Promise<EmbeddedStoreServer> {
    const server = new EmbeddedStoreServer(options, options.port);
    const deadline = Date.now() + (options.patienceMs ?? defaultPatienceMs);
    for (;;) {
      try {
        await server.launch();
        break;
      } catch (error) {
        if (Date.now() >= deadline) throw error;
        options.logger.debug({ err: error }, "the embedded store does not start yet");
        await new Promise((resolve) => setTimeout(resolve, tryAgainMs));
      }
    }
    writeSecret(options.folder, server.secret);
    server.watch = setInterval(() => server.look(), watchEveryMs);
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Process id of the child, undefined between two. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** How often the child died and answered again. */
  get restarted(): number {
    return this.restarts;
  }

  /** Why the store can not be used now, in words; undefined while it can. */
  get trouble(): string | undefined {
    if (this.child === undefined) return "the embedded store is starting again";
    const { silentSeconds } = this.child;
    return silentSeconds < quietSeconds ? undefined : `the embedded store has not answered for ${silentSeconds} s`;
  }

  /** Ends the child: asks first, and kills it when it does not end in time. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    clearInterval(this.watch);
    this.giveUp.abort();
    await this.child?.stop();
    await this.launching?.catch(() => undefined);
    removeSecret(this.options.folder);
  }

  private async launch(): Promise<void> {
    this.launching = this.launchChild();
    await this.launching;
  }

  private async launchChild(): Promise<void> {
    const { logger, portSetting = "the store's port" } = this.options;
    const child = await StoreChild.start(this.settings(), this.port, this.giveUp.signal, this.startMs).catch(
      (error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") throw new PortInUse(this.port, portSetting);
        throw error;
      },
    );
    if (this.stopping) return await child.stop();
    this.child = child;
    this.port = child.port;
    this.startMs = firstRestartMs;
    const since = Date.now();
    void child.ended.then((how) => this.died(since, how));
    child.onStuck((ms) => {
      logger.error({ ms }, "the embedded store does not end a query that nobody waits for: replacing it");
      child.kill();
    });
  }

  private settings(): ChdbProcessOptions {
    const { logger: _, port: __, portSetting: ___, patienceMs: ____, onRestart: _____, ...options } = this.options;
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    return { ...defaultHttpOptions, database: "default", ...given, folder: options.folder, secret: this.secret };
  }

  /** A long query is no hang: the health query has a place of its own. */
  private look(): void {
    const { child } = this;
    if (child === undefined || child.silentSeconds < hungSeconds) return;
    this.options.logger.error({ seconds: child.silentSeconds }, "the embedded store hangs: replacing it");
    child.kill();
  }

  private died(since: number, how: string): void {
    this.child = undefined;
    if (this.stopping) return;
    if (Date.now() - since > steadyAfterMs) this.backoffMs = firstBackoffMs;
    this.options.logger.warn({ how, retryMs: this.backoffMs }, "the embedded store died: starting it again");
    this.retry();
  }

  private retry(): void {
    this.timer = setTimeout(() => {
      this.launch().then(
        () => {
          if (this.stopping) return;
          this.restarts += 1;
          this.options.logger.info({ restarts: this.restarts }, "the embedded store answers again");
          this.options.onRestart?.(this.restarts);
        },
        (error: unknown) => {
          if (this.stopping) return;
          this.options.logger.error({ err: error, retryMs: this.backoffMs }, "the embedded store does not start");
          this.startMs = Math.min(this.startMs * 2, lastRestartMs);
          this.retry();
        },
      );
    }, this.backoffMs);
    this.backoffMs = Math.min(this.backoffMs * 2, lastBackoffMs);
  }
}
