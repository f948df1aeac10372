import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const PROBE_MS = 5_000;
/** What a root without the rest of its power still needs: a data folder that belongs to somebody else. */
const rootKeeps = "--bounding-set=-all,+dac_override,+fowner";

/** How far the operating system fences a child off. */
export interface ChildFence {
  /**
   * `namespaces`: it sees no other process and no network, and the kernel ends it with its parent. `signal`: the kernel
   * ends it with its parent. `none`: its own watch on the parent alone.
   */
  readonly kind: "namespaces" | "signal" | "none";
  /** What stands before the program that is started. */
  readonly before: readonly string[];
}

const none: ChildFence = { kind: "none", before: [] };
let found: Promise<ChildFence> | undefined;

/**
 * The strongest fence that this machine has, tried once: setpriv and unshare of util-linux 2.38 or later. Namespaces
 * need root, or a kernel that gives them to every user (most do; containers mostly do not).
 */
export function childFence(): Promise<ChildFence> {
  found ??= probe();
  return found;
}

async function probe(): Promise<ChildFence> {
  if (process.platform !== "linux") return none;
  const root = process.getuid?.() === 0;
  const signal = ["setpriv", "--pdeathsig", "KILL", "--no-new-privs", "--"];
  const whose = root ? [] : ["--user", "--map-current-user"];
  const namespaces = [
    ...["setpriv", "--pdeathsig", "KILL", "--", "unshare", ...whose, "--pid", "--fork", "--kill-child=KILL"],
    ...["--mount-proc", "--net", "--ipc", "--", "setpriv", "--no-new-privs"],
    ...(root ? [rootKeeps, "--inh-caps=-all"] : []),
    "--",
  ];
  if (await works(namespaces)) return { kind: "namespaces", before: namespaces };
  return (await works(signal)) ? { kind: "signal", before: signal } : none;
}

/** A whole Node only to see that it can be started would be the largest part of a small plant's memory for a moment. */
async function works([command, ...args]: readonly string[]): Promise<boolean> {
  return run(command!, [...args, "test", "-x", process.execPath], { timeout: PROBE_MS, env: childEnvironment() }).then(
    () => true,
    () => false,
  );
}

/** What a child may know of the environment: nothing that could be a secret. */
export function childEnvironment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const environment: Record<string, string> = { ...more };
  for (const name of ["PATH", "TZ", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH"]) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
