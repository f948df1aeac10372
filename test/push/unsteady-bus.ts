import { setTimeout as wait } from "node:timers/promises";
import type { Bus, BusHandler, BusMessage, BusSubscription, LastValue } from "../../infra/bus/bus.js";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";

/**
 * The bus as it is behind a network: last values and deliveries take a while, and deliveries are lost while the line
 * is down.
 * What was published is safe in the last values all the same.
 */
export class UnsteadyBus implements Bus {
  private readonly bus = new EmbeddedBus();
  private readonly handlers = new Set<BusHandler>();
  private down = false;
  /** What is under way to the subscribers, in order. */
  private line: Promise<void> = Promise.resolve();

  /** @param delayMs how long the next last value takes, half before it is read and half after */
  constructor(private readonly delayMs: () => number) {}

  publish(messages: readonly BusMessage[]): Promise<void> {
    return this.bus.publish(messages);
  }

  async subscribe(handler: BusHandler): Promise<BusSubscription> {
    this.handlers.add(handler);
    const subscription = await this.bus.subscribe({
      messages: (messages) => {
        if (this.down) return;
        this.line = this.line.then(async () => {
          if (this.delayMs() > 0) await wait(this.delayMs() / 4);
          handler.messages(messages);
        });
      },
    });
    return {
      ...subscription,
      close: async () => {
        this.handlers.delete(handler);
        await subscription.close();
      },
    };
  }

  async last(channel: string): Promise<LastValue | undefined> {
    await wait(this.delayMs() / 2);
    const last = await this.bus.last(channel);
    await wait(this.delayMs() / 2);
    return last;
  }

  channels(): Promise<string[]> {
    return this.bus.channels();
  }

  close(): Promise<void> {
    return this.bus.close();
  }

  /** From now on deliveries are lost. */
  drop(): void {
    this.down = true;
  }

  /** Deliveries arrive again; `noticed` says whether subscribers are told that there was a break. */
  restore(noticed: boolean): void {
    this.down = false;
    if (!noticed) return;
    this.line = this.line.then(() => {
      for (const handler of this.handlers) handler.reconnected?.();
    });
  }
}
