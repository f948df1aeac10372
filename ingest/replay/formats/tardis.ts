import type { Micros, VenueId } from "../../../schemas/words.js";
import { BadLine, VenueUnsaid } from "../errors.js";
import type { RecordingFormat, RecordingReader, RecordingSink, Said } from "../recording-format.js";

/** UTC; tardis gives seven decimals. */
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3,9})Z$/;
/** A slice of its API: a time of 28 characters, a space, and the message. */
const SLICE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z) ([{[].*)$/s;
/** An answer of tardis-machine's replay. */
const MACHINE = /^\{\s*"localTimestamp"\s*:\s*"([^"]+)"\s*,\s*"message"\s*:\s*(.*)\}$/s;
/** A snapshot of a book that tardis asked REST for, in the form of the stream's messages. */
const SNAPSHOT =
  /^\{\s*"stream"\s*:\s*"([^"@]+)@depthSnapshot"\s*,\s*"generated"\s*:\s*true\s*,\s*"data"\s*:\s*(.*)\}$/s;
/** tardis.dev's names of exchanges where they differ; where two of them are one venue, by the socket's address. */
const named: Readonly<Record<string, { readonly venue: VenueId; readonly address?: string }>> = {
  "binance-us": { venue: "binanceus" },
  "binance-futures": { venue: "binanceusdm" },
  "binance-delivery": { venue: "binancecoinm" },
  okex: { venue: "okx" },
  "okex-futures": { venue: "okx" },
  "okex-swap": { venue: "okx" },
  "bybit-spot": { venue: "bybit", address: "wss://stream.bybit.com/v5/public/spot" },
  "gate-io": { venue: "gate" },
  "crypto-com": { venue: "cryptocom" },
  cryptofacilities: { venue: "krakenfutures" },
  huobi: { venue: "htx" },
};
/** Its name of the one connection that a recording is of. */
const SOCKET = "recording";

/**
 * What tardis.dev recorded, in a venue's own messages: slices of its API (`<time> <message>`), and the lines of
 * tardis-machine's replay (`{"localTimestamp":…,"message":…}`). A message's text stays as it is. An empty line is a
 * disconnect; tardis-machine may write it ahead of up to 31 messages that came before it. Neither says its venue: it is
 * given by its own id or by tardis.dev's name of it.
 *
 * tardis-dev 13.35.3 (dist/replay.js); https://github.com/tardis-dev/tardis-machine (src/http/replay.ts); read 2026-11-30
 */
export const tardis: RecordingFormat = {
  name: "tardis",
  recognises: (line) => SLICE.test(line) || MACHINE.test(line),
  reader: (file, said) => new TardisReader(file, said),
};

class TardisReader implements RecordingReader {
  #now: Micros | undefined;
  readonly #venue: VenueId | undefined;
  readonly #address: string | undefined;

  constructor(
    private readonly file: string,
    { venue }: Said,
  ) {
    const known = venue !== undefined && Object.hasOwn(named, venue) ? named[venue] : undefined;
    this.#venue = known?.venue ?? venue;
    this.#address = known?.address;
  }

  line(text: string, out: RecordingSink): void {
    const venue = this.#venue;
    if (venue === undefined) throw new VenueUnsaid(this.file, "tardis");
    const [, time, message] = SLICE.exec(text) ?? MACHINE.exec(text) ?? [];
    if (time === undefined || message === undefined)
      throw new BadLine('expected `<time> <message>` or {"localTimestamp":…,"message":…}');
    const receiveTime = microsOf(time);
    if (this.#now === undefined && this.#address !== undefined)
      out.connection(venue, SOCKET, true, receiveTime, this.#address);
    this.#now = receiveTime;
    const [, id, snapshot] = SNAPSHOT.exec(message) ?? [];
    if (snapshot === undefined) out.frame(venue, { text: message, receiveTime, origin: { socket: SOCKET } });
    else {
      const url = `https://recording/depth?symbol=${encodeURIComponent(id!.toUpperCase())}`;
      out.frame(venue, { text: snapshot, receiveTime, origin: { url } });
    }
  }

  blank(out: RecordingSink): void {
    if (this.#now !== undefined && this.#venue !== undefined) out.connection(this.#venue, SOCKET, false, this.#now);
  }
}

/** @throws BadLine */
function microsOf(text: string): Micros {
  const [, second, decimals] = TIME.exec(text) ?? [];
  const ms = second === undefined ? Number.NaN : Date.parse(`${second}Z`);
  if (Number.isNaN(ms)) throw new BadLine(`${text.slice(0, 40)} is no time of UTC with its decimals`);
  return ms * 1_000 + Number(decimals!.slice(0, 6).padEnd(6, "0"));
}
