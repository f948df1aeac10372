import { fstatSync } from "node:fs";
import type { Micros } from "../../schemas/words.js";
import { findFrame, frameBase, frameLength, frameNewest, frameNext } from "./frame.js";
import type { LogEnvironment } from "./log-environment.js";
import { readWhole, type Segment } from "./segment.js";

/**
 * Looks through a partition's newest segment, checksum by checksum. What stands behind the last whole frame is cut off
 * with a warning: it was never acknowledged, or the file system lost it. A damaged frame with whole ones behind it stays
 * where it is, is said aloud and counted; readers pass over it.
 *
 * @returns size of what is kept, the offset that the next record gets, times of the first frame and the newest
 */
export function recoverTail(
  file: number,
  segment: Segment,
  partition: string,
  environment: LogEnvironment,
): { size: number; end: number; firstTime: Micros | undefined; newestTime: Micros } {
  const { files, logger, metrics } = environment;
  const bytes = Buffer.allocUnsafe(fstatSync(file).size);
  const got = readWhole(file, bytes, 0);
  let at = 0;
  let end = segment.base;
  let firstTime: Micros | undefined;
  let newestTime: Micros = 0;
  while (at < got) {
    const length = frameLength(bytes, at, got);
    if (length > 0) {
      end = frameNext(bytes, at);
      firstTime ??= frameNewest(bytes, at);
      newestTime = Math.max(newestTime, frameNewest(bytes, at));
      at += length;
      continue;
    }
    const found = findFrame(bytes, at + 1, got);
    if (found < 0) break;
    const records = Math.max(0, frameBase(bytes, found) - end);
    logger.error(
      { partition, file: segment.path, position: at, bytes: found - at, records },
      "damaged frames in the log are passed over: what they held is gone, check the disk",
    );
    metrics?.dropped.inc({ place: "log", reason: "damaged_frame" }, records);
    at = found;
  }
  if (at < got) {
    logger.warn(
      { partition, file: segment.path, position: at, bytes: got - at },
      "the log's tail held no whole frame and was cut off: everything before it is there",
    );
    metrics?.dropped.inc({ place: "log", reason: "torn_tail_bytes" }, got - at);
    files.truncate(file, at);
  }
  return { size: at, end, firstTime, newestTime };
}
