import { type ChildProcess, spawn } from "node:child_process";
import { Worker } from "node:worker_threads";
import { entryPoint } from "../../infra/entry-point.js";

/**
 * Runs a script against the compiled log in a process of its own. The script finds `log` (opened in the folder) and
 * `say(text)`, which is out at once; `until` waits for a line.
 */
export class LogChild {
  readonly lines: string[] = [];
  readonly exited: Promise<void>;
  private readonly child: ChildProcess;
  private rest = "";
  private readonly waiting: { reached: () => boolean; resolve: () => void }[] = [];

  constructor(folder: string, script: string) {
    this.child = spawn(process.execPath, ["--input-type=module", "-e", program(folder, script)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.child.stdout!.setEncoding("utf8").on("data", (chunk: string) => this.hear(chunk));
    this.exited = new Promise((resolve) => this.child.once("close", () => resolve()));
  }

  /** Fulfilled as well when the child has ended. */
  until(reached: () => boolean): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      this.waiting.push({ reached, resolve });
      if (reached()) resolve();
    });
    return Promise.race([seen, this.exited]);
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
  }

  /** Closes its standard input, which a script may wait for. */
  end(): Promise<void> {
    this.child.stdin!.end();
    return this.exited;
  }

  private hear(chunk: string): void {
    const lines = (this.rest + chunk).split("\n");
    this.rest = lines.pop()!;
    this.lines.push(...lines);
    for (const { reached, resolve } of this.waiting) if (reached()) resolve();
  }
}

/** The same script in a worker thread of this process; what it says comes as messages. */
export function logThread(folder: string, script: string): Worker {
  const url = `data:text/javascript,${encodeURIComponent(program(folder, script))}`;
  return new Worker(new URL(url));
}

function program(folder: string, script: string): string {
  return `
    import { writeSync } from "node:fs";
    import { parentPort } from "node:worker_threads";
    import { EmbeddedLog } from ${JSON.stringify(`file://${entryPoint("infra/log/embedded-log.js")}`)};
    const logger = { info() {}, warn() {}, error(...what) { console.error(...what); } };
    const say = (text) => (parentPort ? parentPort.postMessage(text) : writeSync(1, text + "\\n"));
    const log = await EmbeddedLog.open({ folder: ${JSON.stringify(folder)}, segmentBytes: 65536, logger });
    ${script}`;
}
