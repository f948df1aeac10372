import { enumeration, flag, LEVELS, long, nullable, record, STREAM, TIMES, text, typed } from "./fields.js";

export const BOOK_STATES = ["live", "stale"] as const;

export const DEPTH = record("Depth", [
  text("symbol"),
  text("exchange"),
  typed("bids", LEVELS, "[price, qty], best first in a snapshot; qty 0 removes a level"),
  typed("asks", LEVELS),
  long("first_update_id", "the venue's own; for the aggregate its sequence"),
  long("update_id"),
  flag("is_snapshot"),
  typed("status", enumeration("BookStatus", BOOK_STATES)),
  nullable("reason", "string"),
  ...STREAM,
  long("previous_sequence"),
  ...TIMES,
]);
