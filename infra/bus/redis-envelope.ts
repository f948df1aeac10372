import type { BusMessage } from "./bus.js";

/** Kinds of channels, by what stands before the first colon. */
const eventKinds = new Set(["trade"]);

/**
 * What Redis delivers is a channel and a payload. Epoch and sequence stand in the envelope's head; a depth message says
 * near its end whether it is a whole book.
 *
 * @returns undefined for what is no envelope of that channel
 */
export function messageOf(channel: string, payload: string): BusMessage | undefined {
  const position = positionOf(payload, channel.length);
  return position && { channel, ...position, payload, kind: kindOf(channel, payload) };
}

/** @param nameLength of the channel, which the envelope begins with */
export function positionOf(payload: string, nameLength: number): { epoch: number; sequence: number } | undefined {
  const at = payload.indexOf('"epoch":', nameLength);
  const comma = payload.indexOf(",", at);
  if (at < 0 || comma < 0) return undefined;
  const epoch = Number(payload.slice(at + 8, comma));
  const end = payload.indexOf(",", comma + 1);
  const sequence = Number(payload.slice(comma + 12, end < 0 ? payload.length - 1 : end));
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(sequence) ? { epoch, sequence } : undefined;
}

function kindOf(channel: string, payload: string): BusMessage["kind"] {
  const kind = channel.slice(0, channel.indexOf(":"));
  if (eventKinds.has(kind)) return "event";
  if (kind !== "depth") return "value";
  return payload.startsWith('"is_snapshot":true', payload.lastIndexOf('"is_snapshot":')) ? "value" : "increment";
}
