import type { BusHandler, BusMessage } from "./bus.js";

/** A handler and what it follows. */
export class Subscriber {
  readonly channels = new Set<string>();
  readonly kinds = new Set<string>();

  constructor(readonly handler: BusHandler) {}

  /** What of the messages goes to this subscriber: published ones of the channels it follows. */
  choose(messages: readonly BusMessage[]): readonly BusMessage[] {
    if (this.channels.size === 0 && this.kinds.size === 0) return nothing;
    let chosen: BusMessage[] | undefined;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      if (message.kind !== "snapshot" && this.follows(message.channel)) chosen?.push(message);
      else chosen ??= messages.slice(0, i);
    }
    return chosen ?? messages;
  }

  follows(channel: string): boolean {
    return this.channels.has(channel) || (this.kinds.size > 0 && this.kinds.has(kindOfChannel(channel)));
  }
}

const nothing: readonly BusMessage[] = [];

/** What stands before the first `:` of a channel's name. */
export function kindOfChannel(channel: string): string {
  const end = channel.indexOf(":");
  return end < 0 ? channel : channel.slice(0, end);
}
