import type { Feed } from "./feed.js";
import type { PlantPulse } from "./plant-pulse.js";
import { answers } from "./protocol.js";

const LOOK_MS = 250;

/** Tells who follows a channel when it becomes stale, and when it is live again; a quiet market is neither. */
export class ChannelStatus {
  #version = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly pulse: PlantPulse,
    private readonly feeds: () => Iterable<Feed>,
  ) {}

  start(): void {
    // a thread that was held up hears first what came meanwhile
    this.#timer = setInterval(() => setImmediate(() => this.look()), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const { version } = this.pulse;
    if (version === this.#version) return;
    this.#version = version;
    for (const feed of this.feeds()) this.begin(feed);
  }

  /** Of a channel that somebody follows now; says nothing while nothing changes. */
  begin(feed: Feed): void {
    if (this.#version === "" && feed.status === undefined) return;
    const { name } = feed.channel;
    const stale = this.pulse.staleness(feed.channel);
    const text = stale && answers.stale(name, stale.reason, stale.since);
    if (text === feed.status) return;
    // the time of a stall is worked out anew each time: what is stale for the same reason is not news
    if (text !== undefined && feed.staleReason === stale!.reason) return;
    feed.staleReason = stale?.reason;
    feed.status = text;
    feed.say(text ?? answers.live(name));
  }
}
