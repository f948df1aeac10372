import { enumeration, list, nested, record, STREAM, TIMES, text, typed } from "./fields.js";
import { SIDES } from "./raw-batch.js";

const LEG = nested("SignalLeg", [
  text("exchange"),
  typed("side", enumeration("Side", SIDES)),
  text("price"),
  text("qty"),
]);

export const SIGNAL = record("Signal", [
  text("signal_id"),
  text("strategy"),
  text("symbol"),
  list("legs", LEG),
  text("expected_profit"),
  ...STREAM,
  ...TIMES,
]);
