import type { MessagePort } from "node:worker_threads";
import type { Bus, BusHandler, BusMessage, BusSubscription, LastValue } from "./bus.js";
import { BusClosed } from "./errors.js";
import { charactersOf, flatten, type ToHub, type ToThread, unflatten, Window } from "./port-protocol.js";
import { Subscriber } from "./subscriber.js";

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * The bus as a worker thread sees it: batches go through a MessagePort to the hub (`EmbeddedBus.attach`), in order.
 * `publish` resolves at once while fewer than 10,000 messages are under way; then a slow hub holds it back. A
 * subscriber that falls as far behind loses messages and is told by `reconnected`.
 */
export class ThreadBus implements Bus {
  private readonly underWay = new Window();
  private readonly waiting: (Waiting & { readonly messages: readonly BusMessage[] })[] = [];
  private readonly requests = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private readonly subscribers = new Set<Subscriber>();
  private readonly drained: (() => void)[] = [];
  private nextId = 0;
  private ended = false;

  constructor(private readonly port: MessagePort) {
    port.on("message", (message: ToThread) => this.hear(message));
    port.on("close", () => this.end());
    port.unref();
  }

  publish(messages: readonly BusMessage[]): Promise<void> {
    if (this.ended) return Promise.reject(new BusClosed());
    if (this.underWay.open && this.waiting.length === 0) {
      this.post(messages);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ messages, resolve, reject });
      this.port.ref();
    });
  }

  async subscribe(handler: BusHandler): Promise<BusSubscription> {
    const subscriber = new Subscriber(handler);
    this.subscribers.add(subscriber);
    return {
      add: async (channel) => {
        subscriber.channels.add(channel);
        await this.ask((id) => ({ say: "add", id, channel }));
      },
      remove: (channel) => {
        if (subscriber.channels.delete(channel)) this.forget([channel]);
      },
      addKind: async (kind) => {
        subscriber.kinds.add(kind);
        await this.ask((id) => ({ say: "addKind", id, kind }));
      },
      close: async () => {
        this.subscribers.delete(subscriber);
        this.forget(subscriber.channels);
      },
    };
  }

  async last(channel: string): Promise<LastValue | undefined> {
    return (await this.ask((id) => ({ say: "last", id, channel }))) as LastValue | undefined;
  }

  async channels(): Promise<string[]> {
    return (await this.ask((id) => ({ say: "channels", id }))) as string[];
  }

  /** Resolves when the hub has everything that was published. */
  async close(): Promise<void> {
    if (this.ended) return;
    if (!this.underWay.empty || this.waiting.length > 0) {
      this.port.ref();
      await new Promise<void>((resolve) => this.drained.push(resolve));
    }
    this.port.close();
    this.end();
  }

  /** The hub need not send channels any more that nobody here has added. */
  private forget(channels: Iterable<string>): void {
    if (this.ended) return;
    for (const channel of channels) {
      if (![...this.subscribers].some((other) => other.channels.has(channel))) this.tell({ say: "remove", channel });
    }
  }

  private post(messages: readonly BusMessage[]): void {
    if (messages.length === 0) return;
    this.underWay.add(messages.length, charactersOf(messages));
    this.tell({ say: "publish", batch: flatten(messages) });
  }

  private hear(message: ToThread): void {
    switch (message.say) {
      case "published":
        this.underWay.add(-message.messages, -message.characters);
        this.admit();
        return;
      case "answer":
        this.requests.get(message.id)?.resolve(message.value);
        this.requests.delete(message.id);
        this.rest();
        return;
      case "messages":
        this.deliver(unflatten(message.batch));
        return;
      case "reconnected":
        for (const { handler } of this.subscribers) handler.reconnected?.();
    }
  }

  private admit(): void {
    while (this.waiting.length > 0 && this.underWay.open) {
      const { messages, resolve } = this.waiting.shift()!;
      this.post(messages);
      resolve();
    }
    if (this.underWay.empty) for (const resolve of this.drained.splice(0)) resolve();
    this.rest();
  }

  private deliver(messages: readonly BusMessage[]): void {
    try {
      for (const subscriber of this.subscribers) {
        const chosen = subscriber.choose(messages);
        if (chosen.length > 0) subscriber.handler.messages(chosen);
      }
    } finally {
      this.tell({ say: "taken", messages: messages.length, characters: charactersOf(messages) });
    }
  }

  private ask(request: (id: number) => ToHub): Promise<unknown> {
    if (this.ended) return Promise.reject(new BusClosed());
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.requests.set(id, { resolve, reject });
      this.port.ref();
      this.tell(request(id));
    });
  }

  /** The port keeps the thread alive only while somebody waits for it, or listens. */
  private rest(): void {
    const needed = this.waiting.length + this.requests.size + this.subscribers.size + this.drained.length;
    if (needed === 0) this.port.unref();
  }

  private end(): void {
    this.ended = true;
    for (const { reject } of this.waiting.splice(0)) reject(new BusClosed());
    for (const { reject } of this.requests.values()) reject(new BusClosed());
    this.requests.clear();
    for (const resolve of this.drained.splice(0)) resolve();
  }

  private tell(message: ToHub): void {
    this.port.postMessage(message);
  }
}
