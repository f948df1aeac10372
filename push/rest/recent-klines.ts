import type { Bus, BusMessage, BusSubscription } from "../../infra/bus/bus.js";
import type { Envelope, Kline } from "../../schemas/messages.js";

const kept = 8;
const openTimeField = '"open_time":';

/**
 * The newest K-lines of each channel, open and closed, as the bus brought them:
 * what history does not have yet, because the sink gathers before it writes.
 */
export class RecentKlines {
  private readonly channels = new Map<string, Map<number, string>>();
  private subscription: BusSubscription | undefined;

  constructor(private readonly bus: Bus) {}

  async start(): Promise<void> {
    this.subscription = await this.bus.subscribe({
      messages: (messages) => {
        for (const message of messages) this.take(message);
      },
    });
    await this.subscription.addKind("kline");
  }

  async stop(): Promise<void> {
    await this.subscription?.close();
  }

  /** The channel's newest K-lines, in no particular order. */
  async of(channel: string): Promise<Kline[]> {
    const recent = [...(this.channels.get(channel)?.values() ?? [])];
    const last = await this.bus.last(channel);
    if (last !== undefined && last.payload !== "") recent.push(last.payload);
    return recent.map((payload) => (JSON.parse(payload) as Envelope<Kline>).data);
  }

  private take({ channel, payload }: BusMessage): void {
    const at = payload.indexOf(openTimeField) + openTimeField.length;
    const openTime = Number.parseInt(payload.slice(at, at + 20), 10);
    let recent = this.channels.get(channel);
    if (recent === undefined) {
      recent = new Map();
      this.channels.set(channel, recent);
    }
    if (!recent.has(openTime) && recent.size >= kept) {
      const oldest = recent.keys().next().value;
      if (oldest !== undefined) recent.delete(oldest);
    }
    recent.set(openTime, payload);
  }
}
