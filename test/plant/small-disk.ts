import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/**
 * A command that sees a small file system of its own at a folder: a tmpfs in a mount namespace that ends with it, so that
 * nothing is left behind whatever becomes of it. Needs the right to mount, as root has.
 */
export class SmallDisk {
  readonly command: string;
  readonly args: string[];

  constructor(
    readonly folder: string,
    options: string,
    command: string,
    args: readonly string[],
  ) {
    this.command = "unshare";
    const script = 'mount -t tmpfs -o "$1" tickplant-test "$0" || exit 97; shift; exec "$@"';
    this.args = ["--mount", "--propagation", "private", "sh", "-c", script, folder, options, command, ...args];
  }
}

/** The exit code with which a `SmallDisk` says that it must not mount. */
export const MAY_NOT_MOUNT = 97;

/** The folder as the process sees it. */
export const seenBy = (pid: number, folder: string): string => `/proc/${pid}/root${folder}`;

/** Whether the process has its small disk mounted. */
export function isMounted(pid: number, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/mounts`, "utf8").includes(` ${folder} tmpfs `);
  } catch {
    return false;
  }
}

/** A file that takes all the room that there is. */
export class Ballast {
  private readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, "ballast");
  }

  /** Takes what is left, to the last byte. */
  fill(): void {
    const file = openSync(this.path, "a");
    for (let size = 1024 * 1024; size >= 1; ) {
      const bytes = Buffer.alloc(size, 1);
      try {
        if (writeSync(file, bytes) < size) size = Math.floor(size / 16);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        size = Math.floor(size / 16);
      }
    }
    closeSync(file);
  }

  free(): void {
    rmSync(this.path, { force: true });
  }
}
