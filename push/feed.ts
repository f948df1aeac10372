import type { Bus, BusMessage, LastValue } from "../infra/bus/bus.js";
import { PlantError } from "../schemas/errors.js";
import type { Channel } from "./channels.js";
import { type Continuation, continuation, follows, isAfter, nowhere, type Placed, type Position } from "./position.js";
import { answers } from "./protocol.js";

/** A connection, as far as a feed needs one. */
export interface Peer {
  send(payload: string): void;
  /** From now on the peer gets what is published on the channel. */
  join(channel: string): void;
  /** Many sends in one go. */
  together(sends: () => void): void;
}

/** What a feed needs of the hub. */
export interface Outlet {
  readonly bus: Bus;
  /** Resolves when whatever is published on the channel from now on will be handed to its feed. */
  listen(channel: string): Promise<void>;
  /** Hands the very same bytes to every peer that joined the channel. */
  publish(channel: string, payload: string): void;
  dropped(reason: string, count?: number): void;
  warn(channel: string, message: string, cause?: unknown): void;
}

/** Someone who follows a value channel at a pace of its own. */
export interface Follower {
  newer(payload: string): void;
  /** Something about the channel itself, which must not be passed over. */
  said(payload: string): void;
}

/** The channel's last value could not be had. */
export class SnapshotUnavailable extends PlantError {
  constructor(channel: string, cause?: unknown) {
    super("TP_SNAPSHOT_UNAVAILABLE", `${channel} has no whole snapshot now: subscribe again in a second`, { cause });
  }
}

interface Waiting {
  readonly peer: Peer;
  admitted(hasSnapshot: boolean): void;
  refused(error: unknown): void;
}

interface Load {
  readonly live: BusMessage[];
  readonly waiting: Waiting[];
  attempts: number;
  /** Why nothing is published until the load is done; undefined while the flow goes on. */
  held: string | undefined;
}

const mostBuffered = 20_000;
const retryMs = 100;
const attemptsForPeers = 50;

const retryPause = () => new Promise<void>((resolve) => void setTimeout(resolve, retryMs).unref());

/**
 * One channel with subscribers: the flow to those who follow it live, and the way for others to catch up with it.
 * A peer gets the last value, what came after it, and then the live flow, with no hole and nothing twice.
 */
export class Feed {
  /** Where those stand that joined the channel. */
  private position: Position = nowhere;
  /** Somebody joined, so the position binds. */
  private joined = false;
  private load: Load | undefined;
  private ahead: { peer: Peer; position: Position }[] = [];
  private readonly followers = new Set<Follower>();
  private members = 0;
  private closed = false;
  /** What was said last of the channel's staleness; undefined while it is live. */
  status: string | undefined;
  staleReason: string | undefined;
  /** The bus sends the channel from now on: only then does a last value join what comes live without a hole. */
  private listening = false;
  private readonly listened: Promise<void>;

  constructor(
    readonly channel: Channel,
    private readonly outlet: Outlet,
  ) {
    this.listened = outlet.listen(channel.name).then(
      () => {
        this.listening = true;
      },
      (error) => this.outlet.warn(channel.name, "the bus does not send the channel", error),
    );
  }

  /** Takes a message from the bus, in order. */
  accept(message: BusMessage): void {
    if (message.kind === "snapshot") return;
    const load = this.load;
    if (load !== undefined) {
      this.buffer(load, message);
      if (load.held !== undefined) return;
    }
    if (!isAfter(message, this.position)) {
      this.outlet.dropped("repeat");
      return;
    }
    if (this.channel.delivery !== "value" && !this.continues(message)) {
      this.recover(this.position.epoch === message.epoch ? "gap" : "epoch", message);
      return;
    }
    this.forward(message);
  }

  /** The bus lost its connection for a while: whatever was missed is fetched from the last values. */
  reconnected(): void {
    this.recover("reconnected");
  }

  /**
   * Brings a peer onto the channel.
   *
   * @returns whether there was anything to send first
   * @throws SnapshotUnavailable when no whole last value could be had for some seconds
   */
  async admit(peer: Peer): Promise<boolean> {
    const admitted = new Promise<boolean>((resolve, reject) => {
      const waiting: Waiting = { peer, admitted: resolve, refused: reject };
      if (this.load === undefined) this.startLoad([waiting], undefined);
      else this.load.waiting.push(waiting);
    });
    return admitted;
  }

  /** Says something about the channel to all who follow it. */
  say(payload: string): void {
    this.outlet.publish(this.channel.name, payload);
    for (const follower of this.followers) follower.said(payload);
  }

  /** Counts the peers whose subscription stands, joined or following. */
  hold(): void {
    this.members++;
  }

  /** @returns whether nobody is left */
  release(): boolean {
    this.members--;
    return this.members === 0;
  }

  follow(follower: Follower): void {
    this.followers.add(follower);
  }

  unfollow(follower: Follower): void {
    this.followers.delete(follower);
  }

  close(): void {
    this.closed = true;
  }

