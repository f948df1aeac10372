import { type Channel, parseChannel } from "./channels.js";
import { type ConflatedPeer, Conflation } from "./conflation.js";
import type { Feed, Peer } from "./feed.js";
import {
  answers,
  type ClientRequest,
  type CloseReason,
  closeReasons,
  type ErrorCode,
  ProtocolError,
  type RequestId,
  readRequest,
  type SubscriptionDetail,
} from "./protocol.js";
import type { PushSettings } from "./settings.js";

/** The socket under a client. */
export interface Connection {
  /** @returns false when the message did not fit and was dropped */
  send(text: string): boolean;
  join(topic: string): void;
  leave(topic: string): void;
  buffered(): number;
  together(sends: () => void): void;
  close(reason: CloseReason): void;
}

/** What a client needs of the hub. */
export interface ClientHost {
  readonly settings: PushSettings;
  feed(channel: Channel): Feed;
  release(feed: Feed): void;
  hasValue(channel: string): Promise<boolean>;
  dropped(reason: string, count?: number): void;
  sent(): void;
  subscriptions(change: number): void;
  now(): number;
}

interface Subscription {
  readonly feed: Feed;
  /** Whether the client gets the live flow; false before its snapshot, and while a conflation stands in. */
  live: boolean;
  conflation: Conflation | undefined;
}

const mostPending = 1_000;
const slowAdvice = "too much is waiting to be read: reconnect, read faster or take fewer channels";

/** One WebSocket client: its requests in order, its subscriptions, and what happens when it reads too slowly. */
export class Client implements ConflatedPeer {
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly pending: ClientRequest[] = [];
  private working = false;
  private open = true;
  private behind = false;
  private roomWanted: (() => void) | undefined;
  private requestsLeft: number;
  private requestsCounted = performance.now();

  constructor(
    private readonly connection: Connection,
    private readonly host: ClientHost,
  ) {
    this.requestsLeft = host.settings.rateLimit.messagesPerSecond;
  }

  get writable(): boolean {
    return this.open && !this.behind;
  }

  /** Takes a message of the client. Never throws: what is wrong with it is answered. */
  receive(bytes: ArrayBuffer): void {
    const { bounds, rateLimit } = this.host.settings;
    if (bytes.byteLength > bounds.messageBytes) {
      const message = `a message may have ${bounds.messageBytes} bytes: send several smaller ones`;
      this.turnOut("TP_MESSAGE_TOO_LARGE", message, closeReasons.messageTooLarge);
    } else if (!this.mayAsk()) {
      const message = `at most ${rateLimit.messagesPerSecond} messages a second: put many channels into one`;
      this.turnOut("TP_TOO_MANY_REQUESTS", message, closeReasons.tooManyRequests);
    } else this.enqueue(Buffer.from(bytes).toString("utf8"));
  }

  private enqueue(text: string): void {
    try {
      this.pending.push(readRequest(text));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.refuse(error.code, error.message, error.id);
    }
    if (!this.working) void this.work();
  }

  send(text: string): void {
    if (!this.open) return;
    this.host.sent();
    if (!this.connection.send(text)) this.tooSlow();
  }

  dropped(reason: string, count: number): void {
    this.host.dropped(reason, count);
  }

  /** The socket has sent some of what it had buffered. */
  drained(): void {
    if (this.connection.buffered() > this.host.settings.bounds.bufferedBytes / 4) return;
    this.roomWanted?.();
    if (this.behind) this.caughtUp();
  }

  /** Called every now and then: acts when too much has piled up for this client. */
  inspect(): void {
    if (!this.open) return;
    const buffered = this.connection.buffered();
    const { bufferedBytes } = this.host.settings.bounds;
    if (buffered > bufferedBytes) this.tooSlow();
    else if (buffered > bufferedBytes / 2) this.fallBehind();
    else if (this.behind && buffered <= bufferedBytes / 4) this.caughtUp();
  }

  /** Says why and closes. */
  turnOut(code: ErrorCode, message: string, reason: CloseReason): void {
    if (!this.open) return;
    this.refuse(code, message, null);
    if (this.open) this.connection.close(reason);
  }

  /** The socket is closed: nothing may be sent any more. */
  gone(): void {
    this.open = false;
    this.roomWanted?.();
    this.pending.length = 0;
    for (const subscription of this.subscriptions.values()) this.end(subscription);
    this.subscriptions.clear();
  }

  private mayAsk(): boolean {
    const now = performance.now();
    const rate = this.host.settings.rateLimit.messagesPerSecond;
    this.requestsLeft = Math.min(rate, this.requestsLeft + ((now - this.requestsCounted) / 1000) * rate);
    this.requestsCounted = now;
    this.requestsLeft--;
    return this.requestsLeft >= 0 && this.pending.length < mostPending;
  }

  private async work(): Promise<void> {
    this.working = true;
    for (let request = this.pending.shift(); request !== undefined; request = this.pending.shift()) {
      if (request.op === "subscribe") await this.subscribe(request.id, request.channels, request.rateMs);
      else if (request.op === "unsubscribe") this.unsubscribe(request.id, request.channels);
      else this.send(answers.pong(request.id, this.host.now()));
    }
    this.working = false;
  }

