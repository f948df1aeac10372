import { flag, list, long, nested, nullable, RECEIVE_TIME, record, STREAM, TIMES, text } from "./fields.js";

const CONSTITUENT = nested("IndexConstituent", [
  text("exchange"),
  text("symbol"),
  nullable("price", "string"),
  text("weight", "share of the value, 0 to 1"),
  flag("included"),
  text("reason"),
]);

export const INDEX = record("Index", [
  text("name"),
  nullable("value", "string"),
  text("status", "live, deviates, unguarded, degraded or unavailable"),
  ...STREAM,
  list("constituents", CONSTITUENT),
  ...TIMES,
]);

const INPUT_PRICE = nested("IndexInputPrice", [
  text("exchange"),
  text("symbol"),
  nullable("price", "string", "null until there is one"),
  nullable("volume_24h", "string"),
  long("price_time", "when the price was last seen, log time"),
  flag("feed_down"),
  nullable("tick", "string", "the price's smallest step, of a market"),
]);

export const INDEX_INPUT = record("IndexInput", [
  text("name"),
  text("source", "the task that sent it, e.g. market.raw/3"),
  long("log_time", "the instant of the grid: all before it has been seen by this source"),
  long("epoch"),
  long("sequence_num"),
  list("prices", INPUT_PRICE),
  RECEIVE_TIME,
]);
