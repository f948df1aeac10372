import type { FeedState, RawTick } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import { type Frame, type FrameNote, nameOfNote, UnreadableFrame, type Venue } from "../venue.js";
import { venueIds, venueOf } from "../venues/index.js";
import { BackwardTime } from "./backward-time.js";
import { RecordedCcxtVenue } from "./ccxt/recorded-ccxt-venue.js";
import { recordedCcxtIds, recordedFramesOf } from "./ccxt/recorded-frames.js";
import { formatOf } from "./detect-format.js";
import { BadLine, VenueNotReplayed } from "./errors.js";
import { RecordedInstruments } from "./inferred-instruments.js";
import { RecordedVenue, type VenueInRecording } from "./recorded-venue.js";
import type { RecordingReader, RecordingSink, Said } from "./recording-format.js";
import { addProblem, emptyReport, type ReplayReport } from "./replay-report.js";
import { readLines } from "./text-lines.js";

export interface ReplayOptions extends Said {
  /** Files that continue each other, in this order. */
  readonly files: readonly string[];
  /** A format's name or `auto` (the default). */
  readonly format?: string;
  /** Time of the end record; records after it are left out. By default the next full minute and the grace. */
  readonly until?: Micros;
  /** How long after its end a K-line closes. */
  readonly graceMs?: number;
  /** Also the heartbeats of quiet stretches, for a replay that people watch as time passes. */
  readonly everyHeartbeat?: boolean;
  readonly venueOf?: (id: VenueId) => Venue;
  /** Sees what could not be read, whose place is market.dlq, after the ticks before it; the report counts it too. */
  readonly onRefused?: (refused: RefusedText) => void;
}

/** A line or a frame of a recording that could not be read. */
export interface RefusedText {
  /** "" where nothing says it. */
  readonly venue: VenueId;
  readonly text: string;
  /** `unreadable_frame` (by its venue), `unreadable_line` (by the format), or what ccxt shows and that is no tick. */
  readonly reason: string;
  readonly detail: string;
  /** The frame's receive time, or the replay's time at a line. */
  readonly time: Micros;
}

const BEAT: Micros = 250_000;
const MINUTE: Micros = 60_000_000;
const HOUR: Micros = 60 * MINUTE;

/**
 * A recording as the raw ticks of one ingest session: frames go through the venue's reading and its books' sequence as
 * live ones do, heartbeats stand at recorded time, and an end record closes the timeline. The same files give the same
 * ticks.
 */
export class ReplaySource implements RecordingSink {
  readonly report: ReplayReport = emptyReport();
  private readonly venues = new Map<VenueId, VenueInRecording>();
  /** Instruments of ticks that were recorded as such. */
  private readonly ofTicks = new Map<VenueId, RecordedInstruments>();
  private readonly tickFeeds = new Map<VenueId, FeedState>();
  private batch: RawTick[] = [];
  /** What a line began and has not ended: a frame that goes through ccxt. */
  private work: Promise<void> | undefined;
  private refusals: RefusedText[] = [];
  private frameAtHand: { readonly venue: VenueId; readonly frame: Frame } | undefined;
  private now: Micros = 0;
  private readonly backwards = new BackwardTime();
  private lastBeat: Micros = 0;
  private readonly emit = (tick: RawTick): void => {
    if (tick.kind !== "heartbeat") this.report.ticks += 1;
    this.batch.push(tick);
  };

  constructor(private readonly options: ReplayOptions) {}

  /**
   * Ticks in the order of the recording, in batches of what was read together. The last one is the end record.
   *
   * @throws RecordingUnreadable before the first tick when any file can not be opened or recognised
   * @throws VenueUnsaid, VenueNotReplayed
   */
  async *batches(): AsyncGenerator<readonly RawTick[]> {
    const formats = [];
    for (const file of this.options.files) formats.push(await formatOf(file, this.options.format ?? "auto"));
    for (const [index, file] of this.options.files.entries()) {
      this.report.files += 1;
      const format = formats[index];
      if (format === undefined) {
        this.warn(`${file}: is empty`);
        continue;
      }
      const reader = format.reader(file, this.options);
      for await (const { lines, firstNumber } of readLines(file, (why) => this.warn(`${file}: ${why}`))) {
        yield* this.read(file, reader, lines, firstNumber);
        if (this.batch.length > 0) yield this.taken();
      }
    }
    this.finish();
    if (this.batch.length > 0) yield this.taken();
  }