  /** The good channels are subscribed, each bad one is answered with its error. */
  private async subscribe(id: RequestId, names: readonly string[], rateMs: number): Promise<void> {
    const fresh: Channel[] = [];
    const details: Promise<SubscriptionDetail>[] = [];
    for (const name of new Set(names)) {
      if (this.subscriptions.has(name)) {
        details.push(Promise.resolve({ channel: name, snapshot: false, already: true }));
        continue;
      }
      const channel = this.acceptable(id, name);
      if (channel === undefined) continue;
      this.enter(channel);
      fresh.push(channel);
      details.push(this.host.hasValue(name).then((snapshot) => ({ channel: name, snapshot })));
    }
    this.send(answers.subscribed(id, await Promise.all(details)));
    for (const channel of fresh) await this.bring(id, channel, rateMs);
  }

  private acceptable(id: RequestId, name: string): Channel | undefined {
    const { subscriptions } = this.host.settings.bounds;
    if (this.subscriptions.size >= subscriptions) {
      const message = `a client may have ${subscriptions} channels: unsubscribe some, or open another connection`;
      this.refuse("TP_TOO_MANY_CHANNELS", message, id, name);
      return undefined;
    }
    try {
      return parseChannel(name);
    } catch (error) {
      this.refuse("TP_CHANNEL_UNKNOWN", (error as Error).message, id, name.slice(0, 200));
      return undefined;
    }
  }

  private enter(channel: Channel): void {
    const feed = this.host.feed(channel);
    feed.hold();
    this.subscriptions.set(channel.name, { feed, live: false, conflation: undefined });
    this.host.subscriptions(1);
  }

  /** Sends the snapshot when there is room for it, and lets the live flow in. */
  private async bring(id: RequestId, channel: Channel, rateMs: number): Promise<void> {
    await this.room();
    const subscription = this.subscriptions.get(channel.name);
    if (!this.open || subscription === undefined) return;
    const paced = rateMs > 0 && channel.delivery === "value";
    const peer: Peer = {
      send: (payload) => {
        if (this.subscriptions.get(channel.name) === subscription) this.send(payload);
      },
      join: () => this.join(subscription, paced ? rateMs : undefined),
      together: (sends) => {
        if (this.open) this.connection.together(sends);
      },
    };
    try {
      await subscription.feed.admit(peer);
    } catch (error) {
      if (!this.open) return;
      this.leave(channel.name);
      this.refuse("TP_SNAPSHOT_UNAVAILABLE", (error as Error).message, id, channel.name);
    }
  }

  /** @param rateMs the client's wish; undefined for the live flow */
  private join(subscription: Subscription, rateMs: number | undefined): void {
    const { feed } = subscription;
    const { name, delivery } = feed.channel;
    if (!this.open || this.subscriptions.get(name) !== subscription) return;
    if (rateMs !== undefined) subscription.conflation = new Conflation(feed, this, rateMs);
    else if (this.behind && delivery === "value") subscription.conflation = new Conflation(feed, this, 0);
    else this.goLive(subscription);
  }

  private goLive(subscription: Subscription): void {
    subscription.conflation = undefined;
    subscription.live = true;
    this.connection.join(subscription.feed.channel.name);
  }

  private unsubscribe(id: RequestId, names: readonly string[]): void {
    const left: string[] = [];
    for (const name of new Set(names)) {
      if (this.leave(name)) left.push(name);
      else this.refuse("TP_NOT_SUBSCRIBED", "this client has no subscription of that channel", id, name.slice(0, 200));
    }
    this.send(answers.unsubscribed(id, left));
  }

  private leave(name: string): boolean {
    const subscription = this.subscriptions.get(name);
    if (subscription === undefined) return false;
    this.subscriptions.delete(name);
    if (subscription.live) this.connection.leave(name);
    this.end(subscription);
    return true;
  }

  private end(subscription: Subscription): void {
    subscription.conflation?.end();
    this.host.release(subscription.feed);
    this.host.subscriptions(-1);
  }

  private refuse(code: ErrorCode, message: string, id: RequestId, channel?: string): void {
    this.host.dropped(code.toLowerCase());
    this.send(answers.error(code, message, id, channel));
  }

  /** Resolves when little enough is buffered that a snapshot may follow. */
  private async room(): Promise<void> {
    while (this.open && this.connection.buffered() > this.host.settings.bounds.bufferedBytes / 4) {
      await new Promise<void>((resolve) => {
        this.roomWanted = resolve;
      });
      this.roomWanted = undefined;
    }
  }

  /** Value channels wait for room, so that what must not be conflated has it. */
  private fallBehind(): void {
    if (this.behind) return;
    this.behind = true;
    for (const subscription of this.subscriptions.values()) {
      const { feed, live } = subscription;
      if (feed.channel.delivery !== "value" || !live) continue;
      this.connection.leave(feed.channel.name);
      subscription.live = false;
      subscription.conflation = new Conflation(feed, this, 0);
    }
  }

  private caughtUp(): void {
    this.behind = false;
    for (const subscription of this.subscriptions.values()) {
      const { conflation } = subscription;
      if (conflation === undefined) continue;
      conflation.flush();
      if (conflation.rateMs > 0) continue;
      conflation.end();
      this.goLive(subscription);
    }
  }

  /** The socket had to drop a message. */
  overflowed(): void {
    this.tooSlow();
  }

  private tooSlow(): void {
    if (!this.open) return;
    this.open = false;
    this.host.dropped("tp_slow_client");
    this.connection.send(answers.error("TP_SLOW_CLIENT", slowAdvice));
    this.connection.close(closeReasons.slowClient);
  }
}
