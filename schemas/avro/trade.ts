import { enumeration, list, nullable, record, STREAM, TIMES, text, typed } from "./fields.js";
import { SIDES } from "./raw-batch.js";

export const TRADE = record("Trade", [
  text("symbol"),
  text("exchange"),
  text("trade_id"),
  text("price"),
  text("qty"),
  typed("side", enumeration("Side", SIDES), "the taker's"),
  ...STREAM,
  nullable("retracts", "string", "the trade that this one takes back"),
  ...TIMES,
  nullable("first_trade_id", "long", "the first fill, of a trade that sums several"),
  nullable("last_trade_id", "long", "the last fill, of a trade that sums several"),
  list("flags", "string", "off_tick, off_lot, price_band, id_again: what is odd with it"),
]);
