import type { Depth } from "../../schemas/messages.js";
import type { Units } from "../../schemas/units.js";
import type { ByteWriter } from "../task/byte-writer.js";
import { bytesOf } from "../task/byte-writer.js";
import type { OutputStream } from "../task/output-stream.js";
import { jsonAscii } from "./json-text.js";
import type { MessageWriter } from "./message-writer.js";

/** Levels laid flat: [price, qty], bids first. */
export interface LevelsOut {
  readonly prices: ArrayLike<Units>;
  readonly quantities: ArrayLike<Units>;
  readonly bidCount: number;
  readonly count: number;
  readonly priceScale: number;
  readonly qtyScale: number;
}

export type DepthHead = Pick<
  Depth,
  "first_update_id" | "update_id" | "is_snapshot" | "status" | "reason" | "timestamp"
>;

/** Bytes that a depth message takes about. */
export const depthRoom = ({ count }: LevelsOut): number => 512 + 48 * count;

/** A depth message for the log. */
export function writeDepthValue(
  writer: MessageWriter,
  stream: OutputStream,
  head: DepthHead,
  levels: LevelsOut,
  sequence: number,
  previous: number,
): void {
  const { avro } = writer;
  avroLevels(avro, levels, 0, levels.bidCount);
  avroLevels(avro, levels, levels.bidCount, levels.count);
  avro.avroLong(head.first_update_id);
  avro.avroLong(head.update_id);
  avro.byte(head.is_snapshot ? 1 : 0);
  avro.byte(head.status === "live" ? 0 : 2);
  if (head.reason === null) avro.byte(0);
  else {
    avro.byte(2);
    avro.avroText(head.reason);
  }
  avro.avroLong(head.timestamp);
  writer.avroPosition(stream, sequence);
  avro.avroLong(previous);
  writer.avroTimes();
}

/** The same for the channel. */
export function writeDepthText(
  writer: MessageWriter,
  stream: OutputStream,
  head: DepthHead,
  levels: LevelsOut,
  sequence: number,
  previous: number,
): void {
  const { json } = writer;
  json.copy(BIDS);
  jsonLevels(json, levels, 0, levels.bidCount);
  json.copy(ASKS);
  jsonLevels(json, levels, levels.bidCount, levels.count);
  json.copy(FIRST_UPDATE_ID);
  json.integer(head.first_update_id);
  json.copy(UPDATE_ID);
  json.integer(head.update_id);
  json.copy(head.is_snapshot ? IS_SNAPSHOT : IS_NO_SNAPSHOT);
  json.copy(head.status === "live" ? LIVE : STALE);
  json.ascii(head.reason === null ? "null" : jsonAscii(head.reason));
  json.copy(TIMESTAMP);
  writer.jsonPosition(head.timestamp, stream, sequence);
  json.copy(PREVIOUS);
  json.integer(previous);
  writer.jsonTimes();
}

function avroLevels(avro: ByteWriter, levels: LevelsOut, from: number, to: number): void {
  if (to > from) {
    avro.avroLong(to - from);
    for (let at = from; at < to; at++) {
      avro.byte(4);
      avro.avroUnits(levels.prices[at]!, levels.priceScale);
      avro.avroUnits(levels.quantities[at]!, levels.qtyScale);
      avro.byte(0);
    }
  }
  avro.byte(0);
}

function jsonLevels(json: ByteWriter, levels: LevelsOut, from: number, to: number): void {
  json.byte(0x5b);
  for (let at = from; at < to; at++) {
    if (at > from) json.byte(0x2c);
    json.jsonLevel(levels.prices[at]!, levels.priceScale, levels.quantities[at]!, levels.qtyScale);
  }
  json.byte(0x5d);
}

const BIDS = bytesOf(',"bids":');
const ASKS = bytesOf(',"asks":');
const FIRST_UPDATE_ID = bytesOf(',"first_update_id":');
const UPDATE_ID = bytesOf(',"update_id":');
const IS_SNAPSHOT = bytesOf(',"is_snapshot":true');
const IS_NO_SNAPSHOT = bytesOf(',"is_snapshot":false');
const LIVE = bytesOf(',"status":"live","reason":');
const STALE = bytesOf(',"status":"stale","reason":');
const TIMESTAMP = bytesOf(',"timestamp":');
const PREVIOUS = bytesOf(',"previous_sequence":');
