import type { MessageTimes, Ticker } from "../../schemas/messages.js";
import type { ByteWriter } from "../task/byte-writer.js";
import { bytesOf } from "../task/byte-writer.js";
import type { OutputStream } from "../task/output-stream.js";
import { jsonAscii } from "./json-text.js";
import type { MessageWriter } from "./message-writer.js";

/** What a ticker says beside its stream. */
export type TickerBody = Omit<Ticker, "symbol" | "exchange" | "epoch" | "sequence_num" | keyof MessageTimes>;

/** In the order of the schema. */
const decimals = [
  "bid_price",
  "bid_qty",
  "ask_price",
  "ask_qty",
  "last_price",
  "volume_24h",
  "quote_volume_24h",
  "open_24h",
  "high_24h",
  "low_24h",
  "weighted_price",
  "median_price",
] as const;
const labels = decimals.map((name) => bytesOf(`,"${name}":`));

/** Bytes that a ticker takes about. */
export const tickerRoom = ({ venues }: TickerBody): number => 1024 + 64 * (venues?.length ?? 0);

/** The fields of a ticker. */
export function writeTicker(writer: MessageWriter, stream: OutputStream, sequence: number, body: TickerBody): void {
  const { avro, json } = writer;
  for (let at = 0; at < decimals.length; at++) {
    const text = body[decimals[at]!];
    json.copy(labels[at]!);
    if (text === null) {
      avro.byte(0);
      json.copy(NULL);
      continue;
    }
    avro.byte(2);
    avro.avroAscii(text);
    json.byte(0x22);
    json.ascii(text);
    json.byte(0x22);
  }
  writeVenues(avro, json, body.venues);
  avro.avroLong(body.timestamp);
  writer.avroPosition(stream, sequence);
  writer.avroTimes();
  json.copy(TIMESTAMP);
  writer.jsonPosition(body.timestamp, stream, sequence);
  writer.jsonTimes();
}

function writeVenues(avro: ByteWriter, json: ByteWriter, venues: readonly string[] | null): void {
  json.copy(VENUES);
  if (venues === null) {
    avro.byte(0);
    json.copy(NULL);
    return;
  }
  avro.byte(2);
  if (venues.length > 0) avro.avroLong(venues.length);
  json.byte(0x5b);
  for (const [at, venue] of venues.entries()) {
    avro.avroText(venue);
    if (at > 0) json.byte(0x2c);
    json.ascii(jsonAscii(venue));
  }
  avro.byte(0);
  json.byte(0x5d);
}

const NULL = bytesOf("null");
const VENUES = bytesOf(',"venues":');
const TIMESTAMP = bytesOf(',"timestamp":');
