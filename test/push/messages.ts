import type { BusMessage } from "../../infra/bus/bus.js";

/** A message as the plant puts it on the bus: its envelope with some data. */
export function message(
  channel: string,
  sequence: number,
  kind: BusMessage["kind"],
  data: object = {},
  epoch = 1,
): BusMessage {
  return { channel, epoch, sequence, payload: JSON.stringify({ channel, epoch, sequence, data }), kind };
}
