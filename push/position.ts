import type { BusMessage, LastValue } from "../infra/bus/bus.js";
import { isNext, type Position } from "../infra/bus/position.js";
import type { Delivery } from "./channels.js";

export type { Position } from "../infra/bus/position.js";

/** A message with its place in the channel. */
export interface Placed extends Position {
  readonly payload: string;
}

/** Before the first message of any channel. */
export const nowhere: Position = { epoch: -1, sequence: -1 };

export function isAfter(a: Position, b: Position): boolean {
  return a.epoch === b.epoch ? a.sequence > b.sequence : a.epoch > b.epoch;
}

/** Whether nothing is missing between `before` and `message`, by the numbers or by the message's own word. */
export const follows = (message: Placed, before: Position): boolean => isNext(before, message);

/** A channel's last value and what came after it, in order and each once. */
export interface Continuation {
  /** The whole value to start from; undefined for event channels. */
  readonly base: Placed | undefined;
  readonly after: readonly Placed[];
  /** False where a message is missing between base and after, or within after. */
  readonly whole: boolean;
  readonly end: Position;
}

/** Joins what the bus remembers of a channel with what was received live meanwhile. */
export function continuation(
  last: LastValue | undefined,
  live: readonly BusMessage[],
  delivery: Delivery,
): Continuation {
  let base: Placed | undefined = last === undefined || last.payload === "" ? undefined : last;
  let after: Placed[] = [];
  let end: Position = base ?? nowhere;
  let whole = true;
  const take = (message: Placed, isValue: boolean): void => {
    if (!isAfter(message, end)) return;
    const hole = isHole(message, end, delivery);
    if (hole && isValue) {
      base = message;
      after = [];
      whole = true;
    } else {
      after.push(message);
      if (hole) whole = false;
    }
    end = message;
  };
  for (const increment of last?.increments ?? []) take(increment, false);
  for (const message of live) take(message, message.kind === "value");
  return { base, after, whole, end };
}

/** A new epoch's events start a new count; its increments need a value to stand on. */
function isHole(message: Placed, before: Position, delivery: Delivery): boolean {
  if (delivery === "value") return false;
  if (delivery === "increment" && before === nowhere) return message.sequence > 1;
  if (delivery === "event" && message.epoch !== before.epoch) return false;
  return !follows(message, before);
}
