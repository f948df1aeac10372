import { closeSync, fstatSync, openSync, statSync } from "node:fs";
import { BAD, findFrame, frameBase, frameLength, frameNext, headerLength, readRecords, SHORT } from "./frame.js";
import type { StoredRecord } from "./log.js";
import { listSegments, readWhole, type Segment } from "./segment.js";

/** What a reader finds amiss. */
export interface ReaderEvents {
  /** Records that retention has taken, or that lay in a damaged frame. */
  lost(records: number): void;
  damaged(path: string, position: number, bytes: number): void;
}

/** Directory times tick coarsely: a change this recent may hide another one behind the same time. */
const coarseMs = 50;

/**
 * Follows one partition's files by offset. Serves whole frames with a right checksum only; a frame that is being
 * written is "not yet there". Files that retention or compaction replaces are read to their end.
 */
export class PartitionReader {
  /** The next offset wanted. */
  position = 0;
  private segment: Segment | undefined;
  private file = -1;
  private filePosition = 0;
  /** Size and time of the file when its end held no whole frame: no need to look again before they change. */
  private stuckSize = -1;
  private stuckTime = -1;
  private segments: Segment[] = [];
  private listedAt = -1;
  private closedBehind = false;

  constructor(
    private readonly folder: string,
    private readonly events: ReaderEvents,
  ) {}

  /** First retained offset. */
  start(): number {
    return this.list()[0]?.base ?? 0;
  }

  seek(position: number): void {
    if (position === this.position && this.segment) return;
    this.close();
    this.position = position;
  }

  /** Jumps to the newest segment, from where `fetch` without `out` finds the end. */
  seekNearEnd(): void {
    const newest = this.list().at(-1);
    if (newest && newest.base > this.position) this.seek(newest.base);
  }

  close(): void {
    if (this.file >= 0) closeSync(this.file);
    this.file = -1;
    this.segment = undefined;
  }

  /** False when surely nothing new is there: cheap enough for a poll. */
  mayHaveMore(): boolean {
    if (this.file < 0) return true;
    const { size, mtimeMs } = fstatSync(this.file);
    const stuck = size === this.stuckSize && mtimeMs === this.stuckTime;
    return (size > this.filePosition && !stuck) || this.folderChanged();
  }

  /**
   * Reads on into `buffer` and appends records to `out`, views into the buffer; nothing means the end is reached.
   * Without `out` it only moves on.
   *
   * @returns 0, or the size of buffer that the next frame needs
   */
  fetch(buffer: Buffer, out: StoredRecord[] | undefined, maxBytes = Infinity): number {
    for (;;) {
      if (!this.segment && !this.openAt(this.position)) return 0;
      const before = this.position;
      const got = readWhole(this.file, buffer, this.filePosition);
      const used = this.take(buffer, got, out, maxBytes);
      if (out && out.length > 0) return 0;
      if (used > 0 || this.position !== before) continue;
      const length = headerLength(buffer, 0, got);
      if (got === buffer.length && length > got && this.filePosition + length <= fstatSync(this.file).size)
        return length;
      if (got > 0 && this.resynchronise()) continue;
      if (!this.nextSegment()) return 0;
    }
  }

  /** Takes whole frames from the buffer. @returns bytes to move on by */
  private take(buffer: Buffer, got: number, out: StoredRecord[] | undefined, maxBytes: number): number {
    let at = 0;
    while (at < got && at < maxBytes) {
      const claimed = headerLength(buffer, at, got);
      const passed = claimed > 0 && at + claimed <= got && frameNext(buffer, at) <= this.position;
      const length = passed ? claimed : frameLength(buffer, at, got);
      if (length === SHORT || length === BAD) break;
      const next = frameNext(buffer, at);
      if (next > this.position) {
        this.missing(frameBase(buffer, at));
        const reached = out ? readRecords(buffer, at, this.position, out, maxBytes - at) : next;
        this.position = reached;
        if (reached < next) break;
      }
      at += length;
    }
    this.filePosition += at;
    return at;
  }

  /** Counts what is absent between the position and `base`; in a compacted segment absence is meant. */
  private missing(base: number): void {
    if (base <= this.position) return;
    if (this.segment?.end === undefined) this.events.lost(base - this.position);
    this.position = base;
  }

  /**
   * Something that is no whole frame stands here. Is it the tail, where a frame is being written, or is it damage with
   * whole frames behind it? @returns true when reading can go on
   */
  private resynchronise(): boolean {
    const { size, mtimeMs } = fstatSync(this.file);
    if (size === this.stuckSize && mtimeMs === this.stuckTime) return false;
    const rest = Buffer.allocUnsafe(size - this.filePosition);
    const got = readWhole(this.file, rest, this.filePosition);
    if (frameLength(rest, 0, got) > 0) return true;
    const found = findFrame(rest, 1, got);
    if (found < 0) {
      this.stuckSize = size;
      this.stuckTime = mtimeMs;
      return false;
    }
    // The frame may have been completed between the reading of its header and of what follows it.
    readWhole(this.file, rest.subarray(0, got), this.filePosition);
    if (frameLength(rest, 0, got) > 0) return true;
    this.events.damaged(this.segment!.path, this.filePosition, found);
    this.filePosition += found;
    return true;
  }

  private nextSegment(): boolean {
    const list = this.list();
    const current = this.segment!;
    const index = list.findIndex((segment) => segment.path === current.path);
    if (index >= 0 && index === list.length - 1) return false;
    if (!this.closedBehind) {
      // The writer may have added to this file before it began the next: read it once more.
      this.closedBehind = true;
      this.stuckSize = -1;
      return true;
    }
    if (current.end !== undefined) this.position = Math.max(this.position, current.end);
    const next = index >= 0 ? list[index + 1]! : undefined;
    if (next && current.end === undefined && next.base > this.position) {
      this.events.damaged(current.path, this.filePosition, fstatSync(this.file).size - this.filePosition);
      this.missing(next.base);
    }
    this.close();
    return this.openAt(this.position);
  }

  private openAt(position: number): boolean {
    for (let attempt = 0; attempt < 100; attempt++) {
      const list = this.list();
      const first = list[0];
      if (!first) return false;
      const segment = list.findLast((candidate) => candidate.base <= position) ?? first;
      try {
        this.file = openSync(segment.path, "r");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        this.listedAt = -1;
        continue;
      }
      this.segment = segment;
      this.filePosition = 0;
      this.stuckSize = -1;
      this.closedBehind = false;
      if (segment.base > this.position) {
        this.events.lost(segment.base - this.position);
        this.position = segment.base;
      }
      return true;
    }
    return false;
  }

  private list(): Segment[] {
    if (!this.folderChanged()) return this.segments;
    const changed = statSync(this.folder, { throwIfNoEntry: false })?.mtimeMs;
    if (changed === undefined) return [];
    this.listedAt = Date.now() - changed > coarseMs ? changed : -1;
    this.segments = listSegments(this.folder).segments;
    return this.segments;
  }

  private folderChanged(): boolean {
    return this.listedAt < 0 || statSync(this.folder, { throwIfNoEntry: false })?.mtimeMs !== this.listedAt;
  }
}
