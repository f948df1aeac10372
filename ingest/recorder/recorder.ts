import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type DiskWaits, diskFault, isNoRoom } from "../../infra/disk.js";
import type { Logger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import { tickplantHeader } from "../replay/formats/tickplant.js";
import type { Frame } from "../venue.js";
import { GzipSegment } from "./gzip-segment.js";
import { connectionLine, frameLine } from "./recorded-line.js";

export interface RecorderOptions {
  readonly folder: string;
  /** Characters of text after which a new file is begun. */
  readonly segmentBytes?: number;
  /** Receive time that one file spans at most. */
  readonly segmentMs?: number;
  /** A frame is readable in the file at most so much later, given that the disk keeps up. */
  readonly flushMs?: number;
  /** Characters that may wait for the disk; beyond it frames are dropped and counted. */
  readonly maxBufferedBytes?: number;
  readonly metrics?: Metrics;
  readonly logger?: Logger;
  /** Is told while the disk has no room. */
  readonly waits?: DiskWaits;
}

interface Waiting {
  readonly line: string;
  readonly receiveTime: Micros;
}

/** Text handed to the compressor in one piece. */
const PIECE_CHARACTERS = 256 * 1024;
const RETRY_MS = 1_000;
/** Characters after which a busy recording is flushed, since they are kept until then. */
const MOST_UNFLUSHED = 8 * 1024 * 1024;
/** What the recording is called where waits are counted. */
const PLACE = "recordings";

/**
 * Writes raw frames with their receive times into gzip files, for `tickplant replay`. It never blocks whoever calls it:
 * frames wait in memory within a bound, also for room on a full disk, and what finds no room there, or was in a file that
 * the disk refused otherwise, is counted as dropped. A crash leaves every file readable up to its last flush.
 */
export class Recorder {
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private segment: GzipSegment | undefined;
  private segmentBytes = 0;
  private segmentStart: Micros = 0;
  private segments = 0;
  private retryAt = 0;
  /** What was handed to the disk since the last flush: where that fails for want of room, it is written again. */
  private unflushed: Waiting[] = [];
  /** Dropped since the last frame that was taken. */
  private hole = 0;
  private failing = false;
  /** The last failure was for want of room. */
  private full = false;
  private writing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly settings: Required<Omit<RecorderOptions, "metrics" | "logger" | "waits">>;
  /** Frames taken in and frames lost, since the start. */
  readonly counts = { recorded: 0, dropped: 0 };

  constructor(private readonly options: RecorderOptions) {
    this.settings = {
      folder: options.folder,
      segmentBytes: options.segmentBytes ?? 64 * 1024 * 1024,
      segmentMs: options.segmentMs ?? 3_600_000,
      flushMs: options.flushMs ?? 1_000,
      maxBufferedBytes: options.maxBufferedBytes ?? 32 * 1024 * 1024,
    };
  }

  /** Takes a frame as it came, before anything is read of it. */
  readonly frame = (venue: VenueId, frame: Frame): void => this.add(frameLine(venue, frame), frame.receiveTime);

  /** A connection of the venue came up or went down. */
  readonly connection = (venue: VenueId, feed: string, connected: boolean, time: Micros): void =>
    this.add(connectionLine(venue, feed, connected, time), time);

  /** Resolves when everything taken so far is readable in the file, or was dropped. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.writing;
    if (this.waiting.length === 0 && this.unflushed.length === 0) return;
    this.writing = this.write();
    await this.writing;
  }

  /** Writes what waits and ends the file. Frames that come later are dropped. */
  async close(): Promise<void> {
    this.closed = true;
    this.retryAt = 0;
    await this.flush();
    await this.endSegment();
  }

  private add(line: string, receiveTime: Micros): void {
    if (this.closed || this.waitingBytes + line.length > this.settings.maxBufferedBytes) {
      this.drop(1, this.closed ? "closed" : "buffer_full");
      return;
    }
    const text = this.hole === 0 ? line : `# ${this.hole} lines were dropped here\n${line}`;
    this.hole = 0;
    this.counts.recorded += 1;
    this.waiting.push({ line: text, receiveTime });
    this.waitingBytes += text.length;
    if (this.writing !== undefined) return;
    if (this.waitingBytes >= PIECE_CHARACTERS) this.startWriting();
    else this.writeSoon();
  }

  private writeSoon(): void {
    this.timer ??= setTimeout(() => this.startWriting(), this.settings.flushMs).unref();
  }

  private startWriting(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.writing !== undefined) return;
    this.writing = this.write();
  }

  /**
   * Writes until nothing waits, then flushes. A disk that is full is waited for: what may not be in the file is written
   * again. One that fails otherwise costs what was handed to it, not the plant.
   */
  private async write(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        const taken = this.waiting;
        this.waiting = [];
        for (const one of taken) this.unflushed.push(one);
        await this.writeLines(taken);
        if (bytesOf(this.unflushed) >= MOST_UNFLUSHED) await this.flushSegment();
      }
      await this.flushSegment();
      this.failing = false;
      this.options.waits?.written(PLACE);
    } catch (error) {
      await this.refused(error);
    }
    this.waitingBytes = bytesOf(this.waiting);
    this.writing = undefined;
    if (this.waiting.length > 0) this.writeSoon();
  }

  private async flushSegment(): Promise<void> {
    await this.segment?.flush();
    this.waitingBytes -= bytesOf(this.unflushed);
    this.unflushed = [];
  }

  private async refused(error: unknown): Promise<void> {
    const handed = this.unflushed;
    this.unflushed = [];
    if (!(error instanceof NotYet)) this.full = isNoRoom(error);
    const isFull = this.full;
    if (!this.failing) this.complain(error, isFull);
    this.failing = true;
    await this.abandonSegment();
    if (isFull && !this.closed) {
      this.waiting = [...handed, ...this.waiting];
      if (!(error instanceof NotYet))
        this.options.waits?.refused(PLACE, (error as NodeJS.ErrnoException).code ?? "", PLACE);
      return;
    }
    this.counts.recorded -= handed.length;
    this.drop(handed.length, "disk");
  }

  private async writeLines(lines: readonly Waiting[]): Promise<void> {
    let piece = "";
    for (const [at, { line, receiveTime }] of lines.entries()) {
      if (this.isDue(receiveTime, piece.length)) {
        if (piece !== "") await this.segment?.write(piece);
        piece = "";
        await this.segment?.flush();
        this.unflushed = lines.slice(at);
        await this.endSegment();
      }
      if (this.segment === undefined) await this.beginSegment(receiveTime);
      piece += line;
      if (piece.length < PIECE_CHARACTERS) continue;
      await this.segment?.write(piece);
      this.segmentBytes += piece.length;
      piece = "";
    }
    if (piece !== "") await this.segment?.write(piece);
    this.segmentBytes += piece.length;
  }

  private isDue(receiveTime: Micros, pieceLength: number): boolean {
    if (this.segment === undefined) return false;
    const { segmentBytes, segmentMs } = this.settings;
    return this.segmentBytes + pieceLength >= segmentBytes || receiveTime - this.segmentStart >= segmentMs * 1000;
  }

  private async beginSegment(receiveTime: Micros): Promise<void> {
    if (Date.now() < this.retryAt) throw new NotYet("waiting before the next attempt");
    await mkdir(this.settings.folder, { recursive: true });
    this.segment = await this.createSegment(receiveTime);
    this.segmentStart = receiveTime;
    this.segmentBytes = 0;
    await this.segment.write(`${tickplantHeader}\n`);
  }

  /** Names sort in the order of time, so that a shell's `*.gz` is a recording. */
  private async createSegment(receiveTime: Micros): Promise<GzipSegment> {
    const start = new Date(Math.floor(receiveTime / 1000)).toISOString().replaceAll(/[-:]/g, "");
    for (;;) {
      this.segments += 1;
      const number = String(this.segments).padStart(4, "0");
      try {
        return await GzipSegment.create(join(this.settings.folder, `${start}-${number}.tickplant.gz`));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
  }

  private async endSegment(): Promise<void> {
    const { segment } = this;
    this.segment = undefined;
    try {
      await segment?.close();
    } catch (error) {
      this.options.logger?.error({ err: error, file: segment?.path }, "the end of a recording could not be written");
    }
  }

  private async abandonSegment(): Promise<void> {
    const { segment } = this;
    this.segment = undefined;
    this.retryAt = Date.now() + RETRY_MS;
    await segment?.abandon().catch(() => {});
  }

  private drop(count: number, reason: string): void {
    if (count === 0) return;
    this.counts.dropped += count;
    this.options.metrics?.dropped.inc({ place: "recorder", reason }, count);
    if (this.hole === 0 && reason === "buffer_full") {
      this.options.logger?.warn("the disk does not keep up: frames are dropped and the recording has a hole");
    }
    this.hole += count;
  }

  private complain(error: unknown, isFull: boolean): void {
    const { folder } = this.settings;
    const err = diskFault(error, folder);
    const what = isFull
      ? "the recording waits for room on the disk"
      : "recording failed: frames are dropped; it is tried again";
    this.options.logger?.error({ err, folder }, what);
  }
}

/** The pause after a failure is not over. */
class NotYet extends Error {}

const bytesOf = (lines: readonly Waiting[]): number => lines.reduce((sum, { line }) => sum + line.length, 0);
