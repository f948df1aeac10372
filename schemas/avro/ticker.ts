import { nullable, record, STREAM, TIMES, text } from "./fields.js";

export const TICKER = record("Ticker", [
  text("symbol"),
  text("exchange"),
  nullable("bid_price", "string"),
  nullable("bid_qty", "string"),
  nullable("ask_price", "string"),
  nullable("ask_qty", "string"),
  nullable("last_price", "string"),
  nullable("volume_24h", "string", "base currency"),
  nullable("quote_volume_24h", "string"),
  nullable("open_24h", "string"),
  nullable("high_24h", "string"),
  nullable("low_24h", "string"),
  nullable("weighted_price", "string", "aggregate only: last prices weighted by 24 h base volume"),
  nullable("median_price", "string", "aggregate only: median of the live venues' mids"),
  nullable("venues", { type: "array", items: "string" }, "aggregate only: the venues that count"),
  ...STREAM,
  ...TIMES,
]);
