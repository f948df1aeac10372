import type { VenueId } from "../../../schemas/words.js";
import { BadLine, VenueUnsaid } from "../errors.js";
import type { RecordingFormat, RecordingReader, RecordingSink } from "../recording-format.js";

const RECEIVED = /^(\d{9,}(?:\.\d+)?): /;
const ANSWERED = /^(https?:\/\/\S+) -> (\d{9,}(?:\.\d+)?): /;
const CONNECTED = /^(wss?:\/\/\S+) <-> (\d{9,}(?:\.\d+)?)$/;
const SENT = /^wss?:\/\/\S+ <- \d{9,}(?:\.\d+)?: /;

/**
 * cryptofeed's older captures, one file a connection: `<seconds>: <json>` was received, `<url> -> <seconds>: <json>`
 * answered over REST; what was sent and the configuration are passed over. The venue must be named.
 */
export const cryptofeedV2: RecordingFormat = {
  name: "cryptofeed-v2",
  recognises: (line) => [RECEIVED, ANSWERED, CONNECTED].some((shape) => shape.test(line)),
  reader: (file, { venue }) => new CryptofeedV2Reader(file, venue),
};

class CryptofeedV2Reader implements RecordingReader {
  constructor(
    private readonly file: string,
    private readonly venue: VenueId | undefined,
  ) {}

  line(text: string, out: RecordingSink): void {
    const { venue } = this;
    if (venue === undefined) throw new VenueUnsaid(this.file, "cryptofeed-v2");
    const received = RECEIVED.exec(text);
    if (received !== null) {
      const origin = { socket: "recording" };
      out.frame(venue, { text: text.slice(received[0].length), receiveTime: microsOf(received[1]), origin });
      return;
    }
    const answered = ANSWERED.exec(text);
    if (answered !== null) {
      const origin = { url: answered[1] ?? "" };
      out.frame(venue, { text: text.slice(answered[0].length), receiveTime: microsOf(answered[2]), origin });
      return;
    }
    const connected = CONNECTED.exec(text);
    if (connected !== null) out.connection(venue, "recording", true, microsOf(connected[2]));
    else if (!SENT.test(text) && !text.startsWith("configuration: ")) {
      throw new BadLine("expected `<seconds>: <json>` or `<url> -> <seconds>: <json>`");
    }
  }
}

function microsOf(seconds: string | undefined): number {
  return Math.round(Number(seconds) * 1e6);
}
