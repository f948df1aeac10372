import { close, fdatasync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import type { Micros } from "../../schemas/words.js";
import { FrameBuilder } from "./frame.js";
import type { StoredRecord } from "./log.js";
import { PartitionReader } from "./partition-reader.js";
import type { PartitionWriter } from "./partition-writer.js";
import { compactedSegment, type SegmentFiles, writeWhole } from "./segment.js";

const chunkBytes = 512 * 1024;
const frameBytes = 128 * 1024;
/** So many times what would be worth compacting. */
const mostAhead = 4;
/** Offsets that one frame may span: a delta is kept in 32 bits. */
const widestFrame = 2 ** 31;

/** Compaction pays when there is as much new as was kept, and not for less than `compactionBytes`: so a partition stays within twice its live records and that much. */
export function worthCompacting(writer: PartitionWriter): boolean {
  const dirty = writer.dirtyBytes;
  if (dirty < writer.compactionPostponedTo) return false;
  return dirty > writer.environment.compactionBytes && dirty > writer.bytes - dirty;
}

/** Writing is so far ahead of a running compaction that it should wait for it. */
export function outrunsCompaction(writer: PartitionWriter): boolean {
  if (!writer.compacted) return false;
  const dirty = writer.dirtyBytes;
  return dirty > mostAhead * Math.max(writer.environment.compactionBytes, writer.bytes - dirty);
}

/**
 * Keeps the latest record of each key in all segments but a fresh one, under their offsets, and drops tombstones that
 * are older than the tombstone retention by the log's own newest timestamp. Records without a key stay. Works in
 * slices beside the traffic. A crash at any point leaves the old segments or the new one in force.
 */
export async function compact(writer: PartitionWriter): Promise<void> {
  writer.flush();
  if (writer.closed) return;
  writer.roll();
  const base = writer.segments[0]!.base;
  const end = writer.segments.at(-1)!.base;
  if (base === end) return;
  const { latest, newest } = await latestOffsets(writer, base, end);
  const tombstonesFrom = newest - writer.environment.tombstoneRetentionMs * 1000;
  const kept = new KeptRecords(join(writer.place.folder, "compacting"), writer.environment.files);
  try {
    await eachChunk(writer, base, end, (records) => {
      for (const record of records) {
        if (record.key !== null && latest.get(record.key) !== record.offset) continue;
        if (record.key !== null && record.value === null && record.timestamp < tombstonesFrom) continue;
        kept.add(record);
      }
    });
    await kept.finish();
    if (writer.closed) return;
    const segment = compactedSegment(writer.place.folder, base, end);
    renameSync(kept.path, segment.path);
    writer.replaceBy(segment, kept.size);
  } finally {
    await kept.discard();
  }
}

async function latestOffsets(writer: PartitionWriter, base: number, end: number) {
  const latest = new Map<string, number>();
  let newest: Micros = 0;
  await eachChunk(writer, base, end, (records) => {
    for (const record of records) {
      if (record.key !== null) latest.set(record.key, record.offset);
      newest = Math.max(newest, record.timestamp);
    }
  });
  return { latest, newest };
}

async function eachChunk(
  writer: PartitionWriter,
  base: number,
  end: number,
  take: (records: StoredRecord[]) => void,
): Promise<void> {
  const reader = new PartitionReader(writer.place.folder, {
    lost: () => {},
    damaged: (path, position, bytes) =>
      writer.environment.logger.error({ file: path, position, bytes }, "compaction passes over damaged frames"),
  });
  reader.seek(base);
  let buffer = Buffer.allocUnsafeSlow(chunkBytes);
  try {
    while (reader.position < end && !writer.closed) {
      const records: StoredRecord[] = [];
      const needed = reader.fetch(buffer, records);
      if (needed > 0) buffer = Buffer.allocUnsafeSlow(needed);
      else if (records.length === 0) return;
      take(records.at(-1) && records.at(-1)!.offset >= end ? records.filter((record) => record.offset < end) : records);
      await nextTurn();
    }
  } finally {
    reader.close();
  }
}

/** The file that will be the compacted segment. */
class KeptRecords {
  size = 0;
  private readonly frame = new FrameBuilder();
  private base = 0;
  private file: number;

  constructor(
    readonly path: string,
    private readonly files: SegmentFiles,
  ) {
    this.file = files.create(path);
  }

  add(record: StoredRecord): void {
    if (record.offset - this.base > widestFrame) this.flush();
    if (this.frame.count === 0) this.base = record.offset;
    this.frame.add(record.offset - this.base, record.key, record.value, record.timestamp);
    if (this.frame.size > frameBytes) this.flush();
  }

  /** On the disk itself, since the originals go next. */
  async finish(): Promise<void> {
    this.flush();
    await promisify(fdatasync)(this.file);
  }

  async discard(): Promise<void> {
    await promisify(close)(this.file);
    rmSync(this.path, { force: true });
  }

  private flush(): void {
    if (this.frame.count === 0) return;
    const bytes = this.frame.seal(this.base);
    writeWhole(this.files, this.file, bytes, this.size);
    this.size += bytes.length;
    this.frame.clear();
  }
}
