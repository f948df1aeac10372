import { closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import type { Micros } from "../../schemas/words.js";
import { isNoRoom } from "../disk.js";
import { checksumPosition, type FrameBuilder, frameChecksum, frameNewest, frameNext, hideFrame } from "./frame.js";
import type { LogEnvironment, PartitionPlace } from "./log-environment.js";
import { logFault } from "./log-fault.js";
import { PartitionLock } from "./partition-lock.js";
import { recoverTail } from "./recovery.js";
import { listSegments, plainSegment, type Segment, sizeOf, writeWhole } from "./segment.js";
import { recoverTransactions } from "./transaction-journal.js";

/** Records gathered for one write, and how it went. */
export interface PendingFrame {
  readonly builder: FrameBuilder;
  failure: unknown;
}

/** A frame that is on disk but unreadable until its transaction is committed. */
export interface HiddenFrame {
  readonly writer: PartitionWriter;
  readonly path: string;
  readonly position: number;
  readonly length: number;
  readonly checksum: number;
  /** The offset after it, and its newest timestamp. */
  readonly next: number;
  readonly newest: Micros;
}

/** A segment must not stand for so much of a partition's bound that dropping it empties the partition. */
const segmentsPerBound = 4;
const leastSegmentBytes = 64 * 1024;

/** The one writer of a partition: appends frames to its newest segment and rolls to the next. */
export class PartitionWriter {
  pending: PendingFrame | undefined;
  /** The offset that the next record gets. */
  end = 0;
  /** All segments, the newest last; their sizes and newest timestamps as far as known. */
  segments: Segment[] = [];
  readonly sizes = new Map<string, number>();
  readonly newestTimes = new Map<string, Micros>();
  /** Of the newest segment: its first frame's time, and the newest. */
  firstTime: Micros | undefined;
  newestTime: Micros = 0;
  retentionBytes: number | undefined;
  compacted = false;
  /** After a failed compaction: the next one waits for so many bytes that none has seen. */
  compactionPostponedTo = 0;
  private file = -1;
  private size = 0;
  /** Bytes beyond `size` could not be cut off after a failed write. */
  private torn = false;
  /** A committed frame that is not readable yet: nothing may be written behind it before it is. */
  private committed: HiddenFrame | undefined;
  /** It could not be made readable, for another reason than room: only opening again, with its recovery, goes on. */
  private broken: unknown;

  private constructor(
    readonly place: PartitionPlace,
    readonly environment: LogEnvironment,
    private readonly lock: PartitionLock,
  ) {}

  /** Takes the lock and mends what a crash has left. @throws LogLocked */
  static open(place: PartitionPlace, environment: LogEnvironment): PartitionWriter {
    let lock: PartitionLock | undefined;
    try {
      mkdirSync(place.folder, { recursive: true });
      lock = PartitionLock.acquire(place.folder, place.name);
      const writer = new PartitionWriter(place, environment, lock);
      if (lock.tookOver) recoverTransactions(environment.folder, environment.logger);
      writer.recover();
      return writer;
    } catch (error) {
      lock?.release();
      throw logFault(error, place.name, environment);
    }
  }

  /** The frame that gathers records until the next `flush`. */
  gather(): PendingFrame {
    this.pending ??= { builder: this.environment.builders.take(), failure: undefined };
    return this.pending;
  }

  /** Writes what was gathered; a failure is left in the pending frame for those who wait for it. */
  flush(): void {
    const pending = this.pending;
    if (!pending) return;
    this.pending = undefined;
    if (pending.builder.count > 0) {
      try {
        this.write(this.seal(pending.builder));
      } catch (error) {
        pending.failure = error;
      }
    }
    this.environment.builders.give(pending.builder);
  }

  /** The records as a frame for the end of the partition. @throws LogFull while a committed frame before it has to wait */
  seal(builder: FrameBuilder): Buffer {
    if (this.broken) throw this.broken;
    if (this.committed) this.reveal(this.committed);
    return builder.seal(this.end);
  }

  /** Appends a frame of `seal`. @throws LogFull, and then nothing of it stays */
  write(frame: Buffer): void {
    this.put(frame);
    this.accept(frame.length, frameNext(frame, 0), frameNewest(frame, 0));
  }

  /** Writes a frame of `seal` so that no reader takes it for one before `reveal`. @throws LogFull */
  writeHidden(frame: Buffer): HiddenFrame {
    const checksum = frameChecksum(frame);
    hideFrame(frame);
    this.put(frame);
    return {
      writer: this,
      path: this.segments.at(-1)!.path,
      position: this.size,
      length: frame.length,
      checksum,
      next: frameNext(frame, 0),
      newest: frameNewest(frame, 0),
    };
  }

  /** Makes a committed frame readable; where there is no room for that, the next attempt or write does. @throws LogFull */
  reveal(hidden: HiddenFrame): void {
    this.committed = hidden;
    const checksum = Buffer.allocUnsafe(4);
    checksum.writeUInt32LE(hidden.checksum);
    try {
      writeWhole(this.environment.files, this.file, checksum, hidden.position + checksumPosition);
      if (this.environment.fsync) this.environment.files.sync(this.file);
    } catch (error) {
      if (!isNoRoom(error)) this.broken = error;
      throw logFault(error, this.place.name, this.environment);
    }
    this.committed = undefined;
    this.accept(hidden.length, hidden.next, hidden.newest);
  }

  /** Whether the frame was committed and is not readable yet. */
  awaits(hidden: HiddenFrame): boolean {
    return this.committed === hidden;
  }

  /** Takes a hidden frame, or the part of a frame that did go out, away again. */
  cutBack(): void {
    try {
      this.environment.files.truncate(this.file, this.size);
      this.torn = false;
    } catch (error) {
      this.torn = true;
      this.environment.logger.error({ err: error, partition: this.place.name }, "a failed write could not be cut off");
    }
  }

  /** Begins a new segment, so that all others are closed. */
  roll(): void {
    const next = plainSegment(this.place.folder, this.end);
    if (this.segments.at(-1)?.path === next.path) return;
    const file = this.environment.files.create(next.path);
    if (this.file >= 0) closeSync(this.file);
    const closed = this.segments.at(-1);
    if (closed && closed.end === undefined) this.newestTimes.set(closed.path, this.newestTime);
    this.file = file;
    this.size = 0;
    this.firstTime = undefined;
    this.newestTime = 0;
    this.segments.push(next);
    this.sizes.set(next.path, 0);
  }

  /** Forgets a closed segment and deletes its file. */
  drop(segment: Segment): void {
    rmSync(segment.path, { force: true });
    this.environment.budget.give(this.sizes.get(segment.path) ?? 0);
    this.sizes.delete(segment.path);
    this.newestTimes.delete(segment.path);
    this.segments = this.segments.filter((kept) => kept !== segment);
  }

  /** Puts the compacted segment in the place of all that it stands for. */
  replaceBy(compacted: Segment, size: number): void {
    for (const segment of this.segments) if (segment.base < compacted.end!) this.drop(segment);
    this.segments.unshift(compacted);
    this.sizes.set(compacted.path, size);
  }

  get bytes(): number {
    let bytes = 0;
    for (const size of this.sizes.values()) bytes += size;
    return bytes;
  }

  /** Bytes that no compaction has seen yet. */
  get dirtyBytes(): number {
    let bytes = 0;
    for (const segment of this.segments) if (segment.end === undefined) bytes += this.sizes.get(segment.path) ?? 0;
    return bytes;
  }

  get closed(): boolean {
    return this.file < 0;
  }

  close(): void {
    this.flush();
    if (this.file >= 0) closeSync(this.file);
    this.file = -1;
    this.environment.waits.forget(this.place.name);
    this.lock.release();
  }

  private put(frame: Buffer): void {
    const { files, budget, fsync } = this.environment;
    try {
      budget.take(frame.length, this.place.name);
    } catch (error) {
      throw logFault(error, this.place.name, this.environment);
    }
    try {
      if (this.torn) files.truncate(this.file, this.size);
      this.torn = false;
      if (this.size > 0 && this.size + frame.length > this.segmentLimit()) this.roll();
    } catch (error) {
      budget.give(frame.length);
      throw logFault(error, this.place.name, this.environment);
    }
    try {
      writeWhole(files, this.file, frame, this.size);
      if (fsync) files.sync(this.file);
    } catch (error) {
      this.cutBack();
      budget.give(frame.length);
      throw logFault(error, this.place.name, this.environment);
    }
  }

  private accept(length: number, next: number, newest: Micros): void {
    this.size += length;
    this.end = next;
    this.firstTime ??= newest;
    if (newest > this.newestTime) this.newestTime = newest;
    this.sizes.set(this.segments.at(-1)!.path, this.size);
    this.environment.waits.written(this.place.name);
    this.environment.signal.appended(this.place.name);
  }

  private segmentLimit(): number {
    const bound = this.retentionBytes === undefined ? Infinity : this.retentionBytes / segmentsPerBound;
    return Math.min(this.environment.segmentBytes, Math.max(leastSegmentBytes, bound));
  }

  private recover(): void {
    const { segments, superseded } = listSegments(this.place.folder);
    for (const segment of superseded) rmSync(segment.path, { force: true });
    this.segments = segments;
    for (const segment of segments) this.sizes.set(segment.path, sizeOf(segment.path));
    const newest = segments.at(-1);
    if (newest === undefined || newest.end !== undefined) {
      this.end = newest?.end ?? 0;
      this.roll();
      return;
    }
    this.file = openSync(newest.path, "r+");
    const good = recoverTail(this.file, newest, this.place.name, this.environment);
    this.end = good.end;
    this.size = good.size;
    this.firstTime = good.firstTime;
    this.newestTime = good.newestTime;
    this.sizes.set(newest.path, good.size);
  }
}
