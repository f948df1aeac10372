import { gunzipSync } from "node:zlib";
import type { VenueId } from "../../../schemas/words.js";
import { BadLine, VenueUnsaid } from "../errors.js";
import type { RecordingFormat, RecordingReader, RecordingSink } from "../recording-format.js";

/** cryptofeed's names of exchanges where they differ from ccxt's by more than capitals. */
const venueIds: Readonly<Record<string, VenueId>> = {
  BINANCE_FUTURES: "binanceusdm",
  BINANCE_DELIVERY: "binancecoinm",
  BINANCE_US: "binanceus",
  "CRYPTO.COM": "cryptocom",
  HUOBI: "htx",
  HUOBI_DM: "htx",
  GATEIO: "gate",
  KRAKEN_FUTURES: "krakenfutures",
  KUCOIN_FUTURES: "kucoinfutures",
};

interface Entry {
  readonly t?: unknown;
  readonly exchange?: unknown;
  readonly conn?: unknown;
  /** Seconds since the epoch. */
  readonly ts?: unknown;
  readonly url?: unknown;
  readonly addr?: unknown;
  readonly data?: unknown;
  readonly b64?: unknown;
}

/**
 * cryptofeed's captures, version 3: JSON lines of `header`, `http` (REST answers), `connect`, and `send` and `recv` of
 * each websocket. The header names the exchange. Binary frames stand in base64, often gzipped by the venue.
 *
 * https://github.com/bmoscon/cryptofeed
 */
export const cryptofeed: RecordingFormat = {
  name: "cryptofeed",
  recognises: (line) => /^\{"t":"(header|http|connect|send|recv)",/.test(line),
  reader: (file, { venue }) => new CryptofeedReader(file, venue),
};

class CryptofeedReader implements RecordingReader {
  private fromHeader: VenueId | undefined;

  constructor(
    private readonly file: string,
    private readonly given: VenueId | undefined,
  ) {}

  line(text: string, out: RecordingSink): void {
    const entry = parse(text);
    if (entry.t === "header") {
      if (typeof entry.exchange !== "string") throw new BadLine("a header without exchange");
      this.fromHeader = venueIds[entry.exchange] ?? entry.exchange.toLowerCase();
      return;
    }
    const venue = this.given ?? this.fromHeader;
    if (venue === undefined) throw new VenueUnsaid(this.file, "cryptofeed without its header");
    const { conn, ts } = entry;
    if (typeof ts !== "number" || typeof conn !== "string") throw new BadLine("an entry without conn or ts");
    const receiveTime = Math.round(ts * 1e6);
    switch (entry.t) {
      case "http":
        if (typeof entry.url !== "string") throw new BadLine("an http entry without url");
        out.frame(venue, { text: payloadOf(entry), receiveTime, origin: { url: entry.url } });
        return;
      case "recv":
        out.frame(venue, { text: payloadOf(entry), receiveTime, origin: { socket: conn } });
        return;
      case "connect":
        out.connection(venue, conn, true, receiveTime, typeof entry.addr === "string" ? entry.addr : undefined);
        return;
      case "send":
        return;
      default:
        throw new BadLine(`an entry of unknown kind ${JSON.stringify(entry.t)}`);
    }
  }
}

function parse(text: string): Entry {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch (cause) {
    throw new BadLine("not JSON", { cause });
  }
  if (typeof entry !== "object" || entry === null) throw new BadLine("expected a JSON object");
  return entry;
}

function payloadOf(entry: Entry): string {
  if (typeof entry.data === "string") return entry.data;
  if (typeof entry.b64 !== "string") throw new BadLine("an entry without data or b64");
  const bytes = Buffer.from(entry.b64, "base64");
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString("utf8");
  try {
    return gunzipSync(bytes).toString("utf8");
  } catch (cause) {
    throw new BadLine("a binary frame that does not unzip", { cause });
  }
}