  /** Nobody follows yet, or nothing is missing between the last message and this one. */
  private continues(message: BusMessage): boolean {
    if (this.position !== nowhere) return follows(message, this.position);
    return this.channel.delivery === "event" || !this.joined || message.kind === "value" || message.sequence <= 1;
  }

  private forward(message: Placed): void {
    this.position = message;
    if (this.channel.delivery === "value") {
      // Before publishing: whoever falls behind by this very publish has had the message already.
      for (const follower of this.followers) follower.newer(message.payload);
    }
    this.outlet.publish(this.channel.name, message.payload);
    if (this.ahead.length > 0) this.meet(message);
  }

  /** Peers whose snapshot was ahead of the flow join it where the two meet. */
  private meet(message: Placed): void {
    this.ahead = this.ahead.filter(({ peer, position }) => {
      if (isAfter(position, message)) return true;
      if (isAfter(message, position)) peer.send(message.payload);
      this.join(peer);
      return false;
    });
  }

  private buffer(load: Load, message: BusMessage): void {
    if (load.live.length >= mostBuffered) {
      this.outlet.dropped("load_buffer_full", load.live.length);
      load.live.length = 0;
    }
    load.live.push(message);
  }

  private recover(reason: string, message?: BusMessage): void {
    if (this.load === undefined) this.startLoad([], reason);
    else this.load.held ??= reason;
    const live = this.load?.live;
    if (message !== undefined && live !== undefined && live.at(-1) !== message) live.push(message);
  }

  private startLoad(waiting: Waiting[], held: string | undefined): void {
    this.load = { live: [], waiting, attempts: 0, held };
    void this.runLoad(this.load);
  }

  private async runLoad(load: Load): Promise<void> {
    for (;;) {
      load.attempts++;
      const last = await this.remembered(load);
      if (this.closed) return this.refuse(load);
      const found = last === "unknown" ? undefined : continuation(last, load.live, this.channel.delivery);
      if (found?.whole && this.suffices(found)) return this.finish(load, found);
      if (load.attempts === attemptsForPeers) {
        this.refuse(load);
        if (load.held === undefined) return;
        this.outlet.warn(this.channel.name, "no whole last value to recover from; the channel waits for one");
      }
      await retryPause();
    }
  }

  /** A book that has been published needs a full one to begin with. */
  private suffices({ base }: Continuation): boolean {
    return this.channel.delivery !== "increment" || base !== undefined || this.position === nowhere;
  }

  private async remembered(load: Load): Promise<LastValue | undefined | "unknown"> {
    if (!this.listening) await Promise.race([this.listened, retryPause()]);
    if (!this.listening) return "unknown";
    try {
      return await this.outlet.bus.last(this.channel.name);
    } catch (error) {
      if (load.attempts === 1) this.outlet.warn(this.channel.name, "the last value could not be read", error);
      return "unknown";
    }
  }

  private finish(load: Load, found: Continuation): void {
    this.load = undefined;
    if (load.held !== undefined) this.catchUp(found, load.held);
    for (const waiting of load.waiting) this.bring(waiting, found);
  }

  /** Those who follow live get what they missed; where that is not all known, they are told to start afresh. */
  private catchUp(found: Continuation, reason: string): void {
    if (!isAfter(found.end, this.position)) return;
    const missed = found.after.filter((message) => isAfter(message, this.position));
    const first = missed[0];
    const baseIsNewer = found.base !== undefined && isAfter(found.base, this.position);
    if (this.channel.delivery === "value" || (first !== undefined && !baseIsNewer && follows(first, this.position))) {
      if (baseIsNewer) this.forward(found.base as Placed);
    } else {
      this.outlet.dropped("reload");
      for (const { peer } of this.ahead.splice(0)) this.join(peer);
      this.outlet.publish(this.channel.name, answers.reload(this.channel.name, reason));
      if (found.base !== undefined) {
        this.restart(found.base, found.after);
        return;
      }
    }
    for (const message of missed) this.forward(message);
  }

  private restart(base: Placed, after: readonly Placed[]): void {
    this.outlet.publish(this.channel.name, base.payload);
    this.position = base;
    for (const message of after) this.forward(message);
  }

  private bring({ peer, admitted }: Waiting, found: Continuation): void {
    peer.together(() => {
      if (found.base !== undefined) peer.send(found.base.payload);
      for (const message of found.after) peer.send(message.payload);
    });
    if (!this.joined && isAfter(found.end, this.position)) this.position = found.end;
    if (isAfter(found.end, this.position)) this.ahead.push({ peer, position: found.end });
    else this.join(peer);
    admitted(found.end !== nowhere);
  }

  private join(peer: Peer): void {
    this.joined = true;
    peer.join(this.channel.name);
  }

  private refuse(load: Load): void {
    if (load.held === undefined || this.closed) this.load = undefined;
    for (const waiting of load.waiting.splice(0)) waiting.refused(new SnapshotUnavailable(this.channel.name));
  }
}
