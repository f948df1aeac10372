import { type Channel, channelFault, channelOf } from "./channels.js";
import { type ConflatedPeer, Conflation } from "./conflation.js";
import type { Feed, Peer } from "./feed.js";
import { Inbox, type InboxOwner } from "./inbox.js";
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
import { Refusals } from "./refusals.js";
import type { PushSettings } from "./settings.js";
import type { ServerSocket } from "./sockets/socket-server.js";
import type { Turns } from "./turns.js";
import { costs } from "./work-budget.js";

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
  readonly turns: Turns;
}

interface Subscription {
  readonly feed: Feed;
  /** Whether the client gets the live flow; false before its snapshot, and while a conflation stands in. */
  live: boolean;
  conflation: Conflation | undefined;
}

/** Channels that are worked on before others have their turn again. */
const atOnce = 50;
/** Channels of a request that flow from its answer on; further ones follow in turns of their own. */
const broughtAtOnce = 4;
const slowAdvice = "too much is waiting to be read: reconnect, read faster or take fewer channels";

/** One WebSocket client: its requests in order, its subscriptions, and what happens when it reads too slowly. */
export class Client implements ConflatedPeer, InboxOwner {
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly inbox: Inbox;
  private open = true;
  private behind = false;
  private roomWanted: (() => void) | undefined;

  constructor(
    private readonly connection: ServerSocket,
    private readonly host: ClientHost,
    address: string,
  ) {
    this.inbox = new Inbox(host.settings, host.turns, address, this);
  }

  get writable(): boolean {
    return this.open && !this.behind;
  }

  /** Takes a message of the client. Never throws: what is wrong with it is answered. */
  receive(bytes: ArrayBuffer): void {
    this.inbox.receive(bytes);
  }

  async work(text: string): Promise<void> {
    const request = await this.inbox.turn(() => this.read(text));
    if (request === undefined) return;
    if (request.op === "subscribe") await this.subscribe(request.id, request.channels, request.rateMs);
    else if (request.op === "unsubscribe") await this.unsubscribe(request.id, request.channels);
    else this.send(answers.pong(request.id, this.host.now()));
  }

  /** @returns undefined where it is none, which is answered */
  private read(text: string): ClientRequest | undefined {
    try {
      return readRequest(text, this.host.settings.bounds.channelsPerRequest);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.inbox.charge(costs.refusal);
      this.refuse(error.code, error.message, error.id);
      return undefined;
    }
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
    this.inbox.close();
    for (const subscription of this.subscriptions.values()) this.end(subscription);
    this.subscriptions.clear();
  }

  /** The good channels are subscribed, the bad ones are answered with their errors. */
  private async subscribe(id: RequestId, names: readonly string[], rateMs: number): Promise<void> {
    const fresh: Channel[] = [];
    const details: SubscriptionDetail[] = [];
    const refusals = new Refusals();
    await this.eachFew(names, async (some) => {
      const found = await this.inbox.turn(() => some.map((name) => this.take(name, refusals, fresh)));
      for (const detail of await Promise.all(found)) if (detail !== undefined) details.push(detail);
    });
    this.tell(refusals, id);
    this.send(answers.subscribed(id, details));
    for (const [at, channel] of fresh.entries()) {
      if (at < broughtAtOnce) await this.bring(id, channel, rateMs);
      else await this.inbox.turn(() => this.bring(id, channel, rateMs), true);
      await this.inbox.paid();
    }
  }

  /** Enters a channel that is asked for. */
  private take(
    name: string,
    refusals: Refusals,
    fresh: Channel[],
  ): Promise<SubscriptionDetail | undefined> | undefined {
    if (this.subscriptions.has(name)) return Promise.resolve({ channel: name, snapshot: false, already: true });
    const channel = this.acceptable(name, refusals);
    if (channel === undefined || !this.open) return undefined;
    if (this.neverMade(channel)) return this.takeIfThere(channel, refusals, fresh);
    this.enter(channel);
    fresh.push(channel);
    return this.host.hasValue(name).then((snapshot) => ({ channel: name, snapshot }));
  }

  /** A K-line of an interval that this plant's configuration does not name. */
  private neverMade({ interval }: Channel): boolean {
    return interval !== undefined && !this.host.settings.klineIntervals.includes(interval);
  }

  /** Processors may be configured otherwise than push: what has a value is there. */
  private async takeIfThere(channel: Channel, refusals: Refusals, fresh: Channel[]) {
    const { name, interval } = channel;
    if (await this.host.hasValue(name)) {
      if (!this.open) return undefined;
      this.enter(channel);
      fresh.push(channel);
      return { channel: name, snapshot: true };
    }
    const made = () => this.host.settings.klineIntervals.join(", ");
    refusals.add("TP_CHANNEL_UNKNOWN", () => `no K-lines of ${interval} are made: there are ${made()}`, name);
    return undefined;
  }

  private acceptable(name: string, refusals: Refusals): Channel | undefined {
    const { subscriptions } = this.host.settings.bounds;
    if (this.subscriptions.size >= subscriptions) {
      const message = () => `a client may have ${subscriptions} channels: unsubscribe some, or open another connection`;
      refusals.add("TP_TOO_MANY_CHANNELS", message, name);
      return undefined;
    }
    const channel = channelOf(name);
    if (channel === undefined) refusals.add("TP_CHANNEL_UNKNOWN", () => channelFault(name), name);
    return channel;
  }

  /** Each name once, some at a time, and all at the client's expense. */
  private async eachFew(names: readonly string[], work: (some: readonly string[]) => Promise<void>): Promise<void> {
    this.inbox.charge(names.length * costs.channel);
    const each = [...new Set(names)];
    for (let at = 0; at < each.length && this.open; at += atOnce) await work(each.slice(at, at + atOnce));
  }

  private tell({ told, omitted, codes }: Refusals, id: RequestId): void {
    this.inbox.charge((told.length + omitted) * costs.refusal);
    for (const [code, count] of codes) this.host.dropped(code.toLowerCase(), count);
    for (const { code, message, channel } of told) this.send(answers.error(code, message, id, { channel }));
    if (omitted === 0) return;
    const message = `${omitted} more channels of this request were refused: mend the first ones and ask again`;
    this.send(answers.error("TP_TOO_MANY_ERRORS", message, id, { omitted }));
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
        if (this.subscriptions.get(channel.name) !== subscription) return;
        this.inbox.charge(payload.length / costs.sentBytes);
        this.send(payload);
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
    if (feed.status !== undefined) this.send(feed.status);
  }

  private goLive(subscription: Subscription): void {
    subscription.conflation = undefined;
    subscription.live = true;
    this.connection.join(subscription.feed.channel.name);
  }

  private async unsubscribe(id: RequestId, names: readonly string[]): Promise<void> {
    const left: string[] = [];
    const refusals = new Refusals();
    await this.eachFew(names, (some) =>
      this.inbox.turn(() => {
        for (const name of some) {
          if (this.leave(name)) left.push(name);
          else refusals.add("TP_NOT_SUBSCRIBED", () => "this client has no subscription of that channel", name);
        }
      }),
    );
    this.tell(refusals, id);
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
    this.send(answers.error(code, message, id, channel === undefined ? {} : { channel }));
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
