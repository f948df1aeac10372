import { accessSync, constants, existsSync, mkdirSync, statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Counter } from "prom-client";
import { PlantError } from "./errors.js";

/** No room: the disk is full, or a bound of bytes is reached. What was to be written is not there, and is to be written again. */
export class DiskFull extends PlantError {
  constructor(place: string, code: string, cause: unknown) {
    super("TP_DISK_FULL", `no room to write ${place} (${code}): free disk space or raise the quota`, { cause });
  }
}

/** A folder in which the plant has to write does not let it. */
export class FolderNotWritable extends PlantError {
  constructor(folder: string, code: string, cause: unknown) {
    super(
      "TP_FOLDER_NOT_WRITABLE",
      `${folder} can not be written (${code}): mount it for writing, give its user the right to write, or name another folder`,
      { cause },
    );
  }
}

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
/** Of errors in the plant's own words. */
const SPOKEN = new Set(["TP_DISK_FULL", "TP_LOG_FULL"]);
const NOT_WRITABLE = new Set(["EROFS", "EACCES", "EPERM"]);

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? "";

/** Whether the system says that there is no room, which passes when somebody makes some. */
export const isNoRoom = (error: unknown): boolean => FULL.has(codeOf(error)) || SPOKEN.has(codeOf(error));

/** An error of the system's in the plant's words, where it is about room or the right to write. @param place a path */
export function diskFault(error: unknown, place: string): unknown {
  const code = codeOf(error);
  if (FULL.has(code)) {
    return new DiskFull(place, code, error);
  }
  return NOT_WRITABLE.has(code) ? new FolderNotWritable(place, code, error) : error;
}

/** Runs it. @throws DiskFull or FolderNotWritable in place of the system's own errors */
export function onDisk<Result>(place: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw diskFault(error, place);
  }
}

/** Makes the folder where it is missing. @throws FolderNotWritable, DiskFull */
export function ensureWritableFolder(folder: string): void {
  onDisk(folder, () => {
    try {
      mkdirSync(folder, { recursive: true });
    } catch (error) {
      // Node says ENOENT of a folder in one that is missing, too, where the file system is read-only
      if (codeOf(error) === "ENOENT") accessSync(nearest(folder), constants.W_OK);
      throw error;
    }
    accessSync(folder, constants.W_OK);
  });
}

/** The folder itself, or the nearest above it that is there. */
function nearest(folder: string): string {
  const path = resolve(folder);
  return existsSync(path) || dirname(path) === path ? path : nearest(dirname(path));
}

/** Bytes that the plant may still write to the folder's file system. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** What holds while writing waits for room; it has the form of a condition of health. */
export interface NoRoomCondition {
  readonly name: "disk_full";
  readonly subject: string;
  readonly reason: string;
  readonly severity: "not_ready";
}

/** Who of this thread waits for room: told by those who write, asked by health. */
export class DiskWaits {
  readonly #waiting = new Map<string, string>();

  /** @param counter counts writes that found no room and are repeated, by place */
  constructor(private readonly counter?: Counter<"place">) {}

  /** A write found no room. @param place what was to be written, such as `market.raw/3` or `recordings` */
  refused(place: string, why: string, kind = "log"): void {
    this.counter?.inc({ place: kind });
    this.#waiting.set(place, why);
  }

  /** A write went through. */
  written(place: string): void {
    if (this.#waiting.size > 0) this.#waiting.delete(place);
  }

  /** Nothing of it waits any more: it was closed. */
  forget(place: string): void {
    this.#waiting.delete(place);
  }

  /** One condition for all places that wait. */
  conditions(): NoRoomCondition[] {
    const [first] = this.#waiting;
    if (first === undefined) return [];
    const [place, why] = first;
    const others = this.#waiting.size === 1 ? "" : ` and ${this.#waiting.size - 1} more`;
    const reason = `the disk is full: writing ${place}${others} waits for room (${why})`;
    return [{ name: "disk_full", subject: "", reason, severity: "not_ready" }];
  }
}
