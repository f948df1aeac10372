import type { VenueId } from "../../../schemas/words.js";
import type { SocketOrigin } from "../../venue.js";
import { BadLine } from "../errors.js";
import type { RecordingFormat, RecordingReader, RecordingSink } from "../recording-format.js";

/** First line of every file that the recorder writes. */
export const tickplantHeader = "# tickplant recording 1";

const LINE = /^(\d{1,16}) (\S+) (ws|rest|ws-quoted|rest-quoted) (\S+) /;
const STATE = /^(\d{1,16}) (\S+) (up|down) (\S+)$/;

/**
 * The recorder's own format: `<receive time, µs> <venue> <what> <origin> <frame>`, where what is `ws` (origin: the
 * connection's name, and `#` with the number of its socket) or `rest` (the URL). A frame that holds line breaks is a JSON string, and what ends in `-quoted`.
 * `up` and `down` tell of connections. Lines that begin with `#` are remarks.
 */
export const tickplant: RecordingFormat = {
  name: "tickplant",
  recognises: (line) => line.startsWith("# tickplant recording "),
  reader: (_file, { venue }) => new TickplantReader(venue),
};

class TickplantReader implements RecordingReader {
  constructor(private readonly given: VenueId | undefined) {}

  line(text: string, out: RecordingSink): void {
    if (text.startsWith("#")) {
      if (text.startsWith("# tickplant recording ") && text !== tickplantHeader) {
        throw new BadLine(`this version reads "${tickplantHeader}" only`);
      }
      return;
    }
    const found = LINE.exec(text);
    if (found === null) {
      this.state(text, out);
      return;
    }
    const [columns, time, venue = "", what = "", origin = ""] = found;
    const rest = text.slice(columns.length);
    out.frame(this.given ?? venue, {
      text: what.endsWith("-quoted") ? unquoted(rest) : rest,
      receiveTime: Number(time),
      origin: what.startsWith("ws") ? socketOf(origin) : { url: origin },
    });
  }

  private state(text: string, out: RecordingSink): void {
    const found = STATE.exec(text);
    if (found === null) throw new BadLine("expected `<µs> <venue> ws|rest|up|down <origin> <frame>`");
    const [, time, venue = "", what, feed = ""] = found;
    out.connection(this.given ?? venue, feed, what === "up", Number(time));
  }
}

function socketOf(column: string): SocketOrigin {
  const [, socket = column, line] = /^(.+)#(\d{1,9})$/.exec(column) ?? [];
  return line === undefined ? { socket } : { socket, line: Number(line) };
}

function unquoted(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string") return value;
  } catch {
    // told below
  }
  throw new BadLine("a quoted frame that is no JSON string");
}
