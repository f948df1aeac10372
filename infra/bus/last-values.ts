import type { BusMessage, LastValue } from "./bus.js";
import { EncodedMessage } from "./encoded-message.js";
import { isUnbroken } from "./position.js";

/** Increments kept behind a snapshot. With more than these the last value counts as gone until the next snapshot. */
const mostIncrements = 10_000;
/** Events kept of an event channel. */
const mostEvents = 100;

type Kept = BusMessage;
type Increment = LastValue["increments"][number];

interface Channel {
  /** The value or snapshot; undefined for events, and where increments have no snapshot to stand on. */
  value: Kept | undefined;
  /** As readers get them: a look at a book must not cost a copy of each. */
  increments: Increment[];
  /** Newest published position, so that a snapshot with a hole behind it is not taken for whole. */
  newest: Kept;
  isEvents: boolean;
}

/**
 * Last values by channel, each no larger than one value and its bounded increments. A reader is given all that follows
 * a snapshot or nothing at all: never a book with a hole.
 */
export class LastValues {
  private readonly byChannel = new Map<string, Channel>();

  put(given: BusMessage): void {
    const message = given instanceof EncodedMessage ? given.detached() : given;
    const channel = this.byChannel.get(message.channel);
    if (channel === undefined) {
      this.byChannel.set(message.channel, begin(message));
      return;
    }
    switch (message.kind) {
      case "value":
        if (isNewer(message, channel.newest)) {
          channel.value = message;
          channel.newest = message;
          // they came before it: a book would take its old changes back in
          if (channel.increments.length > 0) channel.increments = [];
        }
        return;
      case "snapshot":
        putSnapshot(channel, message);
        return;
      case "increment":
        putIncrement(channel, message);
        return;
      case "event":
        if (!isNewer(message, channel.newest)) return;
        channel.newest = message;
        channel.isEvents = true;
        channel.increments.push(stripped(message));
        if (channel.increments.length > mostEvents) channel.increments.shift();
    }
  }

  get(name: string): LastValue | undefined {
    const channel = this.byChannel.get(name);
    if (channel === undefined || !hasValue(channel)) return undefined;
    if (channel.value !== undefined && !isUnbroken(channel.value, channel.increments)) return undefined;
    const { epoch, sequence, payload } = channel.value ?? { ...channel.newest, payload: "" };
    return { epoch, sequence, payload, increments: channel.increments.slice() };
  }

  channels(): string[] {
    const names: string[] = [];
    for (const [name, channel] of this.byChannel) if (hasValue(channel)) names.push(name);
    return names.sort();
  }
}

function begin(message: BusMessage): Channel {
  const { kind } = message;
  return {
    value: kind === "value" || kind === "snapshot" ? message : undefined,
    increments: kind === "event" ? [stripped(message)] : [],
    newest: message,
    isEvents: kind === "event",
  };
}

function putSnapshot(channel: Channel, snapshot: BusMessage): void {
  if (channel.value && !isNewer(snapshot, channel.value)) return;
  // Increments beyond the snapshot must all be at hand, or readers would see a hole.
  if (!channel.value && isNewer(channel.newest, snapshot)) return;
  channel.value = snapshot;
  channel.increments = channel.increments.filter((increment) => isNewer(increment, snapshot));
  if (isNewer(snapshot, channel.newest)) channel.newest = snapshot;
}

function putIncrement(channel: Channel, increment: BusMessage): void {
  if (!isNewer(increment, channel.newest)) return;
  channel.newest = increment;
  if (!channel.value) return;
  channel.increments.push(stripped(increment));
  const otherStream = increment.epoch !== channel.value.epoch;
  if (otherStream || channel.increments.length > mostIncrements) {
    channel.value = undefined;
    channel.increments = [];
  }
}

const hasValue = (channel: Channel): boolean => channel.value !== undefined || channel.isEvents;

const stripped = ({ epoch, sequence, payload }: BusMessage): Increment => ({ epoch, sequence, payload });

const isNewer = (a: Increment, b: Increment): boolean =>
  a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence);