  frame(id: VenueId, frame: Frame): void {
    if (this.isLate(frame.receiveTime)) return;
    this.report.frames += 1;
    this.pass(frame.receiveTime);
    const venue = this.venue(id);
    if ("socket" in frame.origin && !venue.isConnected(frame.origin.socket)) {
      this.connect(venue, frame.origin.socket, true, frame.receiveTime);
    }
    this.frameAtHand = { venue: id, frame };
    const note = venue.frame(frame);
    if (note instanceof Promise) this.work = note.then((late) => this.frameRead(late));
    else this.frameRead(note);
  }

  tick(tick: RawTick): void {
    if (this.isLate(tick.receiveTime)) return;
    this.pass(tick.receiveTime);
    const { exchange } = tick;
    if (!this.tickFeeds.has(exchange)) {
      // ticks say nothing of connections: none was down as far as they tell
      this.tickFeeds.set(exchange, { exchange, feed: "recording", connected: true, since: 0 });
      this.beat(this.now);
    }
    let instruments = this.ofTicks.get(exchange);
    if (instruments === undefined) {
      instruments = new RecordedInstruments(exchange, this.emit);
      this.ofTicks.set(exchange, instruments);
    }
    if (tick.kind === "instrument") {
      instruments.learn(tick);
      return;
    }
    instruments.govern(tick);
    this.emit(tick);
  }

  connection(id: VenueId, feed: string, connected: boolean, time: Micros, address?: string): void {
    if (this.isLate(time)) return;
    this.pass(time);
    this.connect(this.venue(id), feed, connected, time, address);
  }

  /** @returns ticks where something refused comes after them; the others gather in the batch */
  private async *read(
    file: string,
    reader: RecordingReader,
    lines: readonly string[],
    firstNumber: number,
  ): AsyncGenerator<readonly RawTick[]> {
    for (let index = 0; index < lines.length; index++) {
      const text = lines[index]!;
      const line = text.charCodeAt(text.length - 1) === 13 ? text.slice(0, -1) : text;
      if (line === "") {
        reader.blank?.(this);
        continue;
      }
      this.report.lines += 1;
      this.backwards.line(file, firstNumber + index);
      try {
        reader.line(line, this);
        if (this.work !== undefined) await this.workEnded();
      } catch (error) {
        if (!(error instanceof BadLine) && !(error instanceof UnreadableFrame)) throw error;
        this.refusals.push(this.refused(line, error));
        this.frameAtHand = undefined;
      }
      if (this.refusals.length === 0) continue;
      if (this.batch.length > 0) yield this.taken();
      for (const refused of this.refusals) {
        addProblem(this.report, file, firstNumber + index, refused.detail);
        this.options.onRefused?.(refused);
      }
      this.refusals = [];
    }
  }

  private async workEnded(): Promise<void> {
    const { work } = this;
    this.work = undefined;
    await work;
  }

  private frameRead(note: FrameNote | undefined): void {
    this.frameAtHand = undefined;
    if (note !== undefined) this.noted(nameOfNote(note));
  }

  private noted(name: string): void {
    this.report.notes[name] = (this.report.notes[name] ?? 0) + 1;
  }

  private refused(line: string, error: BadLine | UnreadableFrame): RefusedText {
    const { frameAtHand: at } = this;
    if (error instanceof UnreadableFrame && at !== undefined) {
      const { text, receiveTime: time } = at.frame;
      return { venue: at.venue, text, reason: "unreadable_frame", detail: error.message, time };
    }
    const venue = (error instanceof BadLine && error.venue) || this.options.venue || "";
    return { venue, text: line, reason: "unreadable_line", detail: error.message, time: this.now };
  }

