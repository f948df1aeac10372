import type { Logger } from "../infra/logging.js";
import type { RawTick } from "../schemas/ticks.js";
import type { FeedOptions } from "./feed-options.js";
import { type Frame, type FrameNote, type InstrumentLookup, nameOfNote, UnreadableFrame, type Venue } from "./venue.js";

/** Reads a venue's frames, shows each to whoever records them, and counts what they were beside ticks. */
export class FrameIntake {
  constructor(
    private readonly venue: Venue,
    private readonly instruments: InstrumentLookup,
    private readonly options: Pick<FeedOptions, "deadLetters" | "onFrame" | "metrics">,
    private readonly logger: Logger,
  ) {}

  /** Reads a frame and puts its ticks into `out`; what can not be read goes to the dead letters. */
  take(frame: Frame, out: (tick: RawTick) => void): FrameNote | undefined {
    const { deadLetters, onFrame } = this.options;
    const { id } = this.venue;
    onFrame?.(id, frame);
    try {
      const note = this.venue.read(frame, this.instruments, out);
      if (note !== undefined) this.onNote(note);
      return note;
    } catch (error) {
      const reason = error instanceof UnreadableFrame ? "unreadable_frame" : "reader_failed";
      if (reason === "reader_failed") this.logger.error({ err: error }, "reading a frame failed");
      deadLetters.frame(id, frame.text, reason, (error as Error).message, frame.receiveTime);
      return undefined;
    }
  }

  private onNote(note: FrameNote): void {
    const name = nameOfNote(note);
    if (name === "subscribed") return;
    const reason = note === "shutdown" ? "server_shutdown" : typeof note === "string" ? `frame_${note}` : name;
    this.options.metrics.dropped.inc({ place: "ingest", reason });
  }
}
