import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { LogLocked } from "./errors.js";

/**
 * One writer a partition, by a file that is named after its owner: process, thread, start time of the thread and boot,
 * so that a dead owner is told from a living one even where process ids repeat (containers).
 * Each contender creates its own file first and looks for others then: of two, at least one sees the other.
 */
export class PartitionLock {
  private constructor(
    private readonly path: string,
    /** An owner had died here: what it was writing may need recovery. */
    readonly tookOver: boolean,
  ) {}

  /** @throws LogLocked when another owner lives */
  static acquire(folder: string, place: string): PartitionLock {
    mkdirSync(folder, { recursive: true });
    for (let attempt = 0; ; attempt++) {
      const own = create(folder, place);
      const others = readdirSync(folder).filter((name) => name.startsWith(prefix) && name !== own);
      const living = others.find(lives);
      if (living === undefined) {
        for (const name of others) rmSync(join(folder, name), { force: true });
        return new PartitionLock(join(folder, own), others.length > 0);
      }
      rmSync(join(folder, own), { force: true });
      if (attempt === attempts) throw new LogLocked(place, ownerText(living));
      pause(1 + ((process.pid + threadId * 7 + attempt * 3) % 5));
    }
  }

  release(): void {
    rmSync(this.path, { force: true });
  }
}

/** Two that retreat from each other try again; one that really lives stays. */
const attempts = 3;
const prefix = "writer-";

function create(folder: string, place: string): string {
  const own = prefix + identity();
  try {
    closeSync(openSync(join(folder, own), "wx"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw new LogLocked(place, ownerText(own));
    throw error;
  }
  return own;
}

let cachedIdentity: string | undefined;

/** `<pid>-<thread>-<start time>-<boot>`; of this thread, which file calls of the Sync kind run on. */
function identity(): string {
  cachedIdentity ??= linuxIdentity() ?? `${process.pid}-${threadId}-0-none`;
  return cachedIdentity;
}

function linuxIdentity(): string | undefined {
  try {
    const [pid, , thread] = readlinkSync("/proc/thread-self").split("/");
    return `${pid}-${thread}-${startTime(pid!, thread!)}-${bootId()}`;
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8);
  } catch {
    return "none";
  }
}

/** Field 22 of proc(5) stat, in ticks since boot; undefined when there is no such thread or it is a zombie. */
function startTime(pid: string, thread: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function lives(name: string): boolean {
  const [pid, thread, start, boot] = name.slice(prefix.length).split("-");
  if (start !== "0") return boot === bootId() && startTime(pid!, thread!) === start;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
}

function ownerText(name: string): string {
  const [pid, thread] = name.slice(prefix.length).split("-");
  return `process ${pid}, thread ${thread}`;
}

function pause(millis: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis);
}
