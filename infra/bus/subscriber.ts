import type { BusHandler, BusMessage } from "./bus.js";

/** A handler and its answers so far: a channel is asked about once. */
export class Subscriber {
  private readonly answers = new Map<string, boolean>();

  constructor(
    private readonly accepts: (channel: string) => boolean,
    readonly handler: BusHandler,
  ) {}

  /** What of the messages goes to this subscriber: published ones of accepted channels. */
  choose(messages: readonly BusMessage[]): readonly BusMessage[] {
    let chosen: BusMessage[] | undefined;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      if (message.kind !== "snapshot" && this.wants(message.channel)) chosen?.push(message);
      else chosen ??= messages.slice(0, i);
    }
    return chosen ?? messages;
  }

  private wants(channel: string): boolean {
    let answer = this.answers.get(channel);
    if (answer === undefined) {
      answer = this.accepts(channel);
      this.answers.set(channel, answer);
    }
    return answer;
  }
}
