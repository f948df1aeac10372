import type { MessagePort } from "node:worker_threads";
import type { Bus, BusMessage, BusSubscription } from "./bus.js";
import { charactersOf, flatten, type ToHub, type ToThread, unflatten, Window } from "./port-protocol.js";

/** The hub's end of a port: publishes for a thread, answers it, and forwards to it what it listens to. */
export class HubPort {
  private readonly underWay = new Window();
  private subscription: Promise<BusSubscription> | undefined;
  /** Messages were dropped since the window was full: the thread is told once there is room. */
  private dropped = false;

  constructor(
    private readonly port: MessagePort,
    private readonly hub: Bus,
    private readonly closed: () => void,
  ) {
    port.on("message", (message: ToHub) => void this.hear(message));
    port.on("close", () => void this.end());
    port.unref();
  }

  close(): void {
    this.port.close();
  }

  private async hear(message: ToHub): Promise<void> {
    switch (message.say) {
      case "publish": {
        const messages = unflatten(message.batch);
        await this.hub.publish(messages);
        this.tell({ say: "published", messages: messages.length, characters: charactersOf(messages) });
        return;
      }
      case "last":
        this.tell({ say: "answer", id: message.id, value: await this.hub.last(message.channel) });
        return;
      case "channels":
        this.tell({ say: "answer", id: message.id, value: await this.hub.channels() });
        return;
      case "add":
        await (await this.listening()).add(message.channel);
        this.tell({ say: "answer", id: message.id, value: undefined });
        return;
      case "addKind":
        await (await this.listening()).addKind(message.kind);
        this.tell({ say: "answer", id: message.id, value: undefined });
        return;
      case "remove":
        (await this.listening()).remove(message.channel);
        return;
      case "taken":
        this.underWay.add(-message.messages, -message.characters);
        if (this.dropped && this.underWay.empty) {
          this.dropped = false;
          this.tell({ say: "reconnected" });
        }
    }
  }

  private listening(): Promise<BusSubscription> {
    this.subscription ??= this.hub.subscribe({
      messages: (messages) => this.forward(messages),
      reconnected: () => this.tell({ say: "reconnected" }),
    });
    return this.subscription;
  }

  /** A thread that does not keep up loses messages and reloads from last values: it holds nobody else back. */
  private forward(messages: readonly BusMessage[]): void {
    if (this.dropped || !this.underWay.open) {
      this.dropped = true;
      return;
    }
    this.underWay.add(messages.length, charactersOf(messages));
    this.tell({ say: "messages", batch: flatten(messages) });
  }

  private tell(message: ToThread): void {
    this.port.postMessage(message);
  }

  private async end(): Promise<void> {
    this.closed();
    await (await this.subscription)?.close();
  }
}
