import type { Feed, Follower } from "./feed.js";
import { answers } from "./protocol.js";

/** Where a conflated channel's values go: one connection. */
export interface ConflatedPeer {
  /** False while the connection is behind: then nothing is sent. */
  readonly writable: boolean;
  send(payload: string): void;
  dropped(reason: string, count: number): void;
}

/** A closed K-line must not vanish behind the next open one. */
function isClosing(payload: string): boolean {
  return payload.includes('"is_closed":true');
}

/**
 * One value channel for one connection that can not, or does not want to, have every value:
 * the newest value, and for K-lines the closing one before it, goes out when there is room or when it is time.
 */
export class Conflation implements Follower {
  private missed = 0;
  private newest: string | undefined;
  private closing: string | undefined;
  private status: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private lastSent = Number.NEGATIVE_INFINITY;

  /** @param rateMs least time between two values; 0 while waiting for room only */
  constructor(
    readonly feed: Feed,
    private readonly peer: ConflatedPeer,
    readonly rateMs: number,
  ) {
    feed.follow(this);
  }

  newer(payload: string): void {
    if (this.newest !== undefined) {
      this.missed++;
      if (this.feed.channel.kind === "kline" && isClosing(this.newest)) this.closing = this.newest;
    }
    this.newest = payload;
    if (this.rateMs === 0 || this.timer !== undefined) return;
    const wait = this.lastSent + this.rateMs - performance.now();
    if (wait <= 0) this.flush();
    else this.timer = setTimeout(() => this.due(), wait).unref();
  }

  /** Goes out at once, or with the next room: the newest that was said is what holds. */
  said(payload: string): void {
    if (this.peer.writable) this.peer.send(payload);
    else this.status = payload;
  }

  /** Sends what is newest, if the connection has room. */
  flush(): void {
    if (this.status !== undefined && this.peer.writable) {
      this.peer.send(this.status);
      this.status = undefined;
    }
    if (this.newest === undefined || !this.peer.writable) return;
    if (this.missed > 0) {
      this.peer.dropped(this.rateMs === 0 ? "slow_client_conflated" : "rate_wish_conflated", this.missed);
      if (this.rateMs === 0) this.peer.send(answers.conflated(this.feed.channel.name, this.missed));
    }
    if (this.closing !== undefined) this.peer.send(this.closing);
    this.peer.send(this.newest);
    this.lastSent = performance.now();
    this.missed = 0;
    this.newest = undefined;
    this.closing = undefined;
  }

  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.feed.unfollow(this);
  }

  private due(): void {
    this.timer = undefined;
    this.flush();
  }
}
