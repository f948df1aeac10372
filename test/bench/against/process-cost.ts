import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

/** What a command cost. */
export interface Cost {
  /** Processor time in seconds, user and system, of the process and of all that it started and waited for. */
  readonly coreSeconds: number;
  /** MiB, sum over the process and what it started of each one's largest resident set. */
  readonly peakMiB: number;
  /** Seconds on the wall. */
  readonly seconds: number;
}

export interface Command {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Called once the process runs; the cost is complete when it has ended. */
  readonly use: (child: ChildProcess) => Promise<void>;
}

/** USER_HZ: what Linux counts processor time in, 100 a second on every architecture that Node runs on. */
const ticksPerSecond = 100;
const sampleMs = 50;

/**
 * Runs Node with these arguments and says what it cost. The kernel adds a process's time to its parent's when that
 * has waited for it, so nothing of a tree of processes is missed. One command at a time.
 *
 * @throws Error when the command ends with another code than 0
 */
export async function costOf({ args, env, use }: Command): Promise<Cost> {
  const before = waitedForSeconds();
  const began = performance.now();
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let complaints = "";
  child.stderr!.on("data", (text: Buffer) => {
    complaints = (complaints + text.toString()).slice(-4_000);
  });
  const peaks = new Map<number, number>();
  const sampling = setInterval(() => samplePeaks(child.pid!, peaks), sampleMs);
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  try {
    await Promise.race([
      use(child),
      closed.then(([code, signal]) => {
        if (code !== 0) throw new Error(`${args.join(" ")} ended with ${signal ?? code}: ${complaints}`);
      }),
    ]);
    const [code, signal] = await closed;
    if (code !== 0) throw new Error(`${args.join(" ")} ended with ${signal ?? code}: ${complaints}`);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearInterval(sampling);
  }
  return {
    coreSeconds: waitedForSeconds() - before,
    peakMiB: [...peaks.values()].reduce((sum, kib) => sum + kib / 1024, 0),
    seconds: (performance.now() - began) / 1000,
  };
}

/** Processor time of all children that this process has waited for. proc(5): cutime and cstime, fields 16 and 17. */
function waitedForSeconds(): number {
  const stat = readFileSync("/proc/self/stat", "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/** proc(5): VmHWM is the largest resident set so far, in KiB. */
function samplePeaks(root: number, peaks: Map<number, number>): void {
  for (const pid of treeOf(root)) {
    const found = /VmHWM:\s+(\d+)/.exec(readIfThere(`/proc/${pid}/status`));
    if (found) peaks.set(pid, Number(found[1]));
  }
}

function treeOf(root: number): number[] {
  const tree = [root];
  for (const pid of tree) {
    for (const thread of listIfThere(`/proc/${pid}/task`)) {
      for (const child of readIfThere(`/proc/${pid}/task/${thread}/children`).split(" ")) {
        if (child !== "") tree.push(Number(child));
      }
    }
  }
  return tree;
}

/** A process may end between two looks. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function listIfThere(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
