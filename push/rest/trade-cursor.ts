import type { TradePosition } from "../../infra/store/store.js";
import { badParameter } from "./errors.js";

/** Timestamp, epoch, sequence and exchange, as in `1764000000000000.1763000000000000.42.binance`. */
const form = /^(\d{1,16})\.(\d{1,16})\.(\d{1,16})\.([a-z0-9][a-z0-9._-]{0,39})$/;

export const cursorParameter = {
  type: "string",
  maxLength: 100,
  description: "Only what comes before: the header x-next-cursor of the page before, which a full page has",
};

/** Names a trade's place in history, so that a page begins exactly where another ended. */
export function cursorOf({ timestamp, epoch, sequence_num, exchange }: TradePosition): string {
  return `${timestamp}.${epoch}.${sequence_num}.${exchange}`;
}

/** @throws RestError when it is none of `cursorOf` */
export function readCursor(text: string): TradePosition {
  const [, timestamp, epoch, sequence, exchange = ""] = form.exec(text) ?? [];
  const numbers = [timestamp, epoch, sequence].map(Number) as [number, number, number];
  if (!numbers.every(Number.isSafeInteger)) {
    throw badParameter("cursor", "must be the x-next-cursor of an answer");
  }
  return { timestamp: numbers[0], epoch: numbers[1], sequence_num: numbers[2], exchange };
}

/** History's order: by time, then as the streams count, then by exchange. */
export function inOrder(a: TradePosition, b: TradePosition): number {
  const order = a.timestamp - b.timestamp || a.epoch - b.epoch || a.sequence_num - b.sequence_num;
  return order !== 0 ? order : a.exchange < b.exchange ? -1 : a.exchange > b.exchange ? 1 : 0;
}
