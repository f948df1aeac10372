import { flag, list, long, record, STREAM, TIMES, text } from "./fields.js";

export const KLINE = record("Kline", [
  text("symbol"),
  text("exchange"),
  text("interval"),
  long("open_time"),
  long("close_time", "the interval's last instant"),
  text("open"),
  text("high"),
  text("low"),
  text("close"),
  text("volume"),
  text("quote_volume"),
  long("trade_count"),
  text("taker_buy_volume"),
  text("taker_buy_quote_volume"),
  flag("is_closed"),
  long("revision", "counts this K-line's emissions, from 1"),
  list("flags", "string", "feed_down, amended"),
  ...STREAM,
  ...TIMES,
]);