  private taken(): readonly RawTick[] {
    const { batch } = this;
    this.batch = [];
    return batch;
  }

  private venue(id: VenueId): VenueInRecording {
    let venue = this.venues.get(id);
    if (venue === undefined) {
      venue = this.recordedVenue(id);
      this.venues.set(id, venue);
    }
    return venue;
  }

  /** @throws VenueNotReplayed */
  private recordedVenue(id: VenueId): VenueInRecording {
    const { venueOf: chosen } = this.options;
    if (chosen !== undefined || venueIds.includes(id)) return new RecordedVenue((chosen ?? venueOf)(id), this.emit);
    const frames = recordedFramesOf(id);
    if (frames === undefined) throw new VenueNotReplayed(id, venueIds, recordedCcxtIds);
    return new RecordedCcxtVenue({
      id,
      frames,
      out: this.emit,
      noted: (name) => this.noted(name),
      refused: ({ reason, text }, time) =>
        this.refusals.push({
          venue: id,
          text,
          reason,
          detail: `${reason.replaceAll("_", " ")}, as ccxt shows it`,
          time,
        }),
    });
  }

  private connect(venue: VenueInRecording, feed: string, connected: boolean, time: Micros, address?: string): void {
    venue.connection(feed, connected, time, address);
    this.beat(this.now);
  }

  private get graceMs(): number {
    return this.options.graceMs ?? 1_000;
  }

  private isLate(time: Micros): boolean {
    if (this.options.until === undefined || time <= this.options.until) return false;
    this.report.afterUntil += 1;
    return true;
  }

  /** Time runs to that of a record: heartbeats that were due stand before it, of a quiet stretch only the last. */
  private pass(time: Micros): void {
    this.report.firstTime ??= time;
    if (time <= this.now) {
      this.backwards.record(time, this.now);
      return;
    }
    if (this.now > 0) {
      const due = time - (time % BEAT);
      const quiet = due - this.lastBeat > HOUR;
      if (this.options.everyHeartbeat === true && !quiet) {
        for (let beat = this.lastBeat - (this.lastBeat % BEAT) + BEAT; beat < due; beat += BEAT) this.beat(beat);
      }
      if (due > this.lastBeat) this.beat(due);
    }
    this.now = time;
    this.report.lastTime = time;
  }

  private beat(time: Micros, end = false): void {
    this.lastBeat = time;
    for (const venue of this.venues.values()) venue.onTime(time);
    const feeds = [...this.tickFeeds.values(), ...[...this.venues.values()].flatMap((venue) => venue.feeds())];
    const times = { exchangeTime: time, receiveTime: time };
    this.emit({ kind: "heartbeat", exchange: "", symbol: "", ...times, feeds, ...(end && { end: true }) });
  }

  private finish(): void {
    for (const [id, venue] of this.venues) {
      for (const { symbol, increments } of venue.unfinishedBooks()) {
        this.warn(`${symbol}@${id}: no snapshot that fits, so its last depth updates (of ${increments}) are no book`);
      }
    }
    for (const [id, venue] of this.venues) {
      const unnamed = venue.unnamedIds?.() ?? [];
      if (unnamed.length > 0) this.warn(`${id}: ids that say no symbol were left out: ${shown(unnamed)}`);
    }
    for (const why of this.backwards.warnings(this.graceMs)) this.warn(why);
    if (this.now === 0) {
      this.warn("the recording holds nothing to replay");
      return;
    }
    const grace = this.graceMs * 1000;
    const end = this.options.until ?? this.now - (this.now % MINUTE) + MINUTE + grace;
    this.beat(end, true);
    this.report.endTime = end;
  }

  private warn(why: string): void {
    this.report.warnings.push(why);
  }
}

function shown(ids: readonly string[]): string {
  return `${ids.slice(0, 10).join(", ")}${ids.length > 10 ? `, and ${ids.length - 10} more` : ""}`;
}
