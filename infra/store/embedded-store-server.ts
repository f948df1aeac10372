import { type ChildProcess, fork } from "node:child_process";
import { entryPoint } from "../entry-point.js";
import { PlantError } from "../errors.js";
import type { Logger } from "../logging.js";
import { type ChdbHttpOptions, defaultHttpOptions } from "./chdb-http.js";
import { type ChdbProcessMessage, type ChdbProcessOptions, optionsVariable } from "./chdb-process-contract.js";

export interface EmbeddedStoreOptions extends Partial<ChdbHttpOptions> {
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

/** Another program listens on the store's port. */
export class PortInUse extends PlantError {
  constructor(port: number, setting: string) {
    super(
      "TP_PORT_IN_USE",
      `port ${port} of the embedded store is in use: end the program on it, or change ${setting}`,
    );
  }
}

/**
 * The child that holds chDB can not start. The message says why; what the engine itself said stands in the plant's log.
 * A folder that another process holds is free again when that one has ended; one that chDB can not read is restored from
 * a backup, or moved away: what the log still holds is then not in the new store.
 */
export class StoreNotStarted extends PlantError {
  constructor(message: string) {
    super("TP_STORE_NOT_STARTED", message);
  }
}

const startDeadlineMs = 60_000;
const stopDeadlineMs = 8_000;
const defaultPatienceMs = 5_000;
const firstBackoffMs = 100;
const lastBackoffMs = 5_000;
const steadyAfterMs = 30_000;

/**
 * Keeps the child process that holds chDB alive: starts it, waits until it answers, starts it again with growing pauses
 * when it dies. Writers repeat what was not acknowledged, so a death loses nothing.
 */
export class EmbeddedStoreServer {
  private child: ChildProcess | undefined;
  private stopping = false;
  private restarts = 0;
  private backoffMs = firstBackoffMs;
  private timer: NodeJS.Timeout | undefined;

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
        return server;
      } catch (error) {
        if (Date.now() >= deadline) throw error;
        options.logger.debug({ err: error }, "the embedded store does not start yet");
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
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

  /** Ends the child: asks first, and kills it when it does not end in time. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    const child = this.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const deadline = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
    await ended;
    clearTimeout(deadline);
  }

  private async launch(): Promise<void> {
    const child = this.spawn();
    this.child = child;
    try {
      this.port = await this.ready(child);
    } catch (error) {
      child.kill("SIGKILL");
      this.child = undefined;
      throw error;
    }
    const since = Date.now();
    child.once("exit", (code, signal) => this.died(since, signal ?? `exit code ${code}`));
    if (child.exitCode !== null || child.signalCode !== null) this.died(since, "at once");
  }

  private spawn(): ChildProcess {
    const { folder, database, user, password } = this.options;
    const settings: ChdbProcessOptions = {
      ...defaultHttpOptions,
      ...definedOnly(this.options),
      user,
      password,
      folder,
      database,
      port: this.port,
    };
    const env = { ...process.env, [optionsVariable]: JSON.stringify(settings), UV_THREADPOOL_SIZE: "8" };
    const entry = entryPoint("infra/store/chdb-process.js");
    return fork(entry, [], { env, execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
  }

  private ready(child: ChildProcess): Promise<number> {
    const setting = this.options.portSetting ?? "the store's port";
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(error);
      };
      const timer = setTimeout(
        () => fail(new StoreNotStarted(`the embedded store did not answer within ${startDeadlineMs} ms: see its log`)),
        startDeadlineMs,
      );
      child.once("error", (error) => fail(new StoreNotStarted(`the embedded store did not start: ${error.message}`)));
      child.once("exit", (code, signal) =>
        fail(new StoreNotStarted(`the embedded store ended at its start (${signal ?? `exit code ${code}`})`)),
      );
      child.on("message", (message: ChdbProcessMessage) => {
        clearTimeout(timer);
        if (message.kind === "ready") resolve(message.port);
        else if (message.code === "EADDRINUSE") fail(new PortInUse(this.port, setting));
        else
          fail(
            new StoreNotStarted(
              `the embedded store in ${this.options.folder} (does another plant use it?): ${message.message}`,
            ),
          );
      });
    });
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
          this.restarts += 1;
          this.options.logger.info({ restarts: this.restarts }, "the embedded store answers again");
          this.options.onRestart?.(this.restarts);
        },
        (error: unknown) => {
          if (this.stopping) return;
          this.options.logger.error({ err: error, retryMs: this.backoffMs }, "the embedded store does not start");
          this.retry();
        },
      );
    }, this.backoffMs);
    this.backoffMs = Math.min(this.backoffMs * 2, lastBackoffMs);
  }
}

function definedOnly(options: EmbeddedStoreOptions): Partial<ChdbHttpOptions> {
  const { maxBodyBytes, maxWaitingBytes, maxWaitingQueries, concurrency } = options;
  const bounds = { maxBodyBytes, maxWaitingBytes, maxWaitingQueries, concurrency };
  return Object.fromEntries(Object.entries(bounds).filter(([, value]) => value !== undefined));
}
