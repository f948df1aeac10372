import { closeSync, openSync } from "node:fs";
import type { Micros } from "../../schemas/words.js";
import { frameHeaderBytes, frameNewest, headerLength } from "./frame.js";
import type { TopicSettings } from "./log.js";
import type { PartitionWriter } from "./partition-writer.js";
import { readWhole } from "./segment.js";

/** A segment is closed after this share of the retention, so that its records go not much later than they may. */
const shareOfRetention = 4;

/** Drops the oldest segments while the partition is larger, or they are wholly older, than the topic's settings say. */
export function retain(writer: PartitionWriter, settings: TopicSettings, now: Micros): void {
  if (settings.retentionBytes !== undefined) {
    while (writer.segments.length > 1 && writer.bytes > settings.retentionBytes) writer.drop(writer.segments[0]!);
  }
  if (settings.retentionMs === undefined) return;
  const retention = settings.retentionMs * 1000;
  if (writer.firstTime !== undefined && writer.firstTime < now - retention / shareOfRetention) writer.roll();
  while (writer.segments.length > 1 && newestTime(writer, writer.segments[0]!.path) < now - retention) {
    writer.drop(writer.segments[0]!);
  }
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
