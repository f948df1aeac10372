import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConfigOverrides, loadConfig } from "../../infra/config/load-config.js";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import { entryPoint } from "../../infra/entry-point.js";

/** The command line, as compiled. */
export const mainFile = entryPoint("main.js");

/** A folder of its own, and what removes it. */
export async function temporaryFolder(): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "tickplant-plant-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }) };
}

/** A port that was free a moment ago, below those that the system hands out. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** A configuration for a test: any free ports, quick checkpoints. */
export function testConfig(overrides: ConfigOverrides & { dataFolder: string }): PlantConfig {
  const { push, store, sink, process: processing, ...rest } = overrides;
  return loadConfig({
    env: {},
    overrides: {
      metricsPort: 0,
      partitions: 3,
      logging: { level: "warn" },
      ...rest,
      store: { port: 0, ...store },
      push: { restPort: 0, webSocketPort: 0, ...push },
      sink: { ms: 100, ...sink },
      process: { checkpointMs: 100, ...processing },
    },
  });
}

/** A command of the plant in a process group of its own, which can be killed whole. */
export class PlantProcess {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, command?: string) {
    const [file, all] = command === undefined ? [process.execPath, [mainFile, ...args]] : [command, args];
    this.child = spawn(file, all, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    this.child.stdout!.on("data", (text: Buffer) => {
      this.stdout += text.toString();
    });
    this.child.stderr!.on("data", (text: Buffer) => {
      this.stderr += text.toString();
    });
    this.ended = new Promise((resolve) => this.child.once("close", (code, signal) => resolve({ code, signal })));
  }

  /** `start` with a configuration, which is written beside its data. */
  static async start(config: PlantConfig, more: readonly string[] = []): Promise<PlantProcess> {
    const file = `${config.dataFolder}.yaml`;
    await writeFile(file, JSON.stringify(config));
    return new PlantProcess(["start", "--config", file, ...more]);
  }

  /** One that another command becomes. */
  static of(command: string, args: readonly string[]): PlantProcess {
    return new PlantProcess(args, {}, command);
  }

  /** Resolves with REST's address and the store's. @throws with what it said when it ends before */
  async running(): Promise<{ restUrl: string; webSocketUrl: string; storeUrl: string }> {
    await this.said((plant) => plant.stdout.includes("Ctrl-C"), "the greeting");
    const find = (pattern: RegExp) => pattern.exec(this.stdout)?.[1] ?? "";
    return {
      restUrl: find(/page\s+(\S+)\/\n/),
      webSocketUrl: find(/WebSocket\s+(\S+)\n/),
      storeUrl: find(/SQL\s+(\S+)\/\?query/),
    };
  }

  /** Resolves when the condition on what it printed holds. */
  async said(holds: (plant: PlantProcess) => boolean, what: string, timeoutMs = 180_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!holds(this)) {
      if (this.hasEnded) throw new Error(`ended before ${what}: ${this.stdout}${this.stderr}`);
      if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}: ${this.stdout}${this.stderr}`);
      await pause(20);
    }
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** kill -9 of the process with all its children. */
  async kill(): Promise<void> {
    signalGroup(this.child.pid!, "SIGKILL");
    await this.ended;
  }

  /** Ctrl-C of the plant alone. */
  interrupt(): void {
    this.child.kill("SIGINT");
  }
}

/** Answers false when nobody of the group is left. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Polls; a loaded machine is slow, so deadlines are generous. */
export async function until<Value>(
  ask: () => Promise<Value | undefined | false> | Value | undefined | false,
  what: string | (() => string),
  timeoutMs = 180_000,
): Promise<Value> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline)
      throw new Error(`not within ${timeoutMs} ms: ${typeof what === "string" ? what : what()}`);
    await pause(50);
  }
}

/** Whether a process is there and has not ended: one that nobody has waited for is still listed. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2)[0] !== "Z";
  } catch {
    return false;
  }
}
