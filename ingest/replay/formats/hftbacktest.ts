import type { VenueId } from "../../../schemas/words.js";
import type { Frame } from "../../venue.js";
import { BadLine, VenueUnsaid } from "../errors.js";
import type { RecordingFormat, RecordingReader, RecordingSink } from "../recording-format.js";

/** Nanoseconds as the collector writes them now, microseconds as it wrote them before. */
const SHAPE = /^(\d{18,19}|\d{16}) [{[]/;
const MICROS_DIGITS = 16;
const STREAM = /^\{"stream":"([^"@]+)@/;
const EVENT_SYMBOL = /"s":"([^"]+)"/;
/** Snapshots that may wait for the first frame that tells their symbol. */
const MOST_HELD = 100;

/**
 * hftbacktest's collector: `<receive time, ns or µs> <json>`, frames of a combined stream. A REST snapshot stands among them
 * as `{"lastUpdateId":…}`, often without its symbol: it gets that of the frames around it, since a file holds one.
 *
 * https://github.com/nkaz001/hftbacktest/tree/master/collector
 */
export const hftbacktest: RecordingFormat = {
  name: "hftbacktest",
  recognises: (line) => SHAPE.test(line),
  reader: (file, { venue }) => new HftbacktestReader(file, venue),
};

class HftbacktestReader implements RecordingReader {
  private nativeId: string | undefined;
  private held: Frame[] = [];

  constructor(
    private readonly file: string,
    private readonly venue: VenueId | undefined,
  ) {}

  line(text: string, out: RecordingSink): void {
    const { venue } = this;
    if (venue === undefined) throw new VenueUnsaid(this.file, "hftbacktest");
    const [, time] = SHAPE.exec(text) ?? [];
    if (time === undefined) throw new BadLine("expected `<receive time in ns or µs> <json>`");
    const receiveTime = Number(time.length === MICROS_DIGITS ? time : time.slice(0, -3));
    const json = text.slice(time.length + 1);
    if (json.startsWith('{"lastUpdateId"')) {
      this.snapshot({ text: json, receiveTime, origin: { url: "" } }, venue, out);
      return;
    }
    this.nativeId ??= (STREAM.exec(json) ?? EVENT_SYMBOL.exec(json))?.[1]?.toUpperCase();
    if (this.held.length > 0) this.release(venue, out);
    out.frame(venue, { text: json, receiveTime, origin: { socket: "recording" } });
  }

  private snapshot(frame: Frame, venue: VenueId, out: RecordingSink): void {
    this.held.push(frame);
    if (this.nativeId !== undefined) this.release(venue, out);
    else if (this.held.length > MOST_HELD) throw new BadLine("a snapshot whose symbol no frame tells");
  }

  private release(venue: VenueId, out: RecordingSink): void {
    const url = `https://recording/depth?symbol=${this.nativeId ?? ""}`;
    for (const { text, receiveTime } of this.held.splice(0)) out.frame(venue, { text, receiveTime, origin: { url } });
  }
}
