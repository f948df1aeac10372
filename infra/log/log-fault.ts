import { diskFault, isNoRoom } from "../disk.js";
import { LogFull } from "./errors.js";
import type { LogEnvironment } from "./log-environment.js";

/** A failed write in the log's words; where there was no room, it is told to those who watch over the disk. */
export function logFault(error: unknown, place: string, { waits }: Pick<LogEnvironment, "waits">): unknown {
  if (!isNoRoom(error)) return diskFault(error, place);
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const full = error instanceof LogFull ? error : new LogFull(place, `the file system says ${code}`, error);
  waits.refused(place, full === error ? "the log's own bound" : code);
  return full;
}
