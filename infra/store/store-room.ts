import { freeBytes } from "../disk.js";
import type { Logger } from "../logging.js";

/**
 * With less room than this the embedded engine is not given anything: it was seen (26.7) to acknowledge inserts, and to
 * finish merges, of which files had found no room and stayed empty. What a merge has replaced it keeps for 8 minutes, and
 * goes back to when it is started anew.
 */
export const LEAST_ROOM = 24 * 1024 * 1024;

/** Why the engine in the folder can not be written to now; undefined when it can. */
export function wantOfRoom(folder: string): string | undefined {
  const free = freeBytes(folder);
  return free < LEAST_ROOM ? `${free} bytes are free, the store wants ${LEAST_ROOM}` : undefined;
}

const LOOK_MS = 100;
/** Well within the time for which the engine keeps what a merge has replaced. */
const RENEW_MS = 120_000;

export interface StoreRoomOptions {
  readonly folder: string;
  /** Ends the engine's process, which is started again by whoever keeps it. */
  readonly renew: () => void;
  readonly logger: Logger;
}

/**
 * Has the embedded engine begin anew once the disk has room again, and every two minutes while it has none: then it finds
 * what a full disk has left half written, and goes back to what that was to replace.
 *
 * @returns what ends the watch
 */
export function watchStoreRoom({ folder, renew, logger }: StoreRoomOptions): () => void {
  let since: number | undefined;
  const timer = setInterval(() => {
    const why = wantOfRoom(folder);
    if (why !== undefined && since === undefined) {
      since = performance.now();
      logger.error({ code: "TP_DISK_FULL", why }, "history waits for room on the disk");
    }
    if (since === undefined || (why !== undefined && performance.now() - since < RENEW_MS)) return;
    since = why === undefined ? undefined : performance.now();
    logger.warn("the store's engine begins anew, since a full disk may have left files of it half written");
    renew();
  }, LOOK_MS).unref();
  return () => clearInterval(timer);
}
