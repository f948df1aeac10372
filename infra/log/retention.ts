import { closeSync, openSync } from "node:fs";
import type { Micros } from "../../schemas/words.js";
import { frameHeaderBytes, frameNewest, headerLength } from "./frame.js";
import type { TopicSettings } from "./log.js";
import type { PartitionWriter } from "./partition-writer.js";
import { readWhole } from "./segment.js";

/** A segment is closed after this share of the retention, so that its records go not much later than they may. */
const shareOfRetention = 4;

/**
 * Drops the oldest segments while the partition is larger, or they are wholly older, than the topic's settings say.
 * Age is measured from the partition's newest record where that is earlier than `now`: a recording of last year that is
 * replayed today is not old, and a partition that nobody writes to keeps what it has.
 */
export function retain(writer: PartitionWriter, settings: TopicSettings, now: Micros): void {
  if (settings.retentionBytes !== undefined) {
    while (writer.segments.length > 1 && writer.bytes > settings.retentionBytes) writer.drop(writer.segments[0]!);
  }
  if (settings.retentionMs === undefined) return;
  const retention = settings.retentionMs * 1000;
  const clock = Math.min(now, latestTime(writer));
  if (writer.firstTime !== undefined && writer.firstTime < clock - retention / shareOfRetention) writer.roll();
  while (writer.segments.length > 1 && newestTime(writer, writer.segments[0]!.path) < clock - retention) {
    writer.drop(writer.segments[0]!);
  }
}

/** The newest timestamp of the partition, as far as its last two segments know. */
function latestTime(writer: PartitionWriter): Micros {
  const closed = writer.segments.at(-2);
  return Math.max(writer.newestTime, closed ? newestTime(writer, closed.path) : 0);
}

/** The newest timestamp of a closed segment, kept once it is known. */
function newestTime(writer: PartitionWriter, path: string): Micros {
  const known = writer.newestTimes.get(path) ?? readNewestTime(path);
  writer.newestTimes.set(path, known);
  return known;
}

function readNewestTime(path: string): Micros {
  const file = openSync(path, "r");
  const header = Buffer.allocUnsafe(frameHeaderBytes);
  let newest: Micros = 0;
  try {
    for (let at = 0; readWhole(file, header, at) === frameHeaderBytes; ) {
      const length = headerLength(header, 0, frameHeaderBytes);
      if (length <= 0) break; // damaged from here on: go by what came before
      newest = Math.max(newest, frameNewest(header, 0));
      at += length;
    }
  } finally {
    closeSync(file);
  }
  return newest;
}
