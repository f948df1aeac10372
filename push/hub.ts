import type { Bus, BusMessage, BusSubscription } from "../infra/bus/bus.js";
import type { Logger } from "../infra/logging.js";
import { ChannelStatus } from "./channel-status.js";
import type { Channel } from "./channels.js";
import { Client, type ClientHost } from "./client.js";
import { Feed, type Outlet } from "./feed.js";
import { HealthNotice } from "./health-notice.js";
import type { PushMetrics } from "./metrics.js";
import type { PlantPulse } from "./plant-pulse.js";
import { answers, closeReasons } from "./protocol.js";
import type { PlantState } from "./rest/plant-routes.js";
import type { PushSettings } from "./settings.js";
import type { ServerSocket } from "./sockets/socket-server.js";
import { Turns } from "./turns.js";

/** Every connection has joined it. No channel's name has a space. */
const everyone = "to everyone";

/** Hands bytes to all connections that joined a topic. @returns how many there are */
export type Publish = (topic: string, payload: string) => number;

const inspectMs = 100;

/** Between the bus and the connections: one feed a channel that somebody has subscribed. */
export class Hub implements Outlet, ClientHost {
  private readonly feeds = new Map<string, Feed>();
  private readonly clients = new Set<Client>();
  private subscription: BusSubscription | undefined;
  private timers: NodeJS.Timeout[] = [];
  private uninspected = 0;
  private readonly status: ChannelStatus;
  private readonly health: HealthNotice;
  readonly turns = new Turns();

  constructor(
    readonly bus: Bus,
    readonly settings: PushSettings,
    private readonly metrics: PushMetrics,
    private readonly logger: Logger,
    private readonly toAll: Publish,
    pulse: PlantPulse,
    readiness: PlantState["readiness"],
  ) {
    this.health = new HealthNotice(readiness, (text) => this.toAll(everyone, text));
    this.status = new ChannelStatus(pulse, () => this.feeds.values());
  }

  async start(): Promise<void> {
    this.subscription = await this.bus.subscribe({
      messages: (messages) => this.take(messages),
      reconnected: () => {
        for (const feed of this.feeds.values()) feed.reconnected();
      },
    });
    this.status.start();
    this.health.start();
    this.timers = [
      setInterval(() => this.inspect(), inspectMs).unref(),
      setInterval(() => this.toAll(everyone, answers.heartbeat(this.now())), this.settings.heartbeatMs).unref(),
    ];
  }

  /** A batch from the bus. */
  take(messages: readonly BusMessage[]): void {
    for (const message of messages) this.feeds.get(message.channel)?.accept(message);
  }

  /** @param address of whom the connection is: all of one address share its turns */
  connected(connection: ServerSocket, address: string): Client {
    const client = new Client(connection, this, address);
    this.clients.add(client);
    this.metrics.connections.set(this.clients.size);
    connection.join(everyone);
    return client;
  }

  /** What a client is told first; undefined while the plant is well. */
  get trouble(): string | undefined {
    return this.health.current;
  }

  disconnected(client: Client): void {
    this.clients.delete(client);
    this.metrics.connections.set(this.clients.size);
    client.gone();
  }

  get connections(): number {
    return this.clients.size;
  }

  async stop(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    this.status.stop();
    this.health.stop();
    await this.subscription?.close();
    for (const client of this.clients) {
      client.turnOut("TP_SERVER_STOPPING", "the server stops: reconnect in some seconds", closeReasons.serverStopping);
    }
    for (const feed of this.feeds.values()) feed.close();
    this.feeds.clear();
  }

  publish(channel: string, payload: string): void {
    const copies = this.toAll(channel, payload);
    if (copies === 0) return;
    this.metrics.messagesOut.inc(copies);
    this.uninspected += payload.length;
    // No client can have piled up more than what was published since the last look, so the bound holds by bytes too.
    if (this.uninspected > this.settings.bounds.bufferedBytes / 4) this.inspect();
  }

  feed(channel: Channel): Feed {
    let feed = this.feeds.get(channel.name);
    if (feed === undefined) {
      feed = new Feed(channel, this);
      this.feeds.set(channel.name, feed);
      this.status.begin(feed);
    }
    return feed;
  }

  release(feed: Feed): void {
    if (!feed.release()) return;
    feed.close();
    if (this.feeds.get(feed.channel.name) !== feed) return;
    this.feeds.delete(feed.channel.name);
    this.subscription?.remove(feed.channel.name);
  }

  async listen(channel: string): Promise<void> {
    await this.subscription?.add(channel);
  }

  async hasValue(channel: string): Promise<boolean> {
    try {
      return (await this.bus.last(channel)) !== undefined;
    } catch {
      return false;
    }
  }

  dropped(reason: string, count = 1): void {
    this.metrics.dropped(reason, count);
  }

  sent(): void {
    this.metrics.messagesOut.inc(1);
  }

  subscriptions(change: number): void {
    this.metrics.subscriptions.inc(change);
  }

  warn(channel: string, message: string, cause?: unknown): void {
    this.logger.warn({ channel, err: cause }, message);
  }

  now(): number {
    return Date.now() * 1000;
  }

  private inspect(): void {
    this.uninspected = 0;
    for (const client of this.clients) client.inspect();
  }
}
