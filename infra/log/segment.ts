import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

/**
 * A segment: one file of frames. `<base>.segment` holds every record from its base to the next segment's;
 * `<base>-<end>.compacted` holds what compaction kept of [base, end) and stands for all files within.
 */
export interface Segment {
  readonly path: string;
  readonly base: number;
  /** Of a compacted one; a plain one ends where the next begins. */
  readonly end: number | undefined;
}

const digits = 16;
const pad = (offset: number): string => String(offset).padStart(digits, "0");
const plainName = /^(\d{16})\.segment$/;
const compactedName = /^(\d{16})-(\d{16})\.compacted$/;

export function plainSegment(folder: string, base: number): Segment {
  return { path: join(folder, `${pad(base)}.segment`), base, end: undefined };
}

export function compactedSegment(folder: string, base: number, end: number): Segment {
  return { path: join(folder, `${pad(base)}-${pad(end)}.compacted`), base, end };
}

/** The segments that count, by offset, and those that a compacted one has made superfluous. */
export function listSegments(folder: string): { segments: Segment[]; superseded: Segment[] } {
  const all: Segment[] = [];
  for (const name of readdirSync(folder)) {
    const plain = plainName.exec(name);
    const compacted = plain ? null : compactedName.exec(name);
    const path = join(folder, name);
    if (plain) all.push({ path, base: Number(plain[1]), end: undefined });
    else if (compacted) all.push({ path, base: Number(compacted[1]), end: Number(compacted[2]) });
  }
  all.sort((a, b) => a.base - b.base || (b.end ?? 0) - (a.end ?? 0));
  const segments: Segment[] = [];
  const superseded: Segment[] = [];
  let covered = -1;
  for (const segment of all) {
    if (segment.base < covered) {
      superseded.push(segment);
      continue;
    }
    segments.push(segment);
    if (segment.end !== undefined) covered = segment.end;
  }
  return { segments, superseded };
}

/** The calls that change segments on disk. A seam, so that a full or failing disk can be tried. */
export interface SegmentFiles {
  create(path: string): number;
  write(file: number, bytes: Uint8Array, from: number, length: number, position: number): number;
  truncate(file: number, size: number): void;
  sync(file: number): void;
}

export const diskFiles: SegmentFiles = {
  create: (path) => openSync(path, "w+"),
  write: (file, bytes, from, length, position) => writeSync(file, bytes, from, length, position),
  truncate: (file, size) => ftruncateSync(file, size),
  sync: (file) => fdatasyncSync(file),
};

/** Writes all of it, or throws. */
export function writeWhole(files: SegmentFiles, file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += files.write(file, bytes, done, bytes.length - done, position + done);
  }
}

/** Reads up to the buffer's length; less only at the end of the file. */
export function readWhole(file: number, into: Buffer, position: number): number {
  let done = 0;
  while (done < into.length) {
    const got = readSync(file, into, done, into.length - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

export function sizeOf(path: string): number {
  const file = openSync(path, "r");
  try {
    return fstatSync(file).size;
  } finally {
    closeSync(file);
  }
}
