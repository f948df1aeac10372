import type { MessagePort } from "node:worker_threads";
import type { Logger } from "../logging.js";
import type { Bus, BusHandler, BusMessage, BusSubscription, LastValue } from "./bus.js";
import { HubPort } from "./hub-port.js";
import { LastValues } from "./last-values.js";
import { Subscriber } from "./subscriber.js";

/**
 * The bus in process: the hub lies in the main thread; other threads reach it through a port (`ThreadBus`).
 * Subscribers are called within `publish`; one that throws is logged and keeps its subscription.
 */
export class EmbeddedBus implements Bus {
  private readonly lastValues = new LastValues();
  private readonly subscribers = new Set<Subscriber>();
  private readonly ports = new Set<HubPort>();
  private readonly waiting: (readonly BusMessage[])[] = [];
  private delivering = false;

  constructor(private readonly logger?: Logger) {}

  async publish(messages: readonly BusMessage[]): Promise<void> {
    this.waiting.push(messages);
    // A subscriber that publishes from within: its messages come after these, for every subscriber alike.
    if (this.delivering) return;
    this.delivering = true;
    try {
      for (let next = this.waiting.shift(); next; next = this.waiting.shift()) this.deliver(next);
    } finally {
      this.delivering = false;
    }
  }

  async subscribe(handler: BusHandler): Promise<BusSubscription> {
    const subscriber = new Subscriber(handler);
    this.subscribers.add(subscriber);
    return {
      add: async (channel) => {
        subscriber.channels.add(channel);
      },
      remove: (channel) => {
        subscriber.channels.delete(channel);
      },
      addKind: async (kind) => {
        subscriber.kinds.add(kind);
      },
      close: async () => {
        this.subscribers.delete(subscriber);
      },
    };
  }

  async last(channel: string): Promise<LastValue | undefined> {
    return this.lastValues.get(channel);
  }

  async channels(): Promise<string[]> {
    return this.lastValues.channels();
  }

  /** Serves a `ThreadBus` at the other end of the port, until that closes. */
  attach(port: MessagePort): void {
    const hubPort = new HubPort(port, this, () => this.ports.delete(hubPort));
    this.ports.add(hubPort);
  }

  async close(): Promise<void> {
    for (const port of this.ports) port.close();
    this.subscribers.clear();
  }

  private deliver(messages: readonly BusMessage[]): void {
    for (const message of messages) this.lastValues.put(message);
    for (const subscriber of this.subscribers) {
      const chosen = subscriber.choose(messages);
      if (chosen.length === 0) continue;
      try {
        subscriber.handler.messages(chosen);
      } catch (error) {
        this.logger?.error(
          { err: error },
          "a subscriber of the bus failed on messages: it may have missed some of them",
        );
      }
    }
  }
}
