import { spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const startDeadlineMs = 180_000;
const stopDeadlineMs = 15_000;
const pollMs = 100;

/**
 * Ends a service whose parent died: the pipe from the parent closes without a word. A line on it means that the service
 * has ended already.
 */
const watchScript = `trap '' INT TERM HUP; read -r word || { kill -9 "$0" 2>/dev/null; [ -z "$1" ] || rm -rf "$1"; }`;

/**
 * A service as a child process: started and awaited by a real request, killed, paused, started again on the same data,
 * stopped. It dies with its parent, however that one ends.
 */
export class ServiceProcess {
  #child;
  #ended;
  #plan;
  #isOwnFolder;

  /**
   * @param plan.name    for messages, and of the log file in the folder
   * @param plan.folder  where its data lies; without one, a temporary folder that goes at the end
   * @param plan.command async () => ({path, args}), which may prepare the folder
   * @param plan.stopMs  how long it may take to end, by default 15 s
   * @param plan.answers async () => boolean, a request that succeeds as soon as the service does its work
   */
  constructor(plan) {
    this.#plan = plan;
    this.#isOwnFolder = plan.folder === undefined;
    this.folder = plan.folder ?? mkdtempSync(join(tmpdir(), `tickplant-${plan.name}-`));
    mkdirSync(this.folder, { recursive: true });
  }

  /** Process id while it runs. */
  get pid() {
    return this.#child?.pid;
  }

  /** What it last wrote to stdout and stderr. */
  get logTail() {
    try {
      return readFileSync(this.#logFile, "utf8").slice(-3000);
    } catch {
      return "";
    }
  }

  get #logFile() {
    return join(this.folder, `${this.#plan.name}.log`);
  }

  /** What callers get: these functions and what they add to it. */
  handle(more) {
    const service = this;
    return {
      ...more,
      folder: this.folder,
      get pid() {
        return service.pid;
      },
      get ended() {
        return service.#ended;
      },
      start: () => this.start(),
      kill: () => this.kill(),
      pause: () => this.pause(),
      resume: () => this.resume(),
      stop: () => this.stop(),
    };
  }

  /** Starts it, after an end too. @returns when it answers. @throws Error with the end of its log when it does not */
  async start() {
    if (this.#child !== undefined) return;
    const { path, args, env } = await this.#plan.command(this.folder);
    const log = openSync(this.#logFile, "a");
    // A group of its own: Ctrl-C reaches the parent alone, which ends its services in order.
    const child = spawn(path, args, {
      cwd: this.folder,
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const watcher = child.pid === undefined ? undefined : this.#watch(child.pid);
      const end = (how) => {
        if (this.#child === child) this.#child = undefined;
        watcher?.stdin.end("ended\n");
        resolve(how);
      };
      child.once("error", (error) => end(error.message));
      child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
    });
    child.unref();
    await this.#answers();
  }

  /** SIGKILL. @returns when it is gone */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** SIGSTOP: it holds its connections and answers nothing. */
  pause() {
    this.#child?.kill("SIGSTOP");
  }

  /** SIGCONT. */
  resume() {
    this.#child?.kill("SIGCONT");
  }

  /** Ends it cleanly, by force when that takes too long; a temporary folder goes with it. */
  async stop() {
    this.resume();
    await this.#end("SIGTERM");
    if (this.#isOwnFolder) rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(signal) {
    const child = this.#child;
    if (child === undefined) return;
    child.ref();
    child.kill(signal);
    const force = setTimeout(() => child.kill("SIGKILL"), this.#plan.stopMs ?? stopDeadlineMs);
    await this.#ended;
    clearTimeout(force);
  }

  #watch(pid) {
    const folder = this.#isOwnFolder ? this.folder : "";
    const watcher = spawn("/bin/sh", ["-c", watchScript, String(pid), folder], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    watcher.once("error", () => undefined);
    watcher.stdin.on("error", () => undefined);
    watcher.stdin.unref();
    watcher.unref();
    return watcher;
  }

  async #answers() {
    const { name, answers } = this.#plan;
    let how;
    void this.#ended.then((end) => {
      how = end;
    });
    const deadline = Date.now() + startDeadlineMs;
    while (how === undefined) {
      if (await answers().catch(() => false)) return;
      if (Date.now() > deadline) {
        await this.kill();
        how = `no answer within ${startDeadlineMs} ms`;
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    const log = this.logTail;
    await this.stop();
    throw new Error(`${name} did not start (${how}):\n${log}`);
  }
}
