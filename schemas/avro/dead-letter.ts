import { long, record, STREAM, TIMES, text, typed } from "./fields.js";

export const DEAD_LETTER = record("DeadLetter", [
  text("topic"),
  long("partition", "-1, as the offset, for a frame refused at ingest"),
  long("offset"),
  long("index", "in the batch"),
  text("exchange"),
  text("symbol"),
  text("reason"),
  text("detail"),
  typed("original", "bytes", "the tick's Avro body, or the venue's frame"),
  ...STREAM,
  ...TIMES,
]);
