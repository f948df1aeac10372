import { enumeration, LEVELS, list, long, nested, nullable, record, text, typed } from "./fields.js";

/** The kinds of a raw tick, in the order of the Avro enum: the index is the code on the wire. */
export const TICK_KINDS = ["trade", "quote", "ticker", "depth", "oracle", "instrument", "heartbeat"] as const;
export const SIDES = ["buy", "sell"] as const;
export const DEPTH_ACTIONS = ["snapshot", "increment", "gap"] as const;

const FEED = nested("FeedState", [
  text("exchange"),
  text("feed"),
  typed("connected", "boolean"),
  long("since", "µs since the epoch, UTC"),
]);

const ILL = nested("IllStream", [
  text("exchange"),
  text("feed"),
  text("symbol", "empty where the whole feed is meant"),
  text("kind"),
  text("how"),
  long("since", "µs since the epoch, UTC"),
]);

/**
 * The nullable fields by kind, in the order of the wire. A field that a kind does not have costs one zero byte, so a
 * trade ends in one run of zeros that is written and checked at once. A new field goes to the end, nullable.
 */
export const TRADE_FIELDS = [
  nullable("price", "string", "also of an oracle"),
  nullable("qty", "string"),
  nullable("trade_id", "string"),
  nullable("side", enumeration("Side", SIDES)),
  nullable("backfilled", "boolean"),
  nullable("retracts", "string"),
];
/** Of a trade that sums several fills; the last fields of a tick. */
export const AGGREGATE_FIELDS = [
  nullable("first_trade_id", "long", "the first fill that the trade sums"),
  nullable("last_trade_id", "long", "the last fill that the trade sums"),
];
export const QUOTE_FIELDS = [
  nullable("bid_price", "string"),
  nullable("bid_qty", "string"),
  nullable("ask_price", "string"),
  nullable("ask_qty", "string"),
  nullable("update_id", "long", "also of depth"),
];
export const DEPTH_FIELDS = [
  nullable("action", enumeration("DepthAction", DEPTH_ACTIONS)),
  nullable("first_update_id", "long"),
  nullable("previous_update_id", "long"),
  nullable("bids", LEVELS),
  nullable("asks", LEVELS),
  nullable("part", "long"),
  nullable("parts", "long"),
  nullable("checksum", "long"),
  nullable("reason", "string"),
];
export const TICKER_FIELDS = [
  nullable("last_price", "string"),
  nullable("open_24h", "string"),
  nullable("high_24h", "string"),
  nullable("low_24h", "string"),
  nullable("volume_24h", "string"),
  nullable("quote_volume_24h", "string"),
];
export const OTHER_FIELDS = [
  nullable("confidence", "string"),
  nullable("round_id", "string"),
  nullable("native_id", "string"),
  nullable("status", "string"),
  nullable("contract_type", "string"),
  nullable("base", "string"),
  nullable("quote", "string"),
  nullable("tick_size", "string"),
  nullable("lot_size", "string"),
  nullable("contract_size", "string"),
  nullable("inferred", "boolean"),
  nullable("feeds", { type: "array", items: FEED }),
  nullable("end", "boolean"),
  nullable("chain", "string", "of an instrument whose trades may be taken back"),
  nullable("ill", { type: "array", items: ILL }, "of a heartbeat: streams that do not bring what they should"),
  ...AGGREGATE_FIELDS,
];

const RAW_TICK = nested("RawTick", [
  typed("kind", enumeration("TickKind", TICK_KINDS)),
  text("exchange"),
  text("symbol"),
  long("number", "the tick's number within its ingest session"),
  long("exchange_time", "µs since the epoch, UTC"),
  long("receive_time", "µs since the epoch, UTC"),
  ...TRADE_FIELDS,
  ...QUOTE_FIELDS,
  ...DEPTH_FIELDS,
  ...TICKER_FIELDS,
  ...OTHER_FIELDS,
]);

export const RAW_BATCH = record(
  "RawBatch",
  [text("session", "the ingest session that numbered the ticks"), list("ticks", RAW_TICK)],
  "Ticks of one partition of market.raw, in order.",
);
